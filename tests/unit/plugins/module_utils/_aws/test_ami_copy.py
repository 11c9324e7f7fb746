# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading
from typing import Any

import pytest
from botocore.stub import ANY

from ansible_collections.alpine.cloud.plugins.module_utils._aws import ami_copy
from ansible_collections.alpine.cloud.plugins.module_utils._aws.ami_copy import (
    AmiCopyOutcome,
    AmiCopyRequest,
    checked_regions,
    ensure_absent,
    ensure_present,
)
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError, ProviderError

_SHA256 = "ab" * 32
_NAME = "alpine-3.24.2-x86_64-tiny-r0"
_TAGS = [{"Key": "Name", "Value": _NAME}, {"Key": "source-sha256", "Value": _SHA256}]
_STATUS = {
    "eu-central-1": "opt-in-not-required",
    "us-east-1": "opt-in-not-required",
    "ap-east-1": "opted-in",
    "me-south-1": "not-opted-in",
}


def _params(*regions: str, **options: Any) -> dict[str, Any]:
    return {
        "state": "present",
        "image_id": "ami-source",
        "name": _NAME,
        "source_sha256": _SHA256,
        "regions": list(regions),
        "description": None,
        "tags": {},
        "deprecate_at": None,
        "delete_associated_snapshots": False,
        "wait": True,
        "wait_timeout": 60,
        "wait_interval": 0,
        **options,
    }


def present(aws: Any, params: dict[str, Any], *, check_mode: bool = False) -> dict[str, Any]:
    return ensure_present(aws, AmiCopyRequest.from_params(params), check_mode=check_mode)


def absent(aws: Any, params: dict[str, Any], *, check_mode: bool = False) -> dict[str, Any]:
    return ensure_absent(aws, AmiCopyRequest.from_params(params | {"state": "absent"}), check_mode=check_mode)


def _image(image_id: str, **attributes: Any) -> dict[str, Any]:
    return {
        "ImageId": image_id,
        "Name": _NAME,
        "State": "available",
        "Tags": _TAGS,
        "Architecture": "x86_64",
        "BootMode": "uefi-preferred",
        "EnaSupport": True,
        "RootDeviceName": "/dev/xvda",
        "BlockDeviceMappings": [
            {"DeviceName": "/dev/xvda", "Ebs": {"SnapshotId": f"snap-of-{image_id}", "VolumeType": "gp3"}}
        ],
        **attributes,
    }


def _expect_regions(aws: Any) -> None:
    aws.expect(
        "ec2",
        "describe_regions",
        {"AllRegions": True},
        {"Regions": [{"RegionName": region, "OptInStatus": status} for region, status in _STATUS.items()]},
    )


def _expect_source(aws: Any, **attributes: Any) -> None:
    aws.expect("ec2", "describe_images", {"ImageIds": ["ami-source"]}, {"Images": [_image("ami-source", **attributes)]})


def _expect_search(aws: Any, region: str, *images: Any) -> None:
    aws.expect(
        "ec2",
        "describe_images",
        {"Owners": ["self"], "Filters": [{"Name": "name", "Values": [_NAME]}], "IncludeDisabled": True},
        {"Images": list(images)},
        region=region,
    )


def _expect_copy(aws: Any, region: str, image_id: str, description: str = "") -> None:
    aws.expect(
        "ec2",
        "copy_image",
        {
            "ClientToken": ANY,
            "Name": _NAME,
            "Description": description,
            "SourceImageId": "ami-source",
            "SourceRegion": "eu-central-1",
            "TagSpecifications": [
                {"ResourceType": "image", "Tags": _TAGS},
                {"ResourceType": "snapshot", "Tags": _TAGS},
            ],
        },
        {"ImageId": image_id},
        region=region,
    )


def _expect_read(aws: Any, region: str, image: Any) -> None:
    aws.expect("ec2", "describe_images", {"ImageIds": [image["ImageId"]]}, {"Images": [image]}, region=region)


def _expect_landing(aws: Any, region: str, image_id: str) -> None:
    _expect_search(aws, region)
    _expect_copy(aws, region, image_id)
    _expect_read(aws, region, _image(image_id))
    _expect_search(aws, region, _image(image_id))


def _expect_deregistration(aws: Any, image_id: str, *, delete_snapshots: bool = True) -> None:
    request = {"ImageId": image_id, "DeleteAssociatedSnapshots": delete_snapshots}
    aws.expect("ec2", "deregister_image", request, {}, region="us-east-1")


# Regions


