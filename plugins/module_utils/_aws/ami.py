# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An AMI from a snapshot, and what the modules for images and their copies share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .._core.diff import diff_of
from .._core.errors import ConflictError, InputError, ProviderError
from .._core.identity import IDENTITY_KEY, checked_sha256
from .._core.wait import wait_until
from .clients import Clients
from .deprecation import (
    deprecate,
    deprecation_needed,
    deprecation_of,
    parsed_deprecation,
    shown_deprecation,
)
from .errors import aws_errors, code_of
from .tags import as_dict, as_list, missing_tags, wanted_tags

ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64"}
"""Alpine's word to EC2's."""

BOOT_MODES = ["legacy-bios", "uefi", "uefi-preferred"]

FAILED_STATES = {"failed", "error", "invalid"}
_FINAL_STATES = {"available", "disabled"}

# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RegisterImage.html
_NAME = re.compile(r"[A-Za-z0-9()\[\] ./\-'@_]{3,128}")
_MAX_DESCRIPTION = 255
_ROOT_DEVICE = "/dev/xvda"


def checked_image_name(name: str) -> str:
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


def root_volume(image: Mapping[str, Any]) -> dict[str, Any]:
    """The EBS part of the root device; EC2 gives the mappings in any order, and a fresh copy's without snapshot."""
    for mapping in image.get("BlockDeviceMappings", []):
        if mapping.get("DeviceName") == image.get("RootDeviceName"):
            volume: dict[str, Any] = mapping.get("Ebs", {})
            return volume
    return {}


def immutable_attributes(image: Mapping[str, Any]) -> dict[str, Any]:
    """What an image is registered with for good, in the words of the results."""
    volume = root_volume(image)
    return {
        "architecture": image.get("Architecture"),
        "boot_mode": image.get("BootMode"),
        "ena_support": image.get("EnaSupport", False),
        "imds_support": image.get("ImdsSupport"),
        "sriov_net_support": image.get("SriovNetSupport"),
        "virtualization_type": image.get("VirtualizationType"),
        "root_device_name": image.get("RootDeviceName"),
        "root_volume_type": volume.get("VolumeType"),
        "delete_on_termination": volume.get("DeleteOnTermination"),
    }


def differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """One phrase for each attribute that differs, or an empty string."""
    return ", ".join(
        f"{key} is {found.get(key)}, not {value}" for key, value in wanted.items() if found.get(key) != value
    )


def find_image(ec2: Any, name: str, sha256: str) -> dict[str, Any] | None:
    """The account's image of this name and content, usable ones first, then the oldest.

    CopyImage lets a name be taken twice, so there may be several.

    :raises ConflictError: when images of this name exist, and none has the content.
    """
    with aws_errors(f"look for images named {name}"):
        pages = ec2.get_paginator("describe_images").paginate(
            Owners=["self"], Filters=[{"Name": "name", "Values": [name]}], IncludeDisabled=True
        )
        images = [image for page in pages for image in page["Images"] if image["Name"] == name]
    own = [image for image in images if as_dict(image).get(IDENTITY_KEY) == sha256]
    if images and not own:
        image = images[0]
        found = as_dict(image).get(IDENTITY_KEY)
        raise ConflictError(
            f"The name {name} is taken by {image['ImageId']}, which holds other content (its tag {IDENTITY_KEY} is "
            f"{found}, not {sha256}): choose another name, or deregister that image"
        )
    own.sort(key=lambda image: (image["State"] in FAILED_STATES, image.get("CreationDate", "")))
    return own[0] if own else None


def await_image(ec2: Any, image_id: str, *, timeout: float, interval: float, operation: str) -> dict[str, Any]:
    """Wait until the image is available, and return it.

    :param operation: of EC2, that made it.
    :raises ProviderError: when it ends in another state, with EC2's reason.
    """

    def check() -> dict[str, Any] | None:
        with aws_errors(f"read image {image_id}"):
            try:
                images = ec2.describe_images(ImageIds=[image_id])["Images"]
            except Exception as error:
                # Answers lag behind RegisterImage and CopyImage; the timeout bounds it.
                if code_of(error) == "InvalidAMIID.NotFound":
                    return None
                raise
        if not images:
            return None
        image: dict[str, Any] = images[0]
        state = image["State"]
        if state in FAILED_STATES or state == "deregistered":
            reason = image.get("StateReason", {}).get("Message") or "AWS gave no reason"
            raise ProviderError(
                f"Image {image_id} is {state}: {reason}",
                operation=operation,
                code=state,
                details={"image_id": image_id},
            )
        return image if state in _FINAL_STATES else None

    return wait_until(check, timeout=timeout, interval=interval, what=f"image {image_id}")


