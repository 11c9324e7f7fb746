# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Cloud Storage and Compute Engine have in common: described by a discovery document, bearer tokens, JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from tests.sandbox._gcp._discovery import Call, Description
from tests.sandbox._gcp._errors import GoogleError
from tests.sandbox._gcp._oauth import TokenService
from tests.sandbox._request_log import Operation

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Handler = Callable[[Call, Request, Any], Response | Mapping[str, Any]]

# POST or PUT by name, but they change nothing.
_READING = {"globalOperations.wait", "zoneOperations.wait", "images.testIamPermissions"}


def _path(request: Request) -> str:
    # PATH_INFO is decoded, and an object's name may hold an encoded slash.
    return str(request.environ["REQUEST_URI"]).split("?", 1)[0]


class GoogleService:
    """A WSGI application; subclasses fill ``handlers`` with a function for each method of the API they have."""

    def __init__(self, description: Description, tokens: TokenService) -> None:
        self.description = description
        self._tokens = tokens
        self.handlers: dict[str, Handler] = {}

    def classify(self, request: Request) -> Operation:
        call = self.description.resolve(request.method, _path(request))
        if call is None:
            return Operation(self.description.service, f"{request.method} {_path(request)}", write=True)
        name = call.name
        if call.upload and request.method != "POST":
            name += ".chunk"
        reading = call.method["httpMethod"] == "GET" or name in _READING
        return Operation(self.description.service, name, write=not reading)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        try:
            response = self._answer(request)
        except GoogleError as error:
            headers = {"WWW-Authenticate": 'Bearer realm="https://accounts.google.com/"'} if error.status == 401 else {}
            response = Response(error.body(), error.status, headers, content_type="application/json; charset=UTF-8")
        finally:
            # What is left of the body must not be taken for the next request on this connection.
            while request.stream.read(1 << 20):
                pass
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response:
        call = self.description.resolve(request.method, _path(request))
        if call is None:
            raise GoogleError(404, f"The requested URL {_path(request)} was not found on this server.")
        self._tokens.authenticate(request, call.method["scopes"])
        handler = self.handlers.get(call.name)
        if handler is None:
            raise GoogleError(403, f"The sandbox has no {call.name}.", reason="notImplemented")
        self.description.check_parameters(call, request.args)
        body = None
        if not call.upload:
            body = _json_body(request)
            self.description.check_body(call, body)
        answer = handler(call, request, body)
        return answer if isinstance(answer, Response) else json_response(answer)


def _json_body(request: Request) -> Any:
    data = request.get_data()
    if not data:
        return None
    if request.mimetype != "application/json":
        raise GoogleError(400, f"Unsupported content with type: {request.mimetype}", reason="badRequest")
    try:
        return json.loads(data)
    except ValueError:
        raise GoogleError(400, "Invalid JSON payload received. Parse Error", reason="parseError") from None


def json_response(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(json.dumps(body, indent=2), status, headers, content_type="application/json; charset=UTF-8")
