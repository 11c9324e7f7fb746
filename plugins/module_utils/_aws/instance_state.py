# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What EC2 says of an instance that this collection has launched."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from .._core.errors import ProviderError
from .errors import provider_errors
from .tags import MACHINE_KEY, as_dict

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import InstanceTypeDef

# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
_STARTING = "pending"
_RUNNING = "running"
_ENDED = ("shutting-down", "terminated")
_GONE = "terminated"


@dataclasses.dataclass(frozen=True)
class Ec2InstanceAttributes:
    """What is managed of an instance."""

    name: str
    image_id: str
    instance_type: str
    tags: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Ec2InstanceState:
    """An instance as EC2 tells it."""

    instance_id: str
    state: str
    reason: str
    """Why it is in that state; often empty."""
    launched: str
    private_address: str | None
    public_address: str | None
    availability_zone: str
    managed: Ec2InstanceAttributes

    @classmethod
    def of(cls, instance: InstanceTypeDef) -> Ec2InstanceState:
        tags = as_dict(instance.get("Tags"))
        launched = instance.get("LaunchTime")
        return cls(
            instance_id=instance["InstanceId"],
            state=instance["State"]["Name"],
            reason=instance.get("StateReason", {}).get("Message", "") or instance.get("StateTransitionReason", ""),
            launched=launched.isoformat() if launched else "",
            private_address=instance.get("PrivateIpAddress") or None,
            public_address=instance.get("PublicIpAddress") or None,
            availability_zone=instance.get("Placement", {}).get("AvailabilityZone", ""),
            managed=Ec2InstanceAttributes(
                name=tags.get(MACHINE_KEY, ""),
                image_id=instance["ImageId"],
                instance_type=instance["InstanceType"],
                tags=tags,
            ),
        )

    @property
    def running(self) -> bool:
        return self.state == _RUNNING

    @property
    def starting(self) -> bool:
        return self.state == _STARTING

    @property
    def ended(self) -> bool:
        """Whether it is being terminated, or was; it stays in EC2's lists for about an hour."""
        return self.state in _ENDED

    @property
    def gone(self) -> bool:
        return self.state == _GONE


def instances_of(ec2: EC2Client, name: str) -> list[Ec2InstanceState]:
    """The instances that this collection has launched by this name, also those that have ended; oldest first."""
    with provider_errors("DescribeInstances", f"look for the instance {name}"):
        pages = ec2.get_paginator("describe_instances").paginate(
            Filters=[{"Name": f"tag:{MACHINE_KEY}", "Values": [name]}]
        )
        found = [
            Ec2InstanceState.of(instance)
            for page in pages
            for reservation in page["Reservations"]
            for instance in reservation["Instances"]
        ]
    return sorted(found, key=lambda instance: (instance.launched, instance.instance_id))


def read_instance(ec2: EC2Client, instance_id: str) -> Ec2InstanceState | None:
    """The instance; ``None`` when EC2 does not know it yet, as may be right after its launch, or any more."""
    try:
        with provider_errors("DescribeInstances", f"read instance {instance_id}"):
            found = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"]
    except ProviderError as error:
        if error.code == "InvalidInstanceID.NotFound":
            return None
        raise
    instances = [instance for reservation in found for instance in reservation["Instances"]]
    return Ec2InstanceState.of(instances[0]) if instances else None
