# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role alpine_aws over the sandbox: what a user gets from one include_role."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import RunningSandbox, StartSandbox
from tests.support.compare import assert_same_disk
from tests.support.disks import GIB, SmallDisk
from tests.support.role import Role, image_facts

_COPIES = ["us-east-1", "eu-west-1"]


@pytest.fixture
def sandbox(start_sandbox: StartSandbox) -> RunningSandbox:
    sandbox = start_sandbox("aws")
    sandbox.clear_faults("aws")
    return sandbox


@pytest.fixture
def role(sandbox: RunningSandbox, small_disk: SmallDisk, home: Path) -> Role:
    """The role, for the small disk."""
    return Role("alpine_aws", home, (sandbox.vars_file,), image=image_facts(small_disk, "dynamic_vhd"))


def test_import_is_exact_clean_and_idempotent(
    sandbox: RunningSandbox, small_disk: SmallDisk, role: Role, tmp_path: Path
) -> None:
    missing = {"files": {"dynamic_vhd": "/nonexistent/alpine.vhd"}}
    start = sandbox.mark()
    check = role.succeeds("--check", "--diff", image=missing, alpine_aws_copy_regions=_COPIES)
    assert "it would be uploaded" in check.stdout
    assert '"boot_mode": "uefi-preferred"' in check.stdout
    assert check.result["changed"]
    assert check.result["id"] is None
    assert check.result["regions"] == [{"region": region, "id": None} for region in ["eu-central-1", *_COPIES]]
    assert sandbox.writes(start) == []

    imported = role.succeeds(alpine_aws_copy_regions=_COPIES).result
    assert imported["name"] == "alpine-3.24.2-x86_64-tiny-r0"
    assert imported["firmware"] == "hybrid"
    assert imported["ids"]["image"] == imported["id"]
    assert imported["ids"]["snapshot"].startswith("snap-")
    assert [entry["region"] for entry in imported["regions"]] == ["eu-central-1", *_COPIES]
    writes = sandbox.writes(start)
    # Regions are worked on at the same time.
    assert sorted(writes[-4:]) == ["CopyImage", "CopyImage", "EnableImageDeprecation", "EnableImageDeprecation"]
    assert writes[:-4] == [
        "CreateBucket",
        "PutPublicAccessBlock",
        "PutObject",
        "ImportSnapshot",
        "CreateTags",
        "DeleteObject",
        "DeleteBucket",
        "RegisterImage",
        "EnableImageDeprecation",
    ]

    for entry in imported["regions"]:
        output = tmp_path / f"{entry['region']}.raw"
        sandbox.export("aws", entry["id"], entry["region"], output)
        assert_same_disk(small_disk.raw, output, padded=True)
        assert output.stat().st_size == GIB

    before_second = sandbox.mark()
    second = role.succeeds(image=missing, alpine_aws_copy_regions=_COPIES)
    assert second.changed == 0
    assert second.result == imported | {"changed": False}
    assert sandbox.writes(before_second) == []


@pytest.mark.parametrize(
    ("architecture", "firmware", "boot_mode", "started_by"),
    [("x86_64", "bios", "legacy-bios", "bios"), ("aarch64", "hybrid", "uefi", "uefi")],
)
def test_boot_mode_follows_the_disk(
    role: Role, architecture: str, firmware: str, boot_mode: str, started_by: str
) -> None:
    name = f"alpine-3.24.2-{architecture}-{firmware}-tiny-r0"
    image = {"name": name, "architecture": architecture, "firmware": firmware, "sha256": "0" * 64}
    check = role.succeeds("--check", "--diff", image=image)
    assert f'"boot_mode": "{boot_mode}"' in check.stdout
    assert check.result["firmware"] == started_by
    assert check.result["architecture"] == architecture


def test_failed_import_tells_why_cleans_up_and_can_be_repeated(sandbox: RunningSandbox, role: Role) -> None:
    image = {"name": "alpine-3.24.2-x86_64-tiny-r1", "sha256": "1" * 64}
    sandbox.order_fault("aws", operation="ImportSnapshot", fail="The warehouse is full.")
    start = sandbox.mark()
    failed = role.fails(image=image)
    assert re.search("Import task import-snap-[0-9a-f]+ is delet(ing|ed): ClientError: The warehouse is full.", failed)
    assert sandbox.writes(start)[-2:] == ["DeleteObject", "DeleteBucket"]

    role.succeeds(image=image)
    assert "RegisterImage" in sandbox.writes(start)


def test_damaged_disk_fails_in_the_cloud(
    sandbox: RunningSandbox, small_disk: SmallDisk, role: Role, tmp_path: Path
) -> None:
    # The footer is whole, so only VM Import can see it.
    damaged = tmp_path / "damaged.vhd"
    content = bytearray(small_disk.dynamic_vhd.read_bytes())
    content[512:520] = b"\0" * 8
    damaged.write_bytes(content)
    start = sandbox.mark()
    image = {"name": "alpine-3.24.2-x86_64-tiny-r2", "sha256": "2" * 64, "files": {"dynamic_vhd": str(damaged)}}
    failed = role.fails(image=image)
    assert "Disk validation failed [Unsupported VHD format: no dynamic disk header" in failed
    assert sandbox.writes(start)[-2:] == ["DeleteObject", "DeleteBucket"]


