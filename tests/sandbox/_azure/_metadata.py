# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Azure's Instance Metadata Service, as a machine finds it at 169.254.169.254.

https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service. The machine's other endpoint, the wire
server at 168.63.129.16 that hands out the goal state and takes a "ready", is out of its reach.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_VERSIONS = ("2017-12-01", "2019-06-01", "2020-09-01", "2021-01-01", "2021-02-01", "2021-12-13", "2023-07-01")
_INSTANCE = "/metadata/instance"
_FIRST_WITH_USER_DATA = "2021-01-01"


class Metadata:
    """A WSGI application.

    :param instance: what there is to tell of the machine; by the names of the service.
    """

    def __init__(self, instance: Callable[[], dict[str, Any]]) -> None:
        self._instance = instance

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._answer(Request(environ))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        # Whoever gets here through a proxy is not the machine.
        if "X-Forwarded-For" in request.headers:
            return _refused(400, "Bad request. Required metadata header not specified or not correct")
        if request.headers.get("Metadata", "").lower() != "true":
            return _refused(400, "Bad request. Required metadata header not specified")
        path = request.path.rstrip("/")
        if path == "/metadata/versions":
            return _json({"apiVersions": list(_VERSIONS)})
        if path != _INSTANCE and not path.startswith(f"{_INSTANCE}/"):
            return _refused(404, "Not found")
        if request.method != "GET":
            return _refused(405, "Method not allowed")
        version = request.args.get("api-version", "")
        if version not in _VERSIONS:
            newest = {"newest-versions": list(reversed(_VERSIONS[-3:]))}
            return _refused(400, "Bad request. api-version is invalid or was not specified in the request.", newest)
        instance = self._instance()
        if version < _FIRST_WITH_USER_DATA:
            del instance["compute"]["userData"]
        try:
            found = _step(instance, path.removeprefix(_INSTANCE).strip("/"))
        except LookupError:
            return _refused(404, "Not found")
        return _rendered(found, request.args.get("format", "json"))


def _step(value: Any, path: str) -> Any:
    """:raises LookupError: when there is nothing."""
    for part in filter(None, path.split("/")):
        if isinstance(value, list) and part.isdigit():
            value = value[int(part)]
        elif isinstance(value, dict):
            value = value[part]
        else:
            raise LookupError(part)
    return value


def _rendered(value: Any, form: str) -> Response:
    branch = isinstance(value, (dict, list))
    if form == "json" and branch:
        return _json(value)
    if form == "text" and not branch:
        return Response(str(value), 200, mimetype="text/plain")
    if form == "text":
        keys = value if isinstance(value, dict) else range(len(value))
        return Response("\n".join(f"{key}/" for key in keys), 200, mimetype="text/plain")
    return _refused(400, f"Bad request. {form} format is not supported for this request.")


def _json(value: Any) -> Response:
    return Response(json.dumps(value), 200, mimetype="application/json")


def _refused(status: int, message: str, more: dict[str, Any] | None = None) -> Response:
    return Response(json.dumps({"error": message, **(more or {})}), status, mimetype="application/json")
