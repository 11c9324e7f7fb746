# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute Engine images made from an archive in Cloud Storage."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .._core.diff import attributes_of, diff_of, differences
from .._core.errors import ConflictError, InputError, ProviderError
from .._core.identity import IDENTITY_KEY, checked_sha256, identity_label, refuse_other_content
from .._core.wait import Wait
from .clients import GcpClients
from .gce_operations import (
    await_deletion,
    await_import,
    check_location,
    delete_image,
    get_image,
    insert_image,
    patch_image,
    set_image_labels,
)
from .guest_os import ARCHITECTURES, guest_os_features
from .names import checked_labels, checked_name, checked_source

if TYPE_CHECKING:
    from google.cloud.compute_v1 import Image

_LONGEST_DESCRIPTION = 2048
_FIXED = ("architecture", "guest_os_features", "storage_locations")
"""What Compute Engine fixes when it creates an image."""


@dataclasses.dataclass(frozen=True)
class GceImageAttributes:
    """What is managed of an image, by the names that the module's options and results have."""

    name: str
    architecture: str
    guest_os_features: list[str]
    family: str
    description: str
    labels: dict[str, str]
    storage_locations: list[str]


@dataclasses.dataclass(frozen=True)
class GceImageState:
    """An image as Compute Engine tells it."""

    id: str
    self_link: str
    status: str
    label_fingerprint: str
    disk_size_gb: int
    """In GiB."""
    archive_size_bytes: int
    creation_timestamp: str
    deprecation: str
    """``DEPRECATED``, ``OBSOLETE`` or ``DELETED``; empty or ``ACTIVE`` where it is none of them."""
    managed: GceImageAttributes

    @classmethod
    def of(cls, image: Image) -> GceImageState:
        return cls(
            id=str(image.id),
            self_link=image.self_link,
            status=image.status,
            label_fingerprint=image.label_fingerprint,
            disk_size_gb=image.disk_size_gb,
            archive_size_bytes=image.archive_size_bytes,
            creation_timestamp=image.creation_timestamp,
            deprecation=image.deprecated.state,
            managed=GceImageAttributes(
                name=image.name,
                architecture=image.architecture,
                guest_os_features=sorted(feature.type_ for feature in image.guest_os_features),
                family=image.family,
                description=image.description,
                labels=dict(image.labels),
                storage_locations=list(image.storage_locations),
            ),
        )


@dataclasses.dataclass(frozen=True)
class GceImageRequest:
    """What the options ask for, in Compute Engine's words. ``None`` leaves an existing image's value as it is."""

    name: str
    source_sha256: str | None
    wait: Wait
    source: str | None = None
    architecture: str = ""
    guest_os_features: list[str] = dataclasses.field(default_factory=list)
    family: str | None = None
    labels: dict[str, str] | None = None
    description: str | None = None
    storage_locations: list[str] | None = None

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> GceImageRequest:
        """:raises InputError: for what Compute Engine would refuse, or accept and never boot."""
        name = checked_name(params["name"], "name")
        sha256 = params["source_sha256"]
        wait = Wait.from_params(params)
        if params["state"] == "absent":
            return cls(name, checked_sha256(sha256) if sha256 else None, wait)
        locations = params["storage_locations"] or []
        if len(locations) > 1:
            raise InputError(f"storage_locations takes one region or multi-region, got {', '.join(locations)}")
        description = params["description"]
        if len(description or "") > _LONGEST_DESCRIPTION:
            raise InputError(
                f"description has {len(description)} characters, but Compute Engine takes {_LONGEST_DESCRIPTION}"
            )
        return cls(
            name=name,
            source_sha256=checked_sha256(sha256),
            wait=wait,
            source=None if params["source"] is None else checked_source(params["source"]),
            architecture=ARCHITECTURES[params["architecture"]],
            guest_os_features=guest_os_features(
                params["firmware"], params["architecture"], params["guest_os_features"]
            ),
            family=checked_name(params["family"], "family") if params["family"] else params["family"],
            labels=None if params["labels"] is None else checked_labels(params["labels"]),
            description=description,
            storage_locations=[location.lower() for location in locations] or None,
        )

    @property
    def identity(self) -> dict[str, str]:
        """The label by which an image's content is known."""
        return {IDENTITY_KEY: identity_label(self.source_sha256)} if self.source_sha256 else {}

    def wanted(self, existing: GceImageState | None = None) -> GceImageAttributes:
        """The attributes that an image is to have; ``existing`` fills those that the options leave open."""
        held = existing.managed if existing else GceImageAttributes(self.name, "", [], "", "", {}, [])
        labels = held.labels if self.labels is None else self.labels
        return GceImageAttributes(
            name=self.name,
            architecture=self.architecture,
            guest_os_features=self.guest_os_features,
            family=held.family if self.family is None else self.family,
            description=held.description if self.description is None else self.description,
            labels={**labels, **self.identity},
            storage_locations=held.storage_locations if self.storage_locations is None else self.storage_locations,
        )


