# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image definition in a compute gallery: what all versions of an image have in common.

Most of it cannot be changed once it exists:
https://learn.microsoft.com/azure/virtual-machines/shared-image-galleries#image-definitions
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

from .._core.dates import parsed_moment, shown_moment
from .._core.diff import attributes_of, diff_of, differences
from .._core.errors import ConflictError, InputError, ProviderError
from .._core.wait import Wait
from .clients import AzureClients
from .gallery import check_gallery_name
from .gallery_image_state import ARCHITECTURES, GalleryImageAttributes, GalleryImageState
from .gallery_resource import GalleryResource
from .subscription import normal_region
from .tags import merged_tags

_NAME = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z._-]{0,78}[0-9A-Za-z])?")
_IDENTIFIER = re.compile(r"[0-9A-Za-z._-]*[0-9A-Za-z_-]")
_IDENTIFIER_LENGTHS = {"publisher": 128, "offer": 64, "sku": 64}
_BY_DEFAULT = "TrustedLaunchSupported"
_TRUSTED_LAUNCH = (
    "If nobody has asked for it, the subscription has Trusted Launch as the default of generation 2, whose Secure Boot "
    "lets no Alpine boot. Delete the definition, and take the subscription out of that default; or make the definition "
    "by hand with feature SecurityType=None, as `New-AzGalleryImageDefinition` can; or use hyper_v_generation V1, if "
    "the image boots by BIOS"
)
_MUTABLE = ("description", "end_of_life_date", "release_note_uri", "tags")


