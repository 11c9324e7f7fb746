# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Compute Engine says to a body of instances.insert, beyond the API's description."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.sandbox._gcp._errors import GoogleError, invalid_value
from tests.sandbox._gcp._machine_types import Series

_KNOWN = {
    "name", "machineType", "disks", "networkInterfaces", "metadata", "labels", "description", "shieldedInstanceConfig",
}  # fmt: skip
_KNOWN_DISK = {"boot", "autoDelete", "mode", "type", "deviceName", "initializeParams"}
_KNOWN_PARAMETERS = {"sourceImage", "diskName", "diskSizeGb", "diskType", "labels"}
_SMALLEST_DISK_GB = 10
# https://cloud.google.com/compute/docs/metadata/setting-custom-metadata#limitations
_LONGEST_VALUE = 256 * 1024
_MOST_METADATA = 512 * 1024


def check_known(body: Mapping[str, Any]) -> None:
    """Refuse what the real service knows, and this one does not act on."""
    disks = body.get("disks", [])
    parameters = [disk.get("initializeParams", {}) for disk in disks]
    for known, parts in ((_KNOWN, [body]), (_KNOWN_DISK, disks), (_KNOWN_PARAMETERS, parameters)):
        for part in parts:
            if unknown := sorted(part.keys() - known):
                raise GoogleError(403, f"The sandbox has no {unknown[0]} of instances.", reason="notImplemented")


def boot_disk_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """:raises GoogleError: unless there is just one disk, which is booted from and made of an image."""
    disks = body.get("disks", [])
    if not disks:
        raise invalid_value("resource.disks", "", "No disks are specified.")
    if len(disks) > 1:
        raise GoogleError(403, "The sandbox launches instances of one disk.", reason="notImplemented")
    [disk] = disks
    if not disk.get("boot"):
        raise invalid_value("resource.disks[0]", disk, "Boot disk must be the first disk attached to the instance.")
    if disk.get("type", "PERSISTENT") != "PERSISTENT" or disk.get("mode", "READ_WRITE") != "READ_WRITE":
        raise invalid_value("resource.disks[0].type", disk.get("type", ""), "Boot disk must be a persistent disk.")
    if "sourceImage" not in disk.get("initializeParams", {}):
        raise invalid_value("resource.disks[0].initializeParams.sourceImage", "", "The boot disk must have a source.")
    return dict(disk)


def check_boot_disk(
    disk: Mapping[str, Any], image: Mapping[str, Any], series: Series, *, machine_type: str, zone: str
) -> tuple[int, str]:
    """The disk's size, in GiB, and its type.

    :raises GoogleError: when image, disk and machine type do not fit each other.
    """
    parameters = disk["initializeParams"]
    least = int(image["diskSizeGb"])
    size = int(parameters.get("diskSizeGb", least))
    if size < least:
        raise invalid_value(
            "resource.disks[0].initializeParams.diskSizeGb",
            size,
            f"Requested disk size cannot be smaller than the image size ({least} GB)",
        )
    if size < _SMALLEST_DISK_GB:
        raise invalid_value(
            "resource.disks[0].initializeParams.diskSizeGb", size, f"The size must be at least {_SMALLEST_DISK_GB} GB."
        )
    url = parameters.get("diskType")
    if url is not None and f"zones/{zone}/diskTypes/" not in url:
        raise invalid_value("resource.disks[0].initializeParams.diskType", url, "The URL is malformed.")
    disk_type = series.disk_type if url is None else url.rpartition("/")[2]
    if disk_type not in series.disk_types:
        raise GoogleError(
            400,
            f"[{disk_type}, {machine_type}] features are not compatible for creating instance.",
            reason="badRequest",
        )
    if image["architecture"] != series.architecture:
        raise GoogleError(
            400,
            f"Invalid resource usage: 'Requested boot disk architecture ({image['architecture']}) is not compatible "
            f"with machine type architecture ({series.architecture}).'.",
            reason="invalidResourceUsage",
        )
    return size, disk_type


def check_interface(body: Mapping[str, Any], image: Mapping[str, Any], series: Series) -> Mapping[str, Any]:
    """The only network interface.

    :raises GoogleError: when there are others, or the image cannot use the kind that it would be.
    """
    interfaces = body.get("networkInterfaces", [])
    if not interfaces:
        raise invalid_value("resource.networkInterfaces", "", "At least one network interface is required.")
    if len(interfaces) > 1 or len(interfaces[0].get("accessConfigs", [])) > 1:
        raise GoogleError(403, "The sandbox gives an instance one interface and one address.", reason="notImplemented")
    [interface] = interfaces
    for config in interface.get("accessConfigs", []):
        if config.get("type", "ONE_TO_ONE_NAT") != "ONE_TO_ONE_NAT" or "natIP" in config:
            raise GoogleError(403, "The sandbox gives ephemeral external IPv4 addresses.", reason="notImplemented")
    asked = interface.get("nicType")
    if asked not in (None, "GVNIC", "VIRTIO_NET"):
        raise invalid_value("resource.networkInterfaces[0].nicType", asked, "Must be GVNIC or VIRTIO_NET.")
    if series.gvnic_only and asked == "VIRTIO_NET":
        raise invalid_value(
            "resource.networkInterfaces[0].nicType", asked, "The machine type supports the network interface GVNIC."
        )
    features = [feature["type"] for feature in image.get("guestOsFeatures", [])]
    if (series.gvnic_only or asked == "GVNIC") and "GVNIC" not in features:
        raise invalid_value("resource.networkInterfaces[0].nicType", "GVNIC", "The boot disk does not support gVNIC.")
    return dict(interface)


def check_metadata(metadata: Mapping[str, Any]) -> dict[str, str]:
    """The items.

    :raises GoogleError: when they are too large, or a key comes twice.
    """
    items = metadata.get("items", [])
    for item in items:
        if len(item["value"].encode()) > _LONGEST_VALUE:
            raise invalid_value(
                "resource.metadata.items[].value",
                f"{item['value'][:20]}…",
                f"Metadata value for key '{item['key']}' is too large: maximum size is {_LONGEST_VALUE} bytes.",
            )
    found = {item["key"]: item["value"] for item in items}
    if len(found) != len(items):
        raise invalid_value("resource.metadata.items", [item["key"] for item in items], "Duplicate metadata keys.")
    if sum(len(key.encode()) + len(value.encode()) for key, value in found.items()) > _MOST_METADATA:
        raise invalid_value("resource.metadata", "", f"The total size of metadata exceeds {_MOST_METADATA} bytes.")
    return found