def ensure_present(
    clients: GcpClients, request: GceImageRequest, *, check_mode: bool, warn: Callable[[str], None]
) -> dict[str, Any]:
    """Create the image, or adopt it and change what can be changed.

    :param warn: tells the user of an image that others have deprecated.
    :raises ConflictError: when the name holds other content, or an attribute differs that is fixed at creation.
    :raises ProviderError: when the import fails, or the image does not read back as asked for.
    """
    found = _find(clients, request)
    if found is not None and found.status == "DELETING":
        if not check_mode:
            await_deletion(clients, request.name, found.id, request.wait)
        found = None
    if found is not None:
        _check_conflicts(found, request, warn)
    before = found.managed if found else None
    if found is None or found.status == "FAILED":
        wanted = request.wanted()
        # Now, not by images.insert: a caller in check mode has not uploaded the archive yet.
        for location in wanted.storage_locations:
            check_location(clients, location)
        if check_mode:
            return _result(request, found, wanted, changed=True, before=before, after=wanted)
        if found is not None:
            delete_image(clients, request.name, found.id, request.wait)
        try:
            _create(clients, request, wanted)
        except ProviderError as error:
            # Another run has begun the import meanwhile.
            if error.status != 409 or _find(clients, request) is None:
                raise
            return ensure_present(clients, request, check_mode=check_mode, warn=warn)
        changed = True
    else:
        wanted = request.wanted(found)
        changed = wanted != before
        if check_mode or (not changed and found.status == "READY"):
            return _result(request, found, wanted, changed=changed, before=before, after=wanted)
        if found.status == "PENDING" and request.wait.enabled:
            await_import(clients, request.name, found.id, request.wait)
        _converge(clients, request, found, wanted)
    made = _read_back(clients, request, wanted)
    return _result(request, made, made.managed, changed=changed, before=before, after=wanted)


def ensure_absent(clients: GcpClients, request: GceImageRequest, *, check_mode: bool) -> dict[str, Any]:
    """Delete the image if it is there.

    :raises ConflictError: when ``source_sha256`` is given and the name holds other content.
    """
    found = _find(clients, request)
    if found is None:
        return _result(request, None, None, changed=False, before=None, after=None)
    refuse_other_content(
        f"Image {request.name}", held=found.managed.labels.get(IDENTITY_KEY), wanted=request.identity.get(IDENTITY_KEY)
    )
    if not check_mode:
        if found.status == "DELETING":
            await_deletion(clients, request.name, found.id, request.wait)
        else:
            if found.status == "PENDING":
                # An image cannot be deleted before; how its import ends does not matter.
                with suppress(ProviderError):
                    await_import(clients, request.name, found.id, request.wait)
            delete_image(clients, request.name, found.id, request.wait)
    return _result(request, None, None, changed=found.status != "DELETING", before=found.managed, after=None)


def _find(clients: GcpClients, request: GceImageRequest) -> GceImageState | None:
    image = get_image(clients, request.name)
    return None if image is None else GceImageState.of(image)


