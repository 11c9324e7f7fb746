# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._aws.instance import (
    Ec2InstanceRequest,
    ensure_absent,
    ensure_present,
)
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import (
    ConflictError,
    InputError,
    ProviderError,
)

_NAME = "machine"
_TAGS = [{"Key": "Name", "Value": _NAME}, {"Key": "alpine-cloud-machine", "Value": _NAME}]
_SEARCH = {"Filters": [{"Name": "tag:alpine-cloud-machine", "Values": [_NAME]}]}


def _token(*ended: str) -> str:
    """The same for all launches after those that have ended."""
    return hashlib.sha256("\n".join((_NAME, ",".join(ended))).encode()).hexdigest()


def _params(**options: Any) -> dict[str, Any]:
    return {
        "state": "present",
        "name": _NAME,
        "image_id": "ami-1",
        "instance_type": None,
        "architecture": "x86_64",
        "ssh_public_key": None,
        "user_data": None,
        "subnet_id": "subnet-1",
        "security_group_ids": [],
        "assign_public_ip": None,
        "tags": {},
        "console": False,
        "console_pattern": None,
        "wait": True,
        "wait_timeout": 60,
        "wait_interval": 0,
        **options,
    }


def present(aws: Any, params: dict[str, Any], *, check_mode: bool = False) -> dict[str, Any]:
    return ensure_present(aws, Ec2InstanceRequest.from_params(params), check_mode=check_mode)


def absent(aws: Any, params: dict[str, Any], *, check_mode: bool = False) -> dict[str, Any]:
    return ensure_absent(aws, Ec2InstanceRequest.from_params(params | {"state": "absent"}), check_mode=check_mode)


def _instance(state: str = "running", instance_id: str = "i-1", **attributes: Any) -> dict[str, Any]:
    return {
        "InstanceId": instance_id,
        "ImageId": "ami-1",
        "InstanceType": "t3.nano",
        "State": {"Name": state},
        "Tags": _TAGS,
        "Placement": {"AvailabilityZone": "eu-central-1a"},
        **attributes,
    }


def _expect_search(aws: Any, *instances: dict[str, Any]) -> None:
    aws.expect("ec2", "describe_instances", _SEARCH, {"Reservations": [{"Instances": list(instances)}]})


def _expect_read(aws: Any, *instances: dict[str, Any]) -> None:
    answer = {"Reservations": [{"Instances": list(instances)}]}
    aws.expect("ec2", "describe_instances", {"InstanceIds": ["i-1"]}, answer)


def _expect_image(aws: Any, architecture: str = "x86_64") -> None:
    image = {"ImageId": "ami-1", "Architecture": architecture, "RootDeviceName": "/dev/xvda"}
    aws.expect("ec2", "describe_images", {"ImageIds": ["ami-1"]}, {"Images": [image]})


def _expect_launch(aws: Any, **details: Any) -> None:
    request = {
        "ImageId": "ami-1",
        "InstanceType": "t3.nano",
        "MinCount": 1,
        "MaxCount": 1,
        "ClientToken": _token(),
        "MetadataOptions": {"HttpTokens": "required", "HttpEndpoint": "enabled", "HttpPutResponseHopLimit": 1},
        "BlockDeviceMappings": [{"DeviceName": "/dev/xvda", "Ebs": {"DeleteOnTermination": True}}],
        "TagSpecifications": [
            {"ResourceType": kind, "Tags": _TAGS} for kind in ("instance", "volume", "network-interface")
        ],
        **details,
    }
    aws.expect("ec2", "run_instances", request, {"Instances": [_instance("pending")]})


def test_it_is_launched_with_imdsv2_and_a_volume_that_goes_with_it(aws: Any) -> None:
    _expect_search(aws)
    _expect_image(aws)
    _expect_launch(aws, SubnetId="subnet-1", UserData="#!/bin/sh\n")
    # Answers lag behind.
    aws.refuse("ec2", "describe_instances", "InvalidInstanceID.NotFound")
    _expect_read(aws)
    _expect_read(aws, _instance("pending"))
    _expect_read(aws, _instance(PublicIpAddress="203.0.113.2", PrivateIpAddress="10.0.0.2"))
    result = present(aws, _params(user_data="#!/bin/sh\n"))
    assert result["changed"]
    assert (result["id"], result["state"], result["running"]) == ("i-1", "running", True)
    assert (result["public_address"], result["private_address"]) == ("203.0.113.2", "10.0.0.2")
    assert (result["user"], result["availability_zone"]) == ("alpine", "eu-central-1a")
    assert result["console"] is None
    assert result["diff"]["after"]["instance_type"] == "t3.nano"
    assert "#!/bin/sh" not in str(result)