def check_image_name(name: str, option: str) -> None:
    """:raises InputError: when Azure allows no image definition of that name."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{option} {name!r} is not an image definition's name: 1 to 80 letters, digits, dots, dashes and "
            "underscores, beginning and ending with a letter or digit"
        )


@dataclasses.dataclass(frozen=True)
class GalleryImageRequest:
    """What module ``alpine_azure_gallery_image`` was asked for; ``None`` leaves an attribute as it is.

    Architecture, generation and identifier are empty where the definition is to go.
    """

    resource_group: str
    gallery: str
    name: str
    location: str | None
    architecture: str
    hyper_v_generation: str
    publisher: str
    offer: str
    sku: str
    disk_controller_types: tuple[str, ...]
    """Empty for those of the generation, or of the definition that exists."""
    accelerated_networking: bool | None
    description: str | None
    end_of_life_date: str | None
    """As results show it."""
    release_note_uri: str | None
    tags: Mapping[str, Any] | None
    append_tags: bool
    wait: Wait

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> GalleryImageRequest:
        """:raises InputError: for names and combinations that Azure does not allow."""
        check_gallery_name(params["gallery"], "gallery")
        check_image_name(params["name"], "name")
        for option, length in _IDENTIFIER_LENGTHS.items():
            value: str | None = params[option]
            if value is not None and (not _IDENTIFIER.fullmatch(value) or len(value) > length):
                raise InputError(
                    f"{option} {value!r} must be 1 to {length} letters, digits, dots, dashes and underscores, and not "
                    "end with a dot"
                )
        generation, controllers = params["hyper_v_generation"], tuple(params["disk_controller_types"] or ())
        if params["architecture"] == "aarch64" and generation == "V1":
            raise InputError("hyper_v_generation V1 (BIOS) does not exist for aarch64: use V2 (UEFI)")
        if generation == "V1" and "NVMe" in controllers:
            raise InputError("disk_controller_types: NVMe needs hyper_v_generation V2")
        end_of_life = parsed_moment(params["end_of_life_date"], "end_of_life_date")
        return cls(
            resource_group=params["resource_group"],
            gallery=params["gallery"],
            name=params["name"],
            location=params["location"],
            architecture=params["architecture"] or "",
            hyper_v_generation=generation or "",
            publisher=params["publisher"] or "",
            offer=params["offer"] or "",
            sku=params["sku"] or "",
            disk_controller_types=controllers,
            accelerated_networking=params["accelerated_networking"],
            description=params["description"],
            end_of_life_date=shown_moment(end_of_life) if end_of_life else None,
            release_note_uri=params["release_note_uri"],
            tags=params["tags"],
            append_tags=params["append_tags"],
            wait=Wait.from_params(params),
        )

    @property
    def what(self) -> str:
        return f"image definition {self.gallery}/{self.name}"

    def wanted(self, existing: GalleryImageAttributes | None) -> GalleryImageAttributes:
        """:raises InputError: when a definition that is to be created has no region."""
        if self.location is not None:
            location = normal_region(self.location)
        elif existing is not None:
            location = existing.location
        else:
            raise InputError(f"location is needed, since image definition {self.name!r} does not exist yet")
        controllers: Iterable[str] = self.disk_controller_types
        accelerated = self.accelerated_networking
        if not controllers:
            new = ("NVMe", "SCSI") if self.hyper_v_generation == "V2" else ("SCSI",)
            controllers = existing.disk_controller_types if existing else new
        if accelerated is None:
            accelerated = existing.accelerated_networking if existing else True
        return GalleryImageAttributes(
            location=location,
            os_type="Linux",
            os_state="Generalized",
            hyper_v_generation=self.hyper_v_generation,
            architecture=self.architecture,
            publisher=self.publisher,
            offer=self.offer,
            sku=self.sku,
            disk_controller_types=sorted(controllers),
            accelerated_networking=accelerated,
            security_type="Standard",
            description=_given(self.description, existing.description if existing else None),
            end_of_life_date=_given(self.end_of_life_date, existing.end_of_life_date if existing else None),
            release_note_uri=_given(self.release_note_uri, existing.release_note_uri if existing else None),
            tags=merged_tags(existing.tags if existing else None, self.tags, append=self.append_tags),
        )


def ensure_present(clients: AzureClients, request: GalleryImageRequest, *, check_mode: bool) -> dict[str, Any]:
    """Create the definition unless it is there, and bring what can be changed to what is wanted.

    :raises ConflictError: when the definition exists and differs in what cannot be changed.
    :raises ProviderError: when Azure makes something else of it.
    """
    resource = _resource(clients, request)
    found = resource.found(check_mode=check_mode)
    before = found.managed if found else None
    wanted = request.wanted(before)
    if before is None:
        clients.subscription.check_locations({"location": [str(request.location)]})
    elif fixed := _fixed_differences(before, wanted):
        if before.security_type == _BY_DEFAULT:
            raise ConflictError(f"{request.what} exists, and cannot be changed: {fixed}. {_TRUSTED_LAUNCH}")
        raise ConflictError(
            f"{request.what} exists, and what differs cannot be changed: {fixed}. Give option name another value, such "
            f"as {request.name + '-2'!r}, or delete the definition"
        )
    # A failed one is mended by an update.
    changed = before != wanted or (found is not None and found.provisioning_state == "Failed")
    if not check_mode:
        if found is None:
            resource.create(create_body(wanted))
        elif changed:
            resource.update(_update_body(found, wanted))
        found = resource.read_back()
        if fixed := _fixed_differences(found.managed, wanted):
            remedy = f" {_TRUSTED_LAUNCH}" if found.managed.security_type == _BY_DEFAULT else ""
            raise ProviderError(
                f"{request.what} is not what was asked for: {fixed}.{remedy}", operation="GalleryImages_CreateOrUpdate"
            )
    return {
        "changed": changed,
        "id": found.id if found else None,
        "name": request.name,
        "gallery": request.gallery,
        **attributes_of(wanted),
        "diff": diff_of(before, wanted),
    }


def ensure_absent(clients: AzureClients, request: GalleryImageRequest, *, check_mode: bool) -> dict[str, Any]:
    """Delete the definition, which must have no versions."""
    return _resource(clients, request).ensure_absent(check_mode=check_mode)


def create_body(wanted: GalleryImageAttributes) -> dict[str, Any]:
    """The body of the request that creates a definition."""
    features = [{"name": "IsAcceleratedNetworkSupported", "value": str(wanted.accelerated_networking)}]
    if wanted.hyper_v_generation == "V2":
        # In the order in which Azure's portal writes them.
        controllers = sorted(wanted.disk_controller_types, reverse=True)
        features.append({"name": "DiskControllerTypes", "value": ", ".join(controllers)})
    body = _mutable_body(wanted)
    body["properties"] |= {
        "osType": wanted.os_type,
        "osState": wanted.os_state,
        "hyperVGeneration": wanted.hyper_v_generation,
        "architecture": ARCHITECTURES[wanted.architecture],
        "identifier": {"publisher": wanted.publisher, "offer": wanted.offer, "sku": wanted.sku},
        "features": features,
    }
    return {"location": wanted.location, **body}


def _update_body(found: GalleryImageState, wanted: GalleryImageAttributes) -> dict[str, Any]:
    """What there is, with the changes: Azure takes an immutable property that is not named for its default."""
    body = _mutable_body(wanted)
    return {**body, "properties": {**found.body["properties"], **body["properties"]}}


def _mutable_body(wanted: GalleryImageAttributes) -> dict[str, Any]:
    properties = {
        "description": wanted.description,
        "endOfLifeDate": wanted.end_of_life_date,
        "releaseNoteUri": wanted.release_note_uri,
    }
    return {
        "tags": wanted.tags,
        "properties": {name: value for name, value in properties.items() if value is not None},
    }


def _fixed_differences(held: GalleryImageAttributes, wanted: GalleryImageAttributes) -> str:
    """What to say of the attributes that are fixed when a definition is created; empty when they are as wanted."""
    return "; ".join(words for name, words in differences(held, wanted).items() if name not in _MUTABLE)


def _given(value: str | None, existing: str | None) -> str | None:
    return existing if value is None else value


def _resource(clients: AzureClients, request: GalleryImageRequest) -> GalleryResource[GalleryImageState]:
    return GalleryResource(
        clients.compute.gallery_images,
        GalleryImageState.of,
        kind="GalleryImages",
        path=(request.resource_group, request.gallery, request.name),
        what=request.what,
        wait=request.wait,
        children=clients.compute.gallery_image_versions.list_by_gallery_image,
    )
