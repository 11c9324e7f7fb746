# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image definition as Azure shows it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._core.dates import shown_moment
from .._core.diff import attributes_of
from .gallery_resource import as_read, text
from .subscription import normal_region

if TYPE_CHECKING:
    from azure.mgmt.compute.models import GalleryImage

ARCHITECTURES = {"x86_64": "x64", "aarch64": "Arm64"}
"""Alpine's words and Azure's."""

# Alpine's boot loader is not signed: an image must not be offered for Trusted Launch.
_PLAIN_SECURITY = ("", "None", "Standard")


@dataclasses.dataclass(frozen=True)
class GalleryImageAttributes:
    """The attributes that the module manages, in the words of its options."""

    location: str
    os_type: str
    os_state: str
    hyper_v_generation: str
    architecture: str
    publisher: str
    offer: str
    sku: str
    disk_controller_types: list[str]
    """Sorted, since Azure's order means nothing."""
    accelerated_networking: bool
    security_type: str
    description: str | None
    end_of_life_date: str | None
    release_note_uri: str | None
    tags: dict[str, str]


@dataclasses.dataclass(frozen=True)
class GalleryImageState:
    """An image definition as Azure shows it."""

    id: str
    provisioning_state: str
    managed: GalleryImageAttributes
    body: Mapping[str, Any]
    """As a request may say it."""

    @classmethod
    def of(cls, image: GalleryImage) -> GalleryImageState:
        features = {str(feature.name): feature.value or "" for feature in image.features or ()}
        controllers = features.get("DiskControllerTypes") or "SCSI"
        security = features.get("SecurityType", "")
        architecture = text(image.architecture or "x64")
        return cls(
            id=str(image.id),
            provisioning_state=text(image.provisioning_state),
            managed=GalleryImageAttributes(
                location=normal_region(image.location),
                os_type=text(image.os_type),
                os_state=text(image.os_state),
                hyper_v_generation=text(image.hyper_v_generation or "V1"),
                architecture=next(
                    (ours for ours, theirs in ARCHITECTURES.items() if theirs == architecture), architecture
                ),
                publisher=image.identifier.publisher,
                offer=image.identifier.offer,
                sku=image.identifier.sku,
                disk_controller_types=sorted({word.strip() for word in controllers.split(",")}),
                accelerated_networking=features.get("IsAcceleratedNetworkSupported", "").lower() == "true",
                security_type="Standard" if security in _PLAIN_SECURITY else security,
                description=image.description,
                end_of_life_date=shown_moment(image.end_of_life_date) if image.end_of_life_date else None,
                release_note_uri=image.release_note_uri,
                tags=dict(image.tags or {}),
            ),
            body=as_read(image),
        )

    @property
    def shown(self) -> Mapping[str, Any]:
        return attributes_of(self.managed)
