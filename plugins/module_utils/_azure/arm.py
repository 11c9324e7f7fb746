# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all modules of Azure Resource Manager share: the client, look-ups, operations with a bound, tags."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from .._core.dependencies import require
from .._core.errors import InputError, WaitTimeoutError
from .auth import (
    CONNECTION_TIMEOUT,
    READ_TIMEOUT,
    Session,
)
from .errors import INPUT_ERRORS, code_of, translated

if TYPE_CHECKING:
    from azure.core.polling import LROPoller
    from azure.mgmt.compute import ComputeManagementClient

T = TypeVar("T")

RETRIES: dict[str, Any] = {
    "retry_total": 5,
    "retry_connect": 5,
    "retry_read": 5,
    "retry_status": 5,
    "retry_backoff_factor": 0.8,
    "retry_backoff_max": 30,
    "connection_timeout": CONNECTION_TIMEOUT,
    "read_timeout": READ_TIMEOUT,
}
"""The retry layer: that of azure-core, bounded. It follows Retry-After."""

_LOCATIONS_API = "2022-12-01"
_STORAGE_API = "2023-05-01"


@dataclasses.dataclass(frozen=True)
class Wait:
    """The options ``wait``, ``wait_timeout`` and ``wait_interval``; seconds."""

    enabled: bool = True
    timeout: int = 3600
    interval: int = 5

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Wait:
        return cls(options["wait"], options["wait_timeout"], options["wait_interval"])


def compute_client(session: Session) -> ComputeManagementClient:
    """:raises InputError: when no subscription is known."""
    if not session.subscription_id:
        raise InputError("no subscription: give option subscription_id, or set AZURE_SUBSCRIPTION_ID")
    compute = require("azure.mgmt.compute", "azure-mgmt-compute")
    client: ComputeManagementClient = compute.ComputeManagementClient(
        session.credential,
        session.subscription_id,
        base_url=session.arm_endpoint,
        credential_scopes=[session.cloud.arm_scope],
        connection_verify=session.tls,
        **RETRIES,
    )
    return client


def get_or_none(get: Callable[..., T], *arguments: str, operation: str, what: str, **options: Any) -> T | None:
    """Call one of the SDK's ``get``; ``None`` when the resource, or one that it belongs to, does not exist.

    :raises InputError: when the resource group or the subscription does not exist.
    """
    exceptions = require("azure.core.exceptions", "azure-core")
    with translated(operation, what):
        try:
            return get(*arguments, **options)
        except exceptions.ResourceNotFoundError as error:
            if code_of(error) in INPUT_ERRORS:
                raise
            return None


def finish(poller: LROPoller[T], wait: Wait, *, operation: str, what: str, began: str) -> T | None:
    """Wait for an operation.

    :param began: what to call it when time is up, to complete the sentence "... waiting for {began}".
    :return: its result, or ``None`` when ``wait`` is off.
    :raises ProviderError: with the reason for which Azure says the operation failed.
    :raises WaitTimeoutError: when it takes longer than ``wait_timeout``.
    """
    if not wait.enabled:
        return None
    with translated(operation, what):
        # The poller asks in a thread of its own, a daemon, that ends with the process.
        poller.wait(wait.timeout)
        if not poller.done():
            raise WaitTimeoutError(
                f"Gave up after {wait.timeout} seconds (wait_timeout) waiting for {began}. It may still complete: run "
                "the task again to pick it up, or raise wait_timeout."
            )
        return poller.result()


class Subscription:
    """What else the modules must know of a subscription; read with the compute client's own pipeline."""

    def __init__(self, client: ComputeManagementClient, session: Session) -> None:
        self._client = client
        self._base = f"{session.arm_endpoint}/subscriptions/{session.subscription_id}"

    def _get(self, path: str, api_version: str, *, absent: int, operation: str, what: str) -> dict[str, Any] | None:
        """The answer, or ``None`` where its status is ``absent``."""
        rest = require("azure.core.rest", "azure-core")
        core = require("azure.mgmt.core.exceptions", "azure-mgmt-core")
        exceptions = require("azure.core.exceptions", "azure-core")
        with translated(operation, what):
            response = self._client.send_request(
                rest.HttpRequest("GET", self._base + path, params={"api-version": api_version})
            )
            if response.status_code == 200:
                answer: dict[str, Any] = response.json()
                return answer
            error = exceptions.HttpResponseError(response=response, error_format=core.ARMErrorFormat)
            # A missing resource group or subscription is another mistake than a missing resource.
            if response.status_code == absent and code_of(error) not in INPUT_ERRORS:
                return None
            raise error

    def storage_account(self, name: str, resource_group: str) -> dict[str, Any]:
        """The resource of a storage account that page blobs can be imported from.

        :raises InputError: when it does not exist, or is of a kind without page blobs.
        """
        found = self._get(
            f"/resourceGroups/{resource_group}/providers/Microsoft.Storage/storageAccounts/{name}",
            _STORAGE_API,
            absent=404,
            operation="StorageAccounts_GetProperties",
            what=f"look up storage account {name}",
        )
        if found is None:
            raise InputError(
                f"storage_account {name!r} does not exist in resource group {resource_group!r}: create it first, for "
                "instance with `az storage account create --kind StorageV2`"
            )
        if found.get("kind") in ("BlobStorage", "BlockBlobStorage", "FileStorage"):
            raise InputError(
                f"storage_account {name!r} is of kind {found['kind']}, which has no page blobs: use one of kind "
                "StorageV2"
            )
        return found

    def check_locations(self, wanted: Mapping[str, Iterable[str]]) -> None:
        """:param wanted: the regions by the option that names them.

        :raises InputError: when one is not a physical region of this subscription.
        """
        # Who has a role on the resource group only may not list them: then Azure itself refuses an unknown one.
        answer = self._get(
            "/locations", _LOCATIONS_API, absent=403, operation="Subscriptions_ListLocations", what="list the regions"
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


def normal_region(name: str) -> str:
    """``West Europe`` and ``westeurope`` name the same region; Azure answers with either."""
    return name.replace(" ", "").lower()


def merged_tags(current: Mapping[str, str] | None, wanted: Mapping[str, Any] | None, *, append: bool) -> dict[str, str]:
    """The tags that a resource is to have.

    :param wanted: those of option ``tags``, where ``None`` leaves all as they are.
    :param append: keep those that ``wanted`` does not name.
    """
    kept = dict(current or {})
    if wanted is None:
        return kept
    texts = {key: str(value) for key, value in wanted.items()}
    return {**kept, **texts} if append else texts


def parsed_date(value: str | None, option: str = "end_of_life_date") -> datetime | None:
    """Read a date, or a date and time, as UTC where it names no zone.

    :raises InputError: when it is neither.
    """
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise InputError(f"{option} must be a date such as 2026-11-01 or 2026-11-01T00:00:00Z, got {value!r}") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def shown_date(moment: datetime | None) -> str | None:
    """As results and requests carry it: RFC 3339, in UTC."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
