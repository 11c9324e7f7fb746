# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image that a machine is launched from: which one an option names, and what it needs of a machine."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING

from .._core.dependencies import require
from .._core.errors import InputError
from .gallery_image_state import GalleryImageState
from .gallery_version_state import GalleryVersionState
from .resource_reading import read_resource

if TYPE_CHECKING:
    from azure.mgmt.compute import ComputeManagementClient
    from azure.mgmt.compute.models import ImageReference

_GALLERIES_API = "2024-03-03"
_OWN = re.compile(
    r"(?P<definition>/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Compute/galleries/[^/]+"
    r"/images/[^/]+)(?:/versions/[^/]+)?",
    re.IGNORECASE,
)
# https://learn.microsoft.com/rest/api/compute/virtual-machines/create-or-update#imagereference
_OTHERS = {
    "communityGalleryImageId": re.compile(r"/CommunityGalleries/[^/]+/Images/[^/]+(?:/Versions/[^/]+)?", re.IGNORECASE),
    "sharedGalleryImageId": re.compile(r"/SharedGalleries/[^/]+/Images/[^/]+(?:/Versions/[^/]+)?", re.IGNORECASE),
}


@dataclasses.dataclass(frozen=True)
class ImageNeeds:
    """What an image needs of the machine that boots it."""

    architecture: str
    """In Alpine's words."""
    hyper_v_generation: str
    disk_controller_types: tuple[str, ...]
    plain: bool
    """Whether Azure takes it for security type Standard without being told."""
    regions: tuple[str, ...] | None
    """Where it is; ``None`` where that is not known, since only the definition is named."""


@dataclasses.dataclass(frozen=True)
class ImageId:
    """An image in a compute gallery, by its id."""

    id: str
    key: str
    """The property of an image reference that takes such an id."""
    definition: str | None
    """The id of its image definition, where that can be looked up."""

    @classmethod
    def parse(cls, text: str) -> ImageId:
        """:raises InputError: when it is no such id."""
        identifier = text.strip().rstrip("/")
        if match := _OWN.fullmatch(identifier):
            return cls(identifier, "id", match["definition"])
        for key, pattern in _OTHERS.items():
            if pattern.fullmatch(identifier):
                return cls(identifier, key, None)
        raise InputError(
            f"image {text!r} is not the resource ID of an image version in a compute gallery: give what "
            "alpine_azure_gallery_version returns as id, such as /subscriptions/ID/resourceGroups/images/providers/"
            "Microsoft.Compute/galleries/alpine/images/alpine-x86_64-uefi-tiny/versions/3.24.2000, or an ID that "
            "begins with /CommunityGalleries/ or /SharedGalleries/"
        )

    @classmethod
    def of(cls, reference: ImageReference | None) -> ImageId | None:
        """The image of a machine; ``None`` where it is not from a gallery."""
        if reference is None:
            return None
        if reference.id and _OWN.fullmatch(str(reference.id)):
            return cls.parse(str(reference.id))
        identifier = reference.community_gallery_image_id or reference.shared_gallery_image_id
        return cls.parse(str(identifier)) if identifier else None

    def is_same(self, other: ImageId | None) -> bool:
        """Azure does not always keep the case of an id."""
        return other is not None and self.id.lower() == other.id.lower()

    def needs(self, client: ComputeManagementClient, endpoint: str) -> ImageNeeds | None:
        """What Azure says of it; ``None`` for a gallery of others, of which Azure itself checks it.

        :param endpoint: of Azure Resource Manager.
        :raises InputError: when there is no such image.
        """
        if self.definition is None:
            return None
        models = require("azure.mgmt.compute.models", "azure-mgmt-compute")
        definition = self._read(client, endpoint, self.definition, "GalleryImages_Get")
        managed = GalleryImageState.of(models.GalleryImage(definition)).managed
        regions = None
        if self.id != self.definition:
            answer = self._read(client, endpoint, self.id, "GalleryImageVersions_Get")
            version = GalleryVersionState.of(models.GalleryImageVersion(answer))
            regions = tuple(region.name for region in version.managed.target_regions)
        return ImageNeeds(
            architecture=managed.architecture,
            hyper_v_generation=managed.hyper_v_generation,
            disk_controller_types=tuple(managed.disk_controller_types),
            plain=managed.security_type == "Standard",
            regions=regions,
        )

    @staticmethod
    def _read(client: ComputeManagementClient, endpoint: str, identifier: str, operation: str) -> dict[str, object]:
        answer = read_resource(
            client, endpoint + identifier, _GALLERIES_API, absent=404, operation=operation, attempt="look up the image"
        )
        if answer is None:
            raise InputError(f"image: there is no {identifier}: import it first, or give option image another ID")
        return answer
