# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The managed storage of boot diagnostics: serial logs, for whoever has a signed URL, and for nobody else."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from werkzeug.wrappers import Request, Response

from tests.sandbox._request_log import Operation

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_VERSION = "2018-03-28"


def classify(request: Request) -> Operation:
    return Operation("console", "GetSerialLog", write=request.method not in ("GET", "HEAD"))


class ConsoleLogs:
    """A WSGI application.

    :param read: the log of a blob of that path; raises ``LookupError`` where there is none.
    """

    def __init__(self, read: Callable[[str], bytes]) -> None:
        self._read = read
        self._key = secrets.token_bytes(32)

    def signed(self, path: str, *, minutes: int) -> str:
        """Path and query of a blob's URL.

        :param minutes: for how long it is good.
        """
        expiry = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=minutes)
        query = {"sv": _VERSION, "sr": "b", "sp": "r", "se": expiry.strftime("%Y-%m-%dT%H:%M:%SZ")}
        return f"{path}?{urlencode({**query, 'sig': self._signature(path, query)})}"

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._answer(Request(environ))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if request.headers.get("Authorization"):
            # It wins over the signature, and no token of Resource Manager is good for storage.
            return _refused(401, "InvalidAuthenticationInfo")
        query = {name: request.args.get(name, "") for name in ("sv", "sr", "sp", "se")}
        if not hmac.compare_digest(request.args.get("sig", ""), self._signature(request.path, query)):
            return _refused(403, "AuthenticationFailed")
        if query["se"] < datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"):
            return _refused(403, "AuthenticationFailed")
        if request.method not in ("GET", "HEAD"):
            return _refused(403, "AuthorizationPermissionMismatch")
        try:
            log = self._read(request.path)
        except LookupError:
            return _refused(404, "BlobNotFound")
        return Response(log, 200, {"x-ms-blob-type": "AppendBlob"}, mimetype="text/plain")

    def _signature(self, path: str, query: dict[str, str]) -> str:
        return hmac.new(self._key, f"{path}?{urlencode(query)}".encode(), hashlib.sha256).hexdigest()


def error_body(_operation: Operation, _status: int) -> tuple[str, bytes]:
    return "application/xml", _xml("ServerBusy")


def _xml(code: str) -> bytes:
    return f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code></Error>'.encode()


def _refused(status: int, code: str) -> Response:
    return Response(_xml(code), status, {"x-ms-error-code": code}, mimetype="application/xml")
