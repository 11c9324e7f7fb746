# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The size of a machine, which decides what it can boot and how."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from .._core.errors import InputError, ProviderError
from .errors import provider_errors
from .gallery_image_state import ARCHITECTURES
from .gallery_resource import text
from .image_id import ImageNeeds

if TYPE_CHECKING:
    from azure.mgmt.compute import ComputeManagementClient
    from azure.mgmt.compute.models import ResourceSku

# The cheapest that Azure still builds: two processors and 1 GiB each.
# https://learn.microsoft.com/azure/virtual-machines/sizes/general-purpose/basv2-series (generations 1 and 2) and
# https://learn.microsoft.com/azure/virtual-machines/sizes/general-purpose/bpsv2-series (generation 2)
DEFAULT_SIZES = {"x86_64": "Standard_B2ats_v2", "aarch64": "Standard_B2pts_v2"}
"""The smallest usable size, by Alpine's word for the architecture."""

_FASTEST_FIRST = ("NVMe", "SCSI")


@dataclasses.dataclass(frozen=True)
class MachineSize:
    """What a size can, by the capabilities that Azure tells of it.

    https://learn.microsoft.com/rest/api/compute/resource-skus/list
    """

    name: str
    architecture: str
    """In Alpine's words."""
    generations: tuple[str, ...]
    disk_controller_types: tuple[str, ...]
    available: bool
    """Whether the subscription may have it in the region."""

    @classmethod
    def of(cls, sku: ResourceSku) -> MachineSize:
        told = {str(capability.name): str(capability.value) for capability in sku.capabilities or ()}
        architecture = told.get("CpuArchitectureType", "x64")
        return cls(
            name=str(sku.name),
            architecture=next((ours for ours, theirs in ARCHITECTURES.items() if theirs == architecture), architecture),
            generations=_words(told.get("HyperVGenerations", "V1")),
            # Sizes from before there was a choice tell nothing.
            disk_controller_types=_words(told.get("DiskControllerTypes", "SCSI")),
            available=not any(text(restriction.type) == "Location" for restriction in sku.restrictions or ()),
        )

    def check(self, architecture: str, image: ImageNeeds | None, location: str) -> None:
        """:param architecture: the option's.
        :raises InputError: when a machine of this size cannot be had, or cannot boot the image.
        """
        if not self.available:
            raise InputError(
                f"size {self.name} is not available to this subscription in {location}: give option size another one, "
                "of those that `az vm list-skus --location ...` shows without restrictions"
            )
        if self.architecture != architecture:
            raise InputError(
                f"size {self.name} is of {self.architecture}, but architecture is {architecture}: give option size "
                f"another one, such as {DEFAULT_SIZES[architecture]}"
            )
        if image is not None and image.hyper_v_generation not in self.generations:
            raise InputError(
                f"size {self.name} boots machines of generation {', '.join(self.generations)}, but the image is of "
                f"{image.hyper_v_generation}: give option size another one, such as {DEFAULT_SIZES[architecture]}"
            )

    def disk_controller(self, image: ImageNeeds | None) -> str | None:
        """What to ask for: the fastest that both the size and the image have; ``None`` to leave it to Azure.

        :raises InputError: when they have none in common.
        """
        if image is None:
            return "NVMe" if self.disk_controller_types == ("NVMe",) else None
        if image.hyper_v_generation != "V2":
            # Generation 1 has no choice.
            return None
        common = [
            name
            for name in _FASTEST_FIRST
            if name in self.disk_controller_types and name in image.disk_controller_types
        ]
        if not common:
            raise InputError(
                f"size {self.name} has disk controllers of {', '.join(self.disk_controller_types)} alone, and the "
                f"image definition allows {', '.join(image.disk_controller_types)}: give option size another one, or "
                "make a definition with other disk_controller_types"
            )
        return common[0]


def find_size(client: ComputeManagementClient, name: str, location: str) -> MachineSize | None:
    """What Azure says of a size; ``None`` to whoever may not read that. Then Azure checks it.

    :raises InputError: when the region has no such size.
    """
    try:
        with provider_errors("ResourceSkus_List", "list the sizes of machines"):
            for sku in client.resource_skus.list(filter=f"location eq '{location}'"):
                if sku.resource_type != "virtualMachines":
                    continue
                if str(sku.name).lower() == name.lower():
                    return MachineSize.of(sku)
    except ProviderError as error:
        # Who has a role on the resource group alone.
        if error.status == 403:
            return None
        raise
    raise InputError(
        f"size {name!r} does not exist in {location}: give option size one of those that `az vm list-skus --location "
        f"{location} --resource-type virtualMachines` shows"
    )


def _words(value: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in value.split(",") if word.strip())
