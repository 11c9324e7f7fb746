# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_ec2_instance over the sandbox."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.image import NEWEST, Arch, build_image
from tests.support.cloud import Cloud
from tests.support.login import KeyFile

MODULE = "alpine_ec2_instance"


@pytest.fixture
def login(tmp_path: Path) -> KeyFile:
    return KeyFile.make(tmp_path)


@pytest.fixture
def instances(aws: Cloud, login: KeyFile, request: pytest.FixtureRequest, imported: dict[str, str]) -> Iterator[Cloud]:
    """AWS, with the options for an instance from an AMI of the small disk, which boots nothing."""
    if "aws" not in imported:
        amis: Cloud = request.getfixturevalue("amis")
        # Where there is nothing to boot, BIOS stops sooner than UEFI.
        imported["aws"] = amis.succeeds("alpine_ec2_image", boot_mode="legacy-bios")["image_id"]
    cloud = aws.with_options(
        name=f"machine-{secrets.token_hex(4)}",
        image_id=imported["aws"],
        architecture="x86_64",
        ssh_public_key=login.public,
        tags={"team": "platform"},
        wait_interval=1,
        wait_timeout=60,
    )
    yield cloud
    cloud.run(MODULE, state="absent")
    assert cloud.sandbox.holdings("aws") == {}


def test_an_instance_is_launched_once_and_goes_with_all_it_has(instances: Cloud) -> None:
    check = instances.succeeds(MODULE, check_mode=True)
    start = instances.mark()
    real = instances.succeeds(MODULE)
    assert instances.writes(start) == ["ImportKeyPair", "RunInstances"]
    held = instances.sandbox.holdings("aws")
    before = instances.mark()
    check_again = instances.succeeds(MODULE, check_mode=True)
    again = instances.succeeds(MODULE)
    assert instances.writes(before) == []

    assert check.changed
    assert (check["id"], check["state"], check["running"]) == (None, None, False)
    assert real.changed
    assert real["id"].startswith("i-")
    assert (real["state"], real["running"], real["user"]) == ("running", True, "alpine")
    assert real["instance_type"] == "t3.nano"
    assert real["public_address"].startswith("203.0.113.")
    assert real["tags"]["alpine-cloud-machine"] == instances.options["name"]
    assert real["diff"]["after"]["tags"] == real["tags"] == check["diff"]["after"]["tags"]
    assert not check_again.changed
    assert not again.changed
    assert (again["id"], again["public_address"]) == (real["id"], real["public_address"])
    assert sorted(held) == ["instances", "key_pairs", "network_interfaces", "volumes"]

    before = instances.mark()
    assert instances.succeeds(MODULE, check_mode=True, state="absent").changed
    gone = instances.succeeds(MODULE, state="absent")
    assert instances.writes(before) == ["TerminateInstances", "DeleteKeyPair"]
    assert gone.changed
    assert (gone["state"], gone["running"]) == ("absent", False)
    assert not instances.succeeds(MODULE, state="absent").changed
    assert instances.sandbox.holdings("aws") == {}


def test_tags_converge_and_those_of_others_stay(instances: Cloud) -> None:
    real = instances.succeeds(MODULE, tags={"team": "platform"})
    start = instances.mark()
    updated = instances.succeeds(MODULE, tags={"team": "sales"})
    assert instances.writes(start) == ["CreateTags"]
    assert (updated["id"], updated["tags"]["team"]) == (real["id"], "sales")
    assert not instances.succeeds(MODULE, tags={}).changed


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"instance_type": "t3.micro"}, "has instance_type t3.nano, not t3.micro: remove it first"),
        ({"image_id": "ami-0123456789abcdef0"}, "has image_id ami-"),
    ],
)
def test_another_machine_of_the_name_is_a_conflict(instances: Cloud, options: dict[str, Any], expected: str) -> None:
    instances.succeeds(MODULE)
    start = instances.mark()
    assert expected in instances.fails(MODULE, **options).msg
    assert instances.writes(start) == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"image_id": None}, "image_id is missing"),
        ({"image_id": "ami-0123456789abcdef0"}, "InvalidAMIID.NotFound"),
        ({"architecture": "aarch64"}, "architecture is aarch64, but image ami-"),
        ({"instance_type": "t9.nano"}, "InvalidParameterValue: Value (t9.nano)"),
        ({"instance_type": "t4g.nano"}, "does not match the architecture"),
        ({"subnet_id": "subnet-0123456789abcdef0"}, "InvalidSubnetID.NotFound"),
        ({"security_group_ids": ["sg-0123456789abcdef0"]}, "InvalidGroup.NotFound"),
        ({"ssh_public_key": "-----BEGIN OPENSSH PRIVATE KEY-----"}, "ssh_public_key is a private key"),
        ({"user_data": "#!/bin/sh\n" + "#" * 16384}, "user_data has 16394 bytes, but EC2 takes 16384"),
        ({"console_pattern": "("}, "console_pattern '(' is no regular expression"),
    ],
)
def test_what_cannot_be_launched_leaves_nothing(instances: Cloud, options: dict[str, Any], expected: str) -> None:
    assert expected in instances.fails(MODULE, **options).msg
    assert instances.sandbox.holdings("aws") == {}


def test_an_account_without_a_default_network_is_told_before_anything_is_made(instances: Cloud) -> None:
    network = _client(instances, "us-west-2")
    vpc_id = network.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    subnets = network.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["Subnets"]
    for subnet in subnets:
        network.delete_subnet(SubnetId=subnet["SubnetId"])
    start = instances.mark()
    try:
        assert (
            f"the default VPC {vpc_id} of region us-west-2 has no default subnet"
            in instances.fails(MODULE, region="us-west-2").msg
        )
        network.delete_vpc(VpcId=vpc_id)
        assert "region us-west-2 has no default VPC" in instances.fails(MODULE, region="us-west-2").msg
        assert [name for name in instances.writes(start) if not name.startswith("Delete")] == []
    finally:
        network.create_default_vpc()


