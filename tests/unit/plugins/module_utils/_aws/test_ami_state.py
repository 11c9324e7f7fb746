# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._aws.ami_state import (
    AmiState,
    checked_ami_name,
    checked_description,
    find_ami,
)
from ansible_collections.alpine.cloud.plugins.module_utils._core.diff import differences
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import ConflictError, InputError

_SHA256 = "ab" * 32
_NAME = "alpine-3.24.2-x86_64-tiny-r0"


def state_of(**attributes: Any) -> AmiState:
    image: Any = {"ImageId": "ami-1", "State": "available", **attributes}
    return AmiState.of(image)


def _tagged(image_id: str, sha256: str | None = _SHA256, **attributes: Any) -> dict[str, Any]:
    tags = [{"Key": "source-sha256", "Value": sha256}] if sha256 else []
    return {"ImageId": image_id, "Name": _NAME, "State": "available", "Tags": tags, **attributes}


def _expect_search(aws: Any, *images: Any) -> None:
    request = {"Owners": ["self"], "Filters": [{"Name": "name", "Values": [_NAME]}], "IncludeDisabled": True}
    aws.expect("ec2", "describe_images", request, {"Images": list(images)})


# Rules of EC2


@pytest.mark.parametrize("name", ["abc", "a" * 128, "alpine-3.24.2-x86_64-tiny-r0", "(a)[b] c./-'@_"])
def test_names_that_ec2_takes(name: str) -> None:
    assert checked_ami_name(name) == name


@pytest.mark.parametrize("name", ["", "ab", "a" * 129, "a*b", "größe", "a:b"])
def test_names_that_ec2_refuses(name: str) -> None:
    with pytest.raises(InputError, match="an AMI's name has 3 to 128 characters"):
        checked_ami_name(name)


def test_descriptions() -> None:
    assert checked_description(None) is None
    assert checked_description("x" * 255) == "x" * 255
    with pytest.raises(InputError, match="description has 256 characters, but EC2 takes 255"):
        checked_description("x" * 256)


# What EC2 tells


def test_everything_that_ec2_tells_is_read() -> None:
    state = state_of(
        Name=_NAME, Description="Alpine", Architecture="arm64", BootMode="uefi", EnaSupport=True, ImdsSupport="v2.0",
        SriovNetSupport="simple", VirtualizationType="hvm", RootDeviceName="/dev/xvda", State="failed",
        StateReason={"Message": "why"}, CreationDate="2026-11-01T00:00:00.000Z", Tags=[{"Key": "a", "Value": "b"}],
        DeprecationTime="2028-05-01T23:59:00.000Z",
        BlockDeviceMappings=[
            {"DeviceName": "/dev/sdb", "Ebs": {"SnapshotId": "snap-2", "VolumeType": "gp2"}},
            {
                "DeviceName": "/dev/xvda",
                "Ebs": {"SnapshotId": "snap-1", "VolumeType": "gp3", "DeleteOnTermination": True},
            },
        ],
    )  # fmt: skip
    assert (state.image_id, state.state, state.reason, state.created, state.snapshot_id) == (
        "ami-1", "failed", "why", "2026-11-01T00:00:00.000Z", "snap-1",
    )  # fmt: skip
    assert vars(state.managed) == {
        "architecture": "arm64",
        "boot_mode": "uefi",
        "ena_support": True,
        "imds_support": "v2.0",
        "sriov_net_support": "simple",
        "virtualization_type": "hvm",
        "root_device_name": "/dev/xvda",
        "root_volume_type": "gp3",
        "delete_on_termination": True,
        "name": _NAME,
        "description": "Alpine",
        "tags": {"a": "b"},
        "deprecation_time": "2028-05-01T23:59:00.000Z",
    }
    assert "tags" not in vars(state.fixed)


def test_what_ec2_leaves_out_is_not_there() -> None:
    state = state_of()
    assert state.snapshot_id is None
    assert state.managed.tags == {}
    assert state.managed.description == ""
    assert not state.managed.ena_support
    assert state.managed.deprecation_time is None


@pytest.mark.parametrize(
    ("name", "failed", "available"),
    [
        ("available", False, True),
        ("disabled", False, False),
        ("pending", False, False),
        ("transient", False, False),
        ("failed", True, False),
        ("error", True, False),
        ("invalid", True, False),
    ],
)
def test_states(name: str, failed: bool, available: bool) -> None:
    state = state_of(State=name)
    assert (state.failed, state.available) == (failed, available)


def test_differences_are_named() -> None:
    found, wanted = state_of(BootMode="uefi", EnaSupport=False), state_of(BootMode="uefi-preferred", EnaSupport=True)
    assert differences(wanted.fixed, wanted.fixed) == {}
    assert differences(found.fixed, wanted.fixed) == {
        "boot_mode": "boot_mode is 'uefi', not 'uefi-preferred'",
        "ena_support": "ena_support is False, not True",
    }


# Looking


def test_of_several_the_usable_and_then_the_oldest_is_taken(aws: Any) -> None:
    _expect_search(
        aws,
        _tagged("ami-failed", State="failed", CreationDate="2026-01-01"),
        _tagged("ami-new", CreationDate="2026-03-01"),
        _tagged("ami-old", CreationDate="2026-02-01"),
        _tagged("ami-other", "cd" * 32, CreationDate="2025-01-01"),
    )
    found = find_ami(aws.ec2(), _NAME, _SHA256)
    assert found is not None
    assert found.image_id == "ami-old"


def test_a_name_that_only_resembles_is_another(aws: Any) -> None:
    # EC2's filters take * and ? for wildcards.
    _expect_search(aws, _tagged("ami-1", Name=f"{_NAME}x"))
    assert find_ami(aws.ec2(), _NAME, _SHA256) is None


@pytest.mark.parametrize("sha256", [None, "cd" * 32])
def test_a_name_with_other_content_is_a_conflict(aws: Any, sha256: str | None) -> None:
    _expect_search(aws, _tagged("ami-1", sha256))
    with pytest.raises(ConflictError, match=f"is taken by ami-1, which holds other content .* is {sha256}, not ab"):
        find_ami(aws.ec2(), _NAME, _SHA256)
