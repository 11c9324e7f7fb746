# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules must know of a subscription: its regions and its storage accounts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .._core.errors import InputError
from .resource_reading import read_resource

if TYPE_CHECKING:
    from azure.mgmt.compute import ComputeManagementClient

_LOCATIONS_API = "2022-12-01"
_STORAGE_API = "2023-05-01"
# https://learn.microsoft.com/azure/storage/common/storage-account-overview#types-of-storage-accounts
_WITHOUT_PAGE_BLOBS = ("BlobStorage", "BlockBlobStorage", "FileStorage")


def normal_region(name: str) -> str:
    """``West Europe`` and ``westeurope`` name the same region; Azure answers with either."""
    return name.replace(" ", "").lower()


@dataclasses.dataclass(frozen=True)
class StorageAccount:
    """A storage account that page blobs can be imported from."""

    id: str
    blob_endpoint: str
    """The address of its Blob service; empty when Azure tells none."""


class Subscription:
    """Look-ups through the compute client's own pipeline, with its credentials, time-outs and retries.

    :param url: the subscription's, without a slash at the end.
    """

    def __init__(self, client: ComputeManagementClient, url: str) -> None:
        self._client = client
        self._url = url

    def storage_account(self, name: str, resource_group: str) -> StorageAccount:
        """Look a storage account up.

        :raises InputError: when it does not exist, or is of a kind without page blobs.
        """
        found = self._get(
            f"/resourceGroups/{resource_group}/providers/Microsoft.Storage/storageAccounts/{name}",
            _STORAGE_API,
            absent=404,
            operation="StorageAccounts_GetProperties",
            attempt=f"look up storage account {name}",
        )
        if found is None:
            raise InputError(
                f"storage_account {name!r} does not exist in resource group {resource_group!r}: create it first, for "
                "instance with `az storage account create --kind StorageV2`"
            )
        if found.get("kind") in _WITHOUT_PAGE_BLOBS:
            raise InputError(
                f"storage_account {name!r} is of kind {found['kind']}, which has no page blobs: use one of kind "
                "StorageV2"
            )
        endpoints = found.get("properties", {}).get("primaryEndpoints", {})
        return StorageAccount(id=str(found["id"]), blob_endpoint=endpoints.get("blob", ""))

    def check_locations(self, wanted: Mapping[str, Iterable[str]]) -> None:
        """:param wanted: the regions by the option that names them.

        :raises InputError: when one is not a physical region of this subscription.
        """
        # Who has a role on the resource group only may not list them: then Azure itself refuses an unknown one.
        answer = self._get(
            "/locations",
            _LOCATIONS_API,
            absent=403,
            operation="Subscriptions_ListLocations",
            attempt="list the regions",
        )
        if answer is None:
            return
        known = {
            location["name"]
            for location in answer["value"]
            if location.get("metadata", {}).get("regionType", "Physical") == "Physical"
        }
        for option, regions in wanted.items():
            for region in regions:
                if normal_region(region) not in known:
                    raise InputError(
                        f"{option}: {region!r} is not a region of this subscription: it has {', '.join(sorted(known))}"
                    )

    def _get(self, path: str, api_version: str, *, absent: int, operation: str, attempt: str) -> dict[str, Any] | None:
        return read_resource(
            self._client, self._url + path, api_version, absent=absent, operation=operation, attempt=attempt
        )
