# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Azure Resource Manager: one subscription, one resource group, one storage account, any number of galleries and
machines.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from flask import Flask, request
from flask.typing import ResponseReturnValue

from tests.sandbox._azure._errors import ArmError
from tests.sandbox._azure._galleries import Galleries
from tests.sandbox._azure._login import MANAGEMENT, Account
from tests.sandbox._azure._machine_api import MachineApi
from tests.sandbox._azure._operations import Operations
from tests.sandbox._azure._resources import LOCATIONS, Resource
from tests.sandbox._azure._routes import API_VERSIONS, provider_of, route

_SIGNED = "MIIIJzCCBw-g" * 340
"""Polling URLs carry a certificate and a signature: they are of four kilobytes."""
_GALLERY_KINDS = ("Galleries", "GalleryImages", "GalleryImageVersions")


class ResourceManager:
    """Routes requests, after what every request must bring along: a token, a known api-version and subscription."""

    def __init__(
        self,
        *,
        account: Account,
        group: str,
        location: str,
        storage_account: dict[str, Any],
        galleries: Galleries,
        machines: MachineApi,
        operations: Operations,
    ) -> None:
        self._account = account
        self._group = group
        self._location = location
        self._storage_account = storage_account
        self._galleries = galleries
        self._machines = machines
        self._operations = operations

    def create_app(self) -> Flask:
        app = Flask("arm")

        @app.route("/", defaults={"path": ""}, methods=["GET", "PUT", "PATCH", "DELETE", "POST"])
        @app.route("/<path:path>", methods=["GET", "PUT", "PATCH", "DELETE", "POST"])
        def handle(path: str) -> ResponseReturnValue:
            try:
                return self._handle(f"/{path}")
            except ArmError as error:
                headers = {"x-ms-request-id": str(uuid.uuid4())}
                if error.status == 401:
                    headers["WWW-Authenticate"] = f'Bearer error="invalid_token", error_description="{error.message}"'
                return error.body(), error.status, headers

        return app

    def _handle(self, path: str) -> ResponseReturnValue:
        self._check_token()
        found = route(path)
        if found is None:
            raise ArmError(404, "InvalidResourceType", f"The resource type of '{path}' could not be found.")
        name, parts = found
        self._check_api_version(name)
        self._check_subscription(parts["subscription"])
        if "group" in parts and parts["group"].lower() != self._group.lower():
            raise ArmError(404, "ResourceGroupNotFound", f"Resource group '{parts['group']}' could not be found.")
        match name:
            case "Locations" | "ResourceGroups" | "StorageAccounts" | "Operations" | "MachineOperations" if (
                request.method != "GET"
            ):
                raise ArmError(405, "MethodNotAllowed", "The sandbox only reads this resource type.")
            case "Locations":
                return {"value": self._locations()}
            case "ResourceGroups":
                return self._resource_group()
            case "StorageAccounts":
                return self._get_storage_account(parts["account"])
            case "Operations" | "MachineOperations":
                return self._operation(parts["operation"])
            case _ if name in _GALLERY_KINDS:
                return self._gallery_resource(parts)
            case _:
                return self._machines.handle(name, parts)

    def _check_token(self) -> None:
        authorization = request.headers.get("Authorization")
        if not authorization:
            raise ArmError(401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
        if not self._account.accepts(authorization, MANAGEMENT):
            raise ArmError(401, "InvalidAuthenticationToken", "The access token is invalid.")

    @staticmethod
    def _check_api_version(name: str) -> None:
        version = request.args.get("api-version")
        if not version:
            raise ArmError(
                400,
                "MissingApiVersionParameter",
                "The api-version query parameter (?api-version=) is required for all requests.",
            )
        provider = provider_of(name)
        if version not in API_VERSIONS[provider]:
            raise ArmError(
                400,
                "InvalidResourceType",
                f"The resource type could not be found in the namespace '{provider}' for api version '{version}'. The "
                f"supported api-versions are '{','.join(API_VERSIONS[provider])}'.",
            )

    def _check_subscription(self, subscription: str) -> None:
        try:
            uuid.UUID(subscription)
        except ValueError:
            raise ArmError(
                400,
                "InvalidSubscriptionId",
                f"The provided subscription identifier '{subscription}' is malformed or invalid.",
            ) from None
        if subscription.lower() != self._account.subscription:
            raise ArmError(404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found.")

    def _locations(self) -> list[dict[str, Any]]:
        base = f"/subscriptions/{self._account.subscription}/locations"
        physical = [
            {"id": f"{base}/{name}", "name": name, "displayName": display, "metadata": {"regionType": "Physical"}}
            for name, display in LOCATIONS.items()
        ]
        return [
            *physical,
            {"id": f"{base}/europe", "name": "europe", "displayName": "Europe", "metadata": {"regionType": "Logical"}},
        ]

    def _resource_group(self) -> dict[str, Any]:
        return {
            "id": f"/subscriptions/{self._account.subscription}/resourceGroups/{self._group}",
            "name": self._group,
            "type": "Microsoft.Resources/resourceGroups",
            "location": self._location,
            "properties": {"provisioningState": "Succeeded"},
        }

    def _get_storage_account(self, name: str) -> dict[str, Any]:
        if name.lower() != self._storage_account["name"]:
            raise ArmError(
                404,
                "ResourceNotFound",
                f"The Resource 'Microsoft.Storage/storageAccounts/{name}' under resource group '{self._group}' was not "
                "found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
            )
        return self._storage_account

    def _gallery_resource(self, parts: dict[str, str]) -> ResponseReturnValue:
        keys = [key for key in ("p0", "p1", "p2") if key in parts]
        if parts[keys[-1]] is None:
            parents = tuple(parts[key] for key in keys[:-1])
            if parents:
                self._galleries.get(parents)
            if request.method != "GET":
                raise ArmError(405, "MethodNotAllowed", f"The method {request.method} is not allowed on a collection.")
            return {"value": [child.rendered() for child in self._galleries.children(parents)]}
        path = tuple(parts[key] for key in keys)
        match request.method:
            case "GET":
                expand = request.args.get("$expand")
                if expand not in (None, "ReplicationStatus", "UefiSettings") or (expand and len(path) < 3):
                    raise ArmError(400, "InvalidParameter", f"The value '{expand}' of parameter '$expand' is invalid.")
                return self._galleries.get(path).rendered(replication=expand == "ReplicationStatus")
            case "PUT":
                resource, operation, created = self._galleries.put(path, self._json())
                return self._accepted(resource, operation, 201 if created else 200)
            case "PATCH":
                resource, operation = self._galleries.patch(path, self._json())
                return self._accepted(resource, operation, 200)
            case "DELETE":
                operation_id = self._galleries.delete(path)
                if operation_id is None:
                    return "", 204
                polling = self._polling(operation_id)
                return "", 202, {**polling, "Location": f"{polling['Azure-AsyncOperation']}&monitor=true"}
            case _:
                raise ArmError(405, "MethodNotAllowed", f"The method {request.method} is not allowed.")

    @staticmethod
    def _json() -> Any:
        try:
            return json.loads(request.get_data())
        except ValueError:
            raise ArmError(400, "InvalidRequestContent", "The request content was not valid JSON.") from None

    def _accepted(self, resource: Resource, operation: str, status: int) -> ResponseReturnValue:
        return resource.rendered(), status, self._polling(operation)

    def _operation(self, operation: str) -> ResponseReturnValue:
        state, headers = self._operations.state(operation), self._operations.headers(operation)
        if "monitor" in request.args:
            return "", 202 if state["status"] == "InProgress" else 200, headers
        return state, 200, headers

    def _polling(self, operation: str) -> dict[str, str]:
        url = (
            f"{request.host_url}subscriptions/{self._account.subscription}/providers/Microsoft.Compute/locations/"
            f"{self._location}/capsOperations/{operation}?api-version={request.args['api-version']}&t=639128620019988794&c={_SIGNED}"
        )
        headers = {"Azure-AsyncOperation": url, "x-ms-request-id": str(uuid.uuid4())}
        return headers | self._operations.headers(operation)
