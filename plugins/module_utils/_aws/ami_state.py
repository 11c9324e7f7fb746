# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What EC2 says of an AMI, and what is done alike to one that was registered and one that was copied."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from .._core.errors import ConflictError, InputError, ProviderError
from .._core.identity import IDENTITY_KEY
from .._core.wait import Wait
from .deprecation import shown_deprecation
from .errors import provider_errors
from .snapshot_state import delete_snapshot
from .tags import as_dict, as_list, missing_tags

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.literals import (
        ArchitectureValuesType,
        BootModeValuesType,
        ImdsSupportValuesType,
        VirtualizationTypeType,
        VolumeTypeType,
    )
    from types_boto3_ec2.type_defs import EbsBlockDeviceResponseTypeDef, ImageTypeDef

_FAILED = {"failed", "error", "invalid"}
# It stays listed for a while, but is nothing any more.
_GONE = "deregistered"
# What is answered for one that is gone, and to who deregisters it a second time.
_GONE_CODES = {"InvalidAMIID.NotFound", "InvalidAMIID.Unavailable"}
_FINAL = {"available", "disabled"}

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RegisterImage.html
_NAME = re.compile(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}")
_MAX_DESCRIPTION = 255


def checked_ami_name(name: str) -> str:
    """Return ``name``.

    :raises InputError: when EC2 would refuse it for an AMI.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"name {name!r}: an AMI's name has 3 to 128 characters, of letters, digits, spaces and ()[]./-'@_"
        )
    return name


def checked_description(description: str | None) -> str | None:
    """Return ``description``.

    :raises InputError: when it is too long for an AMI.
    """
    if description is not None and len(description) > _MAX_DESCRIPTION:
        raise InputError(f"description has {len(description)} characters, but EC2 takes {_MAX_DESCRIPTION}")
    return description


@dataclasses.dataclass(frozen=True)
class AmiFixed:
    """What an image is registered with for good, in EC2's words; ``None`` where EC2 tells nothing."""

    architecture: ArchitectureValuesType | None
    boot_mode: BootModeValuesType | None
    ena_support: bool
    imds_support: ImdsSupportValuesType | None
    sriov_net_support: str | None
    virtualization_type: VirtualizationTypeType | None
    root_device_name: str | None
    root_volume_type: VolumeTypeType | None
    delete_on_termination: bool | None


@dataclasses.dataclass(frozen=True)
class AmiAttributes(AmiFixed):
    """What is managed of an image, by the names that options and results have."""

    name: str
    description: str
    tags: dict[str, str]
    deprecation_time: str | None


@dataclasses.dataclass(frozen=True)
class AmiState:
    """An image as EC2 tells it."""

    image_id: str
    state: str
    reason: str
    """Why it is in that state; often empty."""
    created: str
    snapshot_id: str | None
    """Of its root volume; ``None`` while a copy is being made."""
    managed: AmiAttributes

    @classmethod
    def of(cls, image: ImageTypeDef) -> AmiState:
        volume = _root_volume(image)
        return cls(
            image_id=image["ImageId"],
            state=image["State"],
            reason=image.get("StateReason", {}).get("Message", ""),
            created=image.get("CreationDate", ""),
            snapshot_id=volume.get("SnapshotId"),
            managed=AmiAttributes(
                architecture=image.get("Architecture"),
                boot_mode=image.get("BootMode"),
                ena_support=image.get("EnaSupport", False),
                imds_support=image.get("ImdsSupport"),
                sriov_net_support=image.get("SriovNetSupport"),
                virtualization_type=image.get("VirtualizationType"),
                root_device_name=image.get("RootDeviceName"),
                root_volume_type=volume.get("VolumeType"),
                delete_on_termination=volume.get("DeleteOnTermination"),
                name=image.get("Name", ""),
                description=image.get("Description", ""),
                tags=as_dict(image.get("Tags")),
                deprecation_time=image.get("DeprecationTime"),
            ),
        )

    @property
    def failed(self) -> bool:
        return self.state in _FAILED

    @property
    def final(self) -> bool:
        """Whether it can be used, or could be if nobody had disabled it."""
        return self.state in _FINAL

    @property
    def disabled(self) -> bool:
        """Whether somebody has disabled it: then nothing is launched or copied from it."""
        return self.state == "disabled"

    @property
    def fixed(self) -> AmiFixed:
        names = [field.name for field in dataclasses.fields(AmiFixed)]
        return AmiFixed(**{name: getattr(self.managed, name) for name in names})


def _root_volume(image: ImageTypeDef) -> EbsBlockDeviceResponseTypeDef:
    """The EBS part of the root device; EC2 gives the mappings in any order, and a fresh copy's without snapshot."""
    for mapping in image.get("BlockDeviceMappings", []):
        if mapping.get("DeviceName") == image.get("RootDeviceName"):
            return mapping.get("Ebs", {})
    return {}


def find_ami(ec2: EC2Client, name: str, sha256: str) -> AmiState | None:
    """The account's image of this name and content, the preferred one.

    :raises ConflictError: when images of this name exist, and none has the content.
    """
    return preferred(find_amis(ec2, name, sha256))


