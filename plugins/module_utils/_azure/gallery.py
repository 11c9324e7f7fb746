# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Azure compute gallery."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._core.diff import diff_of
from .._core.errors import ConflictError, InputError
from .arm import (
    Subscription,
    Wait,
    merged_tags,
    normal_region,
)
from .gallery_resource import GalleryResource

if TYPE_CHECKING:
    from azure.mgmt.compute import ComputeManagementClient

_NAME = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z._]{0,78}[0-9A-Za-z])?")


def check_gallery_name(name: str, option: str) -> None:
    """:raises InputError: when Azure allows no gallery of that name."""
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{option} {name!r} is not a gallery's name: 1 to 80 letters, digits, dots and underscores, beginning and "
            "ending with a letter or digit"
        )


@dataclasses.dataclass(frozen=True)
class GalleryRequest:
    """What module ``alpine_azure_gallery`` was asked for."""

    resource_group: str
    name: str
    location: str | None = None
    description: str | None = None
    tags: Mapping[str, Any] | None = None
    append_tags: bool = True

    def check(self) -> None:
        """:raises InputError: for a name that Azure does not allow."""
        check_gallery_name(self.name, "name")


class Gallery:
    """A gallery and what is to become of it."""

    def __init__(
        self, client: ComputeManagementClient, subscription: Subscription, request: GalleryRequest, wait: Wait
    ) -> None:
        self._request = request
        self._subscription = subscription
        self._resource = GalleryResource(
            client.galleries,
            kind="Galleries",
            path=(request.resource_group, request.name),
            what=f"gallery {request.name}",
            wait=wait,
        )

    def ensure_present(self, *, check_mode: bool) -> dict[str, Any]:
        """:raises ConflictError: when the gallery is in another region."""
        request = self._request
        request.check()
        found = self._resource.get() if check_mode else self._resource.settled()
        wanted = self._wanted(found)
        if found is None:
            if request.location is None:
                raise InputError(f"location is needed, since gallery {request.name!r} does not exist yet")
            self._subscription.check_locations({"location": [request.location]})
        elif request.location is not None and normal_region(found.location) != normal_region(request.location):
            raise ConflictError(
                f"gallery {request.name!r} is in {found.location}, not in {request.location}, and cannot be moved: "
                "give option location that region, or option name another name"
            )
        before = _shown(found)
        changed = before != wanted
        if changed and not check_mode:
            body = {"tags": wanted["tags"], "properties": {"description": wanted["description"]}}
            if found is None:
                self._resource.create({"location": wanted["location"], **body})
            else:
                self._resource.update(body)
            found = self._resource.read_back()
        elif found is not None and not check_mode:
            found = self._resource.read_back()
        return {
            "changed": changed,
            "id": found.id if found else None,
            "name": request.name,
            **(wanted if check_mode else _shown(found)),
            "diff": diff_of(before, wanted),
        }

    def ensure_absent(self, *, check_mode: bool) -> dict[str, Any]:
        self._request.check()
        found = self._resource.get() if check_mode else self._resource.settled()
        if found is None:
            return {"changed": False, "name": self._request.name}
        if not check_mode:
            self._resource.delete()
        return {"changed": True, "id": found.id, "name": self._request.name, "diff": diff_of(_shown(found), {})}

    def _wanted(self, found: Any | None) -> dict[str, Any]:
        request = self._request
        current = _shown(found)
        return {
            "location": current.get("location") or normal_region(request.location or ""),
            "description": current.get("description") if request.description is None else request.description,
            "tags": merged_tags(current.get("tags"), request.tags, append=request.append_tags),
        }


def _shown(gallery: Any | None) -> dict[str, Any]:
    if gallery is None:
        return {}
    return {
        "location": normal_region(gallery.location),
        "description": gallery.description,
        "tags": dict(gallery.tags or {}),
    }
