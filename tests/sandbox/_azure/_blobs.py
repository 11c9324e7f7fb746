# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Blob service: Azurite behind a proxy that refuses what Azurite lets pass and Azure does not."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit
from xml.sax.saxutils import escape

import urllib3
from werkzeug.wrappers import Request, Response

from tests.sandbox._azure._blob_reader import BlobReader
from tests.sandbox._azure._login import STORAGE, Account
from tests.sandbox._faults import FaultBook
from tests.sandbox._https import QuietHandler
from tests.sandbox._request_log import Operation

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_REPOSITORY = Path(__file__).resolve().parents[3]
_AZURITE = _REPOSITORY / "node_modules/.bin/azurite-blob"
_START_SECONDS = 60
_PAGE = 512
_MAX_PUT_PAGE = 4 << 20
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "host", "date", "server"}
_RAW_HEADERS = "azure.headers"
_RANGE = re.compile(r"bytes=(\d+)-(\d+)")


class RawHeadersHandler(QuietHandler):
    """Keeps the headers as they came: WSGI loses those with an underscore, and metadata has them."""

    def make_environ(self) -> WSGIEnvironment:
        return {**super().make_environ(), _RAW_HEADERS: list(self.headers.items())}


class Azurite:
    """Azurite as a child process with one storage account.

    :param certificates: the folder with ``server.pem`` and ``server.key``: bearer tokens need https.
    """

    def __init__(self, directory: Path, *, certificates: Path, account: str, key: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.url = f"https://127.0.0.1:{port}"
        data = directory / "azurite"
        data.mkdir()
        command = [
            str(_AZURITE), "--silent", "--skipApiVersionCheck", "--disableTelemetry", "--disableProductStyleUrl",
            "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(data), "--oauth", "basic",
            "--cert", str(certificates / "server.pem"), "--key", str(certificates / "server.key"),
        ]  # fmt: skip
        if setpriv := shutil.which("setpriv"):
            # Ends with the cloud's process even when that is killed outright.
            command = [setpriv, "--pdeathsig", "TERM", *command]
        self._process = subprocess.Popen(
            command,
            cwd=data,
            env={**os.environ, "AZURITE_ACCOUNTS": f"{account}:{key}"},
            stdin=subprocess.DEVNULL,
        )
        self._await_listening(port)

    def _await_listening(self, port: int) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port), 1):
                return
            if self._process.poll() is not None:
                raise RuntimeError(f"azurite-blob ended with code {self._process.returncode} while starting")
            if time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"azurite-blob does not listen on port {port} after {_START_SECONDS} seconds")
            time.sleep(0.05)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def classify(request: Request) -> Operation:
    comp, restype = request.args.get("comp", ""), request.args.get("restype", "")
    in_container = len(request.path.strip("/").split("/")) <= 2
    names = {
        ("PUT", "container", ""): "CreateContainer",
        ("GET", "container", ""): "GetContainerProperties",
        ("HEAD", "container", ""): "GetContainerProperties",
        ("DELETE", "container", ""): "DeleteContainer",
        ("GET", "container", "list"): "ListBlobs",
        ("PUT", "", ""): "PutBlob",
        ("PUT", "", "page"): "PutPage",
        ("PUT", "", "metadata"): "SetBlobMetadata",
        ("PUT", "", "properties"): "SetBlobProperties",
        ("PUT", "", "lease"): "LeaseBlob",
        ("GET", "", "pagelist"): "GetPageRanges",
        ("GET", "", ""): "GetBlob",
        ("HEAD", "", ""): "GetBlobProperties",
        ("DELETE", "", ""): "DeleteBlob",
        ("GET", "", "list"): "ListContainers",
    }
    name = names.get((request.method, restype, comp), "Unknown")
    if in_container and restype != "container" and comp != "list":
        name = "Unknown"
    return Operation("blob", name, write=request.method not in ("GET", "HEAD"))


def error_body(_operation: Operation, status: int) -> tuple[str, bytes]:
    codes = {403: "AuthorizationPermissionMismatch", 409: "BlobImmutableDueToPolicy", 500: "InternalError"}
    code = {**codes, 503: "ServerBusy"}.get(status, "OperationTimedOut")
    return "application/xml", _xml(code, "Ordered fault.")


def _xml(code: str, message: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>'
    ).encode()


def _refuse(status: int, code: str, message: str, **headers: str) -> Response:
    return Response(
        _xml(code, message), status, {"Content-Type": "application/xml", "x-ms-error-code": code, **headers}
    )