def preferred(images: Iterable[AmiState]) -> AmiState | None:
    """Of images of one name and content, the one that counts: usable ones first, then the oldest."""
    return min(images, key=lambda image: (image.failed, image.created), default=None)


def find_amis(ec2: EC2Client, name: str, sha256: str) -> list[AmiState]:
    """The account's images of this name and content; CopyImage lets a name be taken twice.

    :raises ConflictError: when images of this name exist, and none has the content.
    """
    with provider_errors("DescribeImages", f"look for images named {name}"):
        pages = ec2.get_paginator("describe_images").paginate(
            Owners=["self"], Filters=[{"Name": "name", "Values": [name]}], IncludeDisabled=True
        )
        images = [AmiState.of(image) for page in pages for image in page["Images"]]
    named = [image for image in images if image.managed.name == name and image.state != _GONE]
    own = [image for image in named if image.managed.tags.get(IDENTITY_KEY) == sha256]
    if named and not own:
        raise ConflictError(
            f"The name {name} is taken by {named[0].image_id}, which holds other content (its tag {IDENTITY_KEY} is "
            f"{named[0].managed.tags.get(IDENTITY_KEY)}, not {sha256}): choose another name, or deregister that image"
        )
    return own


def check_enabled(image: AmiState) -> None:
    """:raises ConflictError: when it was disabled, which this collection never does."""
    if image.disabled:
        raise ConflictError(
            f"Image {image.image_id} is disabled, so that nothing can be launched or copied from it: enable it "
            f"(aws ec2 enable-image --image-id {image.image_id}), or deregister it (state absent)"
        )


def await_ami(ec2: EC2Client, image_id: str, wait: Wait, *, operation: str) -> AmiState:
    """Wait until the image is available.

    :param operation: of EC2, that made it.
    :raises ProviderError: when it ends in another state, with EC2's reason.
    """

    def check() -> AmiState | None:
        try:
            with provider_errors("DescribeImages", f"read image {image_id}"):
                images = ec2.describe_images(ImageIds=[image_id])["Images"]
        except ProviderError as error:
            # Answers lag behind RegisterImage and CopyImage; the time-out bounds it.
            if error.code == "InvalidAMIID.NotFound":
                return None
            raise
        if not images:
            return None
        image = AmiState.of(images[0])
        if image.failed or image.state == "deregistered":
            raise ProviderError(
                f"Image {image_id} is {image.state}: {image.reason or 'AWS gave no reason'}",
                operation=operation,
                code=image.state,
                details={"image_id": image_id},
            )
        return image if image.final else None

    return wait.until(check, what=f"image {image_id}")


def converge_ami(
    ec2: EC2Client,
    image: AmiState,
    *,
    tags: dict[str, str],
    description: str | None,
    deprecate_at: datetime | None,
) -> None:
    """Write the tags, the description and the deprecation that differ.

    :param description: ``None`` leaves it as it is.
    :param deprecate_at: ``None`` likewise.
    """
    held = image.managed
    missing = missing_tags(held.tags, tags)
    if missing:
        with provider_errors("CreateTags", f"tag image {image.image_id}"):
            ec2.create_tags(Resources=[image.image_id], Tags=as_list(missing))
    if description is not None and description != held.description:
        with provider_errors("ModifyImageAttribute", f"describe image {image.image_id}"):
            ec2.modify_image_attribute(ImageId=image.image_id, Description={"Value": description})
    if deprecate_at is not None and shown_deprecation(deprecate_at) != held.deprecation_time:
        with provider_errors("EnableImageDeprecation", f"set the deprecation of image {image.image_id}"):
            ec2.enable_image_deprecation(ImageId=image.image_id, DeprecateAt=deprecate_at)


def deregister_ami(ec2: EC2Client, image: AmiState, *, delete_snapshots: bool) -> None:
    """Deregister an image, on request with those of its snapshots that no other image uses.

    :raises ProviderError: also when EC2 has deregistered it, but kept a snapshot.
    """
    try:
        with provider_errors("DeregisterImage", f"deregister image {image.image_id}"):
            answer = ec2.deregister_image(ImageId=image.image_id, DeleteAssociatedSnapshots=delete_snapshots)
    except ProviderError as error:
        if error.code not in _GONE_CODES:
            raise
        # By a first attempt whose answer got lost, or by another run; whether with its snapshot is not known.
        if delete_snapshots and image.snapshot_id:
            _delete_unused(ec2, image.snapshot_id)
        return
    # EC2 answers 200 nevertheless (API reference, DeleteSnapshotReturnCodes); skipped is one that others use.
    kept = [
        f"{result.get('SnapshotId')} ({result.get('ReturnCode')})"
        for result in answer.get("DeleteSnapshotResults", [])
        if result.get("ReturnCode") not in ("success", "skipped")
    ]
    if kept:
        raise ProviderError(
            f"Image {image.image_id} is deregistered, but its snapshot stays, and is billed: {', '.join(kept)}. "
            "Delete it by hand",
            operation="DeregisterImage",
            details={"image_id": image.image_id, "kept": kept},
        )


def _delete_unused(ec2: EC2Client, snapshot_id: str) -> None:
    try:
        delete_snapshot(ec2, snapshot_id)
    except ProviderError as error:
        if error.code != "InvalidSnapshot.InUse":
            raise
