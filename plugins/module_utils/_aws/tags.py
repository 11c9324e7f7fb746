# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags of EC2 resources: what a module puts on them, and what differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .._core.errors import InputError
from .._core.identity import IDENTITY_KEY

if TYPE_CHECKING:
    from types_boto3_ec2.type_defs import TagTypeDef

# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
_MAX_TAGS = 50
_MAX_KEY = 128
_MAX_VALUE = 256


MACHINE_KEY = "alpine-cloud-machine"
"""The tag that has the name of an instance that this collection has launched."""


def wanted_tags(tags: Mapping[str, Any] | None, *, sha256: str, name: str) -> dict[str, str]:
    """The user's tags, over ``Name`` and the identity of an image.

    :raises InputError: when EC2 would refuse them, or one of them contradicts the identity.
    """
    return _checked_tags(tags, name, IDENTITY_KEY, sha256, "source_sha256")


def machine_tags(tags: Mapping[str, Any] | None, *, name: str) -> dict[str, str]:
    """The user's tags, over ``Name`` and the identity of a machine.

    :raises InputError: likewise.
    """
    return _checked_tags(tags, name, MACHINE_KEY, name, "name")


def _checked_tags(
    tags: Mapping[str, Any] | None, name: str, identity_key: str, identity: str, option: str
) -> dict[str, str]:
    """:param option: what the identity comes from."""
    wanted = {"Name": name, **{str(key): str(value) for key, value in (tags or {}).items()}}
    for key, value in wanted.items():
        if key.lower().startswith("aws:"):
            raise InputError(f"tags: {key!r} begins with 'aws:', which is reserved to AWS")
        if not 1 <= len(key) <= _MAX_KEY or len(value) > _MAX_VALUE:
            raise InputError(f"tags: {key!r}: a key has 1 to {_MAX_KEY} characters, a value {_MAX_VALUE} at most")
    if wanted.setdefault(identity_key, identity) != identity:
        raise InputError(f"tags: {identity_key} is set by the module, from {option}")
    if len(wanted) > _MAX_TAGS:
        raise InputError(f"tags: {len(wanted)} tags with the module's own, but EC2 takes {_MAX_TAGS}")
    return wanted


def as_list(tags: Mapping[str, str]) -> list[TagTypeDef]:
    """In the form of EC2's requests."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def as_dict(tags: Iterable[TagTypeDef] | None) -> dict[str, str]:
    """From the form of EC2's answers, which leave out what is empty."""
    return {tag["Key"]: tag["Value"] for tag in tags or ()}


def missing_tags(present: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    """What must be written so that ``wanted`` holds. Tags of others are left alone."""
    return {key: value for key, value in wanted.items() if present.get(key) != value}
