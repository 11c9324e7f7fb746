# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local AWS is as strict as the real one: what it lets pass, the other tests cannot see."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.support.disks import GIB, SmallDisk
from tests.support.sandboxes import RunningSandbox, StartSandbox

_BLOCK = 512 * 1024
_PATIENCE = {"Delay": 1, "MaxAttempts": 60}

Client = Callable[..., Any]


@pytest.fixture(scope="module")
def sandbox(start_sandbox: StartSandbox) -> RunningSandbox:
    return start_sandbox("aws")


@pytest.fixture(scope="module")
def client(sandbox: RunningSandbox) -> Client:
    variables = yaml.safe_load(sandbox.vars_file.read_text())

    def create(service: str, **options: Any) -> Any:
        settings: dict[str, Any] = {
            "endpoint_url": variables["alpine_aws_endpoint_url"],
            "region_name": variables["alpine_aws_region"],
            "aws_access_key_id": variables["alpine_aws_access_key"],
            "aws_secret_access_key": variables["alpine_aws_secret_key"],
            "verify": variables["alpine_aws_ca_bundle"],
            "config": Config(s3={"addressing_style": "path"}, parameter_validation=False),
        }
        make: Any = boto3.client
        return make(service, **{**settings, **options})

    return create


def _refusal(call: Callable[..., Any], **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


@pytest.fixture(scope="module")
def snapshot_id(client: Client, small_disk: SmallDisk) -> str:
    s3, ec2 = client("s3"), client("ec2")
    s3.create_bucket(Bucket="strict", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.upload_file(str(small_disk.fixed_vhd), "strict", "disk.vhd")
    container = {"Format": "VHD", "UserBucket": {"S3Bucket": "strict", "S3Key": "disk.vhd"}}
    task = ec2.import_snapshot(DiskContainer=container)["ImportTaskId"]

    ec2.get_waiter("snapshot_imported").wait(ImportTaskIds=[task], WaiterConfig=_PATIENCE)
    tasks = ec2.describe_import_snapshot_tasks(ImportTaskIds=[task])["ImportSnapshotTasks"]
    return str(tasks[0]["SnapshotTaskDetail"]["SnapshotId"])


@pytest.mark.parametrize(
    ("service", "options", "code"),
    [
        ("ec2", {"aws_access_key_id": "AKIAWRONG"}, "AuthFailure"),
        ("ec2", {"aws_secret_access_key": "wrong"}, "AuthFailure"),
        ("ec2", {"region_name": "me-south-1"}, "AuthFailure"),
        ("s3", {"aws_access_key_id": "AKIAWRONG"}, "InvalidAccessKeyId"),
        ("s3", {"aws_secret_access_key": "wrong"}, "SignatureDoesNotMatch"),
        ("sts", {"aws_access_key_id": "AKIAWRONG"}, "InvalidClientTokenId"),
    ],
)
def test_signatures_are_checked(client: Client, service: str, options: dict[str, str], code: str) -> None:
    operations = {"ec2": "describe_regions", "s3": "list_buckets", "sts": "get_caller_identity"}
    assert _refusal(getattr(client(service, **options), operations[service])) == code


def test_buckets_know_their_region_and_owner(client: Client) -> None:
    constraint = {"LocationConstraint": "us-east-1"}
    create = client("s3", region_name="us-east-1").create_bucket
    assert _refusal(create, Bucket="strict-us", CreateBucketConfiguration=constraint) == "InvalidLocationConstraint"
    create = client("s3").create_bucket
    assert _refusal(create, Bucket="strict-eu") == "IllegalLocationConstraintException"
    assert _refusal(client("s3").head_bucket, Bucket="strict", ExpectedBucketOwner="210987654321") == "403"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"BootMode": "bios"}, "InvalidParameterValue"),
        ({"Architecture": "arm64", "BootMode": "legacy-bios"}, "InvalidParameterCombination"),
        ({"Architecture": "arm64", "BootMode": "uefi-preferred"}, "InvalidParameterCombination"),
        ({"TpmSupport": "v2.0", "BootMode": "legacy-bios"}, "InvalidParameterCombination"),
        ({"VirtualizationType": "paravirtual"}, "InvalidParameterCombination"),
        ({"Name": "a*b"}, "InvalidAMIName.Malformed"),
        ({"RootDeviceName": "/dev/sda1"}, "InvalidBlockDeviceMapping"),
        ({"snapshot": "snap-0123456789abcdef0"}, "InvalidSnapshot.NotFound"),
        ({"tag": "aws:name"}, "InvalidParameterValue"),
        ({"Description": "für alle"}, "InvalidParameterValue"),
        ({"Description": "x" * 256}, "InvalidParameterValue"),
    ],
)
def test_what_ec2_refuses_to_register(client: Client, snapshot_id: str, change: dict[str, str], code: str) -> None:
    ebs = {"SnapshotId": change.pop("snapshot", snapshot_id), "VolumeType": "gp3"}
    tags = [{"Key": change.pop("tag", "team"), "Value": "x"}]
    request = {
        "Name": "strict",
        "Architecture": "x86_64",
        "BootMode": "uefi",
        "EnaSupport": True,
        "VirtualizationType": "hvm",
        "RootDeviceName": "/dev/xvda",
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": ebs}],
        "TagSpecifications": [{"ResourceType": "image", "Tags": tags}],
    }
    assert _refusal(client("ec2").register_image, **{**request, **change}) == code


