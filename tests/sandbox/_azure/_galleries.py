# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute galleries, image definitions and image versions, with the rules that Azure keeps for them."""

from __future__ import annotations

import dataclasses
import datetime
import re
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.sandbox._azure._blobs import BlobProxy
from tests.sandbox._azure._disk import FOOTER_BYTES, UnsupportedDiskError, check_fixed_vhd
from tests.sandbox._azure._errors import ArmError, invalid_parameter
from tests.sandbox._azure._models import validate
from tests.sandbox._azure._operations import Operations
from tests.sandbox._faults import FaultBook

LOCATIONS = {
    "westeurope": "West Europe",
    "northeurope": "North Europe",
    "swedencentral": "Sweden Central",
    "eastus": "East US",
    "westus2": "West US 2",
}
"""Name and display name of the physical regions."""

_GIB = 1 << 30
_CHUNK = 4 << 20
_GALLERY_NAME = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z._]{0,78}[0-9A-Za-z])?")
_IMAGE_NAME = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z._-]{0,78}[0-9A-Za-z])?")
_VERSION_NAME = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
_IDENTIFIER_LENGTHS = {"publisher": 128, "offer": 64, "sku": 64}
_FEATURES = {
    "DiskControllerTypes": {"SCSI", "NVMe"},
    "IsAcceleratedNetworkSupported": {"True", "False"},
    "SecurityType": {
        "None", "TrustedLaunch", "TrustedLaunchSupported", "ConfidentialVM", "ConfidentialVMSupported",
        "TrustedLaunchAndConfidentialVmSupported",
    },
    "IsHibernateSupported": {"True", "False"},
}  # fmt: skip
_IMMUTABLE = ("osType", "osState", "hyperVGeneration", "architecture", "identifier", "features")


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


