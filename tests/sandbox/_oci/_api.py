# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Oracle's services have in common: signatures, errors, pages, bodies checked against the SDK's models."""

from __future__ import annotations

import datetime
import json
import re
import uuid
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request

from tests.sandbox._oci._account import Account
from tests.sandbox._oci._signature import body_matches, signature_problem
from tests.sandbox._request_log import Operation

_PAGE = 10
"""Items in a page when the client does not say: few, so that clients have to follow pages."""

_CODES = {
    400: "InvalidParameter",
    401: "NotAuthenticated",
    404: "NotAuthorizedOrNotFound",
    405: "MethodNotAllowed",
    409: "IncorrectState",
    429: "TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable",
}


class ApiError(Exception):
    """An answer with an error status, by https://docs.oracle.com/iaas/Content/API/References/apierrors.htm."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def not_found() -> ApiError:
    return ApiError(404, "NotAuthorizedOrNotFound", "Authorization failed or requested resource not found.")


def invalid(message: str) -> ApiError:
    return ApiError(400, "InvalidParameter", message)


def now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Api:
    """One service: a Flask application whose endpoints are named by Oracle's operations.

    :param models: the SDK's models that describe the service.
    :param base_path: the version in front of all paths.
    """

    def __init__(self, service: str, account: Account, models: ModuleType, *, base_path: str = "") -> None:
        self.service = service
        self.account = account
        self._models = models
        self._base_path = base_path
        self._streaming: set[str] = set()
        self.app = Flask(service)
        self.app.url_map.merge_slashes = False
        self.app.url_map.strict_slashes = False
        self.app.before_request(self._authenticate)
        self.app.after_request(self._finish)
        self.app.register_error_handler(ApiError, self._api_error)
        self.app.register_error_handler(HTTPException, self._http_error)

    def operation(
        self, name: str, method: str, path: str, *, streams_body: bool = False
    ) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        """Register the function as the operation ``name``."""
        if streams_body:
            self._streaming.add(name)

        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            self.app.add_url_rule(
                self._base_path + path, name, function, methods=[method], provide_automatic_options=False
            )
            return function

        return register

    def classify(self, http_request: Request) -> Operation:
        write = http_request.method not in ("GET", "HEAD")
        try:
            name, _values = self.app.url_map.bind("localhost").match(http_request.path, http_request.method)
        except HTTPException:
            return Operation(self.service, f"{http_request.method} {http_request.path}", write=True)
        return Operation(self.service, name, write)

    def error_body(self, _operation: Operation, status: int) -> tuple[str, bytes]:
        return "application/json", json.dumps(_error(_CODES.get(status, "InternalServerError"), "Ordered")).encode()

    def _authenticate(self) -> None:
        streams_body = request.endpoint in self._streaming
        problem = signature_problem(request, self.account, streams_body=streams_body)
        if problem is None and not streams_body and request.method in ("POST", "PUT", "PATCH"):
            problem = None if body_matches(request, request.get_data()) else "The body is not the one that was signed"
        if problem is not None:
            raise ApiError(
                401,
                "NotAuthenticated",
                "The required information to complete authentication was not provided or was incorrect. "
                f"(Sandbox: {problem}.)",
            )

    @staticmethod
    def _finish(response: Response) -> Response:
        response.headers["opc-request-id"] = request.headers.get("opc-request-id") or uuid.uuid4().hex.upper()
        return response

    @staticmethod
    def _api_error(error: ApiError) -> tuple[dict[str, str], int]:
        return _error(error.code, error.message), error.status

    @staticmethod
    def _http_error(error: HTTPException) -> tuple[dict[str, str], int]:
        status = error.code or 500
        return _error(_CODES.get(status, "InvalidParameter"), error.description or error.name), status

    def check_compartment(self, compartment_id: str | None) -> str:
        if not compartment_id:
            raise ApiError(400, "MissingParameter", "compartmentId is missing")
        if compartment_id not in self.account.compartments:
            raise not_found()
        return compartment_id

    def page(self, items: Iterable[Any], *, model: str | None = None) -> Response:
        """Answer with one page of ``items``, each cut down to the fields of ``model``."""
        rows = list(items)
        limit = int(request.args.get("limit", _PAGE))
        start = int(request.args.get("page", 0))
        shown = rows[start : start + limit]
        response = json_response([self.shown_as(model, row) for row in shown] if model else shown)
        if start + limit < len(rows):
            response.headers["opc-next-page"] = str(start + limit)
        return response

    def shown_as(self, model: str, record: dict[str, Any]) -> dict[str, Any]:
        """The fields of ``record`` that ``model`` has."""
        return {name: record.get(name) for name in getattr(self._models, model)().attribute_map.values()}

    def body(self, model: str, *, optional: bool = False, undocumented: frozenset[str] = frozenset()) -> dict[str, Any]:
        """The request's JSON, checked against the SDK's ``model``.

        :param undocumented: fields that the service takes although its description lacks them.
        """
        raw = request.get_data()
        if not raw and optional:
            return {}
        try:
            body = json.loads(raw)
        except ValueError:
            raise ApiError(400, "CannotParseRequest", "The request body is not JSON") from None
        if not isinstance(body, dict):
            raise ApiError(400, "CannotParseRequest", "The request body is not an object")
        self.check(model, {name: value for name, value in body.items() if name not in undocumented}, "")
        _check_names(body)
        return body

    def check(self, model: str, value: dict[str, Any], path: str) -> None:
        """Refuse ``value`` unless it is what the SDK's ``model`` describes: fields, types, enumerations, required."""
        kind = getattr(self._models, model)
        if hasattr(kind, "get_subtype"):
            discriminator = next(iter(set(kind().attribute_map.values()) & {"sourceType", "descriptorType"}))
            if discriminator not in value:
                raise invalid(f"{path}{discriminator} is missing")
            subtype = kind.get_subtype(value)
            if subtype == model:
                raise invalid(f"{path}{discriminator} {value[discriminator]!r} is unknown")
            kind = getattr(self._models, subtype)
        instance = kind()
        attributes = {name: attribute for attribute, name in instance.attribute_map.items()}
        for name, field in value.items():
            if name not in attributes:
                raise ApiError(400, "CannotParseRequest", f"Unrecognized field {path}{name}")
            attribute = attributes[name]
            if field is not None:
                self._check_type(instance.swagger_types[attribute], field, path + name)
                _check_choice(kind, attribute, field, path + name)
        for name, attribute in attributes.items():
            if value.get(name) is None and "**[Required]**" in (getattr(kind, attribute).__doc__ or ""):
                raise ApiError(400, "MissingParameter", f"{path}{name} is missing")

    def _check_type(self, declared: str, value: Any, path: str) -> None:
        primitives: dict[str, tuple[type, ...]] = {"str": (str,), "int": (int,), "float": (int, float), "bool": (bool,)}
        if declared in primitives:
            if not isinstance(value, primitives[declared]) or (isinstance(value, bool) and declared != "bool"):
                raise invalid(f"{path} is not of type {declared}")
        elif match := re.fullmatch(r"list\[(.+)\]", declared):
            if not isinstance(value, list):
                raise invalid(f"{path} is not a list")
            for number, element in enumerate(value):
                self._check_type(match[1], element, f"{path}[{number}]")
        elif match := re.fullmatch(r"dict\(str, (.+)\)", declared):
            if not isinstance(value, dict):
                raise invalid(f"{path} is not an object")
            for key, element in value.items():
                self._check_type(match[1], element, f"{path}.{key}")
        elif declared not in ("object", "datetime"):
            if not isinstance(value, dict):
                raise invalid(f"{path} is not an object")
            self.check(declared, value, f"{path}.")