def _client(cloud: Cloud, region: str) -> Any:
    return boto3.client(
        "ec2",
        region_name=region,
        endpoint_url=cloud.options["endpoint_url"],
        verify=cloud.options["aws_ca_bundle"],
        aws_access_key_id=cloud.options["access_key"],
        aws_secret_access_key=cloud.options["secret_key"],
    )


def test_an_instance_that_does_not_come_up_is_told_and_replaced(instances: Cloud) -> None:
    instances.fault("RunInstances", fail="Server.InternalError: Internal error on launch")
    failed = instances.fails(MODULE)
    assert "has not come up, it is terminated" in failed.msg
    assert "Internal error on launch" in failed.msg
    assert instances.succeeds(MODULE).changed


@pytest.mark.parametrize("fault", [{"status": 503}, {"drop": "after"}, {"drop": "before"}])
def test_a_fault_in_each_request_makes_neither_two_nor_leaves_one(instances: Cloud, fault: dict[str, Any]) -> None:
    for operation in ("ImportKeyPair", "RunInstances", "TerminateInstances", "DeleteKeyPair"):
        instances.fault(operation, **fault)
    instances.succeeds(MODULE)
    assert len(instances.sandbox.holdings("aws")["instances"]) == 1
    instances.succeeds(MODULE, state="absent")
    assert instances.sandbox.holdings("aws") == {}


def test_two_runs_at_once_launch_one(instances: Cloud) -> None:
    runs = [instances.start(MODULE), instances.start(MODULE)]
    first, second = (run.result() for run in runs)
    assert not first.failed, first.msg
    assert not second.failed, second.msg
    assert first["id"] == second["id"]
    assert len(instances.sandbox.holdings("aws")["instances"]) == 1


def test_a_key_pair_of_others_is_neither_used_nor_deleted(instances: Cloud, login: KeyFile) -> None:
    client = _client(instances, instances.options["region"])
    name = f"alpine-cloud-{instances.options['name']}"
    client.import_key_pair(KeyName=name, PublicKeyMaterial=login.public.encode())
    assert f"There is a key pair called {name}" in instances.fails(MODULE).msg
    assert not instances.succeeds(MODULE, state="absent").changed
    assert instances.sandbox.holdings("aws") == {"key_pairs": [name]}
    client.delete_key_pair(KeyName=name)


def test_what_its_console_does_not_say_is_told_with_what_it_says(instances: Cloud) -> None:
    silent = instances.fails(MODULE, console_pattern="ready", wait_timeout=4)
    assert "has not said 'ready' on its console: waited 4 seconds (wait_timeout)" in silent.msg
    assert "console" in silent["failure"]["details"]


# By firmware and architecture; what the instance sees of it.
_BOOTS = [
    pytest.param("x86_64", "uefi-preferred", "t3.nano", "uefi", id="x86_64-uefi"),
    pytest.param("x86_64", "legacy-bios", "t2.nano", "bios", id="x86_64-bios"),
    pytest.param("aarch64", "uefi", "t4g.nano", "uefi", id="aarch64"),
]


@pytest.mark.parametrize(("architecture", "boot_mode", "instance_type", "firmware"), _BOOTS)
def test_an_imported_image_boots_acts_on_user_data_and_lets_alpine_in(
    aws: Cloud,
    architecture: Arch,
    boot_mode: str,
    instance_type: str,
    firmware: str,
    bucket: str,
    sha256: str,
    login: KeyFile,
    tmp_path: Path,
) -> None:
    vhd = tmp_path / "disk.vhd"
    image = build_image(NEWEST[architecture], tmp_path)
    subprocess.run(
        ["qemu-img", "convert", "-O", "vpc", "-o", "subformat=dynamic,force_size=on", image, vhd], check=True
    )
    cloud = aws.with_options(name=f"machine-{secrets.token_hex(4)}", source_sha256=sha256, wait_interval=1)
    staged: dict[str, Any] = {"bucket": bucket, "key": "small.vhd"}
    cloud.succeeds("alpine_s3_object", **staged, name=None, wait_interval=None, src=str(vhd), create_bucket=True)
    snapshot = cloud.succeeds("alpine_ec2_import_snapshot", **staged)
    ami = cloud.succeeds(
        "alpine_ec2_image", snapshot_id=snapshot["snapshot_id"], architecture=architecture, boot_mode=boot_mode
    )
    machine = cloud.with_options(
        source_sha256=None, architecture=architecture, image_id=ami["image_id"], instance_type=instance_type
    )
    real = machine.succeeds(
        MODULE,
        ssh_public_key=login.public,
        user_data="#!/bin/sh\n[ -d /sys/firmware/efi ] && f=uefi || f=bios\necho word $f $(uname -m) >/dev/console\n",
        console_pattern=r"^word (\S+) (\S+)$",
        wait_timeout=120,
    )
    assert real["console_match"] == f"word {firmware} {architecture}"
    assert "ALPINE-CLOUD-BOOT-OK" in real["console"]
    assert "word" not in str(real["diff"])
    answer = login.run(aws.sandbox.directory, real["public_address"], "id -un; uname -m")
    assert answer.split() == ["alpine", architecture]
    machine.succeeds(MODULE, state="absent")
    assert aws.sandbox.holdings("aws") == {}
