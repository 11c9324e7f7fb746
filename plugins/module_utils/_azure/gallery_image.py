# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image definition in a compute gallery: what all versions of an image have in common.

Most of it cannot be changed once it exists:
https://learn.microsoft.com/azure/virtual-machines/shared-image-galleries#image-definitions
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._core.diff import diff_of
from .._core.errors import ConflictError, InputError, ProviderError
from .arm import (
    Subscription,
    Wait,
    merged_tags,
    normal_region,
    parsed_date,
    shown_date,
)
from .gallery import check_gallery_name
from .gallery_resource import GalleryResource, text

if TYPE_CHECKING:
    from azure.mgmt.compute import ComputeManagementClient

ARCHITECTURES = {"x86_64": "x64", "aarch64": "Arm64"}
"""Alpine's words and Azure's."""

_NAME = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z._-]{0,78}[0-9A-Za-z])?")
_IDENTIFIER = re.compile(r"[0-9A-Za-z._-]*[0-9A-Za-z_-]")
_IDENTIFIER_LENGTHS = {"publisher": 128, "offer": 64, "sku": 64}
_MUTABLE = ("description", "end_of_life_date", "release_note_uri", "tags")
# Alpine's boot loader is not signed: an image must not be offered for Trusted Launch.
_PLAIN_SECURITY = ("", "None", "Standard")


def check_image_name(name: str, option: str) -> None:
    """:raises InputError: when Azure allows no image definition of that name."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{option} {name!r} is not an image definition's name: 1 to 80 letters, digits, dots, dashes and "
            "underscores, beginning and ending with a letter or digit"
        )


@dataclasses.dataclass(frozen=True)
class ImageRequest:
    """What module ``alpine_azure_gallery_image`` was asked for."""

    resource_group: str
    gallery: str
    name: str
    location: str | None = None
    architecture: str | None = None
    hyper_v_generation: str | None = None
    publisher: str | None = None
    offer: str | None = None
    sku: str | None = None
    disk_controller_types: tuple[str, ...] | None = None
    accelerated_networking: bool = True
    description: str | None = None
    end_of_life_date: str | None = None
    release_note_uri: str | None = None
    tags: Mapping[str, Any] | None = None
    append_tags: bool = True

    def check(self) -> None:
        """:raises InputError: for names and combinations that Azure does not allow."""
        check_gallery_name(self.gallery, "gallery")
        check_image_name(self.name, "name")
        for option, length in _IDENTIFIER_LENGTHS.items():
            value: str | None = getattr(self, option)
            if value is not None and (not _IDENTIFIER.fullmatch(value) or len(value) > length):
                raise InputError(
                    f"{option} {value!r} must be 1 to {length} letters, digits, dots, dashes and underscores, and not "
                    "end with a dot"
                )
        if self.architecture == "aarch64" and self.hyper_v_generation == "V1":
            raise InputError("hyper_v_generation V1 (BIOS) does not exist for aarch64: use V2 (UEFI)")
        if self.hyper_v_generation == "V1" and "NVMe" in (self.disk_controller_types or ()):
            raise InputError("disk_controller_types: NVMe needs hyper_v_generation V2")
        parsed_date(self.end_of_life_date)

    def immutable(self) -> dict[str, Any]:
        """The attributes that are fixed when the definition is created, as results show them."""
        controllers: tuple[str, ...] = ("NVMe", "SCSI") if self.hyper_v_generation == "V2" else ("SCSI",)
        return {
            "os_type": "Linux",
            "os_state": "Generalized",
            "hyper_v_generation": self.hyper_v_generation,
            "architecture": self.architecture,
            "publisher": self.publisher,
            "offer": self.offer,
            "sku": self.sku,
            "disk_controller_types": sorted(self.disk_controller_types or controllers),
            "accelerated_networking": self.accelerated_networking,
            "security_type": "Standard",
        }


class Image:
    """An image definition and what is to become of it."""

    def __init__(
        self, client: ComputeManagementClient, subscription: Subscription, request: ImageRequest, wait: Wait
    ) -> None:
        self._request = request
        self._subscription = subscription
        self._resource = GalleryResource(
            client.gallery_images,
            kind="GalleryImages",
            path=(request.resource_group, request.gallery, request.name),
            what=f"image definition {request.gallery}/{request.name}",
            wait=wait,
        )

    def ensure_present(self, *, check_mode: bool) -> dict[str, Any]:
        """:raises ConflictError: when the definition exists and differs in what cannot be changed."""
        request = self._request
        request.check()
        found = self._resource.get() if check_mode else self._resource.settled()
        before = shown_image(found)
        if found is None:
            if request.location is None:
                raise InputError(f"location is needed, since image definition {request.name!r} does not exist yet")
            self._subscription.check_locations({"location": [request.location]})
        else:
            self._check_immutable(before)
        wanted = {
            "location": before.get("location") or normal_region(request.location or ""),
            **request.immutable(),
            **self._mutable(before),
        }
        changed = before != wanted
        if changed and not check_mode:
            if found is None:
                self._resource.create(create_body(wanted))
            else:
                self._resource.update(_mutable_body(wanted))
        if not check_mode:
            found = self._resource.read_back()
            self._check_read_back(wanted, shown_image(found))
        return {
            "changed": changed,
            "id": found.id if found else None,
            "name": request.name,
            "gallery": request.gallery,
            **wanted,
            "diff": diff_of(before, wanted),
        }

    def ensure_absent(self, *, check_mode: bool) -> dict[str, Any]:
        self._request.check()
        found = self._resource.get() if check_mode else self._resource.settled()
        if found is None:
            return {"changed": False, "name": self._request.name}
        if not check_mode:
            self._resource.delete()
        return {"changed": True, "id": found.id, "name": self._request.name, "diff": diff_of(shown_image(found), {})}

    def _mutable(self, before: Mapping[str, Any]) -> dict[str, Any]:
        request = self._request
        given = {
            "description": request.description,
            "end_of_life_date": shown_date(parsed_date(request.end_of_life_date)),
            "release_note_uri": request.release_note_uri,
        }
        kept = {name: before.get(name) if value is None else value for name, value in given.items()}
        return {**kept, "tags": merged_tags(before.get("tags"), request.tags, append=request.append_tags)}

    def _check_immutable(self, before: Mapping[str, Any]) -> None:
        wanted = self._request.immutable()
        if self._request.location is not None:
            wanted["location"] = normal_region(self._request.location)
        differences = [
            f"{name} is {before[name]!r}, not {value!r}" for name, value in wanted.items() if before[name] != value
        ]
        if differences:
            raise ConflictError(
                f"{self._resource.what} exists, and what differs cannot be changed: {'; '.join(differences)}. Give "
                f"option name another value, such as {self._request.name + '-2'!r}, or delete the definition"
            )

    def _check_read_back(self, wanted: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        differences = [
            f"{name} is {now[name]!r}, not {value!r}"
            for name, value in wanted.items()
            if name not in _MUTABLE and now[name] != value
        ]
        if differences:
            raise ProviderError(
                f"{self._resource.what} is not what was asked for: {'; '.join(differences)}.",
                operation="GalleryImages_CreateOrUpdate",
            )


def create_body(wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The body of the request that creates a definition."""
    features = [{"name": "IsAcceleratedNetworkSupported", "value": str(wanted["accelerated_networking"])}]
    if wanted["hyper_v_generation"] == "V2":
        # In the order in which Azure's portal writes them.
        controllers = sorted(wanted["disk_controller_types"], reverse=True)
        features.append({"name": "DiskControllerTypes", "value": ", ".join(controllers)})
    body = _mutable_body(wanted)
    body["properties"] |= {
        "osType": wanted["os_type"],
        "osState": wanted["os_state"],
        "hyperVGeneration": wanted["hyper_v_generation"],
        "architecture": ARCHITECTURES[wanted["architecture"]],
        "identifier": {name: wanted[name] for name in ("publisher", "offer", "sku")},
        "features": features,
    }
    return {"location": wanted["location"], **body}


