# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sizes that virtual machines can have, and what each of them can.

Capabilities as Resource SKUs of api-version 2021-07-01 names them, and as
https://learn.microsoft.com/azure/virtual-machines/sizes/overview tells them.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from tests.sandbox._azure._resources import LOCATIONS


@dataclasses.dataclass(frozen=True)
class Size:
    """A size of virtual machines."""

    name: str
    architecture: str
    """``x64`` or ``Arm64``."""
    generations: tuple[str, ...]
    controllers: tuple[str, ...]
    """Its disk controllers; sizes from before there was a choice do not tell theirs, which is SCSI."""
    processors: int
    memory_gib: float
    told: bool = True
    """Whether Azure tells the disk controllers."""
    restricted: tuple[str, ...] = ()
    """The regions where the subscription may not have it."""

    def rendered(self, location: str) -> dict[str, Any]:
        """:param location: the region that is asked about."""
        capabilities = {
            "vCPUs": str(self.processors),
            "MemoryGB": f"{self.memory_gib:g}",
            "HyperVGenerations": ",".join(self.generations),
            "CpuArchitectureType": self.architecture,
            "PremiumIO": "True",
            "AcceleratedNetworkingEnabled": "True",
        }
        if self.told:
            capabilities["DiskControllerTypes"] = ",".join(self.controllers)
        restriction = {
            "type": "Location",
            "values": [location],
            "restrictionInfo": {"locations": [location]},
            "reasonCode": "NotAvailableForSubscription",
        }
        return {
            "resourceType": "virtualMachines",
            "name": self.name,
            "tier": "Standard",
            "size": self.name.removeprefix("Standard_"),
            "locations": [location],
            "locationInfo": [{"location": location, "zones": [], "zoneDetails": []}],
            "capabilities": [{"name": name, "value": value} for name, value in capabilities.items()],
            "restrictions": [restriction] if location in self.restricted else [],
        }


_SIZES = (
    Size("Standard_B1s", "x64", ("V1", "V2"), ("SCSI",), 1, 1, told=False),
    Size("Standard_B2ats_v2", "x64", ("V1", "V2"), ("SCSI",), 2, 1),
    Size("Standard_A1_v2", "x64", ("V1",), ("SCSI",), 1, 2, told=False),
    Size("Standard_B2pts_v2", "Arm64", ("V2",), ("SCSI",), 2, 1),
    Size("Standard_E2bds_v5", "x64", ("V1", "V2"), ("SCSI", "NVMe"), 2, 16),
    Size("Standard_D2as_v6", "x64", ("V2",), ("NVMe",), 2, 8),
    Size("Standard_D2ps_v6", "Arm64", ("V2",), ("NVMe",), 2, 8),
    Size("Standard_D2s_v3", "x64", ("V1", "V2"), ("SCSI",), 2, 8, told=False, restricted=("westeurope",)),
)
SIZES = {size.name.lower(): size for size in _SIZES}
"""By their names in lower case."""


def skus(location: str | None) -> list[dict[str, Any]]:
    """The answer of Resource SKUs.

    :param location: the region of the filter, if there is one.
    """
    disks = {"resourceType": "disks", "name": "StandardSSD_LRS", "tier": "Standard", "locations": [location or ""]}
    regions = [location] if location else list(LOCATIONS)
    return [size.rendered(region) for region in regions if region in LOCATIONS for size in _SIZES] + [disks]
