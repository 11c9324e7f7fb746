# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images that are broken on purpose: the gate says why, publishes nothing, and leaves nothing.

Where the machine says that it ends, long before the 15 minutes that the role waits.
"""

from __future__ import annotations

from pathlib import Path

from tests.image import AARCH64, ImageSpec
from tests.integration.conftest import StartSandbox
from tests.support.bootable import GATE, bootable_facts
from tests.support.disks import SmallDisk
from tests.support.role import Role, image_facts

# Debian's UEFI has a shell, which is where it ends.
_NOTHING_TO_BOOT = "it ended in 'UEFI Interactive Shell v"
_NOT_FOUND = "BdsDxe: failed to load Boot0001"


def test_a_kernel_that_panics_is_told_at_once_and_not_copied(
    start_sandbox: StartSandbox, small_disk: SmallDisk, home: Path, tmp_path: Path
) -> None:
    sandbox = start_sandbox("aws")
    image = bootable_facts(ImageSpec(variant="rootless"), tmp_path, "dynamic_vhd", name="alpine-3.24.2-x86_64-tiny-r80")
    variables = GATE | {"alpine_aws_copy_regions": ["us-east-1"]}
    role = Role("alpine_aws", home, (sandbox.vars_file,), image_facts(small_disk), variables)
    start = sandbox.mark()
    failed = role.fails(image=image)
    assert "alpine-3.24.2-x86_64-tiny-r80 (ami-" in failed
    assert "does not boot in aws: Instance alpine-boot-test-" in failed
    assert "has not said" in failed
    assert "it ended in 'Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)'" in failed
    writes = sandbox.writes(start)
    assert writes.count("RegisterImage") == writes.count("RunInstances") == 1
    assert {"CopyImage", "CreateTags"} & {*writes[writes.index("RegisterImage") :]} == set()
    assert sandbox.holdings("aws") == {}


def test_a_disk_without_boot_code_that_is_registered_for_bios_says_nothing(
    start_sandbox: StartSandbox, small_disk: SmallDisk, home: Path
) -> None:
    sandbox = start_sandbox("aws")
    variables = GATE | {"alpine_aws_copy_regions": ["us-east-1"], "alpine_boot_test_wait_timeout": 3}
    role = Role("alpine_aws", home, (sandbox.vars_file,), image_facts(small_disk, "dynamic_vhd"), variables)
    image = {"name": "alpine-3.24.2-x86_64-tiny-r81", "sha256": "81" * 32, "firmware": "bios"}
    start = sandbox.mark()
    failed = role.fails(image=image)
    assert "waited 3 seconds (wait_timeout). There is nothing on its console." in failed
    assert "CopyImage" not in sandbox.writes(start)
    assert sandbox.holdings("aws") == {}


def test_a_bios_disk_that_is_registered_for_uefi_is_neither_replicated_nor_the_latest(
    start_sandbox: StartSandbox, small_disk: SmallDisk, home: Path, tmp_path: Path
) -> None:
    sandbox = start_sandbox("azure")
    image = bootable_facts(ImageSpec("bios"), tmp_path, "fixed_vhd", name="alpine-3.24.2-x86_64-tiny-r82")
    variables = GATE | {
        "alpine_azure_gallery": "boot.broken",
        "alpine_azure_target_regions": [{"name": "northeurope"}],
    }
    role = Role("alpine_azure", home, (sandbox.vars_file,), image_facts(small_disk), variables)
    start = sandbox.mark()
    failed = role.fails(image=image)
    assert "does not boot in azure: " in failed
    assert _NOTHING_TO_BOOT in failed
    assert _NOT_FOUND in failed
    writes = sandbox.writes(start)
    assert writes.count("GalleryImageVersions_CreateOrUpdate") == writes.count("VirtualMachines_CreateOrUpdate") == 1
    assert "GalleryImageVersions_Update" not in writes
    assert sandbox.holdings("azure") == {}


def test_an_aarch64_disk_that_is_registered_for_x86_64_is_in_no_family(
    start_sandbox: StartSandbox, small_disk: SmallDisk, home: Path, tmp_path: Path
) -> None:
    sandbox = start_sandbox("gcp")
    image = bootable_facts(AARCH64, tmp_path, "gce_tar", name="alpine-3.24.2-x86_64-tiny-r83")
    role = Role("alpine_gcp", home, (sandbox.vars_file,), image_facts(small_disk), GATE)
    start = sandbox.mark()
    failed = role.fails(image=image)
    assert "does not boot in gcp: " in failed
    assert _NOTHING_TO_BOOT in failed
    assert _NOT_FOUND in failed
    writes = sandbox.writes(start)
    assert writes.count("images.insert") == writes.count("instances.insert") == 1
    assert {"images.patch", "images.setLabels"} & {*writes} == set()
    assert sandbox.holdings("gcp") == {}


def test_a_disk_without_boot_loader_is_not_noted_as_one_that_boots(
    start_sandbox: StartSandbox, small_disk: SmallDisk, home: Path
) -> None:
    sandbox = start_sandbox("oci")
    role = Role("alpine_oci", home, (sandbox.vars_file,), image_facts(small_disk, "qcow2"), GATE)
    start = sandbox.mark()
    failed = role.fails(image={"name": "alpine-3.24.2-x86_64-tiny-r84", "sha256": "84" * 32})
    assert "does not boot in oci: " in failed
    assert _NOTHING_TO_BOOT in failed
    assert _NOT_FOUND in failed
    writes = sandbox.writes(start)
    assert writes.count("CreateImage") == writes.count("LaunchInstance") == 1
    assert "UpdateImage" not in writes
    assert sandbox.holdings("oci") == {}