class BlobProxy:
    """A WSGI application in front of Azurite."""

    def __init__(self, azurite: Azurite, *, account: Account, ca_file: Path, faults: FaultBook, seconds: float) -> None:
        self._azurite = azurite
        self._account = account
        self._pool = urllib3.PoolManager(maxsize=32, ca_certs=str(ca_file), retries=False)
        self._lengths: dict[str, int] = {}
        self._faults = faults
        self._seconds = seconds
        """How long a container is being deleted."""
        self._deleting: dict[str, tuple[threading.Event, float]] = {}
        """By their paths: what is waited for, and until when at least."""

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        # Read even when refused, since the connection is used again.
        request.get_data()
        response = self._refusal(request, classify(request)) or self._forward(request, environ)
        return response(environ, start_response)

    def _refusal(self, request: Request, operation: Operation) -> Response | None:
        authorization = request.headers.get("Authorization", "")
        if authorization.lower().startswith("bearer ") and not self._account.accepts(authorization, STORAGE):
            return _refuse(
                401,
                "InvalidAuthenticationInfo",
                "Server failed to authenticate the request. Please refer to the information in the www-authenticate "
                "header.",
                **{"WWW-Authenticate": f"Bearer authorization_uri={request.host_url}, resource_id={STORAGE}"},
            )
        if not authorization and "sig" not in request.args:
            return _refuse(
                401,
                "NoAuthenticationInformation",
                "Server failed to authenticate the request. Please refer to the information in the www-authenticate "
                "header.",
                **{"WWW-Authenticate": f"Bearer authorization_uri={request.host_url}, resource_id={STORAGE}"},
            )
        if operation.name == "CreateContainer" and request.path in self._deleting:
            held, end = self._deleting[request.path]
            if not held.is_set() or time.monotonic() < end:
                message = "The specified container is being deleted. Try operation later."
                return _refuse(409, "ContainerBeingDeleted", message)
        return self._page_refusal(request) if operation.name == "PutPage" else None

    def _page_refusal(self, request: Request) -> Response | None:
        """Rules of Put Page that Azurite does not apply."""
        match = _RANGE.fullmatch(request.headers.get("x-ms-range") or request.headers.get("Range") or "")
        if not match:
            return _refuse(400, "MissingRequiredHeader", "An HTTP header that's mandatory for this request is missing.")
        first, last = int(match[1]), int(match[2])
        clears = request.headers.get("x-ms-page-write", "").lower() == "clear"
        if not clears and (request.content_length or 0) > _MAX_PUT_PAGE:
            return _refuse(
                413, "RequestBodyTooLarge", "The request body is too large and exceeds the maximum permissible limit."
            )
        outside = last >= self._lengths.get(request.path, last + 1)
        if first % _PAGE or (last + 1) % _PAGE or last < first or outside:
            return _refuse(416, "InvalidPageRange", "The page range specified is invalid.")
        return None

    def _forward(self, request: Request, environ: WSGIEnvironment) -> Response:
        headers = {key: value for key, value in environ[_RAW_HEADERS] if key.lower() not in _HOP_BY_HOP}
        # The signature of a shared key covers the path as sent.
        target = environ.get("RAW_URI") or environ.get("REQUEST_URI") or request.full_path
        answer = self._pool.request(
            request.method,
            self._azurite.url + target,
            body=request.get_data() or None,
            headers=headers,
            preload_content=False,
            decode_content=False,
        )
        if request.method == "PUT" and answer.status in (200, 201) and "x-ms-blob-content-length" in request.headers:
            self._lengths[request.path] = int(request.headers["x-ms-blob-content-length"])
        if answer.status == 202 and classify(request).name == "DeleteContainer":
            held = self._faults.take_hold("blob", "DeleteContainer")
            self._deleting[request.path] = (held, time.monotonic() + self._seconds)
        kept = [(key, value) for key, value in answer.headers.items() if key.lower() not in _HOP_BY_HOP]

        def body() -> Iterator[bytes]:
            yield from answer.stream(1 << 20, decode_content=False)
            answer.release_conn()

        response = Response(body(), answer.status, kept)
        response.call_on_close(answer.release_conn)
        return response

    def open_blob(self, url: str) -> BlobReader:
        """A blob of the account, past the proxy.

        :param url: the blob's public URL.
        """
        return BlobReader(self._azurite.url + quote(unquote(urlsplit(url).path)), self._account, self._pool)