def test_a_launch_after_one_that_has_ended_is_another(aws: Any) -> None:
    _expect_search(aws, _instance("terminated", "i-0"))
    _expect_image(aws)
    _expect_launch(aws, SubnetId="subnet-1", ClientToken=_token("i-0"))
    result = present(aws, _params(wait=False))
    assert (result["state"], result["running"]) == ("pending", False)


@pytest.mark.parametrize(("architecture", "arm"), [("x86_64", "x86_64"), ("aarch64", "arm64")])
def test_the_type_follows_the_architecture(aws: Any, architecture: str, arm: str) -> None:
    _expect_search(aws)
    _expect_image(aws, arm)
    instance_type = {"x86_64": "t3.nano", "aarch64": "t4g.nano"}[architecture]
    _expect_launch(aws, SubnetId="subnet-1", InstanceType=instance_type)
    present(aws, _params(architecture=architecture, wait=False))


def test_an_image_of_another_architecture_is_refused_before_the_launch(aws: Any) -> None:
    _expect_search(aws)
    _expect_image(aws, "arm64")
    with pytest.raises(InputError, match="architecture is x86_64, but image ami-1 is for arm64"):
        present(aws, _params())


@pytest.mark.parametrize("public", [True, False])
def test_an_address_that_is_asked_for_takes_an_interface(aws: Any, public: bool) -> None:
    _expect_search(aws)
    _expect_image(aws)
    interface = {
        "DeviceIndex": 0,
        "AssociatePublicIpAddress": public,
        "DeleteOnTermination": True,
        "SubnetId": "subnet-1",
        "Groups": ["sg-1"],
    }
    _expect_launch(aws, NetworkInterfaces=[interface])
    present(aws, _params(assign_public_ip=public, security_group_ids=["sg-1"], wait=False))


def test_security_groups_need_no_interface(aws: Any) -> None:
    _expect_search(aws)
    _expect_image(aws)
    _expect_launch(aws, SubnetId="subnet-1", SecurityGroupIds=["sg-1", "sg-2"])
    present(aws, _params(security_group_ids=["sg-1", "sg-2"], wait=False))


class TestDefaultNetwork:
    def _expect_vpcs(self, aws: Any, *vpcs: str) -> None:
        filters = [{"Name": "is-default", "Values": ["true"]}]
        aws.expect("ec2", "describe_vpcs", {"Filters": filters}, {"Vpcs": [{"VpcId": vpc} for vpc in vpcs]})

    def test_none_is_told_before_the_launch(self, aws: Any) -> None:
        _expect_search(aws)
        self._expect_vpcs(aws)
        with pytest.raises(InputError, match="subnet_id is missing: region eu-central-1 has no default VPC"):
            present(aws, _params(subnet_id=None))

    def test_one_without_subnets_is_told_too(self, aws: Any) -> None:
        _expect_search(aws)
        self._expect_vpcs(aws, "vpc-1")
        subnets = {"Subnets": [{"SubnetId": "subnet-2", "DefaultForAz": False}]}
        aws.expect("ec2", "describe_subnets", {"Filters": [{"Name": "vpc-id", "Values": ["vpc-1"]}]}, subnets)
        with pytest.raises(InputError, match="the default VPC vpc-1 of region eu-central-1 has no default subnet"):
            present(aws, _params(subnet_id=None))

    def test_who_may_not_look_is_told_by_the_launch(self, aws: Any) -> None:
        _expect_search(aws)
        aws.refuse("ec2", "describe_vpcs", "UnauthorizedOperation", status=403)
        _expect_image(aws)
        aws.refuse("ec2", "run_instances", "VPCIdNotSpecified", "No default VPC for this user")
        _expect_search(aws)
        aws.expect("ec2", "describe_key_pairs", None, {"KeyPairs": []})
        with pytest.raises(ProviderError, match="No default VPC for this user"):
            present(aws, _params(subnet_id=None))


def test_check_mode_launches_nothing(aws: Any) -> None:
    _expect_search(aws)
    result = present(aws, _params(), check_mode=True)
    assert result["changed"]
    assert (result["id"], result["state"], result["running"]) == (None, None, False)


def test_one_that_is_there_is_adopted(aws: Any) -> None:
    _expect_search(aws, _instance("terminated", "i-0"), _instance())
    assert not present(aws, _params())["changed"]


def test_one_that_starts_is_waited_for(aws: Any) -> None:
    _expect_search(aws, _instance("pending"))
    _expect_read(aws, _instance())
    result = present(aws, _params())
    assert (result["changed"], result["running"]) == (False, True)


@pytest.mark.parametrize("state", ["stopping", "stopped"])
def test_one_that_was_stopped_is_not_started_behind_its_owners_back(aws: Any, state: str) -> None:
    _expect_search(aws, _instance(state))
    with pytest.raises(ConflictError, match=f"is {state}: start it, or remove it first"):
        present(aws, _params())


