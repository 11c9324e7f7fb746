# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute Engine's images, the names of regions, and the rest of it, which other files have."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from werkzeug.wrappers import Request

from tests.sandbox._faults import FaultBook
from tests.sandbox._gcp._discovery import Call, Description
from tests.sandbox._gcp._errors import GoogleError, invalid_value
from tests.sandbox._gcp._image_rules import check_description, check_family, check_image, check_labels
from tests.sandbox._gcp._instances import Instances
from tests.sandbox._gcp._oauth import TokenService
from tests.sandbox._gcp._operations import OperationError, Operations
from tests.sandbox._gcp._project import Project
from tests.sandbox._gcp._regions import REGIONS
from tests.sandbox._gcp._requests import already_exists, check_project, filtered, fingerprint, link, now
from tests.sandbox._gcp._service import GoogleService
from tests.sandbox._gcp._storage import StorageService, StoredObject
from tests.sandbox._gcp._tar import InvalidArchiveError, unpack
from tests.sandbox._machines import MachineRoom

_SOURCE = re.compile(r"https://(?:storage\.googleapis\.com|www\.googleapis\.com/storage/v1/b)/([^/]+)/(?:o/)?(.+)")

_IMAGE = re.compile(r"global/images/([^/]+)")


@dataclasses.dataclass
class _Image:
    resource: dict[str, Any]
    disk: Path


