# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image version as Azure shows it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._core.dates import shown_moment
from .._core.diff import attributes_of
from .._core.identity import IDENTITY_KEY
from .gallery_resource import as_read, text
from .subscription import normal_region

if TYPE_CHECKING:
    from datetime import datetime

    from azure.mgmt.compute.models import GalleryImageVersion

STORAGE_ACCOUNT_TYPES = ("Standard_LRS", "Standard_ZRS", "Premium_LRS", "PremiumV2_LRS")


@dataclasses.dataclass(frozen=True)
class TargetRegion:
    """Where a version is to be available."""

    name: str
    """As Azure's API writes it, such as ``westeurope``."""
    regional_replica_count: int = 1
    storage_account_type: str = "Standard_LRS"

    @property
    def body(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "regionalReplicaCount": self.regional_replica_count,
            "storageAccountType": self.storage_account_type,
        }


@dataclasses.dataclass(frozen=True)
class GalleryVersionAttributes:
    """The attributes that the module manages, in the words of its options."""

    location: str
    target_regions: list[TargetRegion]
    """In order of their names."""
    end_of_life_date: str | None
    exclude_from_latest: bool
    tags: dict[str, str]


@dataclasses.dataclass(frozen=True)
class Replication:
    """How far a version has got on its way to one region."""

    region: str
    state: str
    progress: int
    """In percent."""
    details: str


@dataclasses.dataclass(frozen=True)
class GalleryVersionState:
    """An image version as Azure shows it."""

    id: str
    provisioning_state: str
    published_date: str | None
    replications: tuple[Replication, ...]
    managed: GalleryVersionAttributes
    publishing_profile: Mapping[str, Any]
    """As a request may say it."""

    @classmethod
    def of(cls, version: GalleryImageVersion) -> GalleryVersionState:
        profile, status = version.publishing_profile, version.replication_status
        regions = [
            TargetRegion(
                normal_region(region.name),
                region.regional_replica_count or 1,
                text(region.storage_account_type or "Standard_LRS"),
            )
            for region in (profile and profile.target_regions) or ()
        ]
        return cls(
            id=str(version.id),
            provisioning_state=text(version.provisioning_state),
            published_date=_shown(profile and profile.published_date),
            replications=tuple(
                Replication(
                    normal_region(str(entry.region)), text(entry.state), entry.progress or 0, str(entry.details)
                )
                for entry in (status and status.summary) or ()
            ),
            managed=GalleryVersionAttributes(
                location=normal_region(version.location),
                target_regions=sorted(regions, key=lambda region: region.name),
                end_of_life_date=_shown(profile and profile.end_of_life_date),
                exclude_from_latest=bool(profile and profile.exclude_from_latest),
                tags=dict(version.tags or {}),
            ),
            publishing_profile=as_read(profile) if profile else {},
        )

    @property
    def source_sha256(self) -> str | None:
        """Of the image that it was made from; ``None`` where this module has not made it."""
        return self.managed.tags.get(IDENTITY_KEY)

    @property
    def is_lost(self) -> bool:
        """Whether its import has failed, so that no region has anything of it."""
        return self.provisioning_state == "Failed" and not any(
            entry.state == "Completed" for entry in self.replications
        )

    @property
    def failed_regions(self) -> frozenset[str]:
        return frozenset(entry.region for entry in self.replications if entry.state == "Failed")

    @property
    def shown(self) -> Mapping[str, Any]:
        """As results show it."""
        return {
            "provisioning_state": self.provisioning_state,
            "published_date": self.published_date,
            **attributes_of(self.managed),
        }


def _shown(moment: datetime | None) -> str | None:
    return shown_moment(moment) if moment else None