def test_one_that_does_not_come_up_is_told_with_the_reason(aws: Any) -> None:
    _expect_search(aws, _instance("pending"))
    reason = {"Code": "Client.VolumeLimitExceeded", "Message": "Client.VolumeLimitExceeded: Volume limit exceeded"}
    _expect_read(aws, _instance("terminated", StateReason=reason))
    with pytest.raises(ProviderError, match=r"it is terminated: Client.VolumeLimitExceeded: Volume limit exceeded"):
        present(aws, _params())


class TestConsole:
    def test_the_latest_is_asked_for(self, aws: Any) -> None:
        _expect_search(aws, _instance())
        aws.expect("ec2", "get_console_output", {"InstanceId": "i-1", "Latest": True}, {"Output": "hello\r\n"})
        assert present(aws, _params(console=True))["console"] == "hello\n"

    def test_a_type_that_has_only_an_older_one_gives_that(self, aws: Any) -> None:
        _expect_search(aws, _instance())
        aws.refuse("ec2", "get_console_output", "UnsupportedOperation")
        aws.expect("ec2", "get_console_output", {"InstanceId": "i-1"}, {})
        assert present(aws, _params(console=True))["console"] == ""

    def test_another_refusal_is_none_of_the_type(self, aws: Any) -> None:
        _expect_search(aws, _instance())
        aws.refuse("ec2", "get_console_output", "UnauthorizedOperation", status=403)
        with pytest.raises(ProviderError, match="Could not read the console of instance i-1"):
            present(aws, _params(console=True))

    def test_an_instance_that_ends_is_not_waited_for(self, aws: Any) -> None:
        _expect_search(aws, _instance())
        _expect_read(aws, _instance("terminated"))
        aws.expect("ec2", "get_console_output", None, {"Output": "Kernel panic\n"})
        with pytest.raises(ProviderError, match=r"it is terminated\. The last lines on its console:\nKernel panic"):
            present(aws, _params(console_pattern="ready"))


class TestRemoval:
    def _expect_pairs(self, aws: Any, *pairs: str) -> None:
        request = {"Filters": _SEARCH["Filters"], "IncludePublicKey": True}
        found = [{"KeyPairId": pair, "KeyName": f"name-of-{pair}", "Tags": _TAGS[1:]} for pair in pairs]
        aws.expect("ec2", "describe_key_pairs", request, {"KeyPairs": found})

    def test_instance_and_key_pair_go_and_are_waited_for(self, aws: Any) -> None:
        _expect_search(aws, _instance())
        self._expect_pairs(aws, "key-1")
        aws.expect("ec2", "terminate_instances", {"InstanceIds": ["i-1"]}, {})
        _expect_read(aws, _instance("shutting-down"))
        _expect_read(aws, _instance("terminated"))
        aws.expect("ec2", "delete_key_pair", {"KeyPairId": "key-1"}, {})
        result = absent(aws, _params())
        assert (result["changed"], result["state"], result["running"]) == (True, "absent", False)
        assert result["diff"]["after"] == {}

    def test_one_that_is_being_terminated_is_joined(self, aws: Any) -> None:
        _expect_search(aws, _instance("shutting-down"))
        self._expect_pairs(aws)
        aws.refuse("ec2", "describe_instances", "InvalidInstanceID.NotFound")
        assert not absent(aws, _params())["changed"]

    def test_a_key_pair_that_a_killed_launch_has_left_goes(self, aws: Any) -> None:
        _expect_search(aws)
        self._expect_pairs(aws, "key-1")
        aws.expect("ec2", "delete_key_pair", {"KeyPairId": "key-1"}, {})
        assert absent(aws, _params())["changed"]

    def test_check_mode_removes_nothing(self, aws: Any) -> None:
        _expect_search(aws, _instance())
        self._expect_pairs(aws, "key-1")
        assert absent(aws, _params(), check_mode=True)["changed"]

    def test_what_is_gone_is_gone(self, aws: Any) -> None:
        _expect_search(aws, _instance("terminated"))
        self._expect_pairs(aws)
        assert not absent(aws, _params())["changed"]


