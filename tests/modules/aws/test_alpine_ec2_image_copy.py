# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_ec2_image_copy over the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.cloud import Cloud

MODULE = "alpine_ec2_image_copy"


@pytest.fixture
def copies(amis: Cloud) -> Iterator[Cloud]:
    """AWS, with the options for copies of an AMI for aarch64, which is registered."""
    source = amis.succeeds("alpine_ec2_image", architecture="aarch64", boot_mode="uefi")
    made = amis.with_options(
        snapshot_id=None,
        architecture=None,
        boot_mode=None,
        description=None,
        image_id=source["image_id"],
        regions=["us-east-1", "eu-west-1", "eu-central-1", "us-east-1"],
    )
    yield made
    made.succeeds(MODULE, image_id=None, regions=["us-east-1", "eu-west-1", "us-west-1", "us-west-2"], state="absent")


def _of(result: Any, key: str) -> list[Any]:
    return [image[key] for image in result["images"]]


def test_one_copy_is_made_in_each_of_the_other_regions(copies: Cloud, sha256: str) -> None:
    check = copies.succeeds(MODULE, check_mode=True)
    start = copies.mark()
    real = copies.succeeds(MODULE)
    assert copies.writes(start) == ["CopyImage", "CopyImage"]
    before = copies.mark()
    check_again = copies.succeeds(MODULE, check_mode=True)
    real_again = copies.succeeds(MODULE)
    assert copies.writes(before) == []

    assert check.changed
    assert _of(check, "region") == ["us-east-1", "eu-west-1"]
    assert real.changed
    assert _of(real, "region") == ["us-east-1", "eu-west-1"]
    assert _of(real, "state") == ["available", "available"]
    assert all(snapshot_id.startswith("snap-") for snapshot_id in _of(real, "snapshot_id"))
    assert len({*_of(real, "image_id"), copies.options["image_id"]}) == 3
    tags = {"Name": copies.options["name"], "source-sha256": sha256, "team": "platform"}
    assert real["diff"]["after"]["us-east-1"]["tags"] == tags
    assert not check_again.changed
    assert not real_again.changed
    assert _of(real_again, "image_id") == _of(real, "image_id")

    # The copy is faithful: as an image of its own, nothing is to be done to it.
    as_image = copies.succeeds(
        "alpine_ec2_image",
        region="us-east-1",
        image_id=None,
        regions=None,
        architecture="aarch64",
        boot_mode="uefi",
        description="Alpine for tests",
    )
    assert not as_image.changed
    assert as_image["architecture"] == "arm64"

    retagged = copies.succeeds(MODULE, tags={"team": "sales"})
    assert retagged.changed
    assert _of(retagged, "image_id") == _of(real, "image_id")

    removal = copies.with_options(image_id=None, tags=None, state="absent", delete_associated_snapshots=True)
    gone_check = removal.succeeds(MODULE, check_mode=True)
    start = removal.mark()
    gone = removal.succeeds(MODULE)
    assert removal.writes(start) == ["DeregisterImage", "DeregisterImage"]
    before = removal.mark()
    gone_check_again = removal.succeeds(MODULE, check_mode=True)
    gone_again = removal.succeeds(MODULE)
    assert removal.writes(before) == []
    assert gone_check.changed
    assert gone.changed
    assert _of(gone, "image_id") == _of(real, "image_id")
    assert not gone_check_again.changed
    assert not gone_again.changed


def test_the_image_to_copy_is_needed_but_in_check_mode(copies: Cloud) -> None:
    check = copies.succeeds(MODULE, check_mode=True, image_id=None)
    missing = copies.fails(MODULE, image_id=None)
    assert check.changed
    assert _of(check, "image_id") == [None, None]
    assert "image_id is missing" in missing.msg


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"regions": ["us-east-9"]}, "regions: AWS has no region 'us-east-9'"),
        ({"regions": ["me-south-1"]}, "regions: me-south-1 is not enabled in this account"),
        ({"image_id": "ami-0123456789abcdef0"}, "InvalidAMIID.NotFound"),
    ],
)
def test_what_cannot_be_copied_is_refused(copies: Cloud, options: dict[str, Any], expected: str) -> None:
    before = copies.mark()
    assert expected in copies.fails(MODULE, **options).msg
    assert copies.writes(before) == []


def test_a_failing_region_leaves_the_others_to_land(copies: Cloud) -> None:
    regions = copies.with_options(regions=["us-west-1", "us-west-2", "eu-west-1"])
    regions.fault("CopyImage", fail="The ferry has sunk.")
    partial = regions.fails(MODULE)
    # And the answer to the next gets lost.
    regions.fault("CopyImage", drop="after")
    completed = regions.succeeds(MODULE)
    failure = partial["failure"]
    assert "The ferry has sunk." in partial.msg
    assert "It succeeded in" in partial.msg
    assert failure["operation"] == "CopyImage"
    assert len(failure["details"]["images"]) == 2
    assert len(failure["details"]["failed"]) == 1
    assert completed.changed
    changed = [image["region"] for image in completed["images"] if image["changed"]]
    assert changed == [failed["region"] for failed in failure["details"]["failed"]]
    assert set(_of(completed, "state")) == {"available"}


def test_a_pending_copy_is_adopted(copies: Cloud) -> None:
    with copies.held("CopyImage"):
        pending = copies.succeeds(MODULE, regions=["us-west-2"], wait=False)
        before = copies.mark()
        joining = copies.start(MODULE, regions=["us-west-2"])
        # Of the source, and then of the copy.
        copies.until("DescribeImages", before, count=2)
    done = joining.result()
    assert _of(pending, "state") == ["pending"]
    assert _of(done, "state") == ["available"]
    assert not done.changed
    assert _of(done, "image_id") == _of(pending, "image_id")


def test_of_two_runs_at_once_one_copy_is_left(copies: Cloud) -> None:
    region = copies.with_options(regions=["us-west-2"])
    with region.held("CopyImage", "request"):
        first = region.start(MODULE)
        region.sandbox.until_struck(region.name)
        other = region.succeeds(MODULE)
    kept = first.result()
    assert not kept.failed, kept.result
    assert _of(kept, "image_id") == _of(other, "image_id")
    before = region.mark()
    assert _of(region.succeeds(MODULE), "image_id") == _of(other, "image_id")
    assert region.writes(before) == []
    gone = region.mark()
    region.succeeds(MODULE, image_id=None, tags=None, state="absent", delete_associated_snapshots=True)
    assert region.writes(gone) == ["DeregisterImage"]
    look: dict[str, Any] = dict.fromkeys(("image_id", "regions", "tags", "name"))
    left = copies.run("alpine_ec2_import_snapshot", **look, region="us-west-2", state="absent", check_mode=True)
    assert not left.changed
