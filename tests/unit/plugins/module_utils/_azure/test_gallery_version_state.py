# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from azure.mgmt.compute import models

from ansible_collections.alpine.cloud.plugins.module_utils._azure.gallery_version_state import (
    STORAGE_ACCOUNT_TYPES,
    GalleryVersionAttributes,
    GalleryVersionState,
    Replication,
    TargetRegion,
)
from tests.unit.plugins.module_utils._azure.fakes import SHA256

VERSION: dict[str, Any] = {
    "id": "/ids/3.24.2001",
    "location": "West Europe",
    "tags": {"source-sha256": SHA256},
    "properties": {
        "provisioningState": "Updating",
        "replicationStatus": {
            "summary": [
                {"region": "West Europe", "state": "Completed", "progress": 100, "details": ""},
                {"region": "East US", "state": "Failed", "progress": 40, "details": "No quota."},
            ]
        },
        "storageProfile": {},
        "publishingProfile": {
            "targetRegions": [
                {"name": "West Europe", "regionalReplicaCount": 2, "storageAccountType": "Premium_LRS"},
                {"name": "East US"},
            ],
            "publishedDate": "2026-11-24T06:21:00+00:00",
            "endOfLifeDate": "2028-05-01T02:00:00+02:00",
            "excludeFromLatest": True,
        },
    },
}
ATTRIBUTES = GalleryVersionAttributes(
    location="westeurope",
    target_regions=[TargetRegion("eastus", 1, "Standard_LRS"), TargetRegion("westeurope", 2, "Premium_LRS")],
    end_of_life_date="2028-05-01T00:00:00Z",
    exclude_from_latest=True,
    tags={"source-sha256": SHA256},
)


def test_everything_that_azure_tells() -> None:
    state = GalleryVersionState.of(models.GalleryImageVersion(VERSION))
    assert state == GalleryVersionState(
        id="/ids/3.24.2001",
        provisioning_state="Updating",
        published_date="2026-11-24T06:21:00Z",
        replications=(
            Replication("westeurope", "Completed", 100, ""),
            Replication("eastus", "Failed", 40, "No quota."),
        ),
        managed=ATTRIBUTES,
        publishing_profile={
            name: value for name, value in VERSION["properties"]["publishingProfile"].items() if name != "publishedDate"
        },
    )
    assert (state.is_lost, state.failed_regions) == (False, frozenset({"eastus"}))
    assert state.source_sha256 == SHA256


def test_a_version_of_which_azure_tells_little() -> None:
    properties = {"provisioningState": "Creating", "storageProfile": {}}
    state = GalleryVersionState.of(
        models.GalleryImageVersion({"id": "/ids/1", "location": "eastus", "properties": properties})
    )
    assert state.managed == GalleryVersionAttributes("eastus", [], None, False, {})
    assert (state.published_date, state.replications, state.source_sha256) == (None, (), None)


def test_what_is_shown() -> None:
    assert GalleryVersionState.of(models.GalleryImageVersion(VERSION)).shown == {
        "provisioning_state": "Updating",
        "published_date": "2026-11-24T06:21:00Z",
        "location": "westeurope",
        "target_regions": [
            {"name": "eastus", "regional_replica_count": 1, "storage_account_type": "Standard_LRS"},
            {"name": "westeurope", "regional_replica_count": 2, "storage_account_type": "Premium_LRS"},
        ],
        "end_of_life_date": "2028-05-01T00:00:00Z",
        "exclude_from_latest": True,
        "tags": {"source-sha256": SHA256},
    }


@pytest.mark.parametrize(
    ("state", "region", "lost"),
    [("Failed", "Failed", True), ("Failed", "Completed", False), ("Creating", "Unknown", False)],
)
def test_only_what_no_region_has_is_lost(state: str, region: str, lost: bool) -> None:
    status = {"summary": [{"region": "eastus", "state": region}]}
    properties = {"provisioningState": state, "replicationStatus": status, "storageProfile": {}}
    model = models.GalleryImageVersion({"id": "/ids/1", "location": "eastus", "properties": properties})
    assert GalleryVersionState.of(model).is_lost is lost


def test_storage_account_types_are_those_of_the_api() -> None:
    assert set(STORAGE_ACCOUNT_TYPES) == {member.value for member in models.StorageAccountType}