class TestKeyPair:
    KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIACwh9lOaan8+aPdyztV7GjfSgtj/6ZcHIZ6Zp1S2Qx3 somebody@elsewhere"
    IMPORT: dict[str, Any] = {
        "KeyName": "alpine-cloud-machine",
        "PublicKeyMaterial": KEY.encode(),
        "TagSpecifications": [{"ResourceType": "key-pair", "Tags": _TAGS}],
    }

    def _expect_pairs(self, aws: Any, *keys: str) -> None:
        found = [
            {"KeyPairId": f"key-{number}", "KeyName": "alpine-cloud-machine", "PublicKey": key, "Tags": _TAGS}
            for number, key in enumerate(keys)
        ]
        aws.expect("ec2", "describe_key_pairs", None, {"KeyPairs": found})

    def _launch(self, aws: Any) -> None:
        present(aws, _params(ssh_public_key=self.KEY, wait=False))

    def test_it_is_imported_under_the_machines_name(self, aws: Any) -> None:
        _expect_search(aws)
        _expect_image(aws)
        self._expect_pairs(aws)
        aws.expect("ec2", "import_key_pair", self.IMPORT, {"KeyName": "alpine-cloud-machine"})
        _expect_launch(aws, SubnetId="subnet-1", KeyName="alpine-cloud-machine")
        self._launch(aws)

    def test_one_that_a_killed_launch_has_left_is_taken(self, aws: Any) -> None:
        _expect_search(aws)
        _expect_image(aws)
        # EC2 may give it with another comment.
        self._expect_pairs(aws, self.KEY.rpartition(" ")[0] + " alpine-cloud-machine")
        _expect_launch(aws, SubnetId="subnet-1", KeyName="alpine-cloud-machine")
        self._launch(aws)

    def test_another_key_is_replaced(self, aws: Any) -> None:
        _expect_search(aws)
        _expect_image(aws)
        self._expect_pairs(aws, self.KEY.replace("AAAAIACw", "AAAAIBCw"))
        aws.expect("ec2", "delete_key_pair", {"KeyPairId": "key-0"}, {})
        aws.expect("ec2", "import_key_pair", self.IMPORT, {"KeyName": "alpine-cloud-machine"})
        _expect_launch(aws, SubnetId="subnet-1", KeyName="alpine-cloud-machine")
        self._launch(aws)

    def test_a_launch_that_is_refused_leaves_none(self, aws: Any) -> None:
        _expect_search(aws)
        _expect_image(aws)
        self._expect_pairs(aws)
        aws.expect("ec2", "import_key_pair", self.IMPORT, {"KeyName": "alpine-cloud-machine"})
        aws.refuse("ec2", "run_instances", "InsufficientInstanceCapacity", "Insufficient capacity.", status=500)
        _expect_search(aws)
        self._expect_pairs(aws, self.KEY)
        aws.expect("ec2", "delete_key_pair", {"KeyPairId": "key-0"}, {})
        with pytest.raises(ProviderError, match="InsufficientInstanceCapacity"):
            self._launch(aws)

    def test_it_stays_if_another_run_has_launched_the_instance(self, aws: Any) -> None:
        _expect_search(aws)
        _expect_image(aws)
        self._expect_pairs(aws, self.KEY)
        aws.refuse("ec2", "run_instances", "IdempotentParameterMismatch")
        _expect_search(aws, _instance())
        with pytest.raises(ProviderError, match="IdempotentParameterMismatch"):
            self._launch(aws)

    def test_one_of_others_is_a_conflict(self, aws: Any) -> None:
        _expect_search(aws)
        _expect_image(aws)
        self._expect_pairs(aws)
        aws.refuse("ec2", "import_key_pair", "InvalidKeyPair.Duplicate")
        self._expect_pairs(aws)
        _expect_search(aws)
        self._expect_pairs(aws)
        with pytest.raises(ConflictError, match="There is a key pair called alpine-cloud-machine that"):
            self._launch(aws)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"image_id": "ami-2"}, "has image_id ami-1, not ami-2"),
        ({"instance_type": "t3.micro"}, "has instance_type t3.nano, not t3.micro"),
    ],
)
def test_another_one_of_the_name_is_a_conflict(aws: Any, options: dict[str, Any], reason: str) -> None:
    _expect_search(aws, _instance())
    with pytest.raises(ConflictError, match=reason):
        present(aws, _params(**options))


def test_an_image_is_needed_but_in_check_mode(aws: Any) -> None:
    _expect_search(aws)
    with pytest.raises(InputError, match="image_id is missing"):
        present(aws, _params(image_id=None))
    _expect_search(aws)
    assert present(aws, _params(image_id=None), check_mode=True)["changed"]


def test_tags_of_others_stay(aws: Any) -> None:
    theirs = {"Key": "theirs", "Value": "1"}
    _expect_search(aws, _instance(Tags=[*_TAGS, theirs]))
    request = {"Resources": ["i-1"], "Tags": [{"Key": "team", "Value": "sales"}]}
    aws.expect("ec2", "create_tags", request, {})
    result = present(aws, _params(tags={"team": "sales"}))
    assert result["changed"]
    assert result["tags"] == {"Name": _NAME, "alpine-cloud-machine": _NAME, "theirs": "1", "team": "sales"}


def test_the_tag_of_the_name_is_the_modules(aws: Any) -> None:
    with pytest.raises(InputError, match="tags: alpine-cloud-machine is set by the module, from name"):
        present(aws, _params(tags={"alpine-cloud-machine": "other"}))