def test_regions_are_taken_once_without_the_own(aws: Any) -> None:
    _expect_regions(aws)
    request = AmiCopyRequest.from_params(_params("us-east-1", "eu-central-1", "ap-east-1", "us-east-1"))
    assert checked_regions(aws, request.regions) == ["us-east-1", "ap-east-1"]


def test_no_regions_no_request(aws: Any) -> None:
    assert checked_regions(aws, ()) == checked_regions(aws, ("eu-central-1",)) == []


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ("me-south-1", "regions: me-south-1 is not enabled in this account"),
        ("cn-north-1", "regions: cn-north-1 is not in the same partition of AWS as eu-central-1"),
    ],
)
def test_regions_out_of_reach_are_refused(aws: Any, region: str, message: str) -> None:
    _expect_regions(aws)
    with pytest.raises(InputError, match=message):
        checked_regions(aws, ("us-east-1", region))


# Present


def test_copies_are_made_in_every_region(aws: Any) -> None:
    _expect_regions(aws)
    _expect_source(aws)
    _expect_landing(aws, "us-east-1", "ami-us")
    _expect_search(aws, "ap-east-1")
    _expect_copy(aws, "ap-east-1", "ami-ap")
    aws.refuse("ec2", "describe_images", "InvalidAMIID.NotFound", region="ap-east-1")
    _expect_read(aws, "ap-east-1", _image("ami-ap", State="pending"))
    _expect_read(aws, "ap-east-1", _image("ami-ap"))
    # Lists lag behind, too.
    _expect_search(aws, "ap-east-1")
    result = present(aws, _params("us-east-1", "ap-east-1"))
    assert result["changed"]
    assert result["images"] == [
        {
            "region": region,
            "image_id": image_id,
            "snapshot_id": f"snap-of-{image_id}",
            "state": "available",
            "changed": True,
        }
        for region, image_id in (("us-east-1", "ami-us"), ("ap-east-1", "ami-ap"))
    ]
    assert result["diff"]["before"] == {"us-east-1": {}, "ap-east-1": {}}
    assert result["diff"]["after"]["us-east-1"]["name"] == _NAME


