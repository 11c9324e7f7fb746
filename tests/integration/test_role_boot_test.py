# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role alpine_boot_test over the sandbox: images that boot, and images that do not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.wait import wait_until
from tests.image import HYBRID
from tests.integration.conftest import RunningSandbox, StartSandbox
from tests.support.bootable import bootable_facts
from tests.support.disks import SmallDisk
from tests.support.login import KeyFile
from tests.support.paths import REPOSITORY
from tests.support.playbook import changed_tasks, run_playbook
from tests.support.role import Role, image_facts


@pytest.fixture
def sandbox(start_sandbox: StartSandbox) -> RunningSandbox:
    sandbox = start_sandbox("aws")
    sandbox.clear_faults("aws")
    return sandbox


@pytest.fixture(scope="module")
def bootable(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is particular to the bootable image among the facts of role alpine_image."""
    directory = tmp_path_factory.mktemp("bootable")
    formats = ("dynamic_vhd", "fixed_vhd", "gce_tar")
    return bootable_facts(HYBRID, directory, *formats, name=f"{HYBRID.name}70")


@pytest.fixture
def role(sandbox: RunningSandbox, small_disk: SmallDisk, home: Path) -> Role:
    """Role alpine_aws, with the gate."""
    variables = {
        "alpine_boot_test": True,
        "alpine_aws_copy_regions": ["us-east-1"],
        "alpine_boot_test_wait_interval": 1,
    }
    return Role("alpine_aws", home, (sandbox.vars_file,), image_facts(small_disk, "dynamic_vhd"), variables)


def test_an_image_is_copied_once_it_has_said_its_word(
    sandbox: RunningSandbox, role: Role, bootable: dict[str, Any], tmp_path: Path
) -> None:
    start = sandbox.mark()
    first = role.succeeds(image=bootable)
    writes = sandbox.writes(start)
    launch = ["ImportKeyPair", "RunInstances", "TerminateInstances", "DeleteKeyPair", "CreateTags", "CopyImage"]
    assert [name for name in writes if name in launch][-6:] == launch
    assert first.result["boot"] == {
        "booted": True,
        "firmware": "uefi",
        "architecture": "x86_64",
        "user_data_seen": True,
        "key_seen": True,
        "ssh": "logged_in",
        "size": "t3.nano",
        "seconds": first.result["boot"]["seconds"],
    }
    assert sandbox.holdings("aws") == {}

    start = sandbox.mark()
    second = role.succeeds(image=bootable)
    assert sandbox.writes(start) == []
    assert second.changed == 0

    # What the manifest then lists can be tested again, and launched.
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"imports": [first.result, {"cloud": "aws", "image": "x", "error": {}}]}))
    login = KeyFile.make(tmp_path)

    def play(name: str, *arguments: str) -> str:
        variables = {"alpine_manifest_path": str(manifest), "alpine_launch_public_key": f"{login.path}.pub"}
        playbook = REPOSITORY / f"playbooks/{name}.yml"
        done = run_playbook(
            playbook, *arguments, home=role.home, variables={**variables, **role.variables}, vars_files=role.vars_files
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    assert '"firmware": "uefi"' in play("boot_test")
    assert sandbox.holdings("aws") == {}
    launched = re.search(r"ssh alpine@(203\.0\.113\.\d+)", play("launch"))
    assert launched
    assert changed_tasks(play("launch")) == 0
    wait_until(lambda: login.reaches(sandbox.directory, launched[1]), timeout=60, interval=1, what="the machine")
    assert login.run(sandbox.directory, launched[1], "id -un") == "alpine\n"
    assert changed_tasks(play("launch", "-e", "state=absent")) == 1
    assert sandbox.holdings("aws") == {}


def test_an_image_that_does_not_boot_is_not_copied_and_says_why(
    sandbox: RunningSandbox, role: Role, small_disk: SmallDisk
) -> None:
    name = "alpine-3.24.2-x86_64-tiny-r7"
    start = sandbox.mark()
    failed = role.fails(image={"name": name, "sha256": "7" * 64}, alpine_boot_test_wait_timeout=15)
    assert f"{name} (ami-" in failed
    assert "does not boot in aws: Instance alpine-boot-test-" in failed
    assert "has not said" in failed
    assert "BdsDxe: failed to load Boot0001" in failed
    assert "CopyImage" not in sandbox.writes(start)
    assert sandbox.writes(start).count("RegisterImage") == 1
    assert sandbox.holdings("aws") == {}


def test_check_mode_launches_nothing(sandbox: RunningSandbox, role: Role) -> None:
    start = sandbox.mark()
    check = role.succeeds("--check", image={"name": "alpine-3.24.2-x86_64-tiny-r6", "sha256": "6" * 64})
    assert "would be launched in aws once, and removed again" in check.stdout
    assert sandbox.writes(start) == []


def test_in_azure_a_version_is_replicated_and_the_latest_once_it_has_said_its_word(
    start_sandbox: StartSandbox, small_disk: SmallDisk, home: Path, bootable: dict[str, Any]
) -> None:
    sandbox = start_sandbox("azure")
    variables = {
        "alpine_boot_test": True,
        "alpine_boot_test_wait_interval": 1,
        "alpine_azure_gallery": "boot.test",
        "alpine_azure_target_regions": [{"name": "northeurope"}],
    }
    role = Role("alpine_azure", home, (sandbox.vars_file,), image_facts(small_disk, "fixed_vhd"), variables)
    start = sandbox.mark()
    first = role.succeeds(image=bootable)
    writes = sandbox.writes(start)
    story = [
        "GalleryImageVersions_CreateOrUpdate",
        "VirtualMachines_CreateOrUpdate",
        "VirtualMachines_Delete",
        "GalleryImageVersions_Update",
    ]
    assert [name for name in writes if name in story] == story
    assert first.result["boot"]["ssh"] == "logged_in"
    assert first.result["boot"]["firmware"] == "uefi"
    assert [region["region"] for region in first.result["regions"]] == ["northeurope", "westeurope"]
    assert sandbox.holdings("azure") == {}

    start = sandbox.mark()
    assert role.succeeds(image=bootable).changed == 0
    assert sandbox.writes(start) == []

    start = sandbox.mark()
    failed = role.fails(image={"release": "3.24.9", "sha256": "9" * 64}, alpine_boot_test_wait_timeout=20)
    assert "does not boot in azure" in failed
    assert "GalleryImageVersions_Update" not in sandbox.writes(start)
    assert sandbox.holdings("azure") == {}


def test_in_google_cloud_an_image_is_in_its_family_once_it_has_said_its_word(
    start_sandbox: StartSandbox, small_disk: SmallDisk, home: Path, bootable: dict[str, Any]
) -> None:
    sandbox = start_sandbox("gcp")
    variables = {"alpine_boot_test": True, "alpine_boot_test_wait_interval": 1, "alpine_gcp_zone": "europe-west1-b"}
    role = Role("alpine_gcp", home, (sandbox.vars_file,), image_facts(small_disk, "gce_tar"), variables)
    start = sandbox.mark()
    first = role.succeeds(image=bootable)
    writes = sandbox.writes(start)
    story = ["images.insert", "instances.insert", "instances.delete", "images.patch", "images.setLabels"]
    assert [name for name in writes if name in story] == story
    assert first.result["boot"]["ssh"] == "logged_in"
    assert first.result["ids"]["family"] == "alpine-x86-64-uefi-tiny"
    assert sandbox.holdings("gcp") == {}

    start = sandbox.mark()
    assert role.succeeds(image=bootable).changed == 0
    assert sandbox.writes(start) == []

    start = sandbox.mark()
    broken = {"name": "alpine-3.24.2-x86_64-tiny-r71", "sha256": "9" * 64}
    assert "does not boot in gcp" in role.fails(image=broken, alpine_boot_test_wait_timeout=20)
    assert "images.patch" not in sandbox.writes(start)
    assert sandbox.holdings("gcp") == {}
