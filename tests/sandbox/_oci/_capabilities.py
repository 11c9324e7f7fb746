# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Capability schemas: the global one, and those of images, which stay within it."""

from __future__ import annotations

import threading
from typing import Any

from flask import Response, request

from tests.sandbox._oci._account import new_ocid
from tests.sandbox._oci._api import Api, ApiError, invalid, json_response, not_found, now
from tests.sandbox._oci._catalogue import GLOBAL_SCHEMA
from tests.sandbox._oci._images import Images


class Capabilities:
    """The operations on them."""

    def __init__(self, api: Api, images: Images, lock: threading.RLock) -> None:
        self._api = api
        self._images = images
        self._lock = lock
        self._schemas: dict[str, dict[str, Any]] = {}
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
        self._register()

    def _register(self) -> None:
        register = self._api.operation
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

    def forget(self, image_id: str) -> None:
        """Delete the schema of an image that is gone."""
        for schema_id in [key for key, value in self._schemas.items() if value["imageId"] == image_id]:
            del self._schemas[schema_id]

    def default_of(self, image_id: str, capability: str) -> Any | None:
        """What the schema of an image gives an instance that asks for nothing else; ``None`` where it says nothing."""
        for schema in self._schemas.values():
            if schema["imageId"] == image_id and capability in schema["schemaData"]:
                return schema["schemaData"][capability].get("defaultValue")
        return None

    def list_global_schemas(self) -> Response:
        return self._api.page([self._global_schema], model="ComputeGlobalImageCapabilitySchemaSummary")

    def _known_global(self, schema_id: str, version: str | None = None) -> dict[str, Any]:
        if schema_id != self._global_schema["id"] or version not in (None, self._global_schema["name"]):
            raise not_found()
        return self._global_schema

    def get_global_schema(self, schema_id: str) -> Response:
        schema = self._known_global(schema_id)
        return json_response(self._api.shown_as("ComputeGlobalImageCapabilitySchema", schema))

    def list_global_versions(self, schema_id: str) -> Response:
        schema = self._known_global(schema_id)
        return self._api.page([schema], model="ComputeGlobalImageCapabilitySchemaVersionSummary")

    def get_global_version(self, schema_id: str, version: str) -> Response:
        schema = self._known_global(schema_id, version)
        return json_response(self._api.shown_as("ComputeGlobalImageCapabilitySchemaVersion", schema))

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
            self._api.check_compartment(compartment)
        with self._lock:
            found = [
                schema
                for schema in self._schemas.values()
                if compartment in (None, schema["compartmentId"]) and image_id in (None, schema["imageId"])
            ]
        return self._api.page(found, model="ComputeImageCapabilitySchemaSummary")

    def create_schema(self) -> Response:
        body = self._api.body("CreateComputeImageCapabilitySchemaDetails")
        self._api.check_compartment(body["compartmentId"])
        version = body["computeGlobalImageCapabilitySchemaVersionName"]
        self._known_global(str(self._global_schema["id"]), version)
        self._check_schema_data(body["schemaData"])
        with self._lock:
            self._images.available(body["imageId"])
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
        return json_response(self._api.shown_as("ComputeImageCapabilitySchema", schema))

    def _schema(self, schema_id: str) -> dict[str, Any]:
        try:
            return self._schemas[schema_id]
        except KeyError:
            raise not_found() from None

    def get_schema(self, schema_id: str) -> Response:
        return json_response(self._api.shown_as("ComputeImageCapabilitySchema", self._schema(schema_id)))

    def update_schema(self, schema_id: str) -> Response:
        body = self._api.body("UpdateComputeImageCapabilitySchemaDetails")
        self._check_schema_data(body.get("schemaData") or {})
        with self._lock:
            schema = self._schema(schema_id)
            schema.update({name: value for name, value in body.items() if value is not None})
        return json_response(self._api.shown_as("ComputeImageCapabilitySchema", schema))

    def delete_schema(self, schema_id: str) -> Response:
        with self._lock:
            self._schema(schema_id)
            del self._schemas[schema_id]
        return Response(status=204)
