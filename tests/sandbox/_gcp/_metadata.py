# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute Engine's metadata server, as a machine finds it at 169.254.169.254.

https://cloud.google.com/compute/docs/metadata/querying-metadata
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_ROOT = "/computeMetadata/v1"
_FLAVOR = {"Metadata-Flavor": "Google", "Server": "Metadata Server for VM"}


class Metadata:
    """A WSGI application, for one instance.

    :param tree: what there is to tell: directories by the names of what is in them, and values, which are texts.
    """

    def __init__(self, tree: Callable[[], Mapping[str, Any]]) -> None:
        self._tree = tree

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        response = self._answer(Request(environ))
        response.headers.extend(_FLAVOR)
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        # Whoever has come through a proxy is not the machine.
        if "X-Forwarded-For" in request.headers:
            return _refused(403, "Request contains X-Forwarded-For header.")
        if request.path == "/":
            return Response("computeMetadata/\n", mimetype="application/text")
        if request.headers.get("Metadata-Flavor") != "Google":
            return _refused(403, "Missing Metadata-Flavor:Google header.")
        if request.method != "GET":
            return _refused(405, "Method not allowed.")
        if request.path != _ROOT and not request.path.startswith(f"{_ROOT}/"):
            return _refused(404, "Not found.")
        found: Any = self._tree()
        for segment in filter(None, request.path.removeprefix(_ROOT).split("/")):
            found = found.get(segment) if isinstance(found, Mapping) else None
            if found is None:
                return _refused(404, "Not found.")
        if request.args.get("recursive", "").lower() == "true" or request.args.get("alt") == "json":
            return Response(json.dumps(_camel_case(found)), mimetype="application/json")
        if isinstance(found, str):
            return Response(found, mimetype="application/text")
        if not request.path.endswith("/"):
            return Response(status=301, headers={"Location": f"http://{request.host}{request.path}/"})
        names = [f"{name}/" if isinstance(value, Mapping) else name for name, value in sorted(found.items())]
        return Response("".join(f"{name}\n" for name in names), mimetype="application/text")


def _camel_case(value: Any, *, custom: bool = False) -> Any:
    """As JSON has it: directories of numbers are lists, and the keys of custom metadata stay as they are."""
    if not isinstance(value, Mapping):
        return value
    if value and all(key.isdigit() for key in value):
        return [_camel_case(member) for member in value.values()]
    return {
        key if custom else _camel(key): _camel_case(member, custom=key == "attributes") for key, member in value.items()
    }


def _camel(key: str) -> str:
    first, *rest = key.split("-")
    return first + "".join(word.capitalize() for word in rest)


def _refused(status: int, why: str) -> Response:
    return Response(f"<!DOCTYPE html>\n<title>Error {status}</title>\n<p>{why}\n", status, mimetype="text/html")
