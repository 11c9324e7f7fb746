# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key pair of an instance: EC2 takes a public key under a name only, and hands it to the instance from there."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from .._core.errors import ConflictError, ProviderError
from .._launch.public_key import SshPublicKey
from .errors import provider_errors
from .tags import MACHINE_KEY, as_dict, as_list

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import KeyPairInfoTypeDef


@dataclasses.dataclass(frozen=True)
class KeyPairState:
    """A key pair as EC2 tells it."""

    key_pair_id: str
    name: str
    public_key: SshPublicKey | None
    machine: str | None
    """The instance that it was made for; ``None`` for those of others."""

    @classmethod
    def of(cls, pair: KeyPairInfoTypeDef) -> KeyPairState:
        text = pair.get("PublicKey")
        return cls(
            key_pair_id=pair["KeyPairId"],
            name=pair["KeyName"],
            public_key=SshPublicKey.parse(text) if text else None,
            machine=as_dict(pair.get("Tags")).get(MACHINE_KEY),
        )


def key_pair_name(machine: str) -> str:
    """The name of the key pair of the instance called ``machine``."""
    return f"alpine-cloud-{machine}"[:255]


def key_pairs_of(ec2: EC2Client, machine: str) -> list[KeyPairState]:
    """Those that were made for the instance called ``machine``."""
    with provider_errors("DescribeKeyPairs", f"look for the key pair of {machine}"):
        found = ec2.describe_key_pairs(
            Filters=[{"Name": f"tag:{MACHINE_KEY}", "Values": [machine]}], IncludePublicKey=True
        )
        return [KeyPairState.of(pair) for pair in found["KeyPairs"]]


def import_key_pair(ec2: EC2Client, machine: str, key: SshPublicKey, tags: dict[str, str]) -> str:
    """Have EC2 know the key, and return the name under which it does.

    One that an interrupted launch has left is taken if it is this key, and replaced if it is another one.

    :raises ConflictError: when the name is taken by a key pair of others.
    """
    name = key_pair_name(machine)
    for pair in key_pairs_of(ec2, machine):
        if pair.public_key is not None and (pair.public_key.kind, pair.public_key.blob) == (key.kind, key.blob):
            return pair.name
        delete_key_pair(ec2, pair)
    specification = [{"ResourceType": "key-pair", "Tags": as_list(tags)}]
    try:
        with provider_errors("ImportKeyPair", f"import the key pair {name}"):
            return ec2.import_key_pair(
                KeyName=name,
                PublicKeyMaterial=key.line.encode(),
                TagSpecifications=specification,  # type: ignore[arg-type]
            )["KeyName"]
    except ProviderError as error:
        if error.code != "InvalidKeyPair.Duplicate":
            raise
        # That of another run that does the same, or of an attempt whose answer got lost; or somebody else's.
        if any(pair.name == name for pair in key_pairs_of(ec2, machine)):
            return name
        raise ConflictError(
            f"There is a key pair called {name} that this collection has not made (it has no tag {MACHINE_KEY}): "
            "choose another name for the instance, or delete the key pair"
        ) from error


def delete_key_pair(ec2: EC2Client, pair: KeyPairState) -> None:
    """Delete it; EC2 does not mind that it is gone."""
    with provider_errors("DeleteKeyPair", f"delete the key pair {pair.name}"):
        ec2.delete_key_pair(KeyPairId=pair.key_pair_id)
