# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Azure's SDK clients with everything behind them in memory."""

from __future__ import annotations

import copy
import dataclasses
import itertools
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.core.pipeline import PipelineContext, PipelineResponse
from azure.mgmt.compute import models

from ansible_collections.alpine.cloud.plugins.module_utils._azure.subscription import StorageAccount
from ansible_collections.alpine.cloud.plugins.module_utils._core.wait import Wait

SHA256 = "ab" * 32
OTHER_SHA256 = "cd" * 32
NO_WAIT = Wait(enabled=False)
WAIT = Wait(enabled=True, timeout=5, interval=0)


class ArmCode:
    """The ``error`` of an SDK exception."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message


def arm_error(status: int, code: str, message: str = "No.") -> HttpResponseError:
    kinds = {404: ResourceNotFoundError, 409: ResourceExistsError}
    error = kinds.get(status, HttpResponseError)(message)
    error.status_code = status
    error.error = ArmCode(code, message)  # type: ignore[assignment]
    return error


def storage_error(status: int, code: str, message: str = "No.\nRequestId:1\nTime:2\nErrorCode:X") -> HttpResponseError:
    kinds = {404: ResourceNotFoundError, 409: ResourceExistsError}
    error = kinds.get(status, HttpResponseError)(message)
    error.status_code = status
    error.error_code = code  # type: ignore[attr-defined]
    return error


def _raise(error: Exception | None) -> None:
    if error is not None:
        raise error


class Poller:
    """An operation that has ended, one way or the other, or never does."""

    def __init__(self, error: Exception | None = None, *, done: bool = True) -> None:
        self._error = error
        self._done = done
        self.fails = getattr(error, "status_code", 404) != 404
        """Whether what was begun has not happened."""
        self.waited: float | None = None
        """The seconds for which somebody was ready to wait."""

    def wait(self, timeout: float) -> None:
        self.waited = timeout

    def done(self) -> bool:
        return self._done

    def result(self) -> None:
        if self._error:
            raise self._error


def delay(options: dict[str, Any]) -> float:
    """Seconds between two questions after an operation that was begun with these, whatever the service asks for."""
    polling = options["polling"]
    polling._pipeline_response = PipelineResponse(None, _AskForAMinute(), PipelineContext(None))
    seconds: float = polling._extract_delay()
    return seconds


class _AskForAMinute:
    headers = {"Retry-After": "60"}


@dataclasses.dataclass
class Call:
    """A writing call, with its body as JSON."""

    name: str
    path: tuple[str, ...]
    body: Any
    """``None`` of a deletion."""
    options: dict[str, Any]


def _replicated(properties: dict[str, Any]) -> dict[str, Any]:
    """What Azure says of a version that has reached all its regions."""
    regions = properties.get("publishingProfile", {}).get("targetRegions")
    done = [{"region": region["name"], "state": "Completed", "progress": 100} for region in regions or ()]
    return {"replicationStatus": {"summary": done}} if regions else {}


class Operations:
    """An operation group such as ``client.galleries``, for one resource.

    :param model: the SDK's model that ``get`` answers with.
    :param resource: as Azure's REST API shows it, or ``None``.
    """

    def __init__(self, model: type, resource: dict[str, Any] | None = None) -> None:
        self.model = model
        self.resource = resource
        self.calls: list[Call] = []
        self.reads: list[dict[str, Any]] = []
        self.states: list[dict[str, Any] | None] = []
        """What the next reads find instead, one after the other."""
        self.get_error: Exception | None = None
        self.create_error: Exception | None = None
        self.create_errors: list[Exception] = []
        self.update_errors: list[Exception] = []
        self.delete_errors: list[Exception] = []
        """What the next calls raise."""
        self.children: list[dict[str, Any]] = []
        self.poller = Poller()
        self.created: dict[str, Any] = {}
        """What Azure adds to a resource that is created."""

    @property
    def writes(self) -> list[str]:
        return [call.name for call in self.calls]

    def get(self, *path: str, **options: Any) -> Any:
        self.reads.append(options)
        _raise(self.get_error)
        if self.states:
            self.resource = self.states.pop(0)
        if self.resource is None:
            raise arm_error(404, "ResourceNotFound", f"{'/'.join(path)} was not found")
        return self.model(copy.deepcopy(self.resource))

    def begin_create_or_update(self, *arguments: Any, **options: Any) -> Poller:
        *path, body = arguments
        self.calls.append(Call("create", tuple(path), body, options))
        _raise(self.create_errors.pop(0) if self.create_errors else self.create_error)
        self.resource = {
            "id": f"/ids/{path[-1]}",
            "name": path[-1],
            **body,
            "properties": {
                "provisioningState": "Succeeded",
                **body["properties"],
                **_replicated(body["properties"]),
                **self.created,
            },
        }
        return self.poller

    def begin_update(self, *arguments: Any, **options: Any) -> Poller:
        *path, body = arguments
        self.calls.append(Call("update", tuple(path), body, options))
        _raise(self.update_errors.pop(0) if self.update_errors else None)
        assert self.resource is not None
        properties = {**self.resource["properties"], **body.get("properties", {}), "provisioningState": "Succeeded"}
        self.resource = {**self.resource, **body, "properties": properties | _replicated(properties)}
        return self.poller

    def begin_delete(self, *path: str, **options: Any) -> Poller:
        self.calls.append(Call("delete", path, None, options))
        _raise(self.delete_errors.pop(0) if self.delete_errors else None)
        if not self.poller.fails:
            self.resource = None
        return self.poller

    def list_below(self, *_path: str) -> list[Any]:
        return [self.model(child) for child in self.children]

    list_by_gallery = list_by_gallery_image = list_below


class ComputeClient:
    """A ``ComputeManagementClient``."""

    def __init__(self) -> None:
        self.galleries = Operations(models.Gallery)
        self.gallery_images = Operations(models.GalleryImage)
        self.gallery_image_versions = Operations(models.GalleryImageVersion)


class Subscription:
    """What the modules look up besides, and how often they do."""

    def __init__(self) -> None:
        self.locations: list[dict[str, list[str]]] = []
        self.account = StorageAccount("/ids/account", "https://account.blob.core.windows.net/")
        self.accounts: list[tuple[str, str]] = []

    def check_locations(self, wanted: dict[str, list[str]]) -> None:
        self.locations.append(wanted)

    def storage_account(self, name: str, resource_group: str) -> StorageAccount:
        self.accounts.append((name, resource_group))
        return self.account


@dataclasses.dataclass
class Range:
    start: int
    end: int
    cleared: bool = False


@dataclasses.dataclass
class StoredBlob:
    """A page blob as the service holds it; also what ``get_blob_properties`` answers with."""

    size: int
    metadata: dict[str, str]
    page_blob_sequence_number: int
    blob_type: str = "PageBlob"
    etag: str = "0"
    pages: dict[int, bytes] = dataclasses.field(default_factory=dict)
    content_md5: bytes | None = None
    content_type: str | None = None

    def content(self) -> bytes:
        data = bytearray(self.size)
        for offset, page in self.pages.items():
            data[offset : offset + len(page)] = page
        return bytes(data)


class BlobClient:
    """A client of one blob; keeps the rules of Put Page."""

    def __init__(self) -> None:
        self.url = "https://account.blob.core.windows.net/images/small.vhd"
        self.stored: StoredBlob | None = None
        self.calls: list[str] = []
        self.failures: dict[str, list[Exception | None]] = {}
        """What the next calls raise, after they have acted when it is a condition that failed."""
        self._etags = itertools.count(1)

    def _call(self, name: str) -> Exception | None:
        self.calls.append(name)
        queue = self.failures.get(name)
        return queue.pop(0) if queue else None

    def _checked(self, options: dict[str, Any]) -> None:
        condition = options.get("match_condition")
        if condition is MatchConditions.IfMissing and self.stored:
            raise storage_error(409, "BlobAlreadyExists")
        if condition is MatchConditions.IfNotModified and (not self.stored or self.stored.etag != options["etag"]):
            raise storage_error(412, "ConditionNotMet")

    def get_blob_properties(self) -> StoredBlob:
        if error := self._call("get_blob_properties"):
            raise error
        if self.stored is None:
            raise storage_error(404, "BlobNotFound")
        return dataclasses.replace(self.stored)

    def create_page_blob(self, size: int, *, metadata: dict[str, str], sequence_number: int, **options: Any) -> None:
        error = self._call("create_page_blob")
        self._checked(options)
        self.stored = StoredBlob(size, metadata, sequence_number, etag=str(next(self._etags)))
        if error:
            raise error

    def upload_page(self, data: bytes, *, offset: int, length: int, if_sequence_number_eq: int) -> None:
        if error := self._call("upload_page"):
            raise error
        assert self.stored is not None
        assert len(data) == length <= 4 << 20
        assert offset % 512 == length % 512 == 0
        assert offset + length <= self.stored.size
        if self.stored.page_blob_sequence_number != if_sequence_number_eq:
            raise storage_error(412, "SequenceNumberConditionNotMet")
        self.stored.pages[offset] = data
        self.stored.etag = str(next(self._etags))

    def list_page_ranges(self) -> list[Range]:
        self._call("list_page_ranges")
        assert self.stored is not None
        ranges = [Range(offset, offset + len(data) - 1) for offset, data in sorted(self.stored.pages.items())]
        return [Range(0, self.stored.size - 1, cleared=True), *ranges]

    def set_http_headers(self, settings: Any, **options: Any) -> dict[str, Any]:
        error = self._call("set_http_headers")
        self._checked(options)
        assert self.stored is not None
        self.stored.content_md5 = bytes(settings.content_md5)
        self.stored.content_type = settings.content_type
        self.stored.etag = str(next(self._etags))
        if error:
            raise error
        return {"etag": self.stored.etag}

    def set_blob_metadata(self, metadata: dict[str, str], **options: Any) -> None:
        error = self._call("set_blob_metadata")
        self._checked(options)
        assert self.stored is not None
        self.stored.metadata = metadata
        self.stored.etag = str(next(self._etags))
        if error:
            raise error

    def delete_blob(self, *, delete_snapshots: str) -> None:
        error = self._call("delete_blob")
        assert delete_snapshots == "include"
        if self.stored is None:
            raise storage_error(404, "BlobNotFound")
        self.stored = None
        if error:
            raise error


class ContainerClient:
    def __init__(self, blob: BlobClient) -> None:
        self._blob = blob
        self.present = True
        self.created = 0
        self.create_error: Exception | None = None

    def exists(self) -> bool:
        return self.present

    def create_container(self, **options: Any) -> None:
        assert options == {}, "private"
        self.created += 1
        self.present = True
        _raise(self.create_error)

    def get_blob_client(self, _name: str) -> BlobClient:
        return self._blob


class BlobService:
    """A ``BlobServiceClient``."""

    def __init__(self) -> None:
        self.blob = BlobClient()
        self.container = ContainerClient(self.blob)

    def get_container_client(self, _name: str) -> ContainerClient:
        return self.container


class Clients:
    """An ``AzureClients``."""

    def __init__(self) -> None:
        self.compute = ComputeClient()
        self.subscription = Subscription()
        self.blobs = BlobService()