def _create(clients: GcpClients, request: GceImageRequest, wanted: GceImageAttributes) -> None:
    if request.source is None:
        raise InputError(f"source is needed: image {request.name} is not there yet")
    optional = {
        "family": wanted.family,
        "description": wanted.description,
        "storage_locations": wanted.storage_locations,
    }
    resource = {
        "name": wanted.name,
        "raw_disk": {"source": request.source, "container_type": "TAR"},
        "architecture": wanted.architecture,
        "guest_os_features": [{"type_": feature} for feature in wanted.guest_os_features],
        "labels": wanted.labels,
        **{key: value for key, value in optional.items() if value},
    }
    insert_image(clients, resource, request.wait)


def _converge(clients: GcpClients, request: GceImageRequest, found: GceImageState, wanted: GceImageAttributes) -> None:
    held = found.managed
    changes = {"family": wanted.family} if wanted.family != held.family else {}
    if wanted.description != held.description:
        changes["description"] = wanted.description
    if changes:
        patch_image(clients, request.name, changes, request.wait)
    if wanted.labels != held.labels:
        set_image_labels(clients, request.name, wanted.labels, found.label_fingerprint, request.wait)


def _read_back(clients: GcpClients, request: GceImageRequest, wanted: GceImageAttributes) -> GceImageState:
    made = _find(clients, request)
    if made is None:
        raise ProviderError(f"Image {request.name} is gone right after it was made", operation="images.get")
    if not request.wait.enabled and made.status == "PENDING":
        return made
    if made.status != "READY":
        raise ProviderError(
            f"Image {request.name} is {made.status}, not READY; run the task again to import it anew",
            operation="images.get",
            code=made.status,
        )
    different = differences(made.managed, wanted)
    if not wanted.storage_locations:
        # Compute Engine chose the place; any will do.
        different.pop("storage_locations", None)
    if different:
        raise ProviderError(
            f"Image {request.name} does not read back as asked for: {', '.join(different.values())}",
            operation="images.get",
        )
    return made


def _check_content(found: GceImageState, request: GceImageRequest) -> None:
    held = found.managed.labels.get(IDENTITY_KEY)
    if request.source_sha256 is not None and held != request.identity[IDENTITY_KEY]:
        content = f"was made from an image with SHA-256 {held}…" if held else "was not made by this collection"
        raise ConflictError(
            f"Image {request.name} exists and {content}, not from {request.source_sha256} (source_sha256). Choose "
            "another name, or delete it (state=absent without source_sha256)."
        )


def _check_conflicts(found: GceImageState, request: GceImageRequest, warn: Callable[[str], None]) -> None:
    _check_content(found, request)
    if found.status == "FAILED":
        return
    if found.deprecation in ("OBSOLETE", "DELETED"):
        raise ConflictError(
            f"Image {request.name} has been marked {found.deprecation}: no instance can be made of it. Make it ACTIVE "
            "again (gcloud compute images deprecate), delete it (state=absent), or choose another name."
        )
    if found.deprecation == "DEPRECATED":
        warn(f"Image {request.name} has been marked DEPRECATED: its family does not stand for it")
    different = differences(found.managed, request.wanted(found))
    fixed = [different[key] for key in _FIXED if key in different]
    if fixed:
        raise ConflictError(
            f"Image {request.name} differs in what Compute Engine fixes at creation: {', '.join(fixed)}. To replace "
            "it, delete it first (state=absent) and run this again: its id changes, and until then there is no image "
            "of this name; or choose another name."
        )


def _result(
    request: GceImageRequest,
    image: GceImageState | None,
    attributes: GceImageAttributes | None,
    *,
    changed: bool,
    before: GceImageAttributes | None,
    after: GceImageAttributes | None,
) -> dict[str, Any]:
    return {
        **attributes_of(attributes),
        "changed": changed,
        "name": request.name,
        "id": image.id if image else None,
        "self_link": image.self_link if image else None,
        "status": image.status if image else None,
        "disk_size_gb": image.disk_size_gb if image else None,
        "archive_size_bytes": image.archive_size_bytes if image else None,
        "creation_timestamp": image.creation_timestamp if image else None,
        "diff": diff_of(before, after),
    }
