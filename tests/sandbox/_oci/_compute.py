# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Compute service, as far as custom images go: images, their shapes and capabilities, work requests."""

from __future__ import annotations

import dataclasses
import math
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import oci.core.models
import oci.work_requests.models
from flask import Response, request

from tests.sandbox._cloud import Context
from tests.sandbox._oci._account import Account, new_ocid
from tests.sandbox._oci._api import Api, ApiError, invalid, json_response, not_found, now
from tests.sandbox._oci._catalogue import GLOBAL_SCHEMA, LAUNCH_OPTIONS_OF_MODE, SHAPES, SHAPES_OF_IMPORTS
from tests.sandbox._oci._import import ImportFailed, convert_to_raw
from tests.sandbox._oci._object_storage import ObjectStorage
from tests.sandbox._repeats import FirstAnswers

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


@dataclasses.dataclass
class WorkRequest:
    details: dict[str, Any]
    image_id: str
    errors: list[dict[str, str]] = dataclasses.field(default_factory=list)
    logs: list[dict[str, str]] = dataclasses.field(default_factory=list)


def _all_models() -> ModuleType:
    """The models of Compute and of its work requests, whose names do not overlap."""
    models = ModuleType("models")
    vars(models).update({**vars(oci.work_requests.models), **vars(oci.core.models)})
    return models


