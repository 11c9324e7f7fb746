# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The default VPC, which an instance without a subnet goes into; many accounts have deleted it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._core.errors import InputError, ProviderError
from .errors import provider_errors

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client

_NOT_ALLOWED = "UnauthorizedOperation"


def check_default_network(ec2: EC2Client, region: str) -> None:
    """Tell before the launch that it has nowhere to go; who may not look is told by the launch itself.

    :raises InputError: when the region has no default VPC, or that has no subnet.
    """
    try:
        with provider_errors("DescribeVpcs", "look for the default VPC"):
            found = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"]
        if not found:
            raise InputError(
                f"subnet_id is missing: region {region} has no default VPC. Name a subnet, or make a default VPC with "
                f"`aws ec2 create-default-vpc --region {region}`"
            )
        vpc_id = found[0]["VpcId"]
        with provider_errors("DescribeSubnets", f"look for the subnets of {vpc_id}"):
            subnets = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc_id]}])["Subnets"]
    except ProviderError as error:
        if error.code != _NOT_ALLOWED:
            raise
        return
    if not any(subnet.get("DefaultForAz") for subnet in subnets):
        raise InputError(
            f"subnet_id is missing: the default VPC {vpc_id} of region {region} has no default subnet. Name a subnet, "
            "or make one with `aws ec2 create-default-subnet`"
        )
