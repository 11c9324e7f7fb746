# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What LaunchInstance refuses: of shapes, boot volumes and metadata."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from tests.sandbox._oci._account import AVAILABILITY_DOMAINS
from tests.sandbox._oci._api import ApiError, invalid
from tests.sandbox._oci._catalogue import SHAPES
from tests.sandbox._oci._images import Image

_KNOWN = {
    "availabilityDomain",
    "compartmentId",
    "createVnicDetails",
    "displayName",
    "freeformTags",
    "instanceOptions",
    "metadata",
    "shape",
    "shapeConfig",
    "sourceDetails",
}
_METADATA_LIMIT = 32_000
_BOOT_VOLUME_GB = range(50, 32_769)
_MEMORY_PER_OCPU = (1, 64)


def check_known(body: Mapping[str, Any]) -> None:
    """Refuse what the API takes and the sandbox would ignore, and domains that do not exist."""
    for name, value in body.items():
        if name not in _KNOWN and value not in (None, [], {}):
            raise ApiError(501, "NotImplemented", f"The sandbox has no {name}")
    if body["availabilityDomain"] not in AVAILABILITY_DOMAINS:
        raise invalid(f"availabilityDomain {body['availabilityDomain']} does not exist")


def checked_shape(body: Mapping[str, Any], image: Image) -> dict[str, Any]:
    """The shape's row of ListShapes, with the OCPUs and the memory of the instance.

    :raises ApiError: when the image is not compatible with it, or it has no such size.
    """
    name = body.get("shape")
    if not name:
        raise ApiError(400, "MissingParameter", "shape is missing")
    shape = next((row for row in SHAPES if row["shape"] == name), None)
    if shape is None:
        raise ApiError(404, "NotAuthorizedOrNotFound", f"shape {name} not found")
    if name not in image.shapes:
        raise invalid(f"Shape {name} is not valid for image {image.details['id']}.")
    config = body.get("shapeConfig") or {}
    if not shape["isFlexible"]:
        if config:
            raise invalid(f"The shape {name} is not flexible, so it takes no shapeConfig")
        return shape
    ocpus, memory = config.get("ocpus"), config.get("memoryInGBs")
    if ocpus is None:
        raise invalid(f"shapeConfig.ocpus is needed for the flexible shape {name}")
    entry = image.shapes[name]
    allowed = {**shape["ocpuOptions"], **_given(entry["ocpuConstraints"])}
    if not allowed["min"] <= ocpus <= allowed["max"]:
        raise invalid(f"shapeConfig.ocpus must be from {allowed['min']} to {allowed['max']}, not {ocpus}")
    memory = memory if memory is not None else ocpus * shape["memoryOptions"]["defaultPerOcpuInGBs"]
    allowed = {**shape["memoryOptions"], **_given(entry["memoryConstraints"])}
    least = max(allowed["minInGBs"], ocpus * _MEMORY_PER_OCPU[0])
    most = min(allowed["maxInGBs"], ocpus * _MEMORY_PER_OCPU[1])
    if not least <= memory <= most:
        raise invalid(f"shapeConfig.memoryInGBs must be from {least} to {most}, not {memory}")
    return {**shape, "ocpus": ocpus, "memoryInGBs": memory}


def _given(constraints: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (constraints or {}).items() if value is not None}


def checked_boot_volume(source: Mapping[str, Any], image: Image) -> int:
    """The size of the boot volume in GB.

    :raises ApiError: when there is none of that size.
    """
    least = max(_BOOT_VOLUME_GB.start, -(-image.details["sizeInMBs"] // 1024))
    size: int = source.get("bootVolumeSizeInGBs") or least
    if size not in _BOOT_VOLUME_GB or size < least:
        raise invalid(f"bootVolumeSizeInGBs must be from {least} to {_BOOT_VOLUME_GB.stop - 1}, not {size}")
    return size


def check_metadata(metadata: Mapping[str, str]) -> None:
    """Refuse metadata that is too long, user data that is not in base64, and keys that are none."""
    size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
    if size > _METADATA_LIMIT:
        raise invalid(f"The metadata has {size} bytes, but at most {_METADATA_LIMIT} are allowed")
    try:
        base64.b64decode(metadata.get("user_data", ""), validate=True)
    except binascii.Error:
        raise invalid("metadata.user_data is not in base64") from None
    for line in filter(None, metadata.get("ssh_authorized_keys", "").split("\n")):
        if len(line.split()) < 2:
            raise invalid("metadata.ssh_authorized_keys has a line that is no SSH public key")
