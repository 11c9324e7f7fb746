# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role alpine_oci over the sandbox: what a user gets from one include_role."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.conftest import RunningSandbox, StartSandbox
from tests.support.compare import assert_same_disk
from tests.support.disks import SmallDisk
from tests.support.role import Role, image_facts


@pytest.fixture
def sandbox(start_sandbox: StartSandbox) -> RunningSandbox:
    sandbox = start_sandbox("oci")
    sandbox.clear_faults("oci")
    return sandbox


@pytest.fixture
def role(sandbox: RunningSandbox, small_disk: SmallDisk, home: Path) -> Role:
    """The role, for the small disk."""
    return Role("alpine_oci", home, (sandbox.vars_file,), image=image_facts(small_disk, "qcow2"))


def test_import_is_exact_clean_and_idempotent(
    sandbox: RunningSandbox, small_disk: SmallDisk, role: Role, tmp_path: Path
) -> None:
    missing = {"files": {"qcow2": "/nonexistent/alpine.qcow2"}}
    start = sandbox.mark()
    check = role.succeeds("--check", "--diff", image=missing)
    assert "does not exist yet" in check.stdout
    assert '+    "firmware": "UEFI_64"' in check.stdout
    assert check.result["id"] is None
    assert check.result["changed"] is True
    assert sandbox.writes(start) == []

    result = role.succeeds().result
    assert result["image"] == result["name"] == "alpine-3.24.2-x86_64-tiny-r0"
    assert result["region"] == "eu-frankfurt-1"
    assert result["regions"] == [{"region": "eu-frankfurt-1", "id": result["id"]}]
    assert result["firmware"] == "uefi"
    assert result["ids"]["firmware_from"] == "launch_options"
    assert result["ids"]["capability_schema"].startswith("ocid1.computeimgcapschema.")
    writes = sandbox.writes(start)
    assert writes.count("PutObject") == writes.count("DeleteObject") == 1
    assert writes.index("DeleteObject") > writes.index("CreateImage")

    # Read back now that the object is gone.
    output = tmp_path / "disk.raw"
    sandbox.export("oci", result["id"], None, output)
    assert_same_disk(small_disk.raw, output, padded=False)

    before_second = sandbox.mark()
    second = role.succeeds(image=missing)
    assert second.changed == 0
    assert sandbox.writes(before_second) == []
    assert second.result == result | {"changed": False}


def test_failed_import_tells_why_cleans_up_and_can_be_repeated(sandbox: RunningSandbox, role: Role) -> None:
    name = "alpine-3.24.2-x86_64-tiny-r1"
    sandbox.order_fault("oci", service="compute", operation="CreateImage", fail="The stars are not aligned.")
    start = sandbox.mark()
    failed = role.fails(image={"name": name})
    assert f"The import of image {name} failed, and the image is DELETED: The stars are not aligned." in failed
    assert sandbox.writes(start)[-1] == "DeleteObject"

    assert role.succeeds(image={"name": name}).result["changed"] is True


def test_file_left_by_a_killed_run_is_removed(sandbox: RunningSandbox, role: Role) -> None:
    image = {"name": "alpine-3.24.2-x86_64-tiny-r2"}
    role.succeeds(image=image, alpine_oci_keep_staged=True)
    start = sandbox.mark()
    role.succeeds(image=image)
    assert sandbox.writes(start) == ["DeleteObject"]


def test_a_file_that_is_being_imported_or_cannot_be_removed_stays(sandbox: RunningSandbox, role: Role) -> None:
    image = {"name": "alpine-3.24.2-x86_64-tiny-r3"}
    start = sandbox.mark()
    assert "Gave up after 0 seconds" in role.fails(image=image, alpine_oci_wait_timeout=0)
    assert sandbox.writes(start)[-1] == "CreateImage"

    # The next run joins in. What it is refused at the end does not undo the import.
    sandbox.order_fault("oci", operation="DeleteObject", status=403)
    joined = role.succeeds(image=image)
    assert "PutObject" not in sandbox.writes(start)[-5:]
    assert "alpine_oci_keep_staged" in joined.stdout
    assert joined.result["ids"]["capability_schema"]
    assert joined.result["ids"]["shapes"]
    assert len(joined.result["remains"]) == 1

    assert role.succeeds(image=image).result["remains"] == []


def test_arm_image_gets_arm_shapes_and_firmware_from_capabilities(sandbox: RunningSandbox, role: Role) -> None:
    sandbox.order_fault("oci", operation="CreateImage.launchOptions", fail="ignore")
    arm = role.succeeds(image={"name": "alpine-3.24.2-aarch64-tiny-r0", "architecture": "aarch64", "firmware": "uefi"})
    assert "has firmware BIOS in its launch options, not UEFI_64" in arm.stdout
    result = arm.result
    assert result["firmware"] == "uefi"
    assert result["ids"]["firmware_from"] == "capabilities"
    assert "VM.Standard.A1.Flex" in result["ids"]["shapes"]
    assert "VM.Standard.E5.Flex" not in result["ids"]["shapes"]


def test_bad_input_costs_no_upload(sandbox: RunningSandbox, role: Role) -> None:
    start = sandbox.mark()
    impossible = role.fails(image={"obstacles": {"oci": "it is for another cloud"}})
    assert "cannot be used in Oracle Cloud: it is for another cloud" in impossible
    misspelt = role.fails(
        image={"name": "alpine-3.24.2-x86_64-tiny-r9"}, alpine_oci_shapes=[{"name": "VM.Standard.E5.Flexible"}]
    )
    assert "shapes: VM.Standard.E5.Flexible is not offered" in misspelt
    region = role.fails(image={"name": "alpine-3.24.2-x86_64-tiny-r9"}, alpine_oci_region="mars-north-1")
    assert "region 'mars-north-1' is not a region of Oracle Cloud" in region
    assert sandbox.writes(start) == []
