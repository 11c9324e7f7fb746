# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""EC2's instance metadata service, by the Amazon EC2 User Guide."""

from __future__ import annotations

import dataclasses
import hmac
import secrets
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_TOKEN = "X-aws-ec2-metadata-token"
_TTL = "X-aws-ec2-metadata-token-ttl-seconds"
_LONGEST_TTL = 21600


@dataclasses.dataclass
class MetadataService:
    """A WSGI application, for one instance."""

    items: dict[str, str]
    """By their paths below ``/latest/``; what is not there is not found."""
    tokens_required: bool
    enabled: bool = True
    _tokens: dict[str, float] = dataclasses.field(default_factory=dict)
    """Until when each is valid."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body, status = self._answer(Request(environ))
        return Response(body, status, mimetype="text/plain")(environ, start_response)

    def _answer(self, request: Request) -> tuple[str, int]:
        if not self.enabled:
            return "", 403
        if request.path == "/latest/api/token":
            return self._token(request)
        if request.method != "GET":
            return "", 405
        token = request.headers.get(_TOKEN)
        if (token is None and self.tokens_required) or (token is not None and not self._is_valid(token)):
            return "", 401
        item = self.items.get(request.path.removeprefix("/latest/"))
        return ("", 404) if item is None else (item, 200)

    def _token(self, request: Request) -> tuple[str, int]:
        # A request that a proxy has passed on gets none.
        if request.method != "PUT" or "X-Forwarded-For" in request.headers:
            return "", 403 if "X-Forwarded-For" in request.headers else 405
        ttl = request.headers.get(_TTL, "")
        if not ttl.isdigit() or not 1 <= int(ttl) <= _LONGEST_TTL:
            return "", 400
        token = secrets.token_urlsafe(40)
        self._tokens[token] = time.monotonic() + int(ttl)
        return token, 200

    def _is_valid(self, token: str) -> bool:
        return any(hmac.compare_digest(token, known) and time.monotonic() < end for known, end in self._tokens.items())
