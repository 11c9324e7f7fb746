# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a resource group holds of galleries, and the regions that there are."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

LOCATIONS = {
    "westeurope": "West Europe",
    "northeurope": "North Europe",
    "swedencentral": "Sweden Central",
    "eastus": "East US",
    "westus2": "West US 2",
}
"""Name and display name of the physical regions."""


def region_name(value: str) -> str:
    """``West Europe`` and ``westeurope`` name the same region."""
    return value.replace(" ", "").lower()


@dataclasses.dataclass
class Resource:
    """A gallery, a definition or a version."""

    path: tuple[str, ...]
    """The names from the gallery down, such as ``("gallery", "definition", "1.2.3")``."""
    id: str
    body: dict[str, Any]
    replication: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    disk: Path | None = None

    @property
    def kind(self) -> str:
        return ("galleries", "galleries/images", "galleries/images/versions")[len(self.path) - 1]

    @property
    def state(self) -> str:
        return str(self.body["properties"]["provisioningState"])

    @state.setter
    def state(self, value: str) -> None:
        self.body["properties"]["provisioningState"] = value

    def available_in(self, region: str) -> bool:
        return any(
            region_name(name) == region_name(region) and status["state"] == "Completed"
            for name, status in self.replication.items()
        )

    def rendered(self, *, replication: bool = False) -> dict[str, Any]:
        body: dict[str, Any] = {
            "name": self.path[-1],
            "id": self.id,
            "type": f"Microsoft.Compute/{self.kind}",
            **self.body,
        }
        if replication and len(self.path) == 3:
            states = [region["state"] for region in self.replication.values()]
            aggregated = next((state for state in ("Failed", "Replicating", "Unknown") if state in states), "Completed")
            status = {
                "aggregatedState": "InProgress" if aggregated in ("Replicating", "Unknown") else aggregated,
                "summary": [dict(region) for region in self.replication.values()],
            }
            body = {**body, "properties": {**body["properties"], "replicationStatus": status}}
        return body


@dataclasses.dataclass(frozen=True)
class StorageAccount:
    """The one storage account that versions can be imported from."""

    id: str
    blob_endpoint: str