def _check_names(body: dict[str, Any]) -> None:
    """What the SDK's models do not say of the fields that many resources have."""
    if len(body.get("displayName") or "") > 255:
        raise invalid("displayName size must be between 1 and 255")
    tags = body.get("freeformTags") or {}
    if len(tags) > 10:
        raise invalid("freeformTags: a resource has 10 freeform tags at most")
    for key, value in tags.items():
        if not re.fullmatch(r"[^\s.]{1,100}", key) or len(str(value)) > 256:
            raise invalid(f"freeformTags: {key!r} or its value is not allowed")


def _check_choice(kind: type, attribute: str, value: Any, path: str) -> None:
    prefix = attribute.upper() + "_"
    choices = {getattr(kind, name) for owner in kind.__mro__ for name in vars(owner) if name.startswith(prefix)}
    if choices and isinstance(value, str) and value not in choices:
        raise invalid(f"{path} is {value!r}, not one of {', '.join(sorted(choices))}")


def _error(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}


def json_response(body: Any, status: int = 200, **headers: str) -> Response:
    """An answer in JSON; underscores in the names of ``headers`` stand for dashes."""
    response = Response(json.dumps(body), status, mimetype="application/json")
    for name, value in headers.items():
        response.headers[name.replace("_", "-")] = value
    return response
