# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Azure compute gallery."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._core.diff import attributes_of, diff_of
from .._core.errors import ConflictError, InputError
from .._core.wait import Wait
from .clients import AzureClients
from .gallery_resource import GalleryResource, as_read, text
from .subscription import normal_region
from .tags import merged_tags

if TYPE_CHECKING:
    from azure.mgmt.compute.models import Gallery

_NAME = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z._]{0,78}[0-9A-Za-z])?")


def check_gallery_name(name: str, option: str) -> None:
    """:raises InputError: when Azure allows no gallery of that name."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{option} {name!r} is not a gallery's name: 1 to 80 letters, digits, dots and underscores, beginning and "
            "ending with a letter or digit"
        )


@dataclasses.dataclass(frozen=True)
class GalleryAttributes:
    """The attributes that the module manages."""

    location: str
    description: str | None
    tags: dict[str, str]


@dataclasses.dataclass(frozen=True)
class GalleryState:
    """A gallery as Azure shows it."""

    id: str
    provisioning_state: str
    managed: GalleryAttributes
    body: Mapping[str, Any]
    """As a request may say it."""

    @classmethod
    def of(cls, gallery: Gallery) -> GalleryState:
        return cls(
            id=str(gallery.id),
            provisioning_state=text(gallery.provisioning_state),
            managed=GalleryAttributes(
                location=normal_region(gallery.location),
                description=gallery.description,
                tags=dict(gallery.tags or {}),
            ),
            body=as_read(gallery),
        )

    @property
    def shown(self) -> Mapping[str, Any]:
        return attributes_of(self.managed)


@dataclasses.dataclass(frozen=True)
class GalleryRequest:
    """What module ``alpine_azure_gallery`` was asked for; ``None`` leaves an attribute as it is."""

    resource_group: str
    name: str
    location: str | None
    description: str | None
    tags: Mapping[str, Any] | None
    append_tags: bool
    wait: Wait

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> GalleryRequest:
        """:raises InputError: for a name that Azure does not allow."""
        check_gallery_name(params["name"], "name")
        return cls(
            resource_group=params["resource_group"],
            name=params["name"],
            location=params["location"],
            description=params["description"],
            tags=params["tags"],
            append_tags=params["append_tags"],
            wait=Wait.from_params(params),
        )

    def wanted(self, existing: GalleryAttributes | None) -> GalleryAttributes:
        """:raises InputError: when a gallery that is to be created has no region.
        :raises ConflictError: when the one that exists is in another region.
        """
        if existing is None:
            if self.location is None:
                raise InputError(f"location is needed, since gallery {self.name!r} does not exist yet")
            return GalleryAttributes(normal_region(self.location), self.description, self._tags(None))
        if self.location is not None and existing.location != normal_region(self.location):
            raise ConflictError(
                f"gallery {self.name!r} is in {existing.location}, not in {self.location}, and cannot be moved: "
                "give option location that region, or option name another name"
            )
        description = existing.description if self.description is None else self.description
        return GalleryAttributes(existing.location, description, self._tags(existing.tags))

    def _tags(self, existing: Mapping[str, str] | None) -> dict[str, str]:
        return merged_tags(existing, self.tags, append=self.append_tags)


def ensure_present(clients: AzureClients, request: GalleryRequest, *, check_mode: bool) -> dict[str, Any]:
    """Create the gallery unless it is there, and bring its description and tags to what is wanted.

    :raises ConflictError: when the gallery is in another region.
    """
    resource = _resource(clients, request)
    found = resource.found(check_mode=check_mode)
    before = found.managed if found else None
    wanted = request.wanted(before)
    if found is None:
        clients.subscription.check_locations({"location": [str(request.location)]})
    # A failed one is mended by an update.
    changed = before != wanted or (found is not None and found.provisioning_state == "Failed")
    after = wanted
    if not check_mode:
        properties = {"description": wanted.description}
        if found is None:
            resource.create({"location": wanted.location, "tags": wanted.tags, "properties": properties})
        elif changed:
            resource.update({"tags": wanted.tags, "properties": {**found.body.get("properties", {}), **properties}})
        found = resource.read_back()
        after = found.managed
    return {
        "changed": changed,
        "id": found.id if found else None,
        "name": request.name,
        **attributes_of(after),
        "diff": diff_of(before, wanted),
    }


def ensure_absent(clients: AzureClients, request: GalleryRequest, *, check_mode: bool) -> dict[str, Any]:
    """Delete the gallery, which must be empty."""
    return _resource(clients, request).ensure_absent(check_mode=check_mode)


def _resource(clients: AzureClients, request: GalleryRequest) -> GalleryResource[GalleryState]:
    return GalleryResource(
        clients.compute.galleries,
        GalleryState.of,
        kind="Galleries",
        path=(request.resource_group, request.name),
        what=f"gallery {request.name}",
        wait=request.wait,
        children=clients.compute.gallery_images.list_by_gallery,
    )