def converge_image(
    ec2: Any,
    image: Mapping[str, Any],
    *,
    tags: Mapping[str, str],
    description: str | None,
    deprecate_at: datetime | None,
    check_mode: bool,
) -> bool:
    """Write the tags, the description and the deprecation that differ; tells whether any did.

    :raises InputError: when ``deprecate_at`` differs and EC2 would refuse it.
    """
    image_id = image["ImageId"]
    new_deprecation = deprecation_needed(image, deprecate_at)
    missing = missing_tags(as_dict(image), tags)
    new_description = description is not None and image.get("Description", "") != description
    if not check_mode:
        with aws_errors(f"update image {image_id}"):
            if missing:
                ec2.create_tags(Resources=[image_id], Tags=as_list(missing))
            if new_description:
                ec2.modify_image_attribute(ImageId=image_id, Description={"Value": description})
        if new_deprecation and deprecate_at is not None:
            deprecate(ec2, image_id, deprecate_at)
    return bool(missing) or new_description or new_deprecation


class Image:
    """The AMI of one source image in one region."""

    def __init__(self, clients: Clients, params: Mapping[str, Any], *, check_mode: bool) -> None:
        self._params = params
        self._check_mode = check_mode
        self._region = clients.region
        self._ec2 = clients.client("ec2")
        self._name = checked_image_name(params["name"])
        self._sha256 = checked_sha256(params["source_sha256"])

    def present(self) -> dict[str, Any]:
        """Adopt the image, or register it; converge what can be changed; read back."""
        params = self._params
        if params["architecture"] == "aarch64" and params["boot_mode"] != "uefi":
            raise InputError(f"boot_mode {params['boot_mode']}: aarch64 boots by uefi only")
        description = checked_description(params["description"])
        deprecate_at = parsed_deprecation(params["deprecate_at"])
        tags = wanted_tags(params["tags"], sha256=self._sha256, name=self._name)
        wanted = {
            "architecture": ARCHITECTURES[params["architecture"]],
            "boot_mode": params["boot_mode"],
            "ena_support": True,
            "imds_support": "v2.0",
            "sriov_net_support": "simple",
            "virtualization_type": "hvm",
            "root_device_name": _ROOT_DEVICE,
            "root_volume_type": "gp3",
            "delete_on_termination": True,
        }
        image = find_image(self._ec2, self._name, self._sha256)
        if image is not None and image["State"] not in FAILED_STATES:
            return self._adopt(image, wanted, tags, description, deprecate_at)
        new_deprecation = deprecation_needed({}, deprecate_at)
        after = wanted | {
            "name": self._name,
            "description": description or "",
            "tags": tags,
            "deprecation_time": shown_deprecation(deprecate_at) if deprecate_at else None,
        }
        if self._check_mode:
            return self._result(True, {}, after, None)
        if not params["snapshot_id"]:
            raise InputError(f"snapshot_id is missing: there is no image {self._name} with this content yet")
        if image is not None:
            self._deregister(image["ImageId"], delete_snapshots=False)
        image_id = self._register(wanted, tags, description)
        if not params["wait"]:
            return self._result(True, {}, after, {"ImageId": image_id, "State": "pending"})
        image = self._await(image_id)
        self._verify(image, wanted)
        if new_deprecation and deprecate_at is not None:
            deprecate(self._ec2, image_id, deprecate_at)
            image = {**image, "DeprecationTime": shown_deprecation(deprecate_at)}
        return self._result(True, {}, self._shown(image), image)

    def absent(self) -> dict[str, Any]:
        """Deregister the image; with its snapshots on request."""
        image = find_image(self._ec2, self._name, self._sha256)
        if image is None:
            return self._result(False, {}, {}, None) | {"state": "absent"}
        if not self._check_mode:
            self._deregister(image["ImageId"], delete_snapshots=self._params["delete_associated_snapshots"])
        return self._result(True, self._shown(image), {}, image) | {"state": "absent"}

    def _adopt(
        self,
        image: dict[str, Any],
        wanted: Mapping[str, Any],
        tags: Mapping[str, str],
        description: str | None,
        deprecate_at: datetime | None,
    ) -> dict[str, Any]:
        found = differences(wanted, immutable_attributes(image))
        if found:
            raise ConflictError(
                f"Image {image['ImageId']} named {self._name} cannot be changed to what was asked for: {found}. "
                "Deregister it (state absent), or choose another name"
            )
        before = self._shown(image)
        changed = converge_image(
            self._ec2,
            image,
            tags=tags,
            description=description,
            deprecate_at=deprecate_at,
            check_mode=self._check_mode,
        )
        after = before | {"tags": before["tags"] | tags}
        if deprecate_at is not None:
            after["deprecation_time"] = shown_deprecation(deprecate_at)
        if description is not None:
            after["description"] = description
        if not self._check_mode and self._params["wait"] and image["State"] not in _FINAL_STATES:
            image = self._await(image["ImageId"])
        return self._result(changed, before, after, image)

    def _register(self, wanted: Mapping[str, Any], tags: Mapping[str, str], description: str | None) -> str:
        request: dict[str, Any] = {
            "Name": self._name,
            "Architecture": wanted["architecture"],
            "BootMode": wanted["boot_mode"],
            "EnaSupport": wanted["ena_support"],
            "ImdsSupport": wanted["imds_support"],
            "SriovNetSupport": wanted["sriov_net_support"],
            "VirtualizationType": wanted["virtualization_type"],
            "RootDeviceName": wanted["root_device_name"],
            "BlockDeviceMappings": [
                {
                    "DeviceName": wanted["root_device_name"],
                    "Ebs": {
                        "SnapshotId": self._params["snapshot_id"],
                        "VolumeType": wanted["root_volume_type"],
                        "DeleteOnTermination": wanted["delete_on_termination"],
                    },
                }
            ],
            "TagSpecifications": [{"ResourceType": "image", "Tags": as_list(tags)}],
        }
        if description:
            request["Description"] = description
        with aws_errors(f"register image {self._name} from {self._params['snapshot_id']}"):
            try:
                image_id: str = self._ec2.register_image(**request)["ImageId"]
            except Exception as error:
                if code_of(error) != "InvalidAMIName.Duplicate":
                    raise
                # An answer got lost, or another run was faster: if the content is ours, so is the image.
                image = find_image(self._ec2, self._name, self._sha256)
                if image is None:
                    raise
                image_id = image["ImageId"]
        return image_id

    def _verify(self, image: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        found = differences(wanted, immutable_attributes(image))
        if found:
            raise ProviderError(
                f"EC2 registered {image['ImageId']} otherwise than asked: {found}", operation="RegisterImage"
            )

    def _await(self, image_id: str) -> dict[str, Any]:
        return await_image(
            self._ec2,
            image_id,
            timeout=self._params["wait_timeout"],
            interval=self._params["wait_interval"],
            operation="RegisterImage",
        )

    def _deregister(self, image_id: str, *, delete_snapshots: bool) -> None:
        with aws_errors(f"deregister image {image_id}"):
            self._ec2.deregister_image(ImageId=image_id, DeleteAssociatedSnapshots=delete_snapshots)

    @staticmethod
    def _shown(image: Mapping[str, Any]) -> dict[str, Any]:
        return immutable_attributes(image) | {
            "name": image.get("Name"),
            "description": image.get("Description", ""),
            "tags": as_dict(image),
            "deprecation_time": deprecation_of(image),
        }

    def _result(
        self, changed: bool, before: dict[str, Any], after: dict[str, Any], image: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        shown = after or before
        return {
            "changed": changed,
            "image_id": (image or {}).get("ImageId"),
            "state": (image or {}).get("State"),
            "snapshot_id": root_volume(image or {}).get("SnapshotId") or self._params.get("snapshot_id"),
            "name": self._name,
            "region": self._region,
            "source_sha256": self._sha256,
            "architecture": shown.get("architecture"),
            "boot_mode": shown.get("boot_mode"),
            "tags": shown.get("tags", {}),
            "deprecation_time": shown.get("deprecation_time"),
            "diff": diff_of(before, after),
        }
