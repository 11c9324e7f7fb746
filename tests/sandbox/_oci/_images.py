# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Custom images: imported from objects, changed, deleted."""

from __future__ import annotations

import dataclasses
import math
import threading
import time
from pathlib import Path
from typing import Any

from flask import Response, request

from tests.sandbox._cloud import Context
from tests.sandbox._oci._account import new_ocid
from tests.sandbox._oci._api import Api, ApiError, invalid, json_response, not_found, now
from tests.sandbox._oci._catalogue import LAUNCH_OPTIONS_OF_MODE, SHAPES_OF_IMPORTS
from tests.sandbox._oci._import import ImportFailed, convert_to_raw
from tests.sandbox._oci._object_storage import ObjectStorage
from tests.sandbox._oci._work_requests import WorkRequest, WorkRequests

_MIB = 1 << 20
_IGNORE = "ignore"
"""The reason of an ordered failure of ``CreateImage.launchOptions`` that makes the region ignore the field, as some
users report of real ones; with any other reason it is refused."""


@dataclasses.dataclass
class Image:
    details: dict[str, Any]
    source: dict[str, Any]
    raw: Path
    shapes: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)

    @property
    def state(self) -> str:
        return str(self.details["lifecycleState"])


def shape_entry(image: Image, shape: str, body: dict[str, Any]) -> dict[str, Any]:
    """An entry of an image for a shape, with the constraints that ``body`` gives."""
    return {
        "imageId": image.details["id"],
        "shape": shape,
        "ocpuConstraints": body.get("ocpuConstraints"),
        "memoryConstraints": body.get("memoryConstraints"),
    }


