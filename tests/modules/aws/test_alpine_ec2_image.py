# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_ec2_image over the sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cloud import Cloud

MODULE = "alpine_ec2_image"


@pytest.fixture
def images(amis: Cloud) -> Cloud:
    return amis


def test_a_registration_happens_once(images: Cloud, sha256: str) -> None:
    check = images.succeeds(MODULE, check_mode=True)
    start = images.mark()
    real = images.succeeds(MODULE)
    assert images.writes(start) == ["RegisterImage"]
    before = images.mark()
    check_again = images.succeeds(MODULE, check_mode=True)
    real_again = images.succeeds(MODULE)
    assert images.writes(before) == []

    assert check.changed
    assert check["image_id"] is None
    assert check["diff"]["after"]["imds_support"] == "v2.0"
    assert real.changed
    assert real["image_id"].startswith("ami-")
    assert (real["state"], real["snapshot_id"]) == ("available", images.options["snapshot_id"])
    assert (real["architecture"], real["boot_mode"]) == ("x86_64", "uefi-preferred")
    assert real["tags"] == {"Name": images.options["name"], "source-sha256": sha256, "team": "platform"}
    assert real["diff"]["after"]["ena_support"]
    assert real["diff"]["after"]["root_volume_type"] == "gp3"
    assert real["diff"]["after"]["delete_on_termination"]
    assert real["diff"]["after"] == check["diff"]["after"]
    assert not check_again.changed
    assert not real_again.changed
    assert real_again["image_id"] == real["image_id"]


def test_what_can_be_changed_is_changed_in_place(images: Cloud) -> None:
    real = images.succeeds(MODULE)
    start = images.mark()
    updated = images.succeeds(
        MODULE, description="Alpine for other tests", tags={"team": "sales"}, deprecate_at="2031-05-01"
    )
    assert images.writes(start) == ["CreateTags", "ModifyImageAttribute", "EnableImageDeprecation"]
    assert updated.changed
    assert updated["image_id"] == real["image_id"]
    assert updated["diff"]["before"]["description"] == "Alpine for tests"
    assert updated["diff"]["after"]["description"] == "Alpine for other tests"
    assert updated["diff"]["after"]["tags"]["team"] == "sales"
    assert updated["deprecation_time"] == "2031-05-01T23:59:00.000Z"
    # What is not named stays.
    assert not images.succeeds(MODULE, description=None, tags=None).changed


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"boot_mode": "uefi"}, "boot_mode is 'uefi-preferred', not 'uefi'"),
        ({"source_sha256": "ab" * 32}, "holds other content"),
        ({"architecture": "aarch64", "boot_mode": "legacy-bios"}, "aarch64 boots by uefi only"),
        ({"name": "a*b"}, "an AMI's name has 3 to 128 characters"),
        ({"deprecate_at": "soon"}, "deprecate_at must be a date"),
        ({"deprecate_at": "2020-01-01"}, "is in the past"),
    ],
)
def test_what_cannot_be_is_refused(images: Cloud, options: dict[str, Any], expected: str) -> None:
    images.succeeds(MODULE)
    before = images.mark()
    assert expected in images.fails(MODULE, **options).msg
    assert images.writes(before) == []


def test_a_snapshot_is_needed(images: Cloud) -> None:
    check = images.succeeds(MODULE, check_mode=True, snapshot_id=None)
    missing = images.fails(MODULE, snapshot_id=None)
    unknown = images.fails(MODULE, snapshot_id="snap-0123456789abcdef0")
    assert check.changed
    assert check["image_id"] is None
    assert "snapshot_id is missing" in missing.msg
    assert unknown["failure"]["code"] == "InvalidSnapshot.NotFound"


def test_a_failed_image_is_replaced_by_one(images: Cloud) -> None:
    start = images.mark()
    images.fault("RegisterImage", fail="The press is jammed.")
    in_vain = images.fails(MODULE)
    # And the answer to the next gets lost.
    images.fault("RegisterImage", drop="after")
    replaced = images.succeeds(MODULE)
    assert "The press is jammed." in in_vain.msg
    assert in_vain["failure"]["code"] == "failed"
    assert replaced.changed
    assert replaced["state"] == "available"
    assert replaced["image_id"] != in_vain["failure"]["details"]["image_id"]
    assert images.writes(start).count("DeregisterImage") == 1


def test_a_pending_image_is_adopted(images: Cloud) -> None:
    with images.held("RegisterImage"):
        pending = images.succeeds(MODULE, wait=False)
        before = images.mark()
        joining = images.start(MODULE)
        images.until("DescribeImages", before)
    done = joining.result()
    assert pending.changed
    assert pending["state"] == "pending"
    assert not done.changed
    assert (done["state"], done["image_id"]) == ("available", pending["image_id"])


def test_a_removal_happens_once_with_the_snapshot_on_request(images: Cloud, sha256: str) -> None:
    images.succeeds(MODULE)
    others = images.with_options(name=f"{images.options['name']}-other")
    others.succeeds(MODULE)
    absent: dict[str, Any] = dict.fromkeys(("snapshot_id", "architecture", "boot_mode", "description", "tags"))
    removal = images.with_options(**absent, state="absent")
    check = removal.succeeds(MODULE, check_mode=True)
    start = removal.mark()
    gone = removal.succeeds(MODULE)
    assert removal.writes(start) == ["DeregisterImage"]
    before = removal.mark()
    check_again = removal.succeeds(MODULE, check_mode=True)
    gone_again = removal.succeeds(MODULE)
    assert removal.writes(before) == []
    assert check.changed
    assert gone.changed
    assert gone["state"] == "absent"
    assert gone["diff"]["after"] == {}
    assert not check_again.changed
    assert not gone_again.changed

    look: dict[str, Any] = {"source_sha256": sha256, "state": "absent", "name": None}
    snapshots = images.with_options(**absent, **look)
    assert snapshots.succeeds("alpine_ec2_import_snapshot", check_mode=True).changed
    others.succeeds(MODULE, **absent, state="absent", delete_associated_snapshots=True)
    assert not snapshots.succeeds("alpine_ec2_import_snapshot", check_mode=True).changed


def test_a_removal_whose_answer_got_lost_is_done_and_leaves_the_name(images: Cloud) -> None:
    first = images.succeeds(MODULE)
    removal = images.with_options(**dict.fromkeys(("snapshot_id", "architecture", "boot_mode", "description", "tags")))
    images.fault("DeregisterImage", drop="after")
    assert removal.succeeds(MODULE, state="absent").changed
    # EC2 lists the image for a while yet.
    assert not removal.succeeds(MODULE, state="absent").changed
    again = images.succeeds(MODULE)
    assert again.changed
    assert again["image_id"] != first["image_id"]


def test_a_snapshot_that_stays_is_told(images: Cloud) -> None:
    images.succeeds(MODULE)
    images.fault("DeregisterImage", fail="missing-permissions")
    stays = images.fails(
        MODULE, snapshot_id=None, description=None, tags=None, state="absent", delete_associated_snapshots=True
    )
    assert images.options["snapshot_id"] in stays.msg
    assert stays["failure"]["code"] == "missing-permissions"