class Galleries:
    """The galleries of one resource group."""

    def __init__(
        self,
        *,
        group_id: str,
        operations: Operations,
        faults: FaultBook,
        blobs: BlobProxy,
        storage_account: StorageAccount,
        directory: Path,
    ) -> None:
        self._group_id = group_id
        self._operations = operations
        self._faults = faults
        self._blobs = blobs
        self._storage_account = storage_account
        self._directory = directory / "versions"
        self._directory.mkdir()
        self._resources: dict[tuple[str, ...], Resource] = {}
        self._lock = threading.RLock()

    # -- reading

    def find(self, path: tuple[str, ...]) -> Resource | None:
        return self._resources.get(tuple(name.lower() for name in path))

    def get(self, path: tuple[str, ...]) -> Resource:
        """:raises ArmError: ResourceNotFound."""
        resource = self.find(path)
        if resource is None:
            kinds = ("galleries", "images", "versions")
            name = "/".join(f"{kind}/{part}" for kind, part in zip(kinds, path, strict=False))
            raise ArmError(
                404,
                "ResourceNotFound",
                f"The Resource 'Microsoft.Compute/{name}' under resource group "
                f"'{self._group_id.rpartition('/')[2]}' was not found. For more details please go to "
                "https://aka.ms/ARMResourceNotFoundFix",
            )
        return resource

    def children(self, path: tuple[str, ...]) -> list[Resource]:
        lower = tuple(name.lower() for name in path)
        return [
            resource for key, resource in self._resources.items() if len(key) == len(lower) + 1 and key[:-1] == lower
        ]

    # -- writing: each returns the resource and the id of the operation that it started

    def put(self, path: tuple[str, ...], body: Any) -> tuple[Resource, str, bool]:
        """Create or replace; the third value tells whether it was created."""
        with self._lock:
            model, target = self._model(path)
            checked = validate(model, body, target=target)
            checked.setdefault("properties", {})
            existing = self.find(path)
            self._check_location(path, checked, existing)
            if existing is None:
                self._check_parent(path)
                resource = self._new(path, checked)
                return resource, self._run(resource, "Creating"), True
            self._check_writable(existing)
            self._check_unchanged(existing, checked["properties"], target)
            self._complete(path, checked)
            return existing, self._update(existing, checked), False

    def patch(self, path: tuple[str, ...], body: Any) -> tuple[Resource, str]:
        with self._lock:
            resource = self.get(path)
            model, target = self._model(path)
            checked = validate(f"{model}Update", body, target=target, partial=True)
            self._check_writable(resource)
            properties = checked.get("properties", {})
            if "storageProfile" in properties:
                name = f"{target}.properties.storageProfile"
                raise invalid_parameter(f"Parameter '{name}' is not allowed.", name)
            self._check_unchanged(resource, properties, target)
            merged = {**resource.body, **checked}
            merged["properties"] = {**resource.body["properties"], **properties}
            if "publishingProfile" in properties:
                merged["properties"]["publishingProfile"] = {
                    **resource.body["properties"]["publishingProfile"],
                    **properties["publishingProfile"],
                }
            self._complete(path, merged)
            return resource, self._update(resource, merged)

    def delete(self, path: tuple[str, ...]) -> str | None:
        """The operation's id, or ``None`` when there was nothing to delete."""
        with self._lock:
            resource = self.find(path)
            if resource is None:
                return None
            if nested := self.children(path):
                ids = ", ".join(child.id.partition("/providers/")[2] for child in nested[:5])
                raise ArmError(
                    409,
                    "CannotDeleteResource",
                    f"Cannot delete resource while nested resources exist. Some existing nested resource IDs include: "
                    f"'{ids}'. Please delete all nested resources before deleting this resource.",
                )
            if resource.state not in ("Succeeded", "Failed"):
                raise _concurrent()
            return self._run(resource, "Deleting")

    # -- rules

    @staticmethod
    def _model(path: tuple[str, ...]) -> tuple[str, str]:
        models = ("Gallery", "GalleryImage", "GalleryImageVersion")
        name = models[len(path) - 1]
        return name, name[0].lower() + name[1:]

    def _check_location(self, path: tuple[str, ...], body: dict[str, Any], existing: Resource | None) -> None:
        location = region_name(body["location"])
        if existing and existing.body["location"] != location:
            raise ArmError(
                409,
                "InvalidResourceLocation",
                f"The resource '{path[-1]}' already exists in location '{existing.body['location']}' in resource group "
                f"'{self._group_id.rpartition('/')[2]}'. A resource with the same name cannot be created in location "
                f"'{location}'. Please select a new resource name.",
            )
        if location not in LOCATIONS:
            raise ArmError(
                400,
                "LocationNotAvailableForResourceType",
                f"The provided location '{body['location']}' is not available for resource type "
                f"'Microsoft.Compute/{'/'.join(('galleries', 'images', 'versions')[: len(path)])}'. List of available "
                f"regions for the resource type is '{','.join(LOCATIONS)}'.",
            )
        body["location"] = location

    def _check_parent(self, path: tuple[str, ...]) -> None:
        if len(path) == 1:
            return
        parent = self.find(path[:-1])
        if parent is None:
            kinds = ("galleries", "images")
            parent_id = f"{self._group_id}/providers/Microsoft.Compute" + "".join(
                f"/{kind}/{name}" for kind, name in zip(kinds, path[:-1], strict=False)
            )
            raise ArmError(
                404,
                "ParentResourceNotFound",
                "Failed to perform 'write' on resource(s) of type "
                f"'galleries/images{'/versions' if len(path) == 3 else ''}', because the parent resource "
                f"'{parent_id}' could not be found.",
            )
        if parent.state != "Succeeded":
            raise _concurrent()

    @staticmethod
    def _check_writable(resource: Resource) -> None:
        if resource.state == "Failed" and len(resource.path) == 3:
            raise ArmError(
                409,
                "Conflict",
                f"The gallery image version '{resource.id}' is in provisioning state 'Failed' and cannot be updated. "
                "Please delete it and create it again.",
            )
        if resource.state not in ("Succeeded", "Failed"):
            raise _concurrent()

    def _check_unchanged(self, resource: Resource, properties: dict[str, Any], target: str) -> None:
        current = resource.body["properties"]
        names: tuple[str, ...] = ()
        if len(resource.path) == 2:
            names = _IMMUTABLE
        elif len(resource.path) == 3:
            names = ("storageProfile",)
        for name in names:
            if name not in properties:
                continue
            before, after = current.get(name), properties[name]
            if name == "storageProfile":
                before = _source_of(before or {})
                after = _source_of(after)
            if before != after:
                where = f"{target}.properties.{name}"
                raise ArmError(409, "PropertyChangeNotAllowed", f"Changing property '{where}' is not allowed.", where)

    def _new(self, path: tuple[str, ...], body: dict[str, Any]) -> Resource:
        self._check_name(path)
        self._complete(path, body)
        resource_id = f"{self._group_id}/providers/Microsoft.Compute" + "".join(
            f"/{kind}/{name}" for kind, name in zip(("galleries", "images", "versions"), path, strict=False)
        )
        resource = Resource(path=path, id=resource_id, body=body)
        if len(path) == 2:
            self._check_identifier(resource)
        self._resources[tuple(name.lower() for name in path)] = resource
        return resource

    @staticmethod
    def _check_name(path: tuple[str, ...]) -> None:
        name = path[-1]
        pattern = (_GALLERY_NAME, _IMAGE_NAME, _VERSION_NAME)[len(path) - 1]
        match = pattern.fullmatch(name)
        if not match or (len(path) == 3 and any(int(number) > 2**31 - 1 for number in match.groups())):
            entity = ("galleryName", "galleryImageName", "galleryImageVersionName")[len(path) - 1]
            raise invalid_parameter(
                f"The entity name '{entity}' is invalid according to its validation rule: ^{pattern.pattern}$.", entity
            )

    def _complete(self, path: tuple[str, ...], body: dict[str, Any]) -> None:
        """Apply the service's defaults, and the rules that span several properties."""
        properties = body["properties"]
        if len(path) == 1:
            properties["identifier"] = {"uniqueName": f"{self._group_id.split('/')[2]}-{path[0].upper()}"}
        elif len(path) == 2:
            properties.setdefault("hyperVGeneration", "V1")
            properties.setdefault("architecture", "x64")
            _check_definition(properties)
        else:
            self._complete_version(body)

    def _complete_version(self, body: dict[str, Any]) -> None:
        properties = body["properties"]
        publishing = properties.setdefault("publishingProfile", {})
        target = "galleryImageVersion.properties.publishingProfile.targetRegions"
        home = body["location"]
        regions = publishing.get("targetRegions") or [{"name": home}]
        names = [region_name(region["name"]) for region in regions]
        unknown = [region["name"] for region in regions if region_name(region["name"]) not in LOCATIONS]
        if unknown:
            raise invalid_parameter(f"The target regions '{', '.join(unknown)}' are not available.", target)
        if len(set(names)) != len(names):
            raise invalid_parameter("The target regions contain duplicates.", target)
        if home not in names:
            raise invalid_parameter(f"The target regions must contain the source region '{home}'.", target)
        for region in regions:
            count = region.get("regionalReplicaCount", publishing.get("replicaCount", 1))
            if not 1 <= count <= 100:
                raise invalid_parameter(f"The regional replica count '{count}' is not between 1 and 100.", target)
        publishing["targetRegions"] = [
            {
                "name": LOCATIONS[region_name(region["name"])],
                "regionalReplicaCount": region.get("regionalReplicaCount", publishing.get("replicaCount", 1)),
                "storageAccountType": region.get(
                    "storageAccountType", publishing.get("storageAccountType", "Standard_LRS")
                ),
                **({"excludeFromLatest": region["excludeFromLatest"]} if "excludeFromLatest" in region else {}),
            }
            for region in regions
        ]
        publishing.setdefault("replicaCount", 1)
        publishing.setdefault("excludeFromLatest", False)
        publishing.setdefault("storageAccountType", "Standard_LRS")
        publishing.setdefault("replicationMode", "Full")
        publishing.setdefault("publishedDate", datetime.datetime.now(datetime.UTC).isoformat())
        self._check_source(properties["storageProfile"])

    def _check_source(self, profile: dict[str, Any]) -> None:
        target = "galleryImageVersion.properties.storageProfile"
        source = (profile.get("osDiskImage") or {}).get("source") or {}
        uri, account_id = source.get("uri"), source.get("storageAccountId")
        if profile.get("source") or source.get("id") or not (uri and account_id):
            raise invalid_parameter(
                "The source of the OS disk image must be a blob, given by 'uri' and 'storageAccountId'.",
                f"{target}.osDiskImage.source",
            )
        if account_id.lower() != self._storage_account.id.lower():
            raise ArmError(404, "ResourceNotFound", f"The storage account '{account_id}' was not found.", target)
        if not uri.startswith(self._storage_account.blob_endpoint):
            raise invalid_parameter(
                f"The blob URI '{uri}' does not belong to the storage account '{account_id}'.",
                f"{target}.osDiskImage.source.uri",
            )

    def _check_identifier(self, new: Resource) -> None:
        identifier = new.body["properties"]["identifier"]
        for name, length in _IDENTIFIER_LENGTHS.items():
            value = identifier[name]
            if not re.fullmatch(r"[0-9A-Za-z._-]+", value) or len(value) > length or value.endswith("."):
                where = f"galleryImage.properties.identifier.{name}"
                raise invalid_parameter(f"The value '{value}' of parameter '{where}' is invalid.", where)
        for other in self.children(new.path[:1]):
            if other.body["properties"]["identifier"] == identifier:
                raise ArmError(
                    409,
                    "Conflict",
                    f"The gallery image '{other.path[-1]}' already has the identifier publisher "
                    f"'{identifier['publisher']}', offer '{identifier['offer']}', sku '{identifier['sku']}'. The "
                    "identifier must be unique in the gallery.",
                    "galleryImage.properties.identifier",
                )

    # -- operations

    def _update(self, resource: Resource, body: dict[str, Any]) -> str:
        # A resource keeps what it was created from.
        properties = body["properties"]
        for name in (*_IMMUTABLE, "storageProfile"):
            if name in resource.body["properties"]:
                properties[name] = resource.body["properties"][name]
        properties["provisioningState"] = resource.state
        resource.body = body
        return self._run(resource, "Updating")

    def _run(self, resource: Resource, state: str) -> str:
        resource.state = state
        kind = ("Galleries", "GalleryImages", "GalleryImageVersions")[len(resource.path) - 1]
        verb = {"Creating": "CreateOrUpdate", "Updating": "Update", "Deleting": "Delete"}[state]
        reason = self._faults.take_failure("compute", f"{kind}_{verb}")
        steps: Callable[[], None] = {"Deleting": lambda: None}.get(state, lambda: self._import(resource, state))

        def work() -> None:
            if reason:
                raise ArmError(409, "OperationFailed", reason)
            steps()

        def succeeded() -> None:
            if state == "Deleting":
                if resource.disk:
                    resource.disk.unlink()
                del self._resources[tuple(name.lower() for name in resource.path)]
            else:
                resource.state = "Succeeded"

        def failed(_error: ArmError) -> None:
            resource.state = "Failed"

        return self._operations.start(work, succeeded=succeeded, failed=failed)

    def _import(self, resource: Resource, state: str) -> None:
        if len(resource.path) < 3:
            return
        if state == "Creating":
            for region in resource.body["properties"]["publishingProfile"]["targetRegions"]:
                resource.replication[region["name"]] = _region_status(region["name"], "Unknown", 0)
            self._copy_disk(resource)
        self._replicate(resource)

    def _copy_disk(self, resource: Resource) -> None:
        image = resource.body["properties"]["storageProfile"]["osDiskImage"]
        url = image["source"]["uri"]
        name = unquote(url.rpartition("/")[2])
        target = "galleryImageVersion.properties.storageProfile.osDiskImage.source.uri"
        if not name.lower().endswith(".vhd"):
            raise invalid_parameter(f"The blob name in URL {url} must end with '.vhd' extension.", target)
        with self._blobs.open_blob(url) as blob:
            try:
                properties = blob.get_blob_properties()
                if str(getattr(properties.blob_type, "value", properties.blob_type)) != "PageBlob":
                    raise invalid_parameter(f"The source blob {url} is not a page blob.", target)
                length = properties.size
                start = max(0, length - FOOTER_BYTES)
                footer = blob.download_blob(offset=start, length=length - start).readall() if length else b""
                size = check_fixed_vhd(footer, blob_length=length, name=name, url=url)
                disk = self._directory / f"{uuid.uuid4()}.raw"
                with disk.open("wb") as file:
                    file.truncate(size)
                    for first, last in _page_ranges(blob.get_page_ranges()[0], size):
                        for offset in range(first, last, _CHUNK):
                            file.seek(offset)
                            file.write(blob.download_blob(offset=offset, length=min(_CHUNK, last - offset)).readall())
            except ResourceNotFoundError:
                raise ArmError(404, "ResourceNotFound", f"The source blob {url} was not found.", target) from None
            except HttpResponseError as error:
                raise ArmError(500, "InternalExecutionError", f"Cannot read {url}: {error.message}") from error
            except UnsupportedDiskError as error:
                raise invalid_parameter(str(error), "disks") from None
        image["sizeInGB"] = -(-size // _GIB)
        resource.disk = disk

    def _replicate(self, resource: Resource) -> None:
        regions = [region["name"] for region in resource.body["properties"]["publishingProfile"]["targetRegions"]]
        pending = [name for name in regions if resource.replication.get(name, {}).get("state") != "Completed"]
        resource.replication = {
            name: resource.replication.get(name, _region_status(name, "Unknown", 0)) for name in regions
        }
        failures = {
            name: reason
            for name in pending
            if (reason := self._faults.take_failure("compute", "GalleryImageVersions_Replicate")) is not None
        }
        for progress in (25, 75):
            for name in pending:
                resource.replication[name] = _region_status(name, "Replicating", progress)
            self._operations.pause(self._operations.seconds / 4)
        for name in pending:
            failed = failures.get(name)
            resource.replication[name] = (
                _region_status(name, "Failed", 75, failed) if failed else _region_status(name, "Completed", 100)
            )
        if failures:
            details = ", ".join(f"{{region:{region_name(name)}, detail:{why}}}" for name, why in failures.items())
            raise ArmError(
                409,
                "GalleryImageReplicationFailed",
                "Gallery replication jobs failed in one or more regions. The failing regions' details are as follows: "
                f"'{details}'.",
            )


def _check_definition(properties: dict[str, Any]) -> None:
    generation, architecture = properties["hyperVGeneration"], properties["architecture"]
    if architecture == "Arm64" and generation != "V2":
        raise invalid_parameter(
            "The architecture 'Arm64' is only supported with hypervisor generation 'V2'.",
            "galleryImage.properties.architecture",
        )
    where = "galleryImage.properties.features"
    seen: set[str] = set()
    for feature in properties.get("features") or []:
        name, value = feature.get("name") or "", feature.get("value") or ""
        allowed = _FEATURES.get(name)
        if allowed is None or name in seen:
            raise invalid_parameter(f"The feature '{name}' is unknown or given twice.", where)
        seen.add(name)
        values = {part.strip() for part in value.split(",")} if name == "DiskControllerTypes" else {value}
        if not values <= allowed:
            raise invalid_parameter(f"The value '{value}' for feature '{name}' is invalid.", where)
        if name == "DiskControllerTypes" and "NVMe" in values and generation != "V2":
            raise invalid_parameter(
                "The disk controller type 'NVMe' is only supported with hypervisor generation 'V2'.", where
            )
        if name == "SecurityType" and value != "None" and generation != "V2":
            raise invalid_parameter(f"The security type '{value}' needs hypervisor generation 'V2'.", where)


def _region_status(name: str, state: str, progress: int, details: str = "") -> dict[str, Any]:
    return {"region": name, "state": state, "details": details, "progress": progress}


def _source_of(profile: dict[str, Any]) -> Any:
    """What a storage profile imports from: all that a second PUT must repeat."""
    return (profile.get("osDiskImage") or {}).get("source")


def _page_ranges(ranges: list[dict[str, int]], size: int) -> list[tuple[int, int]]:
    """Half-open ranges with content, less the footer."""
    return [(entry["start"], min(entry["end"] + 1, size)) for entry in ranges if entry["start"] < size]


def _concurrent() -> ArmError:
    return ArmError(
        409,
        "Conflict",
        "The request failed due to conflict with a concurrent request. To resolve it, please refer to "
        "https://aka.ms/activitylog to get more details on the conflicting requests.",
    )