class ComputeService(GoogleService):
    def __init__(
        self,
        tokens: TokenService,
        storage: StorageService,
        room: MachineRoom,
        *,
        project: str,
        directory: Path,
        faults: FaultBook,
        operation_seconds: float,
    ) -> None:
        super().__init__(Description("compute.v1"), tokens)
        self._storage = storage
        self._project = project
        self._directory = directory
        self._directory.mkdir()
        self._images: dict[str, _Image] = {}
        self._ids = itertools.count(4_611_686_018_427_387_904)
        self._lock = threading.RLock()
        self._operations = Operations(
            project=project,
            user=tokens.email,
            faults=faults,
            seconds=operation_seconds,
            ids=self._ids,
            lock=self._lock,
        )
        owner = Project(project, self._operations, lock=self._lock)
        self._instances = Instances(
            owner, self._operations, self._ready_image, room, directory=directory, ids=self._ids, lock=self._lock
        )
        self.holdings = self._instances.holdings
        idempotent = self._operations.idempotent
        self.handlers = {
            **owner.handlers,
            **self._instances.handlers,
            "globalOperations.get": self._operations.get,
            "globalOperations.list": self._operations.list,
            "globalOperations.wait": self._operations.wait,
            "images.delete": idempotent(self._delete),
            "images.get": lambda call, _request, _body: self._image(call, "image").resource,
            "images.getFromFamily": self._get_from_family,
            "images.insert": idempotent(self._insert),
            "images.list": self._list,
            "images.patch": idempotent(self._patch),
            "images.setLabels": idempotent(self._set_labels),
            "regions.get": self._get_region,
            "zoneOperations.get": self._operations.get,
            "zoneOperations.list": self._operations.list,
            "zoneOperations.wait": self._operations.wait,
        }

    def disk_of(self, name_or_id: str) -> Path:
        """The raw disk of a READY image. :raises LookupError: when there is none."""
        with self._lock:
            for image in self._images.values():
                if name_or_id in (image.resource["name"], image.resource["id"], image.resource["selfLink"]):
                    if image.resource["status"] != "READY":
                        raise LookupError(f"image {name_or_id} is {image.resource['status']}")
                    return image.disk
        raise LookupError(f"there is no image {name_or_id} in project {self._project}")

    def _ready_image(self, url: str) -> tuple[Mapping[str, Any], Path]:
        """The image that a URL names, whole or in part. :raises LookupError: when there is none that is READY."""
        path = url.partition("/compute/v1/")[2] or url
        named = _IMAGE.fullmatch(path.removeprefix(f"projects/{self._project}/"))
        if named is None:
            raise LookupError(url)
        with self._lock:
            disk = self.disk_of(named[1])
            [resource] = [image.resource for image in self._images.values() if image.disk == disk]
        return resource, disk

    # Answers

    def _image(self, call: Call, parameter: str) -> _Image:
        check_project(call, self._project)
        name = call.parameters[parameter]
        for image in self._images.values():
            if name in (image.resource["name"], image.resource["id"]):
                return image
        raise GoogleError(404, f"The resource 'projects/{self._project}/global/images/{name}' was not found")

    def _list(self, call: Call, request: Request, _body: Any) -> Mapping[str, Any]:
        check_project(call, self._project)
        with self._lock:
            images = filtered([image.resource for image in self._images.values()], request)
        return {"kind": "compute#imageList", "id": f"projects/{self._project}/global/images", "items": images}

    def _get_from_family(self, call: Call, _request: Request, _body: Any) -> Mapping[str, Any]:
        check_project(call, self._project)
        family = call.parameters["family"]
        with self._lock:
            found = [
                image.resource
                for image in self._images.values()
                if image.resource.get("family") == family and image.resource["status"] == "READY"
            ]
        if not found:
            raise GoogleError(
                404, f"The resource 'projects/{self._project}/global/images/family/{family}' was not found"
            )
        return max(found, key=lambda image: str(image["creationTimestamp"]))

    def _get_region(self, call: Call, _request: Request, _body: Any) -> Mapping[str, Any]:
        check_project(call, self._project)
        name = call.parameters["region"]
        if name not in REGIONS:
            raise GoogleError(404, f"The resource 'projects/{self._project}/regions/{name}' was not found")
        self_link = link(self._project, f"regions/{name}")
        return {"kind": "compute#region", "id": "1000", "name": name, "status": "UP", "selfLink": self_link}

    def _mark_failed(self, name: str) -> None:
        image = self._images[name]
        image.resource["status"] = "FAILED"
        image.disk.unlink(missing_ok=True)

    # Changes

    def _insert(self, call: Call, _request: Request, body: dict[str, Any]) -> dict[str, Any]:
        name = body["name"]
        source = self._checked_source(body)
        check_image(body)
        if name in self._images:
            raise already_exists(self._project, f"global/images/{name}")
        identifier = str(next(self._ids))
        labels = body.get("labels", {})
        resource = {
            "kind": "compute#image",
            "id": identifier,
            "creationTimestamp": now(),
            "sourceType": "RAW",
            "architecture": "X86_64",
            "storageLocations": ["us"],
            **copy.deepcopy(body),
            "status": "PENDING",
            "labelFingerprint": fingerprint(labels),
            "selfLink": link(self._project, f"global/images/{name}"),
            "archiveSizeBytes": source.resource["size"],
        }
        resource["rawDisk"] = {"containerType": "TAR", **resource["rawDisk"]}
        image = _Image(resource, self._directory / f"{identifier}.raw")
        self._images[name] = image
        # Read while the operation runs: the object must outlive it.
        return self._operations.begin(
            "insert", resource, lambda: self._import(image, source), call, failed=lambda: self._mark_failed(name)
        )

    def _checked_source(self, body: Mapping[str, Any]) -> StoredObject:
        others = [key for key in ("sourceDisk", "sourceImage", "sourceSnapshot") if key in body]
        if "rawDisk" not in body or others:
            if others and "rawDisk" not in body:
                raise GoogleError(403, f"The sandbox makes images from rawDisk only, not from {others[0]}.")
            raise GoogleError(400, "Invalid resource usage: 'Must specify exactly one source for an image.'.")
        url = body["rawDisk"].get("source", "")
        match = _SOURCE.fullmatch(url)
        if match is None:
            raise invalid_value(
                "resource.rawDisk.source",
                url,
                "The provided source location was not a valid Google Cloud Storage object reference.",
            )
        stored = self._storage.find(match[1], unquote(match[2]))
        if stored is None:
            raise GoogleError(404, f"The resource '{url}' of type 'Google Cloud Storage object' was not found.")
        return stored

    def _import(self, image: _Image, source: StoredObject) -> None:
        if not source.path.exists():
            raise OperationError(
                "RESOURCE_NOT_FOUND",
                f"The resource '{image.resource['rawDisk']['source']}' of type 'Google Cloud Storage object' was not "
                "found.",
                404,
            )
        try:
            size = unpack(source.path, image.disk)
        except InvalidArchiveError as error:
            raise OperationError("INVALID_IMAGE_TAR", str(error)) from None
        with self._lock:
            image.resource["diskSizeGb"] = str(size >> 30)
            image.resource["status"] = "READY"

    def _delete(self, call: Call, _request: Request, _body: Any) -> dict[str, Any]:
        image = self._image(call, "image")
        if image.resource["status"] in ("PENDING", "DELETING"):
            raise GoogleError(
                400,
                f"The resource 'projects/{self._project}/global/images/{image.resource['name']}' is not ready",
                reason="resourceNotReady",
            )
        before = image.resource["status"]
        image.resource["status"] = "DELETING"

        def work() -> None:
            with self._lock:
                del self._images[image.resource["name"]]
            image.disk.unlink(missing_ok=True)

        operation = self._operations.begin("delete", image.resource, work, call)
        operation["description"] = f"was {before}"
        return operation

    def _patch(self, call: Call, _request: Request, body: dict[str, Any]) -> dict[str, Any]:
        image = self._image(call, "image")
        for key in body.keys() - {"family", "description", "deprecated"}:
            if body[key] != image.resource.get(key):
                raise invalid_value(f"resource.{key}", body[key], "The field cannot be changed.")
        if body.get("family"):
            check_family(body["family"])
        check_description(body.get("description", ""))

        def work() -> None:
            with self._lock:
                image.resource.update({key: body[key] for key in ("family", "description") if key in body})

        return self._operations.begin("patch", image.resource, work, call)

    def _set_labels(self, call: Call, _request: Request, body: dict[str, Any]) -> dict[str, Any]:
        image = self._image(call, "resource")
        labels = body.get("labels", {})
        check_labels(labels)
        if body.get("labelFingerprint") != image.resource["labelFingerprint"]:
            raise GoogleError(
                412, "Labels fingerprint either invalid or resource labels have changed", reason="conditionNotMet"
            )

        def work() -> None:
            with self._lock:
                image.resource["labels"] = dict(labels)
                image.resource["labelFingerprint"] = fingerprint(labels)

        return self._operations.begin("setLabels", image.resource, work, call)
