# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Oracle Cloud's metadata service, as a machine finds it at 169.254.169.254.

https://docs.oracle.com/iaas/Content/Compute/Tasks/gettingmetadata.htm. Version 2 wants to be addressed as Oracle's, and
by nobody who stands between. Which status a refusal has is not written there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_ROOT = "/opc/v2/"
_LEGACY = ("/opc/v1", "/openstack", "/latest")
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host")


class Metadata:
    """A WSGI application, for one instance.

    :param tree: what there is to tell, by the names of the service.
    :param legacy: whether version 1 is answered too.
    """

    def __init__(self, tree: Callable[[], Mapping[str, Any]], *, legacy: bool) -> None:
        self._tree = tree
        self._legacy = legacy

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._answer(Request(environ))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if request.path.startswith(_LEGACY):
            # There is no version 1 behind it here: no image that is launched has a use for it.
            return Response("501 Not Implemented" if self._legacy else "404 Not Found", 501 if self._legacy else 404)
        if any(name in request.headers for name in _FORWARDED):
            return Response("403 Forbidden", 403)
        if request.headers.get("Authorization") != "Bearer Oracle":
            return Response("403 Forbidden", 403)
        if request.method != "GET":
            return Response("405 Method Not Allowed", 405)
        if not request.path.startswith(_ROOT):
            return Response("404 Not Found", 404)
        found: Any = self._tree()
        for segment in filter(None, request.path.removeprefix(_ROOT).split("/")):
            found = found.get(segment) if isinstance(found, Mapping) else None
        if found is None:
            return Response("404 Not Found", 404)
        if isinstance(found, str):
            return Response(found, mimetype="text/plain")
        return Response(json.dumps(found, indent=2), mimetype="application/json")
