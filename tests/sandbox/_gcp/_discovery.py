# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routing and validating requests by Google's own discovery documents (packaged in google-api-python-client)."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any
from urllib.parse import unquote

from tests.sandbox._gcp._errors import GoogleError, invalid_value

# Valid on every call, but in no document.
_PROTOCOL_PARAMETERS = {"upload_id", "$alt"}
_PYTHON_TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "number": (int, float),
    "object": dict,
    "array": list,
}


@dataclasses.dataclass(frozen=True)
class Call:
    """A request matched to a method of the API."""

    method: Mapping[str, Any]
    parameters: Mapping[str, str]
    """Those in the path."""
    upload: bool
    """Whether it carries the object's bytes."""

    @property
    def name(self) -> str:
        """Such as ``images.insert``."""
        return str(self.method["id"]).split(".", 1)[1]


@dataclasses.dataclass(frozen=True)
class _Route:
    """The path of a method. (A thousand regular expressions would take most of the time to start.)"""

    template: list[str]
    """Between its slashes; a name in braces stands for a parameter."""
    method: Mapping[str, Any]
    upload: bool

    def match(self, segments: list[str]) -> dict[str, str] | None:
        """The parameters of a path that is of this form, decoded."""
        if len(segments) != len(self.template):
            return None
        parameters = {}
        for expected, segment in zip(self.template, segments, strict=True):
            if expected.startswith("{") and segment:
                parameters[expected[1:-1]] = unquote(segment)
            elif expected != segment:
                return None
        return parameters


class Description:
    """One API, such as ``compute.v1``."""

    def __init__(self, name: str) -> None:
        documents = resources.files("googleapiclient.discovery_cache.documents")
        self._document: dict[str, Any] = json.loads(documents.joinpath(f"{name}.json").read_text(encoding="utf-8"))
        self._schemas: dict[str, Any] = self._document["schemas"]
        self.service: str = self._document["name"]
        self._routes = list(self._read_routes())

    def _read_routes(self) -> Iterator[_Route]:
        base = "/" + self._document["servicePath"]
        for resource in self._document["resources"].values():
            for method in resource.get("methods", {}).values():
                if "{+" in method["path"]:
                    continue  # A parameter with slashes, as only reservations have.
                yield _Route((base + method["path"]).split("/"), method, upload=False)
                upload = method.get("mediaUpload", {}).get("protocols", {}).get("simple")
                if upload:
                    yield _Route(upload["path"].split("/"), method, upload=True)

    def resolve(self, http_method: str, path: str) -> Call | None:
        """The method that ``path``, still percent-encoded, calls."""
        segments = path.split("/")
        for route in self._routes:
            # The bytes of a resumable upload follow by PUT on the same path.
            if http_method == route.method["httpMethod"] or (route.upload and http_method in ("PUT", "DELETE")):
                parameters = route.match(segments)
                if parameters is not None:
                    return Call(route.method, parameters, route.upload)
        return None

    def check_parameters(self, call: Call, query: Mapping[str, str]) -> None:
        """:raises GoogleError: 400 for a query or path parameter that the description does not allow."""
        known = {**self._document["parameters"], **call.method.get("parameters", {})}
        for name, value in {**query, **call.parameters}.items():
            if name in _PROTOCOL_PARAMETERS:
                continue
            if name not in known:
                raise GoogleError(
                    400,
                    f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query parameter. '
                    f"Field '{name}' could not be found in request message.",
                    reason="badRequest",
                )
            self._check_parameter(name, value, known[name])

    @staticmethod
    def _check_parameter(name: str, value: str, schema: Mapping[str, Any]) -> None:
        pattern = schema.get("pattern")
        if pattern and not re.fullmatch(pattern, value):
            raise invalid_value(name, value, f"Must be a match of regex '{pattern}'")
        if schema.get("enum") and value not in schema["enum"]:
            raise GoogleError(400, f"Invalid value '{value}'. Values must match the following: {schema['enum']}")
        if schema["type"] == "boolean" and value not in ("true", "false"):
            raise GoogleError(400, f"Invalid value '{value}' for boolean parameter {name}.")
        if (schema["type"] == "integer" or "int" in schema.get("format", "")) and not re.fullmatch(r"-?\d+", value):
            raise GoogleError(400, f"Invalid value '{value}' for integer parameter {name}.")

    def check_body(self, call: Call, body: Any) -> None:
        """:raises GoogleError: 400 for a body that the description does not allow."""
        request = call.method.get("request")
        if request is None:
            if body is not None:
                raise GoogleError(400, f"{call.name} takes no request body.", reason="badRequest")
            return
        self._check(self._schemas[request["$ref"]], body, "resource", call.method["id"])

    def _check(self, schema: Mapping[str, Any], value: Any, where: str, method: str) -> None:
        if "$ref" in schema:
            schema = self._schemas[schema["$ref"]]
        _check_type(schema, value, where)
        if schema["type"] == "object":
            properties = schema.get("properties", {})
            for key, member in value.items():
                if key in properties:
                    if properties[key].get("readOnly") and key != "kind":
                        raise invalid_value(f"{where}.{key}", member, "The field is output only.")
                    self._check(properties[key], member, f"{where}.{key}", method)
                elif "additionalProperties" in schema:
                    self._check(schema["additionalProperties"], member, f"{where}.{key}", method)
                else:
                    raise GoogleError(
                        400,
                        f"Invalid JSON payload received. Unknown name \"{key}\" at '{where}': Cannot find field.",
                        reason="badRequest",
                    )
            for key, member in properties.items():
                if method in member.get("annotations", {}).get("required", []) and key not in value:
                    raise GoogleError(400, f"Required field '{where}.{key}' not specified", reason="required")
        elif schema["type"] == "array":
            for index, item in enumerate(value):
                self._check(schema["items"], item, f"{where}[{index}]", method)


def _check_type(schema: Mapping[str, Any], value: Any, where: str) -> None:
    kind, form = schema["type"], schema.get("format", "")
    if kind == "any":
        return
    if kind == "integer" or form in ("int64", "uint64"):
        # 64-bit integers are strings in JSON; numbers are understood as well.
        if isinstance(value, bool) or not re.fullmatch(r"-?\d+", str(value)):
            raise _wrong_type(where, value)
    elif not isinstance(value, _PYTHON_TYPES[kind]):
        raise _wrong_type(where, value)
    if "enum" in schema and value not in schema["enum"]:
        raise invalid_value(where, value, f"Valid values are: {', '.join(schema['enum'])}.")
    if "pattern" in schema and not re.fullmatch(schema["pattern"], value):
        raise invalid_value(where, value, f"Must be a match of regex '(?:{schema['pattern']})'")


def _wrong_type(where: str, value: Any) -> GoogleError:
    return GoogleError(400, f"Invalid value at '{where}', {json.dumps(value, default=str)[:200]}", reason="invalid")