def _mutable_body(wanted: Mapping[str, Any]) -> dict[str, Any]:
    properties = {
        "description": wanted["description"],
        "endOfLifeDate": wanted["end_of_life_date"],
        "releaseNoteUri": wanted["release_note_uri"],
    }
    return {
        "tags": wanted["tags"],
        "properties": {name: value for name, value in properties.items() if value is not None},
    }


def shown_image(image: Any | None) -> dict[str, Any]:
    """A definition as results show it. Lists of words are sorted, since Azure's order means nothing."""
    if image is None:
        return {}
    features = {feature.name: feature.value or "" for feature in image.features or ()}
    controllers = features.get("DiskControllerTypes") or "SCSI"
    security = features.get("SecurityType", "")
    architecture = text(image.architecture or "x64")
    return {
        "location": normal_region(image.location),
        "os_type": text(image.os_type),
        "os_state": text(image.os_state),
        "hyper_v_generation": text(image.hyper_v_generation or "V1"),
        "architecture": next((ours for ours, azure in ARCHITECTURES.items() if azure == architecture), architecture),
        "publisher": image.identifier.publisher,
        "offer": image.identifier.offer,
        "sku": image.identifier.sku,
        "disk_controller_types": sorted({word.strip() for word in controllers.split(",")}),
        "accelerated_networking": features.get("IsAcceleratedNetworkSupported", "").lower() == "true",
        "security_type": "Standard" if security in _PLAIN_SECURITY else security,
        "description": image.description,
        "end_of_life_date": shown_date(image.end_of_life_date),
        "release_note_uri": image.release_note_uri,
        "tags": dict(image.tags or {}),
    }
