# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute galleries, image definitions and image versions: created, changed and deleted one after the other."""

from __future__ import annotations

import threading
from typing import Any

from tests.sandbox._azure._errors import ArmError
from tests.sandbox._azure._models import validate
from tests.sandbox._azure._operations import Operations
from tests.sandbox._azure._resources import LOCATIONS, Resource, StorageAccount, region_name
from tests.sandbox._azure._rules import (
    check_identifier,
    check_name,
    complete_definition,
    complete_version,
    default_to_trusted_launch,
)
from tests.sandbox._azure._version_import import VersionImport
from tests.sandbox._faults import FaultBook

_VERSION_RETRY_AFTER = 60
"""Seconds; what stands on each answer to a writing request, and of its operation."""
_DEFAULTS = {"osType": "Windows", "osState": "Generalized", "hyperVGeneration": "V1", "architecture": "x64"}
_IMMUTABLE = ("osType", "osState", "hyperVGeneration", "architecture", "identifier", "features")


class Galleries:
    """The galleries of one resource group."""

    def __init__(
        self,
        *,
        group_id: str,
        operations: Operations,
        faults: FaultBook,
        versions: VersionImport,
        storage_account: StorageAccount,
    ) -> None:
        self._group_id = group_id
        self._operations = operations
        self._faults = faults
        self._versions = versions
        self._storage_account = storage_account
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
            if len(path) == 2:
                # What is not named is compared as if it were the default.
                properties = {**_DEFAULTS, **properties}
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
        completed = any(status["state"] == "Completed" for status in resource.replication.values())
        if resource.state == "Failed" and len(resource.path) == 3 and not completed:
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
        check_name(path)
        self._complete(path, body)
        resource_id = f"{self._group_id}/providers/Microsoft.Compute" + "".join(
            f"/{kind}/{name}" for kind, name in zip(("galleries", "images", "versions"), path, strict=False)
        )
        resource = Resource(path=path, id=resource_id, body=body)
        if len(path) == 2:
            if self._faults.take_failure("compute", "GalleryImages_CreateOrUpdate.trustedLaunch"):
                default_to_trusted_launch(body["properties"])
            check_identifier(resource, self.children(path[:1]))
        self._resources[tuple(name.lower() for name in path)] = resource
        return resource

    def _complete(self, path: tuple[str, ...], body: dict[str, Any]) -> None:
        """Apply the service's defaults, and the rules that span several properties."""
        properties = body["properties"]
        if len(path) == 1:
            properties["identifier"] = {"uniqueName": f"{self._group_id.split('/')[2]}-{path[0].upper()}"}
        elif len(path) == 2:
            complete_definition(properties)
        else:
            complete_version(body, self._storage_account)

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
        held = self._faults.take_hold("compute", f"{kind}_{verb}")

        def work() -> None:
            if reason:
                raise ArmError(409, "OperationFailed", reason)
            if len(resource.path) == 3 and state == "Creating":
                self._versions.create(resource)
            elif len(resource.path) == 3 and state == "Updating":
                self._versions.replicate(resource)

        def succeeded() -> None:
            if state == "Deleting":
                if resource.disk:
                    resource.disk.unlink()
                del self._resources[tuple(name.lower() for name in resource.path)]
            else:
                resource.state = "Succeeded"

        def failed(_error: ArmError) -> None:
            resource.state = "Failed"

        return self._operations.start(
            work,
            held=held,
            succeeded=succeeded,
            failed=failed,
            retry_after=_VERSION_RETRY_AFTER if len(resource.path) == 3 else None,
        )


def _source_of(profile: dict[str, Any]) -> Any:
    """What a storage profile imports from: all that a second PUT must repeat."""
    return (profile.get("osDiskImage") or {}).get("source")


def _concurrent() -> ArmError:
    return ArmError(
        409,
        "Conflict",
        "The request failed due to conflict with a concurrent request. To resolve it, please refer to "
        "https://aka.ms/activitylog to get more details on the conflicting requests.",
    )
