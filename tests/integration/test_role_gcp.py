# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role alpine_gcp over the sandbox: what a user gets from one include_role."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import RunningSandbox, StartSandbox
from tests.support.compare import assert_same_disk
from tests.support.disks import GIB, SmallDisk
from tests.support.role import Role, image_facts


@pytest.fixture
def sandbox(start_sandbox: StartSandbox) -> RunningSandbox:
    sandbox = start_sandbox("gcp")
    sandbox.clear_faults("gcp")
    return sandbox


@pytest.fixture
def role(sandbox: RunningSandbox, small_disk: SmallDisk, home: Path) -> Role:
    """The role, for the small disk."""
    return Role("alpine_gcp", home, (sandbox.vars_file,), image=image_facts(small_disk, "gce_tar"))


def test_import_is_exact_clean_and_idempotent(
    sandbox: RunningSandbox, small_disk: SmallDisk, role: Role, tmp_path: Path
) -> None:
    missing = {"files": {"gce_tar": "/nonexistent/alpine.raw.tar.gz"}}
    start = sandbox.mark()
    check = role.succeeds("--check", "--diff", image=missing)
    assert "would be uploaded" in check.stdout
    assert '"family": "alpine-x86-64-uefi-tiny"' in check.stdout
    assert check.result["id"] is None
    assert check.result["changed"] is True
    assert sandbox.writes(start) == []

    imported = role.succeeds().result
    assert imported["name"] == "alpine-3-24-2-x86-64-tiny-r0"
    assert imported["id"]
    assert imported["firmware"] == "uefi"
    assert imported["changed"] is True
    assert sandbox.writes(start)[-1] == "objects.delete"

    output = tmp_path / "disk.raw"
    sandbox.export("gcp", imported["name"], None, output)
    assert_same_disk(small_disk.raw, output, padded=True)
    assert output.stat().st_size == GIB

    before_second = sandbox.mark()
    second = role.succeeds(image=missing)
    assert second.changed == 0
    assert second.result == imported | {"changed": False}
    assert sandbox.writes(before_second) == []


def test_failed_import_tells_why_cleans_up_and_can_be_repeated(sandbox: RunningSandbox, role: Role) -> None:
    image = {"name": "alpine-3.24.2-x86_64-tiny-r1"}
    sandbox.order_fault("gcp", service="compute", operation="images.insert", fail="The zone of miracles is full.")
    start = sandbox.mark()
    failed = role.fails(image=image)
    assert "Google Cloud could not import image alpine-3-24-2-x86-64-tiny-r1" in failed
    assert "The zone of miracles is full." in failed
    assert sandbox.writes(start)[-1] == "objects.delete"

    role.succeeds(image=image)
    assert "images.delete" in sandbox.writes(start)


def test_archive_left_by_a_killed_run_is_removed(sandbox: RunningSandbox, role: Role) -> None:
    image = {"name": "alpine-3.24.2-x86_64-tiny-r2"}
    role.succeeds(image=image, alpine_gcp_keep_staged=True)
    start = sandbox.mark()
    role.succeeds(image=image)
    assert sandbox.writes(start) == ["objects.delete"]


def test_an_archive_that_is_being_imported_or_cannot_be_removed_stays(sandbox: RunningSandbox, role: Role) -> None:
    image = {"name": "alpine-3.24.2-x86_64-tiny-r4"}
    start = sandbox.mark()
    with sandbox.held("gcp", "images.insert"):
        assert "Gave up after 0 seconds" in role.fails(image=image, alpine_gcp_wait_timeout=0)
    assert sandbox.writes(start) == ["objects.insert", "images.insert"]

    # The next run joins in. What it is refused at the end does not undo the import.
    sandbox.order_fault("gcp", service="storage", operation="objects.delete", status=403)
    joined = role.succeeds(image=image)
    assert "objects.insert" not in sandbox.writes(start)[2:]
    assert "alpine_gcp_keep_staged" in joined.stdout
    assert joined.result["id"]
    [remains] = joined.result["remains"]
    assert remains.startswith("gs://")

    assert role.succeeds(image=image).result["remains"] == []


def test_labels_and_family_converge_without_upload(sandbox: RunningSandbox, role: Role) -> None:
    image = {"name": "alpine-3.24.2-x86_64-tiny-r3"}
    role.succeeds(image=image)
    start = sandbox.mark()
    role.succeeds(image=image, alpine_gcp_labels={"team": "platform"}, alpine_gcp_family="other")
    assert sandbox.writes(start) == ["images.patch", "images.setLabels"]


def test_what_cannot_boot_is_refused_before_any_request(sandbox: RunningSandbox, role: Role) -> None:
    start = sandbox.mark()
    refused = role.fails(image={"obstacles": {"gcp": "it has no partition table"}})
    assert "cannot be used in Google Cloud: it has no partition table" in refused
    assert sandbox.logged_requests(start) == []


def test_too_long_a_name_is_refused_before_any_request(sandbox: RunningSandbox, role: Role) -> None:
    start = sandbox.mark()
    refused = role.fails(image={"name": "alpine-3.24.2-x86_64-uefi-cloudinit-with-a-name-longer-than-google-takes-r0"})
    assert "characters" in refused
    assert sandbox.logged_requests(start) == []


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"alpine_gcp_storage_locations": ["mars-west1"]}, "storage_locations: there is no region mars-west1"),
        ({"alpine_gcp_bucket": "mars", "alpine_gcp_bucket_location": "MARS-WEST1"}, "in location MARS-WEST1"),
        ({"alpine_gcp_auth_kind": "application"}, "no usable application default credentials"),
        ({"alpine_gcp_service_account_file": "/nonexistent.json"}, "service_account_file /nonexistent.json"),
    ],
)
def test_bad_settings_end_before_anything_is_made(
    sandbox: RunningSandbox, role: Role, variables: dict[str, Any], words: str
) -> None:
    start = sandbox.mark()
    refused = role.fails(image={"name": "alpine-3.24.2-x86_64-tiny-r9"}, **variables)
    assert words in refused
    assert [request for request in sandbox.logged_requests(start) if request["write"] and request["status"] < 400] == []
