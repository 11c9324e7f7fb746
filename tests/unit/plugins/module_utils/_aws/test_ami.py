# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._aws.ami import (
    AmiRequest,
    ensure_absent,
    ensure_present,
)
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import (
    ConflictError,
    InputError,
    ProviderError,
    WaitTimeoutError,
)

_SHA256 = "ab" * 32
_NAME = "alpine-3.24.2-x86_64-tiny-r0"
_TAGS = [{"Key": "Name", "Value": _NAME}, {"Key": "source-sha256", "Value": _SHA256}]
_REQUEST = {
    "Name": _NAME,
    "Architecture": "x86_64",
    "BootMode": "uefi-preferred",
    "EnaSupport": True,
    "ImdsSupport": "v2.0",
    "SriovNetSupport": "simple",
    "VirtualizationType": "hvm",
    "RootDeviceName": "/dev/xvda",
    "BlockDeviceMappings": [
        {
            "DeviceName": "/dev/xvda",
            "Ebs": {"SnapshotId": "snap-1", "VolumeType": "gp3", "DeleteOnTermination": True},
        }
    ],
    "TagSpecifications": [{"ResourceType": "image", "Tags": _TAGS}],
}


def _params(**options: Any) -> dict[str, Any]:
    return {
        "state": "present",
        "name": _NAME,
        "source_sha256": _SHA256,
        "snapshot_id": "snap-1",
        "architecture": "x86_64",
        "boot_mode": "uefi-preferred",
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
    return ensure_present(aws, AmiRequest.from_params(params), check_mode=check_mode)


def absent(aws: Any, params: dict[str, Any], *, check_mode: bool = False) -> dict[str, Any]:
    return ensure_absent(aws, AmiRequest.from_params(params | {"state": "absent"}), check_mode=check_mode)


def _image(image_id: str = "ami-1", **attributes: Any) -> dict[str, Any]:
    kept = {key: value for key, value in _REQUEST.items() if key != "TagSpecifications"}
    return {"ImageId": image_id, "State": "available", "Tags": _TAGS, **kept, **attributes}


def _expect_search(aws: Any, *images: Any, name: str = _NAME) -> None:
    aws.expect(
        "ec2",
        "describe_images",
        {"Owners": ["self"], "Filters": [{"Name": "name", "Values": [name]}], "IncludeDisabled": True},
        {"Images": list(images)},
    )


def _expect_read(aws: Any, image: Any) -> None:
    aws.expect("ec2", "describe_images", {"ImageIds": [image["ImageId"]]}, {"Images": [image]})


def _expect_deregistration(
    aws: Any, image_id: str = "ami-1", *, delete_snapshots: bool = True, results: Any = ()
) -> None:
    request = {"ImageId": image_id, "DeleteAssociatedSnapshots": delete_snapshots}
    aws.expect("ec2", "deregister_image", request, {"Return": True, "DeleteSnapshotResults": list(results)})


# Present


def test_image_is_registered_and_read_back(aws: Any) -> None:
    _expect_search(aws)
    aws.expect("ec2", "register_image", _REQUEST, {"ImageId": "ami-1"})
    # Answers lag behind.
    aws.refuse("ec2", "describe_images", "InvalidAMIID.NotFound")
    aws.expect("ec2", "describe_images", {"ImageIds": ["ami-1"]}, {"Images": []})
    _expect_read(aws, _image(State="pending"))
    _expect_read(aws, _image())
    result = present(aws, _params())
    assert result["changed"]
    assert result["image_id"] == "ami-1"
    assert result["snapshot_id"] == "snap-1"
    assert result["state"] == "available"
    assert result["boot_mode"] == "uefi-preferred"
    assert result["diff"]["before"] == {}
    assert result["diff"]["after"]["root_volume_type"] == "gp3"


def test_aarch64_is_arm64_to_ec2(aws: Any) -> None:
    _expect_search(aws)
    attributes = {"Architecture": "arm64", "BootMode": "uefi"}
    request = _REQUEST | attributes | {"Description": "Alpine Linux"}
    aws.expect("ec2", "register_image", request, {"ImageId": "ami-1"})
    _expect_read(aws, _image(**attributes))
    params = _params(architecture="aarch64", boot_mode="uefi", description="Alpine Linux")
    assert present(aws, params)["architecture"] == "arm64"


@pytest.mark.parametrize("boot_mode", ["legacy-bios", "uefi-preferred"])
def test_aarch64_boots_by_uefi_only(aws: Any, boot_mode: str) -> None:
    with pytest.raises(InputError, match=f"boot_mode {boot_mode}: aarch64 boots by uefi only"):
        present(aws, _params(architecture="aarch64", boot_mode=boot_mode))


@pytest.mark.parametrize(
    ("attributes", "difference"),
    [
        ({"BootMode": "legacy-bios"}, "boot_mode is 'legacy-bios', not 'uefi-preferred'"),
        ({"Architecture": "i386"}, "architecture is 'i386', not 'x86_64'"),
        ({"ImdsSupport": ""}, "imds_support is '', not 'v2.0'"),
        ({"EnaSupport": False}, "ena_support is False, not True"),
        ({"RootDeviceName": "/dev/sda1"}, "root_device_name is '/dev/sda1', not '/dev/xvda'"),
    ],
)
def test_image_registered_otherwise_than_asked_is_an_error(
    aws: Any, attributes: dict[str, Any], difference: str
) -> None:
    _expect_search(aws)
    aws.expect("ec2", "register_image", _REQUEST, {"ImageId": "ami-1"})
    _expect_read(aws, _image(**attributes))
    with pytest.raises(ProviderError, match=f"EC2 registered ami-1 otherwise than asked: .*{difference}"):
        present(aws, _params())


@pytest.mark.parametrize("state", ["failed", "error", "invalid", "deregistered", "disabled"])
def test_failed_registration_has_the_reason_of_aws(aws: Any, state: str) -> None:
    _expect_search(aws)
    aws.expect("ec2", "register_image", _REQUEST, {"ImageId": "ami-1"})
    _expect_read(aws, _image(State=state, StateReason={"Code": "x", "Message": "The press is jammed"}))
    with pytest.raises(ProviderError, match=f"Image ami-1 is {state}: The press is jammed") as caught:
        present(aws, _params())
    assert caught.value.code == state


def test_waiting_has_a_bound(aws: Any) -> None:
    _expect_search(aws)
    aws.expect("ec2", "register_image", _REQUEST, {"ImageId": "ami-1"})
    _expect_read(aws, _image(State="pending"))
    with pytest.raises(WaitTimeoutError, match="waiting for image ami-1"):
        present(aws, _params(wait_timeout=0))


def test_without_waiting_nothing_is_read_back(aws: Any) -> None:
    _expect_search(aws)
    aws.expect("ec2", "register_image", _REQUEST, {"ImageId": "ami-1"})
    result = present(aws, _params(wait=False))
    assert result["image_id"] == "ami-1"
    assert result["state"] == "pending"
    assert result["snapshot_id"] == "snap-1"


def test_same_image_is_adopted(aws: Any) -> None:
    _expect_search(aws, _image())
    result = present(aws, _params(snapshot_id=None))
    assert not result["changed"]
    assert result["image_id"] == "ami-1"
    assert result["diff"] == {"before": {}, "after": {}}


def test_pending_image_is_adopted_and_waited_for(aws: Any) -> None:
    _expect_search(aws, _image(State="pending"))
    _expect_read(aws, _image())
    result = present(aws, _params())
    assert not result["changed"]
    assert result["state"] == "available"


def test_tags_and_description_converge(aws: Any) -> None:
    tags = [*_TAGS, {"Key": "theirs", "Value": "1"}]
    _expect_search(aws, _image(Tags=tags, Description="old"))
    aws.expect("ec2", "create_tags", {"Resources": ["ami-1"], "Tags": [{"Key": "team", "Value": "b"}]}, {})
    aws.expect("ec2", "modify_image_attribute", {"ImageId": "ami-1", "Description": {"Value": "new"}}, {})
    result = present(aws, _params(tags={"team": "b"}, description="new"))
    assert result["changed"]
    assert result["tags"] == {"Name": _NAME, "source-sha256": _SHA256, "theirs": "1", "team": "b"}
    assert result["diff"]["before"]["description"] == "old"
    assert result["diff"]["after"]["description"] == "new"


def test_description_is_left_alone_unless_asked_for(aws: Any) -> None:
    _expect_search(aws, _image(Description="theirs"))
    assert not present(aws, _params())["changed"]


def test_a_disabled_image_is_a_conflict_with_its_remedy(aws: Any) -> None:
    _expect_search(aws, _image(State="disabled"))
    with pytest.raises(ConflictError, match=r"ami-1 .* is disabled: enable it \(aws ec2 enable-image "):
        present(aws, _params())


def test_an_image_that_can_be_used_is_preferred_to_a_disabled_one(aws: Any) -> None:
    _expect_search(aws, _image("ami-0", State="disabled"), _image(CreationDate="2026-11-03T00:00:00.000Z"))
    assert present(aws, _params())["image_id"] == "ami-1"


@pytest.mark.parametrize("tags", [_TAGS, []])
def test_a_deregistered_image_is_none_and_leaves_its_name(aws: Any, tags: Any) -> None:
    gone = _image("ami-0", State="deregistered", Tags=tags)
    _expect_search(aws, gone)
    aws.expect("ec2", "register_image", _REQUEST, {"ImageId": "ami-1"})
    _expect_read(aws, _image())
    assert present(aws, _params())["image_id"] == "ami-1"
    _expect_search(aws, gone)
    assert not absent(aws, _params())["changed"]


@pytest.mark.parametrize("tags", [[], [{"Key": "source-sha256", "Value": "cd" * 32}]])
def test_name_with_other_content_is_a_conflict(aws: Any, tags: Any) -> None:
    _expect_search(aws, _image(Tags=tags))
    with pytest.raises(ConflictError, match=f"The name {_NAME} is taken by ami-1, .*choose another name"):
        present(aws, _params())


def test_what_cannot_be_changed_is_a_conflict(aws: Any) -> None:
    _expect_search(aws, _image())
    with pytest.raises(ConflictError, match=r"ami-1 .*boot_mode is 'uefi-preferred', not 'uefi'\. Deregister it"):
        present(aws, _params(boot_mode="uefi"))


def test_usable_image_is_preferred_among_several(aws: Any) -> None:
    images = [
        _image("ami-failed", State="failed", CreationDate="2026-11-01T00:00:00.000Z"),
        _image("ami-young", CreationDate="2026-11-03T00:00:00.000Z"),
        _image("ami-old", CreationDate="2026-11-02T00:00:00.000Z"),
        _image("ami-other", Tags=[], CreationDate="2026-11-01T00:00:00.000Z"),
    ]
    _expect_search(aws, *images)
    assert present(aws, _params())["image_id"] == "ami-old"


def test_failed_image_is_replaced(aws: Any) -> None:
    _expect_search(aws, _image("ami-0", State="failed"))
    aws.expect("ec2", "deregister_image", {"ImageId": "ami-0", "DeleteAssociatedSnapshots": False}, {})
    aws.expect("ec2", "register_image", _REQUEST, {"ImageId": "ami-1"})
    _expect_read(aws, _image())
    assert present(aws, _params())["image_id"] == "ami-1"


def test_registration_whose_answer_got_lost_is_adopted(aws: Any) -> None:
    _expect_search(aws)
    aws.refuse("ec2", "register_image", "InvalidAMIName.Duplicate")
    _expect_search(aws, _image())
    _expect_read(aws, _image())
    assert present(aws, _params())["image_id"] == "ami-1"


def test_name_that_only_ec2_sees_is_an_error(aws: Any) -> None:
    _expect_search(aws)
    aws.refuse("ec2", "register_image", "InvalidAMIName.Duplicate", "AMI name is already in use by AMI ami-9")
    _expect_search(aws)
    with pytest.raises(ProviderError, match="already in use by AMI ami-9"):
        present(aws, _params())


def test_snapshot_is_asked_for_when_needed(aws: Any) -> None:
    _expect_search(aws)
    with pytest.raises(InputError, match="snapshot_id is missing"):
        present(aws, _params(snapshot_id=None))


def test_check_mode_reads_only(aws: Any) -> None:
    _expect_search(aws)
    result = present(aws, _params(snapshot_id=None), check_mode=True)
    assert result["changed"]
    assert result["image_id"] is None
    assert result["boot_mode"] == "uefi-preferred"
    assert result["diff"]["after"]["imds_support"] == "v2.0"


def test_check_mode_of_changes_reads_only(aws: Any) -> None:
    _expect_search(aws, _image(State="pending"))
    result = present(aws, _params(tags={"team": "b"}, description="new"), check_mode=True)
    assert result["changed"]
    assert result["image_id"] == "ami-1"
    assert result["diff"]["after"]["description"] == "new"


# Absent


@pytest.mark.parametrize("delete_snapshots", [False, True])
def test_image_is_deregistered(aws: Any, delete_snapshots: bool) -> None:
    _expect_search(aws, _image())
    _expect_deregistration(aws, delete_snapshots=delete_snapshots)
    params = _params(delete_associated_snapshots=delete_snapshots, architecture=None, boot_mode=None, snapshot_id=None)
    result = absent(aws, params)
    assert result["changed"]
    assert result["state"] == "absent"
    assert result["snapshot_id"] == "snap-1"
    assert result["diff"]["after"] == {}


@pytest.mark.parametrize("check_mode", [True, False])
def test_image_with_other_content_is_not_deregistered(aws: Any, check_mode: bool) -> None:
    _expect_search(aws, _image(Tags=[]))
    with pytest.raises(ConflictError, match=f"Image ami-1 named {_NAME} carries no source-sha256, not {_SHA256}"):
        absent(aws, _params(), check_mode=check_mode)


def test_without_a_digest_the_name_decides_what_is_deregistered(aws: Any) -> None:
    _expect_search(aws, _image(Tags=[]))
    _expect_deregistration(aws, delete_snapshots=False)
    assert absent(aws, _params(source_sha256=None))["changed"]


def test_all_images_of_the_content_are_deregistered(aws: Any) -> None:
    _expect_search(aws, _image("ami-2", State="disabled"), _image("ami-1"), _image("ami-3", State="failed"))
    for image_id in ("ami-1", "ami-2", "ami-3"):
        _expect_deregistration(aws, image_id)
    assert absent(aws, _params(delete_associated_snapshots=True))["image_id"] == "ami-1"


@pytest.mark.parametrize("code", ["InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"])
@pytest.mark.parametrize("snapshot", [None, "InvalidSnapshot.NotFound", "InvalidSnapshot.InUse"])
def test_an_image_that_is_gone_already_is_done_but_for_its_snapshot(aws: Any, code: str, snapshot: str | None) -> None:
    _expect_search(aws, _image())
    aws.refuse("ec2", "deregister_image", code)
    if snapshot:
        aws.refuse("ec2", "delete_snapshot", snapshot)
    else:
        aws.expect("ec2", "delete_snapshot", {"SnapshotId": "snap-1"}, {})
    assert absent(aws, _params(delete_associated_snapshots=True))["changed"]


@pytest.mark.parametrize("code", ["UnauthorizedOperation", "InvalidAMIID.Malformed"])
def test_a_deregistration_that_is_refused_is_an_error(aws: Any, code: str) -> None:
    _expect_search(aws, _image())
    aws.refuse("ec2", "deregister_image", code)
    with pytest.raises(ProviderError, match=code):
        absent(aws, _params())


@pytest.mark.parametrize("code", ["missing-permissions", "internal-error", "client-error"])
def test_a_snapshot_that_stays_is_an_error(aws: Any, code: str) -> None:
    _expect_search(aws, _image())
    results = [{"SnapshotId": "snap-0", "ReturnCode": "skipped"}, {"SnapshotId": "snap-1", "ReturnCode": code}]
    _expect_deregistration(aws, results=results)
    with pytest.raises(ProviderError, match=rf"has not deleted its snapshot snap-1 \({code}\)") as caught:
        absent(aws, _params(delete_associated_snapshots=True))
    assert caught.value.details == {"snapshots": {"snap-1": code}}


@pytest.mark.parametrize(("images", "changed"), [([], False), ([_image()], True)])
def test_removal_in_check_mode_reads_only(aws: Any, images: list[Any], changed: bool) -> None:
    _expect_search(aws, *images)
    assert absent(aws, _params(), check_mode=True)["changed"] is changed


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_deprecation_that_ec2_refuses_is_told_before_anything_is_registered(aws: Any, check_mode: bool) -> None:
    _expect_search(aws)
    with pytest.raises(InputError, match="is in the past"):
        present(aws, _params(deprecate_at="2020-01-01"), check_mode=check_mode)


def test_a_deprecation_is_set_once(aws: Any) -> None:
    _expect_search(aws, _image(DeprecationTime="2030-05-01T23:59:00.000Z"))
    assert not present(aws, _params(deprecate_at="2030-05-01"))["changed"]
    _expect_search(aws, _image(DeprecationTime="2030-04-01T23:59:00.000Z"))
    moment = datetime(2030, 5, 1, 23, 59, tzinfo=UTC)
    aws.expect("ec2", "enable_image_deprecation", {"ImageId": "ami-1", "DeprecateAt": moment}, {"Return": True})
    assert present(aws, _params(deprecate_at="2030-05-01"))["changed"]