def test_regions_are_worked_on_at_the_same_time(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    _expect_regions(aws)
    together = threading.Barrier(2, timeout=30)

    def work(region: str, *_arguments: Any, check_mode: bool) -> AmiCopyOutcome:
        # Nobody comes past this before all are here.
        together.wait()
        return AmiCopyOutcome.of(region, None, changed=False, before=None, after=None)

    monkeypatch.setattr(ami_copy, "_present_in", work)
    result = present(aws, _params("us-east-1", "ap-east-1", image_id=None), check_mode=True)
    assert [copy["region"] for copy in result["images"]] == ["us-east-1", "ap-east-1"]


def test_each_copy_has_a_token_of_its_own(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens: list[str] = []

    def copy_image(**request: Any) -> dict[str, str]:
        tokens.append(request["ClientToken"])
        return {"ImageId": "ami-copy"}

    _expect_regions(aws)
    _expect_source(aws)
    for region in ("us-east-1", "ap-east-1"):
        _expect_search(aws, region)
        monkeypatch.setattr(aws.ec2(region), "copy_image", copy_image)
    present(aws, _params("us-east-1", "ap-east-1", wait=False))
    assert len(set(tokens)) == 2
    assert all(0 < len(token) <= 64 and token.isascii() for token in tokens)


def test_description_is_the_sources_unless_given(aws: Any) -> None:
    for description, expected in ((None, "of the source"), ("its own", "its own")):
        _expect_regions(aws)
        _expect_source(aws, Description="of the source")
        _expect_search(aws, "us-east-1")
        _expect_copy(aws, "us-east-1", "ami-us", expected)
        _expect_read(aws, "us-east-1", _image("ami-us", Description=expected))
        _expect_search(aws, "us-east-1", _image("ami-us", Description=expected))
        assert present(aws, _params("us-east-1", description=description))["changed"]


def test_copy_is_adopted(aws: Any) -> None:
    _expect_regions(aws)
    _expect_source(aws)
    _expect_search(aws, "us-east-1", _image("ami-us"))
    result = present(aws, _params("us-east-1"))
    assert not result["changed"]
    assert result["images"][0]["image_id"] == "ami-us"
    assert result["diff"] == {"before": {}, "after": {}}


def test_pending_copy_is_adopted_and_waited_for(aws: Any) -> None:
    _expect_regions(aws)
    _expect_source(aws)
    _expect_search(aws, "us-east-1", _image("ami-us", State="pending", BlockDeviceMappings=[]))
    _expect_read(aws, "us-east-1", _image("ami-us"))
    result = present(aws, _params("us-east-1"))
    assert not result["changed"]
    assert result["images"][0]["snapshot_id"] == "snap-of-ami-us"


def test_failed_copy_is_replaced(aws: Any) -> None:
    _expect_regions(aws)
    _expect_source(aws)
    _expect_search(aws, "us-east-1", _image("ami-failed", State="failed"))
    _expect_deregistration(aws, "ami-failed")
    _expect_copy(aws, "us-east-1", "ami-us")
    _expect_read(aws, "us-east-1", _image("ami-us"))
    _expect_search(aws, "us-east-1", _image("ami-us"))
    result = present(aws, _params("us-east-1"))
    assert result["images"][0]["image_id"] == "ami-us"


@pytest.mark.parametrize("state", ["available", "pending"])
def test_of_two_copies_the_older_one_is_kept(aws: Any, state: str) -> None:
    older = _image("ami-older", CreationDate="2026-11-01T00:00:00.000Z", State=state)
    own = _image("ami-us", CreationDate="2026-11-02T00:00:00.000Z")
    _expect_regions(aws)
    _expect_source(aws)
    _expect_search(aws, "us-east-1")
    _expect_copy(aws, "us-east-1", "ami-us")
    _expect_read(aws, "us-east-1", own)
    _expect_search(aws, "us-east-1", own, older)
    _expect_deregistration(aws, "ami-us")
    if state == "pending":
        _expect_read(aws, "us-east-1", older | {"State": "available"})
    result = present(aws, _params("us-east-1"))
    assert result["images"][0]["image_id"] == "ami-older"
    assert not result["changed"]


def test_copies_wait_for_others_to_end(aws: Any) -> None:
    _expect_regions(aws)
    _expect_source(aws)
    _expect_search(aws, "us-east-1")
    aws.refuse("ec2", "copy_image", "ResourceLimitExceeded", region="us-east-1")
    _expect_copy(aws, "us-east-1", "ami-us")
    _expect_read(aws, "us-east-1", _image("ami-us"))
    _expect_search(aws, "us-east-1", _image("ami-us"))
    assert present(aws, _params("us-east-1"))["changed"]


def test_copies_that_nobody_waits_for_are_refused_at_once(aws: Any) -> None:
    _expect_regions(aws)
    _expect_source(aws)
    _expect_search(aws, "us-east-1")
    aws.refuse("ec2", "copy_image", "ResourceLimitExceeded", "Too many copies", region="us-east-1")
    with pytest.raises(ProviderError, match="Too many copies"):
        present(aws, _params("us-east-1", wait=False))


def test_a_disabled_copy_fails_its_region(aws: Any) -> None:
    _expect_regions(aws)
    _expect_source(aws)
    _expect_search(aws, "us-east-1", _image("ami-us", State="disabled"))
    with pytest.raises(ProviderError, match=r"failed in us-east-1: Image ami-us .* is disabled: enable it"):
        present(aws, _params("us-east-1"))


def test_tags_and_description_of_a_copy_converge(aws: Any) -> None:
    _expect_regions(aws)
    _expect_source(aws)
    _expect_search(aws, "us-east-1", _image("ami-us", Description="old"))
    aws.expect(
        "ec2",
        "create_tags",
        {"Resources": ["ami-us"], "Tags": [{"Key": "team", "Value": "b"}]},
        {},
        region="us-east-1",
    )
    aws.expect(
        "ec2",
        "modify_image_attribute",
        {"ImageId": "ami-us", "Description": {"Value": "new"}},
        {},
        region="us-east-1",
    )
    params = _params("us-east-1", tags={"team": "b"}, description="new")
    result = present(aws, params)
    assert result["changed"]
    assert result["diff"]["before"]["us-east-1"]["description"] == "old"
    assert result["diff"]["after"]["us-east-1"]["tags"]["team"] == "b"


def test_failing_region_leaves_the_others_to_land(aws: Any) -> None:
    _expect_regions(aws)
    _expect_source(aws)
    _expect_search(aws, "us-east-1")
    aws.refuse("ec2", "copy_image", "InvalidRequest", "No copies today", region="us-east-1")
    _expect_landing(aws, "ap-east-1", "ami-ap")
    with pytest.raises(ProviderError) as caught:
        present(aws, _params("us-east-1", "ap-east-1"))
    error = caught.value
    assert error.message == (
        f"The copy of {_NAME} failed in us-east-1: Could not copy ami-source to us-east-1: CopyImage answered "
        "InvalidRequest: No copies today. It succeeded in ap-east-1."
    )
    assert error.operation == "CopyImage"
    assert error.code == "InvalidRequest"
    assert [copy["image_id"] for copy in error.details["images"]] == ["ami-ap"]
    assert error.details["failed"][0]["region"] == "us-east-1"


def test_name_with_other_content_fails_its_region(aws: Any) -> None:
    _expect_regions(aws)
    _expect_source(aws)
    _expect_search(aws, "us-east-1", _image("ami-other", Tags=[]))
    with pytest.raises(ProviderError, match=r"failed in us-east-1: The name .* is taken by ami-other"):
        present(aws, _params("us-east-1"))


def test_copy_that_fails_later_has_the_reason_of_aws(aws: Any) -> None:
    _expect_regions(aws)
    _expect_source(aws)
    _expect_search(aws, "us-east-1")
    _expect_copy(aws, "us-east-1", "ami-us")
    reason = {"Code": "Client.InternalError", "Message": "The ferry has sunk"}
    _expect_read(aws, "us-east-1", _image("ami-us", State="failed", StateReason=reason))
    with pytest.raises(ProviderError, match="Image ami-us is failed: The ferry has sunk"):
        present(aws, _params("us-east-1"))


def test_unfaithful_copy_is_an_error(aws: Any) -> None:
    _expect_regions(aws)
    _expect_source(aws)
    _expect_search(aws, "us-east-1", _image("ami-us", BootMode="legacy-bios"))
    message = "ami-us is no faithful copy of ami-source: boot_mode is 'legacy-bios', not 'uefi-preferred'"
    with pytest.raises(ProviderError, match=message):
        present(aws, _params("us-east-1"))


def test_source_is_asked_for_when_needed(aws: Any) -> None:
    _expect_regions(aws)
    with pytest.raises(InputError, match="image_id is missing"):
        present(aws, _params("us-east-1", image_id=None))


def test_no_region_needs_no_source(aws: Any) -> None:
    result = present(aws, _params(image_id=None))
    assert result["images"] == []
    assert not result["changed"]


def test_check_mode_reads_only_and_bears_a_missing_source(aws: Any) -> None:
    _expect_regions(aws)
    _expect_search(aws, "us-east-1")
    _expect_search(aws, "ap-east-1", _image("ami-failed", State="failed"))
    result = present(aws, _params("us-east-1", "ap-east-1", image_id=None), check_mode=True)
    assert result["changed"]
    assert [copy["image_id"] for copy in result["images"]] == [None, None]


# Absent


@pytest.mark.parametrize("delete_snapshots", [False, True])
def test_copies_are_deregistered(aws: Any, delete_snapshots: bool) -> None:
    _expect_regions(aws)
    _expect_search(aws, "us-east-1", _image("ami-us"))
    _expect_deregistration(aws, "ami-us", delete_snapshots=delete_snapshots)
    _expect_search(aws, "ap-east-1")
    params = _params("us-east-1", "ap-east-1", image_id=None, delete_associated_snapshots=delete_snapshots)
    result = absent(aws, params)
    assert result["changed"]
    assert [copy["changed"] for copy in result["images"]] == [True, False]


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_copy_with_other_content_stays_and_fails_its_region(aws: Any, check_mode: bool) -> None:
    _expect_regions(aws)
    _expect_search(aws, "us-east-1", _image("ami-us", Tags=[]))
    with pytest.raises(ProviderError, match=f"failed in us-east-1: Image ami-us .* no source-sha256, not {_SHA256}"):
        absent(aws, _params("us-east-1"), check_mode=check_mode)


def test_all_copies_are_deregistered_by_name_alone(aws: Any) -> None:
    _expect_regions(aws)
    gone = _image("ami-gone", State="deregistered")
    _expect_search(aws, "us-east-1", _image("ami-us", Tags=[]), _image("ami-us2"), gone)
    for image_id in ("ami-us", "ami-us2"):
        _expect_deregistration(aws, image_id, delete_snapshots=False)
    assert absent(aws, _params("us-east-1", source_sha256=None))["changed"]


def test_removal_in_check_mode_reads_only(aws: Any) -> None:
    _expect_regions(aws)
    _expect_search(aws, "us-east-1", _image("ami-us"))
    assert absent(aws, _params("us-east-1"), check_mode=True)["changed"]