class Images:
    """All of them, and the operations on them. Raw disks are kept below ``directory``, also when the object is gone."""

    def __init__(
        self,
        api: Api,
        context: Context,
        storage: ObjectStorage,
        work_requests: WorkRequests,
        lock: threading.RLock,
        directory: Path,
    ) -> None:
        self._api = api
        self._context = context
        self._storage = storage
        self._work_requests = work_requests
        self._lock = lock
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._images: dict[str, Image] = {}
        self._imports: dict[str, tuple[dict[str, Any], Image, str]] = {}
        """By retry token: the request, the image and its work request's id."""

    def raw_disk(self, image_id: str) -> Path:
        """Where the raw disk of an available image is.

        :raises LookupError: when there is no such image.
        """
        image = self._images.get(image_id)
        if image is None or image.state != "AVAILABLE":
            raise LookupError(f"there is no available image {image_id}")
        return image.raw

    def _image(self, image_id: str) -> Image:
        try:
            return self._images[image_id]
        except KeyError:
            raise not_found() from None

    def available(self, image_id: str) -> Image:
        """:raises ApiError: when there is no such image, or it is not available."""
        image = self._image(image_id)
        if image.state == "DELETED":
            raise not_found()
        if image.state != "AVAILABLE":
            raise ApiError(409, "IncorrectState", f"The image is {image.state}, not AVAILABLE")
        return image

    def _shown_image(self, image: Image) -> dict[str, Any]:
        return self._api.shown_as("Image", image.details)

    def list(self) -> Response:
        compartment = self._api.check_compartment(request.args.get("compartmentId"))
        filters = {"displayName": request.args.get("displayName"), "lifecycleState": request.args.get("lifecycleState")}
        with self._lock:
            found = [
                self._shown_image(image)
                for image in self._images.values()
                if image.details["compartmentId"] == compartment
                and all(value in (None, image.details[name]) for name, value in filters.items())
            ]
        return self._api.page(reversed(found))

    def create(self) -> Response:
        body = self._api.body("CreateImageDetails", undocumented=frozenset({"launchOptions"}))
        token = request.headers.get("opc-retry-token") or ""
        if len(token) > 64:
            raise invalid("opc-retry-token is longer than 64 characters")
        with self._lock:
            if token in self._imports:
                first, image, work_request_id = self._imports[token]
                if first != body or image.state == "DELETED":
                    raise ApiError(409, "InvalidatedRetryToken", "The retry token is not valid any more")
            else:
                image, work_request_id = self._begin_import(body)
                if token:
                    self._imports[token] = (body, image, work_request_id)
            return json_response(self._shown_image(image), opc_work_request_id=work_request_id)

    def _begin_import(self, body: dict[str, Any]) -> tuple[Image, str]:
        compartment = self._api.check_compartment(body["compartmentId"])
        source = body.get("imageSourceDetails")
        if source is None:
            raise invalid("imageSourceDetails is missing: instances to make images of do not exist here")
        if source["sourceType"] != "objectStorageTuple":
            raise invalid(f"sourceType {source['sourceType']} is not supported here")
        for name in ("namespaceName", "bucketName", "objectName"):
            if not source.get(name):
                raise ApiError(400, "MissingParameter", f"imageSourceDetails.{name} is missing")
        if source.get("sourceImageType") is None:
            raise invalid("Without sourceImageType the object has to be an exported image, which cannot be read here")
        failure = self._context.faults.take_failure("compute", "CreateImage")
        launch_mode, launch_options = self._launch(body)
        if self._object(source) is None:
            # Not 404: https://github.com/oracle/oci-cli/issues/384.
            raise invalid(f"The object {source['objectName']} does not exist or you are not authorized to access it")
        image_id = new_ocid("image")
        details = {
            "id": image_id,
            "compartmentId": compartment,
            "displayName": body.get("displayName") or f"image{now()}",
            "freeformTags": body.get("freeformTags") or {},
            "definedTags": body.get("definedTags") or {},
            "launchMode": launch_mode,
            "launchOptions": launch_options,
            "lifecycleState": "IMPORTING",
            "operatingSystem": source.get("operatingSystem") or "Custom",
            "operatingSystemVersion": source.get("operatingSystemVersion") or "Custom",
            "createImageAllowed": True,
            "listingType": "NONE",
            "baseImageId": None,
            "sizeInMBs": None,
            "billableSizeInGBs": None,
            "timeCreated": now(),
        }
        image = Image(details, source, self._directory / f"{image_id}.raw")
        work_request = self._work_requests.begin("CreateImage", "image", image.details)
        self._images[image_id] = image
        threading.Thread(target=self._import, args=(image, work_request, failure), daemon=True).start()
        return image, str(work_request.details["id"])

    def _launch(self, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """The launch mode and options that the image gets."""
        mode = body.get("launchMode") or "NATIVE"
        options = body.get("launchOptions")
        if options is None:
            if mode not in LAUNCH_OPTIONS_OF_MODE:
                raise invalid(f"launchMode {mode} needs launchOptions")
            return mode, dict(LAUNCH_OPTIONS_OF_MODE[mode])
        if mode != "CUSTOM":
            raise invalid(f"launchOptions cannot be set with launchMode {mode}")
        self._api.check("LaunchOptions", options, "launchOptions.")
        behaviour = self._context.faults.take_failure("compute", "CreateImage.launchOptions")
        if behaviour == _IGNORE:
            return "PARAVIRTUALIZED", dict(LAUNCH_OPTIONS_OF_MODE["PARAVIRTUALIZED"])
        if behaviour is not None:
            raise invalid(f"launchMode CUSTOM is not allowed: {behaviour}")
        return mode, {**LAUNCH_OPTIONS_OF_MODE["PARAVIRTUALIZED"], **options}

    def _object(self, source: dict[str, Any]) -> Any | None:
        return self._storage.find(source["namespaceName"], source["bucketName"], source["objectName"])

    def _import(self, image: Image, work_request: WorkRequest, failure: str | None) -> None:
        try:
            work_request.details.update(status="IN_PROGRESS", timeStarted=now())
            self._let_time_pass(image, work_request)
            if failure is not None:
                raise ImportFailed(failure)
            stored = self._object(image.source)
            if stored is None:
                raise ImportFailed(f"The object {image.source['objectName']} does not exist any more")
            size = convert_to_raw(stored.blob.path, image.source["sourceImageType"], image.raw)
        except ImportFailed as error:
            self._finish_import(image, work_request, str(error), 0)
        except Exception as error:  # An import that does not end would only show as a client's time-out.
            self._finish_import(image, work_request, f"Internal error: {error!r}", 0)
        else:
            self._finish_import(image, work_request, None, size)

    def _let_time_pass(self, image: Image, work_request: WorkRequest) -> None:
        steps = 10
        for step in range(1, steps):
            time.sleep(self._context.operation_seconds / steps)
            if image.state == "DELETED":
                raise ImportFailed("The image was deleted")
            work_request.details["percentComplete"] = 100.0 * step / steps
        time.sleep(self._context.operation_seconds / steps)

    def _finish_import(self, image: Image, work_request: WorkRequest, problem: str | None, size: int) -> None:
        with self._lock:
            details = work_request.details
            details["timeFinished"] = now()
            if problem is None and image.state != "DELETED":
                image.details.update(
                    lifecycleState="AVAILABLE",
                    sizeInMBs=math.ceil(size / _MIB),
                    billableSizeInGBs=math.ceil(size / 1024 / _MIB),
                )
                for shape in SHAPES_OF_IMPORTS:
                    image.shapes[shape] = shape_entry(image, shape, {})
                details.update(status="SUCCEEDED", percentComplete=100.0)
                details["resources"][0]["actionType"] = "CREATED"
                work_request.logs.append({"message": "The image was imported", "timestamp": now()})
            else:
                image.raw.unlink(missing_ok=True)
                image.details["lifecycleState"] = "DELETED"
                reason = problem or "The image was deleted"
                details["status"] = "FAILED"
                work_request.errors.append({"code": "InvalidImage", "message": reason, "timestamp": now()})
                work_request.logs.append({"message": "The import failed", "timestamp": now()})

    def get(self, image_id: str) -> Response:
        return json_response(self._shown_image(self._image(image_id)))

    def update(self, image_id: str) -> Response:
        body = self._api.body("UpdateImageDetails")
        with self._lock:
            image = self.available(image_id)
            image.details.update({name: value for name, value in body.items() if value is not None})
        return json_response(self._shown_image(image))

    def delete(self, image_id: str) -> None:
        with self._lock:
            image = self._image(image_id)
            if image.state == "DELETED":
                raise not_found()
            image.details["lifecycleState"] = "DELETED"
            image.raw.unlink(missing_ok=True)
