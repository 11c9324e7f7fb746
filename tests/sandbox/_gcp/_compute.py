# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute Engine's images, the global operations that make and change them, and the names of regions."""

from __future__ import annotations

import base64
import copy
import dataclasses
import datetime
import hashlib
import itertools
import re
import threading
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from werkzeug.wrappers import Request

from tests.sandbox._faults import FaultBook
from tests.sandbox._gcp._discovery import Call, Description
from tests.sandbox._gcp._errors import GoogleError, invalid_value
from tests.sandbox._gcp._oauth import TokenService
from tests.sandbox._gcp._regions import IMAGE_LOCATIONS, REGIONS
from tests.sandbox._gcp._service import GoogleService
from tests.sandbox._gcp._storage import StorageService, StoredObject
from tests.sandbox._gcp._tar import InvalidArchiveError, unpack
from tests.sandbox._repeats import FirstAnswers

_SOURCE = re.compile(r"https://(?:storage\.googleapis\.com|www\.googleapis\.com/storage/v1/b)/([^/]+)/(?:o/)?(.+)")
_FAMILY = re.compile(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?")
_LABEL_KEY = re.compile(r"[a-z][-_a-z0-9]{0,62}")
_LABEL_VALUE = re.compile(r"[-_a-z0-9]{0,63}")
_FILTER = re.compile(r'\(?\s*(\w+)\s*(!?=)\s*"?([^")]*?)"?\s*\)?')
# Confidential computing and Windows exist on x86 only; Realms (CCA) on Arm only.
_X86_ONLY = {
    "SEV_CAPABLE", "SEV_LIVE_MIGRATABLE", "SEV_LIVE_MIGRATABLE_V2", "SEV_SNP_CAPABLE", "SNP_SVSM_CAPABLE",
    "TDX_CAPABLE", "WINDOWS",
}  # fmt: skip
_ARM_ONLY = {"CCA_CAPABLE"}


@dataclasses.dataclass
class _Image:
    resource: dict[str, Any]
    disk: Path


class _OperationError(Exception):
    """How an asynchronous operation ends in failure."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def _fingerprint(labels: Mapping[str, str]) -> str:
    digest = hashlib.sha256(repr(sorted(labels.items())).encode()).digest()
    return base64.urlsafe_b64encode(digest[:8]).decode()


class ComputeService(GoogleService):
    def __init__(
        self,
        tokens: TokenService,
        storage: StorageService,
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
        self._faults = faults
        self._operation_seconds = operation_seconds
        self._images: dict[str, _Image] = {}
        self._operations: dict[str, dict[str, Any]] = {}
        self._request_ids = FirstAnswers[dict[str, Any]]()
        self._ids = itertools.count(4_611_686_018_427_387_904)
        self._lock = threading.RLock()
        self._operation_done = threading.Condition(self._lock)
        self.handlers = {
            "globalOperations.get": self._get_operation,
            "globalOperations.list": self._list_operations,
            "globalOperations.wait": self._wait_operation,
            "images.delete": self._idempotent(self._delete),
            "images.get": lambda call, _request, _body: self._image(call, "image").resource,
            "images.getFromFamily": self._get_from_family,
            "images.insert": self._idempotent(self._insert),
            "images.list": self._list,
            "images.patch": self._idempotent(self._patch),
            "images.setLabels": self._idempotent(self._set_labels),
            "regions.get": self._get_region,
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

    # Answers

    def _link(self, path: str) -> str:
        return f"https://www.googleapis.com/compute/v1/projects/{self._project}/global/{path}"

    def _answer_project(self, call: Call) -> None:
        project = call.parameters["project"]
        if project != self._project:
            raise GoogleError(404, f"The resource 'projects/{project}' was not found")

    def _image(self, call: Call, parameter: str) -> _Image:
        self._answer_project(call)
        name = call.parameters[parameter]
        for image in self._images.values():
            if name in (image.resource["name"], image.resource["id"]):
                return image
        raise GoogleError(404, f"The resource 'projects/{self._project}/global/images/{name}' was not found")

    def _list(self, call: Call, request: Request, _body: Any) -> Mapping[str, Any]:
        self._answer_project(call)
        with self._lock:
            images = _filtered([image.resource for image in self._images.values()], request)
        return {"kind": "compute#imageList", "id": f"projects/{self._project}/global/images", "items": images}

    def _get_from_family(self, call: Call, _request: Request, _body: Any) -> Mapping[str, Any]:
        self._answer_project(call)
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
        self._answer_project(call)
        name = call.parameters["region"]
        if name not in REGIONS:
            raise GoogleError(404, f"The resource 'projects/{self._project}/regions/{name}' was not found")
        link = f"https://www.googleapis.com/compute/v1/projects/{self._project}/regions/{name}"
        return {"kind": "compute#region", "id": "1000", "name": name, "status": "UP", "selfLink": link}

    # Operations

    def _idempotent(self, act: Callable[[Call, Request, Any], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        """A repeated ``requestId`` is answered with the first request's operation."""

        def handler(call: Call, request: Request, body: Any) -> dict[str, Any]:
            self._answer_project(call)
            request_id = request.args.get("requestId")
            if request_id is not None:
                _check_request_id(request_id)

            def first_time() -> dict[str, Any]:
                operation = act(call, request, body)
                operation["clientOperationId"] = request_id
                return operation

            with self._lock:
                if request_id is None:
                    return dict(act(call, request, body))
                operation = self._request_ids.answer(
                    request_id,
                    f"{call.name} {call.parameters} {body}",
                    first_time,
                    misused=invalid_value("requestId", request_id, "The ID was used by another request."),
                )
                return dict(operation)

        return handler

    def _begin(self, kind: str, image: Mapping[str, Any], work: Callable[[], None], call: Call) -> dict[str, Any]:
        """Start an operation whose ``work`` is done when its time has passed."""
        name = f"operation-{uuid.uuid4()}"
        now = _now()
        operation = {
            "kind": "compute#operation",
            "id": str(next(self._ids)),
            "name": name,
            "operationType": kind,
            "targetLink": image["selfLink"],
            "targetId": image["id"],
            "status": "RUNNING",
            "user": self._tokens.email,
            "progress": 0,
            "insertTime": now,
            "startTime": now,
            "selfLink": self._link(f"operations/{name}"),
        }
        self._operations[name] = operation
        failure = self._faults.take_failure("compute", call.name)

        def run() -> None:
            error: _OperationError | None = None
            try:
                if failure is not None:
                    raise _OperationError("INTERNAL_ERROR", failure, 500)
                work()
            except _OperationError as raised:
                error = raised
            with self._lock:
                if error and kind == "insert":
                    self._mark_failed(str(image["name"]))
                self._end(operation, error)

        timer = threading.Timer(self._operation_seconds, run)
        timer.daemon = True
        timer.start()
        return operation

    def _mark_failed(self, name: str) -> None:
        image = self._images[name]
        image.resource["status"] = "FAILED"
        image.disk.unlink(missing_ok=True)

    def _end(self, operation: dict[str, Any], error: _OperationError | None) -> None:
        operation |= {"status": "DONE", "progress": 100, "endTime": _now()}
        if error is not None:
            operation["httpErrorStatusCode"] = error.status
            operation["httpErrorMessage"] = "BAD REQUEST" if error.status == 400 else "INTERNAL SERVER ERROR"
            operation["error"] = {"errors": [{"code": error.code, "message": error.message}]}
        self._operation_done.notify_all()

    def _operation(self, call: Call) -> dict[str, Any]:
        self._answer_project(call)
        name = call.parameters["operation"]
        for operation in self._operations.values():
            if name in (operation["name"], operation["id"]):
                return operation
        raise GoogleError(404, f"The resource 'projects/{self._project}/global/operations/{name}' was not found")

    def _get_operation(self, call: Call, _request: Request, _body: Any) -> Mapping[str, Any]:
        with self._lock:
            return dict(self._operation(call))

    def _wait_operation(self, call: Call, _request: Request, _body: Any) -> Mapping[str, Any]:
        with self._operation_done:
            operation = self._operation(call)
            self._operation_done.wait_for(lambda: operation["status"] == "DONE", timeout=120)
            return dict(operation)

    def _list_operations(self, call: Call, request: Request, _body: Any) -> Mapping[str, Any]:
        self._answer_project(call)
        with self._lock:
            operations = _filtered(list(self._operations.values()), request)
        return {
            "kind": "compute#operationList",
            "id": f"projects/{self._project}/global/operations",
            "items": operations,
        }

    # Changes

    def _insert(self, call: Call, _request: Request, body: dict[str, Any]) -> dict[str, Any]:
        name = body["name"]
        source = self._checked_source(body)
        _check_features(body)
        if "family" in body and not _FAMILY.fullmatch(body["family"]):
            raise invalid_value("resource.family", body["family"], f"Must be a match of regex '{_FAMILY.pattern}'")
        _check_labels(body.get("labels", {}))
        for location in body.get("storageLocations", []):
            if location not in IMAGE_LOCATIONS:
                raise invalid_value("resource.storageLocations", location, "The location is not supported.")
        if len(body.get("storageLocations", [])) > 1:
            raise invalid_value("resource.storageLocations", body["storageLocations"], "Only one location is allowed.")
        if name in self._images:
            raise GoogleError(
                409,
                f"The resource 'projects/{self._project}/global/images/{name}' already exists",
                reason="alreadyExists",
            )
        identifier = str(next(self._ids))
        labels = body.get("labels", {})
        resource = {
            "kind": "compute#image",
            "id": identifier,
            "creationTimestamp": _now(),
            "sourceType": "RAW",
            "architecture": "X86_64",
            "storageLocations": ["us"],
            **copy.deepcopy(body),
            "status": "PENDING",
            "labelFingerprint": _fingerprint(labels),
            "selfLink": self._link(f"images/{name}"),
            "archiveSizeBytes": source.resource["size"],
        }
        resource["rawDisk"] = {"containerType": "TAR", **resource["rawDisk"]}
        image = _Image(resource, self._directory / f"{identifier}.raw")
        self._images[name] = image
        # Read while the operation runs: the object must outlive it.
        return self._begin("insert", resource, lambda: self._import(image, source), call)

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
            raise _OperationError(
                "RESOURCE_NOT_FOUND",
                f"The resource '{image.resource['rawDisk']['source']}' of type 'Google Cloud Storage object' was not "
                "found.",
                404,
            )
        try:
            size = unpack(source.path, image.disk)
        except InvalidArchiveError as error:
            raise _OperationError("INVALID_IMAGE_TAR", str(error)) from None
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

        operation = self._begin("delete", image.resource, work, call)
        operation["description"] = f"was {before}"
        return operation

    def _patch(self, call: Call, _request: Request, body: dict[str, Any]) -> dict[str, Any]:
        image = self._image(call, "image")
        for key in body.keys() - {"family", "description", "deprecated"}:
            if body[key] != image.resource.get(key):
                raise invalid_value(f"resource.{key}", body[key], "The field cannot be changed.")
        if body.get("family") and not _FAMILY.fullmatch(body["family"]):
            raise invalid_value("resource.family", body["family"], f"Must be a match of regex '{_FAMILY.pattern}'")

        def work() -> None:
            with self._lock:
                image.resource.update({key: body[key] for key in ("family", "description") if key in body})

        return self._begin("patch", image.resource, work, call)

    def _set_labels(self, call: Call, _request: Request, body: dict[str, Any]) -> dict[str, Any]:
        image = self._image(call, "resource")
        labels = body.get("labels", {})
        _check_labels(labels)
        if body.get("labelFingerprint") != image.resource["labelFingerprint"]:
            raise GoogleError(
                412, "Labels fingerprint either invalid or resource labels have changed", reason="conditionNotMet"
            )

        def work() -> None:
            with self._lock:
                image.resource["labels"] = dict(labels)
                image.resource["labelFingerprint"] = _fingerprint(labels)

        return self._begin("setLabels", image.resource, work, call)


def _check_request_id(request_id: str) -> None:
    try:
        valid = uuid.UUID(request_id).int != 0
    except ValueError:
        valid = False
    if not valid:
        raise invalid_value("requestId", request_id, "Must be a UUID other than zero.")


def _check_features(body: Mapping[str, Any]) -> None:
    features = [feature.get("type", "") for feature in body.get("guestOsFeatures", [])]
    if len(features) != len(set(features)):
        raise invalid_value("resource.guestOsFeatures", features, "Duplicate features.")
    architecture = body.get("architecture", "X86_64")
    for feature in features:
        if feature in ("", "FEATURE_TYPE_UNSPECIFIED"):
            raise invalid_value("resource.guestOsFeatures[0].type", feature, "Must be a supported feature.")
        if feature in (_X86_ONLY if architecture == "ARM64" else _ARM_ONLY):
            raise invalid_value(
                "resource.guestOsFeatures", feature, f"The feature is not supported by architecture {architecture}."
            )


def _check_labels(labels: Mapping[str, str]) -> None:
    if len(labels) > 64:
        raise invalid_value("resource.labels", len(labels), "At most 64 labels are allowed.")
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key):
            raise invalid_value("resource.labels", key, "Label keys are lower-case letters, digits, '_' and '-'.")
        if not _LABEL_VALUE.fullmatch(value):
            raise invalid_value("resource.labels", value, "Label values are lower-case letters, digits, '_' and '-'.")


def _filtered(resources: list[dict[str, Any]], request: Request) -> list[dict[str, Any]]:
    """Understands ``(key = value) (key != value)`` with or without AND, as the API's simple filters."""
    expression = request.args.get("filter", "")
    if not expression:
        return [dict(resource) for resource in resources]
    terms = [term for term in re.split(r"\s+AND\s+|(?<=\))\s*(?=\()", expression) if term]
    conditions = []
    for term in terms:
        match = _FILTER.fullmatch(term)
        if match is None:
            raise invalid_value("filter", expression, "Invalid list filter expression.")
        conditions.append(match.groups())
    return [
        dict(resource)
        for resource in resources
        if all((str(resource.get(key, "")) == value) == (sign == "=") for key, sign, value in conditions)
    ]