class Compute:
    """The service. Raw disks are kept below ``directory``, also when the object is gone."""

    def __init__(self, context: Context, account: Account, storage: ObjectStorage, directory: Path) -> None:
        self._context = context
        self._account = account
        self._storage = storage
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._images: dict[str, Image] = {}
        self._work_requests: dict[str, WorkRequest] = {}
        self._schemas: dict[str, dict[str, Any]] = {}
        self._retry_tokens = FirstAnswers[Response]()
        self._global_schema = {
            "id": new_ocid("computeglobalimgcapschema"),
            "name": new_ocid("version").rpartition(".")[2],
            "displayName": "OCI.ComputeGlobalImageCapabilitySchema",
            "compartmentId": None,
            "freeformTags": {},
            "definedTags": {},
            "timeCreated": now(),
            "schemaData": GLOBAL_SCHEMA,
        }
        self._global_schema["currentVersionName"] = self._global_schema["name"]
        self._global_schema["computeGlobalImageCapabilitySchemaId"] = self._global_schema["id"]
        self._lock = threading.RLock()
        self.api = Api("compute", account, _all_models(), base_path="/20160918")
        self._register()

    def raw_disk(self, image_id: str) -> Path:
        """Where the raw disk of an available image is.

        :raises LookupError: when there is no such image.
        """
        image = self._images.get(image_id)
        if image is None or image.state != "AVAILABLE":
            raise LookupError(f"there is no available image {image_id}")
        return image.raw

    def _register(self) -> None:
        register = self.api.operation
        register("ListImages", "GET", "/images")(self.list_images)
        register("CreateImage", "POST", "/images")(self.create_image)
        register("GetImage", "GET", "/images/<image_id>")(self.get_image)
        register("UpdateImage", "PUT", "/images/<image_id>")(self.update_image)
        register("DeleteImage", "DELETE", "/images/<image_id>")(self.delete_image)
        entries, entry = "/images/<image_id>/shapes", "/images/<image_id>/shapes/<shape>"
        register("ListImageShapeCompatibilityEntries", "GET", entries)(self.list_entries)
        register("GetImageShapeCompatibilityEntry", "GET", entry)(self.get_entry)
        register("AddImageShapeCompatibilityEntry", "PUT", entry)(self.add_entry)
        register("RemoveImageShapeCompatibilityEntry", "DELETE", entry)(self.remove_entry)
        register("ListShapes", "GET", "/shapes")(self.list_shapes)
        global_schemas = "/computeGlobalImageCapabilitySchemas"
        global_schema = f"{global_schemas}/<schema_id>"
        register("ListComputeGlobalImageCapabilitySchemas", "GET", global_schemas)(self.list_global_schemas)
        register("GetComputeGlobalImageCapabilitySchema", "GET", global_schema)(self.get_global_schema)
        register("ListComputeGlobalImageCapabilitySchemaVersions", "GET", f"{global_schema}/versions")(
            self.list_global_versions
        )
        register("GetComputeGlobalImageCapabilitySchemaVersion", "GET", f"{global_schema}/versions/<version>")(
            self.get_global_version
        )
        schemas, schema = "/computeImageCapabilitySchemas", "/computeImageCapabilitySchemas/<schema_id>"
        register("ListComputeImageCapabilitySchemas", "GET", schemas)(self.list_schemas)
        register("CreateComputeImageCapabilitySchema", "POST", schemas)(self.create_schema)
        register("GetComputeImageCapabilitySchema", "GET", schema)(self.get_schema)
        register("UpdateComputeImageCapabilitySchema", "PUT", schema)(self.update_schema)
        register("DeleteComputeImageCapabilitySchema", "DELETE", schema)(self.delete_schema)
        work_request = "/workRequests/<work_request_id>"
        register("ListWorkRequests", "GET", "/workRequests")(self.list_work_requests)
        register("GetWorkRequest", "GET", work_request)(self.get_work_request)
        register("ListWorkRequestErrors", "GET", f"{work_request}/errors")(self.list_work_request_errors)
        register("ListWorkRequestLogs", "GET", f"{work_request}/logs")(self.list_work_request_logs)

    # Images

    def _image(self, image_id: str) -> Image:
        try:
            return self._images[image_id]
        except KeyError:
            raise not_found() from None

    def _available(self, image_id: str) -> Image:
        image = self._image(image_id)
        if image.state == "DELETED":
            raise not_found()
        if image.state != "AVAILABLE":
            raise ApiError(409, "IncorrectState", f"The image is {image.state}, not AVAILABLE")
        return image

    def _shown_image(self, image: Image) -> dict[str, Any]:
        return self.api.shown_as("Image", image.details)

    def list_images(self) -> Response:
        compartment = self.api.check_compartment(request.args.get("compartmentId"))
        filters = {"displayName": request.args.get("displayName"), "lifecycleState": request.args.get("lifecycleState")}
        with self._lock:
            found = [
                self._shown_image(image)
                for image in self._images.values()
                if image.details["compartmentId"] == compartment
                and all(value in (None, image.details[name]) for name, value in filters.items())
            ]
        return self.api.page(reversed(found))

    def create_image(self) -> Response:
        body = self.api.body("CreateImageDetails", undocumented=frozenset({"launchOptions"}))
        token = request.headers.get("opc-retry-token")
        if token is not None and len(token) > 64:
            raise invalid("opc-retry-token is longer than 64 characters")
        with self._lock:
            if not token:
                return self._begin_import(body)
            other = ApiError(409, "InvalidatedRetryToken", "The retry token was used with another request")
            return self._retry_tokens.answer(token, body, lambda: self._begin_import(body), misused=other)

    def _begin_import(self, body: dict[str, Any]) -> Response:
        compartment = self.api.check_compartment(body["compartmentId"])
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
            raise not_found()
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
        work_request = self._new_work_request(image)
        self._images[image_id] = image
        threading.Thread(target=self._import, args=(image, work_request, failure), daemon=True).start()
        return json_response(self._shown_image(image), opc_work_request_id=work_request.details["id"])

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
        self.api.check("LaunchOptions", options, "launchOptions.")
        behaviour = self._context.faults.take_failure("compute", "CreateImage.launchOptions")
        if behaviour == _IGNORE:
            return "PARAVIRTUALIZED", dict(LAUNCH_OPTIONS_OF_MODE["PARAVIRTUALIZED"])
        if behaviour is not None:
            raise invalid(f"launchMode CUSTOM is not allowed: {behaviour}")
        return mode, {**LAUNCH_OPTIONS_OF_MODE["PARAVIRTUALIZED"], **options}

    def _object(self, source: dict[str, Any]) -> Any | None:
        return self._storage.find(source["namespaceName"], source["bucketName"], source["objectName"])

    def _new_work_request(self, image: Image) -> WorkRequest:
        details = {
            "id": new_ocid("coreservicesworkrequest"),
            "operationType": "CreateImage",
            "status": "ACCEPTED",
            "compartmentId": image.details["compartmentId"],
            "percentComplete": 0.0,
            "timeAccepted": now(),
            "timeStarted": None,
            "timeFinished": None,
            "resources": [
                {
                    "actionType": "IN_PROGRESS",
                    "entityType": "image",
                    "identifier": image.details["id"],
                    "entityUri": f"/20160918/images/{image.details['id']}",
                }
            ],
        }
        work_request = WorkRequest(details, image.details["id"])
        self._work_requests[details["id"]] = work_request
        return work_request

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
                    image.shapes[shape] = self._entry(image, shape, {})
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

    def get_image(self, image_id: str) -> Response:
        return json_response(self._shown_image(self._image(image_id)))

    def update_image(self, image_id: str) -> Response:
        body = self.api.body("UpdateImageDetails")
        with self._lock:
            image = self._available(image_id)
            image.details.update({name: value for name, value in body.items() if value is not None})
        return json_response(self._shown_image(image))

    def delete_image(self, image_id: str) -> Response:
        with self._lock:
            image = self._image(image_id)
            if image.state == "DELETED":
                raise not_found()
            image.details["lifecycleState"] = "DELETED"
            image.raw.unlink(missing_ok=True)
            for schema_id in [key for key, value in self._schemas.items() if value["imageId"] == image_id]:
                del self._schemas[schema_id]
        return Response(status=204)

    # Shapes

    @staticmethod
    def _entry(image: Image, shape: str, body: dict[str, Any]) -> dict[str, Any]:
        return {
            "imageId": image.details["id"],
            "shape": shape,
            "ocpuConstraints": body.get("ocpuConstraints"),
            "memoryConstraints": body.get("memoryConstraints"),
        }

    def list_entries(self, image_id: str) -> Response:
        with self._lock:
            entries = sorted(self._available(image_id).shapes.items())
        return self.api.page(entry for _name, entry in entries)

    def get_entry(self, image_id: str, shape: str) -> Response:
        entry = self._available(image_id).shapes.get(shape)
        if entry is None:
            raise not_found()
        return json_response(entry)

    def add_entry(self, image_id: str, shape: str) -> Response:
        body = self.api.body("AddImageShapeCompatibilityEntryDetails", optional=True)
        known = {row["shape"]: row for row in SHAPES}
        with self._lock:
            image = self._available(image_id)
            if shape.endswith(".Generic"):
                # What it does to the entries behind the alias is worse than a refusal.
                raise invalid(f"{shape} is an alias; the sandbox refuses to add it")
            if shape not in known:
                raise invalid(f"The shape {shape} does not exist")
            self._check_constraints(known[shape], body)
            # The constraints of an entry that exists stay as they are, without a word.
            entry = image.shapes.setdefault(shape, self._entry(image, shape, body))
        return json_response(entry)

    @staticmethod
    def _check_constraints(shape: dict[str, Any], body: dict[str, Any]) -> None:
        given = [
            (body.get("ocpuConstraints"), "min", "max", shape.get("ocpuOptions"), "min", "max"),
            (body.get("memoryConstraints"), "minInGBs", "maxInGBs", shape.get("memoryOptions"), "minInGBs", "maxInGBs"),
        ]
        for constraints, low, high, options, option_low, option_high in given:
            if constraints is None:
                continue
            if options is None:
                raise invalid(f"The shape {shape['shape']} is not flexible")
            lower = constraints.get(low) or options[option_low]
            upper = constraints.get(high) or options[option_high]
            if not options[option_low] <= lower <= upper <= options[option_high]:
                raise invalid(f"The constraints {lower} to {upper} are not within those of {shape['shape']}")

    def remove_entry(self, image_id: str, shape: str) -> Response:
        with self._lock:
            if self._available(image_id).shapes.pop(shape, None) is None:
                raise not_found()
        return Response(status=204)

    def list_shapes(self) -> Response:
        self.api.check_compartment(request.args.get("compartmentId"))
        image_id = request.args.get("imageId")
        allowed = self._available(image_id).shapes if image_id else None
        return self.api.page((row for row in SHAPES if allowed is None or row["shape"] in allowed), model="Shape")

    # Capability schemas

    def list_global_schemas(self) -> Response:
        return self.api.page([self._global_schema], model="ComputeGlobalImageCapabilitySchemaSummary")

    def _known_global(self, schema_id: str, version: str | None = None) -> dict[str, Any]:
        if schema_id != self._global_schema["id"] or version not in (None, self._global_schema["name"]):
            raise not_found()
        return self._global_schema

    def get_global_schema(self, schema_id: str) -> Response:
        schema = self._known_global(schema_id)
        return json_response(self.api.shown_as("ComputeGlobalImageCapabilitySchema", schema))

    def list_global_versions(self, schema_id: str) -> Response:
        schema = self._known_global(schema_id)
        return self.api.page([schema], model="ComputeGlobalImageCapabilitySchemaVersionSummary")

    def get_global_version(self, schema_id: str, version: str) -> Response:
        schema = self._known_global(schema_id, version)
        return json_response(self.api.shown_as("ComputeGlobalImageCapabilitySchemaVersion", schema))

    @staticmethod
    def _check_schema_data(data: dict[str, dict[str, Any]]) -> None:
        for name, descriptor in data.items():
            bound = GLOBAL_SCHEMA.get(name)
            if bound is None:
                raise invalid(f"schemaData: the global schema has no {name}")
            if descriptor["descriptorType"] != bound["descriptorType"]:
                raise invalid(f"schemaData: {name} is of type {bound['descriptorType']}")
            if "values" not in bound:
                continue
            values, default = descriptor.get("values") or [], descriptor.get("defaultValue")
            if not values or not set(values) <= set(bound["values"]):
                raise invalid(f"schemaData: the values of {name} must be some of {bound['values']}")
            if default is not None and default not in values:
                raise invalid(f"schemaData: the default of {name} must be one of its values")

    def list_schemas(self) -> Response:
        compartment, image_id = request.args.get("compartmentId"), request.args.get("imageId")
        if not compartment and not image_id:
            raise ApiError(400, "MissingParameter", "compartmentId or imageId is missing")
        if compartment:
            self.api.check_compartment(compartment)
        with self._lock:
            found = [
                schema
                for schema in self._schemas.values()
                if compartment in (None, schema["compartmentId"]) and image_id in (None, schema["imageId"])
            ]
        return self.api.page(found, model="ComputeImageCapabilitySchemaSummary")

    def create_schema(self) -> Response:
        body = self.api.body("CreateComputeImageCapabilitySchemaDetails")
        self.api.check_compartment(body["compartmentId"])
        version = body["computeGlobalImageCapabilitySchemaVersionName"]
        self._known_global(str(self._global_schema["id"]), version)
        self._check_schema_data(body["schemaData"])
        with self._lock:
            self._available(body["imageId"])
            if any(schema["imageId"] == body["imageId"] for schema in self._schemas.values()):
                raise ApiError(409, "Conflict", "The image has a capability schema already")
            schema = {
                "displayName": None,
                "freeformTags": {},
                "definedTags": {},
                **body,
                "id": new_ocid("computeimgcapschema"),
                "computeGlobalImageCapabilitySchemaId": self._global_schema["id"],
                "lifecycleState": "ACTIVE",
                "timeCreated": now(),
            }
            self._schemas[schema["id"]] = schema
        return json_response(self.api.shown_as("ComputeImageCapabilitySchema", schema))

    def _schema(self, schema_id: str) -> dict[str, Any]:
        try:
            return self._schemas[schema_id]
        except KeyError:
            raise not_found() from None

    def get_schema(self, schema_id: str) -> Response:
        return json_response(self.api.shown_as("ComputeImageCapabilitySchema", self._schema(schema_id)))

    def update_schema(self, schema_id: str) -> Response:
        body = self.api.body("UpdateComputeImageCapabilitySchemaDetails")
        self._check_schema_data(body.get("schemaData") or {})
        with self._lock:
            schema = self._schema(schema_id)
            schema.update({name: value for name, value in body.items() if value is not None})
        return json_response(self.api.shown_as("ComputeImageCapabilitySchema", schema))

    def delete_schema(self, schema_id: str) -> Response:
        with self._lock:
            self._schema(schema_id)
            del self._schemas[schema_id]
        return Response(status=204)

    # Work requests

    def _work_request(self, work_request_id: str) -> WorkRequest:
        try:
            return self._work_requests[work_request_id]
        except KeyError:
            raise not_found() from None

    def list_work_requests(self) -> Response:
        compartment = self.api.check_compartment(request.args.get("compartmentId"))
        resource = request.args.get("resourceId")
        with self._lock:
            found = [
                work_request.details
                for work_request in self._work_requests.values()
                if work_request.details["compartmentId"] == compartment and resource in (None, work_request.image_id)
            ]
        return self.api.page(reversed(found), model="WorkRequestSummary")

    def get_work_request(self, work_request_id: str) -> Response:
        details = self._work_request(work_request_id).details
        return json_response(self.api.shown_as("WorkRequest", details), Retry_After="1")

    def list_work_request_errors(self, work_request_id: str) -> Response:
        return self.api.page(self._work_request(work_request_id).errors)

    def list_work_request_logs(self, work_request_id: str) -> Response:
        return self.api.page(self._work_request(work_request_id).logs)