def test_what_is_being_imported_is_left_and_what_cannot_be_removed_is_told(sandbox: RunningSandbox, role: Role) -> None:
    image = {"name": "alpine-3.24.2-x86_64-tiny-r3", "sha256": "3" * 64}
    start = sandbox.mark()
    with sandbox.held("aws", "ImportSnapshot"):
        assert "Gave up after 0 seconds" in role.fails(image=image, alpine_aws_wait_timeout=0)
    assert sandbox.writes(start)[-1] == "ImportSnapshot"

    # The next run joins in; its clean-up is refused.
    start = sandbox.mark()
    sandbox.order_fault("aws", operation="DeleteObject", status=403)
    joined = role.succeeds(image=image)
    writes = sandbox.writes(start)
    assert writes[:3] == ["CreateTags", "DeleteObject", "DeleteBucket"]
    assert "RegisterImage" in writes
    assert re.fullmatch(r"s3://alpine-cloud-\w+/alpine-3\S+\.vhd", joined.result["remains"][0])

    start = sandbox.mark()
    assert role.succeeds(image=image).result["remains"] == []
    assert sandbox.writes(start) == ["DeleteObject", "DeleteBucket"]


def test_bucket_of_the_user_stays(sandbox: RunningSandbox, role: Role) -> None:
    image = {"name": "alpine-3.24.2-x86_64-tiny-r4", "sha256": "4" * 64}
    other = {"name": "alpine-3.24.2-x86_64-tiny-r41", "sha256": "5" * 64}
    bucket = {"alpine_aws_bucket": "a-users-bucket"}
    missing = role.fails(image=image, **bucket)
    assert "bucket a-users-bucket does not exist: create it first, or set create_bucket" in missing

    role.succeeds(image=image, **bucket, alpine_aws_bucket_create=True, alpine_aws_keep_staged=True)
    start = sandbox.mark()
    role.succeeds(image=other, **bucket, alpine_aws_bucket_create=True)
    assert "DeleteObject" in sandbox.writes(start)
    assert "DeleteBucket" not in sandbox.writes(start)


def test_tags_and_description_converge_without_upload(sandbox: RunningSandbox, role: Role) -> None:
    image = {"name": "alpine-3.24.2-x86_64-tiny-r5", "sha256": "6" * 64}
    role.succeeds(image=image)
    start = sandbox.mark()
    role.succeeds(image=image, alpine_aws_tags={"team": "platform"}, alpine_aws_description="Ours")
    assert sandbox.writes(start) == ["CreateTags", "ModifyImageAttribute"]


def test_end_of_life_is_followed_while_it_is_to_come(sandbox: RunningSandbox, role: Role) -> None:
    ended = {"name": "alpine-3.24.2-x86_64-tiny-r8", "sha256": "9" * 64, "end_of_life": "2020-05-01"}
    start = sandbox.mark()
    role.succeeds(image=ended)
    assert "EnableImageDeprecation" not in sandbox.writes(start)
    start = sandbox.mark()
    role.succeeds(image=ended, alpine_aws_deprecate_at="2029-01-01T12:00:00Z")
    assert sandbox.writes(start) == ["EnableImageDeprecation"]
    start = sandbox.mark()
    role.succeeds(image=ended, alpine_aws_deprecate_at="2029-01-01T12:00:00Z")
    role.succeeds(image=ended)
    assert sandbox.writes(start) == []


@pytest.mark.parametrize(
    ("image", "variables", "message"),
    [
        ({"obstacles": {"aws": "it is for another cloud"}}, {}, "cannot be used in AWS: it is for another cloud"),
        (
            {"sha256": "8" * 64, "name": "alpine-3.24.2-x86_64-tiny-r7"},
            {"alpine_aws_deprecate_at": "2020-01-01"},
            "deprecate_at 2020-01-01T23:59:00.000Z is in the past",
        ),
        ({}, {"alpine_aws_copy_regions": ["us-east-9"]}, "regions: AWS has no region 'us-east-9'"),
        ({"files": {"dynamic_vhd": "/nonexistent.vhd"}}, {}, "src /nonexistent.vhd: no such file"),
    ],
)
def test_bad_input_ends_before_anything_is_written(
    sandbox: RunningSandbox, role: Role, image: dict[str, Any], variables: dict[str, Any], message: str
) -> None:
    start = sandbox.mark()
    refused = role.fails(image={"name": "alpine-3.24.2-x86_64-tiny-r6", "sha256": "7" * 64, **image}, **variables)
    # The message is wrapped nowhere, but shown with quotes escaped.
    assert message in re.sub(r'\\"', '"', refused)
    assert sandbox.writes(start) == []