def test_import_needs_a_role_a_format_and_known_parameters(client: Client) -> None:
    container = {"Format": "VHD", "UserBucket": {"S3Bucket": "strict", "S3Key": "disk.vhd"}}
    call = client("ec2").import_snapshot
    assert _refusal(call, DiskContainer=container, RoleName="nobody") == "InvalidParameter"
    assert _refusal(call, DiskContainer={**container, "Format": "ISO"}) == "InvalidParameter"
    tags = [{"ResourceType": "snapshot", "Tags": [{"Key": "a", "Value": "b"}]}]
    assert _refusal(call, DiskContainer=container, TagSpecifications=tags) == "InvalidParameterValue"
    assert _refusal(client("ec2").copy_image, Name="strict", SourceRegion="eu-central-1") == "MissingParameter"


def test_snapshot_reads_back_block_by_block(client: Client, small_disk: SmallDisk, snapshot_id: str) -> None:
    ebs = client("ebs")
    listing = ebs.list_snapshot_blocks(SnapshotId=snapshot_id)
    assert (listing["BlockSize"], listing["VolumeSize"]) == (_BLOCK, 1)
    raw = small_disk.raw.read_bytes()
    disk = bytearray(len(raw))
    for block in listing["Blocks"]:
        answer = ebs.get_snapshot_block(SnapshotId=snapshot_id, **block)
        data = answer["BlockData"].read()
        assert answer["Checksum"] == base64.b64encode(hashlib.sha256(data).digest()).decode()
        start = block["BlockIndex"] * _BLOCK
        disk[start : start + _BLOCK] = data
    assert bytes(disk) == raw


def test_snapshot_written_block_by_block(sandbox: RunningSandbox, client: Client, tmp_path: Path) -> None:
    ebs, ec2 = client("ebs"), client("ec2")
    data = bytes(range(256)) * (_BLOCK // 256)
    digest = hashlib.sha256(data).digest()
    snapshot_id = ebs.start_snapshot(VolumeSize=1, ClientToken="t")["SnapshotId"]
    assert ebs.start_snapshot(VolumeSize=1, ClientToken="t")["SnapshotId"] == snapshot_id
    block = {
        "SnapshotId": snapshot_id,
        "BlockIndex": 3,
        "BlockData": data,
        "DataLength": _BLOCK,
        "Checksum": base64.b64encode(digest).decode(),
        "ChecksumAlgorithm": "SHA256",
    }
    wrong = base64.b64encode(bytes(32)).decode()
    assert _refusal(ebs.put_snapshot_block, **{**block, "Checksum": wrong}) == "ValidationException"
    assert _refusal(ebs.put_snapshot_block, **{**block, "BlockIndex": 2048}) == "ValidationException"
    ebs.put_snapshot_block(**block)
    assert _refusal(ebs.complete_snapshot, SnapshotId=snapshot_id, ChangedBlocksCount=2) == "ValidationException"
    ebs.complete_snapshot(
        SnapshotId=snapshot_id,
        ChangedBlocksCount=1,
        Checksum=base64.b64encode(hashlib.sha256(digest).digest()).decode(),
        ChecksumAlgorithm="SHA256",
        ChecksumAggregationMethod="LINEAR",
    )
    ec2.get_waiter("snapshot_completed").wait(SnapshotIds=[snapshot_id], WaiterConfig=_PATIENCE)
    output = tmp_path / "disk.raw"
    sandbox.export("aws", snapshot_id, None, output)
    assert output.stat().st_size == GIB
    with output.open("rb") as file:
        file.seek(3 * _BLOCK)
        assert file.read(_BLOCK) == data


def test_what_is_reserved_is_not_tagged(client: Client, snapshot_id: str) -> None:
    tags = [{"Key": "aws:name", "Value": "x"}]
    assert _refusal(client("ec2").create_tags, Resources=[snapshot_id], Tags=tags) == "InvalidParameterValue"


def test_an_account_has_the_regions_of_its_partition(client: Client) -> None:
    names = {region["RegionName"] for region in client("ec2").describe_regions(AllRegions=True)["Regions"]}
    assert "eu-central-1" in names
    assert not any(name.startswith(("cn-", "us-gov-")) for name in names)
