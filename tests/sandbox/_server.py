# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The https server that every local cloud runs its WSGI applications in: requests logged, faults dealt out."""

from __future__ import annotations

import dataclasses
import datetime
import io
import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request
from werkzeug.wsgi import get_input_stream

from tests.sandbox._faults import FaultBook

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@dataclasses.dataclass(frozen=True)
class Operation:
    """What a request asks for, in the provider's words.

    :param service: such as ``s3`` or ``compute``.
    :param name: such as ``PutObject`` or ``images.insert``.
    :param write: whether the call can change state; tests of check mode rely on it.
    """

    service: str
    name: str
    write: bool


Classify = Callable[[Request], Operation]
"""Names a request. May read ``request.form`` (buffered) but must not consume any other body."""

ErrorBody = Callable[[Operation, int], tuple[str, bytes]]
"""Content type and body with which this provider answers an operation with an error status."""


class RequestLog:
    """Appends one JSON object a line; several processes share the file."""

    def __init__(self, path: Path, cloud: str) -> None:
        self._cloud = cloud
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(
        self,
        operation: Operation,
        *,
        method: str,
        path: str,
        status: int,
        received: int,
        sent: int,
        byte_range: str | None = None,
    ) -> None:
        now = datetime.datetime.now(datetime.UTC)
        line = {
            "time": now.isoformat(timespec="milliseconds"),
            "cloud": self._cloud,
            "service": operation.service,
            "operation": operation.name,
            "method": method,
            "path": path,
            "status": status,
            "bytes_in": received,
            "bytes_out": sent,
            "write": operation.write,
            "range": byte_range,
        }
        os.write(self._file, json.dumps(line).encode() + b"\n")


class _CountingInput(io.RawIOBase):
    """Passes a request body on and counts its bytes."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.count = 0

    def readable(self) -> bool:
        return True

    def _counted(self, data: bytes) -> bytes:
        self.count += len(data)
        return data

    def read(self, size: int | None = -1) -> bytes:
        return self._counted(self._stream.read(-1 if size is None else size))

    def readline(self, size: int | None = -1) -> bytes:
        return self._counted(self._stream.readline(-1 if size is None else size))

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


_FORM = "application/x-www-form-urlencoded"


class Recorder:
    """WSGI middleware: names each request, deals out the faults ordered for it, and logs it when answered."""

    def __init__(
        self, app: WSGIApplication, *, log: RequestLog, faults: FaultBook, classify: Classify, error_body: ErrorBody
    ) -> None:
        self._app = app
        self._log = log
        self._faults = faults
        self._classify = classify
        self._error_body = error_body

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        counter = _CountingInput(environ["wsgi.input"])
        environ["wsgi.input"] = counter
        if environ.get("CONTENT_TYPE", "").startswith(_FORM):
            form = counter.read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = io.BytesIO(form)
            operation = self._classify(Request(dict(environ)))
            environ["wsgi.input"] = io.BytesIO(form)
        else:
            operation = self._classify(Request(dict(environ), shallow=True))

        length = status_sent = 0
        faults = self._faults.take_request_faults(operation.service, operation.name)
        for fault in faults:
            if fault.delay is not None:
                time.sleep(fault.delay)
        drop = next((fault.drop for fault in faults if fault.drop), None)
        status = next((fault.status for fault in faults if fault.status), None)

        def recording_start(line: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            nonlocal length, status_sent
            status_sent = int(line.split(" ", 1)[0])
            length = int(dict(headers).get("Content-Length", 0))
            return start_response(line, headers, exc_info)

        def log(sent: int, final_status: int) -> None:
            self._log.write(
                operation,
                method=environ["REQUEST_METHOD"],
                path=environ["PATH_INFO"],
                status=final_status,
                received=counter.count,
                sent=sent,
                byte_range=environ.get("HTTP_RANGE"),
            )

        if drop == "before":
            log(0, 0)
            _close_connection(environ)
            return []
        if status is not None:
            drain(environ)
            content_type, body = self._error_body(operation, status)
            log(len(body), status)
            start_response(
                f"{status} Ordered Fault", [("Content-Type", content_type), ("Content-Length", str(len(body)))]
            )
            return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
        if drop == "after":
            answer = self._app(environ, lambda *_arguments: lambda _data: None)
            for _chunk in answer:
                pass
            if hasattr(answer, "close"):
                answer.close()
            log(0, 0)
            _close_connection(environ)
            return []
        answer = self._app(environ, recording_start)
        if drop == "during":
            answer = _first_half(answer, lambda: length, environ)
        return self._answer(answer, lambda sent: log(sent, status_sent))

    @staticmethod
    def _answer(chunks: Iterable[bytes], log: Callable[[int], None]) -> Iterator[bytes]:
        sent = 0
        try:
            for chunk in chunks:
                sent += len(chunk)
                yield chunk
        finally:
            log(sent)
            if hasattr(chunks, "close"):
                chunks.close()


def drain(environ: WSGIEnvironment) -> None:
    """Read the request's body to its end, as an answer that does not want it must.

    A client that is still sending would see a broken connection instead of the answer; one that keeps the connection
    would have the rest taken for its next request.
    """
    stream = get_input_stream(environ)
    while stream.read(1 << 20):
        pass


def _first_half(chunks: Iterable[bytes], length: Callable[[], int], environ: WSGIEnvironment) -> Iterator[bytes]:
    """Half of an answer's body, after which the connection is closed."""
    left: int | None = None
    try:
        for chunk in chunks:
            if left is None:
                left = length() // 2
            yield chunk[:left]
            left -= len(chunk)
            if left <= 0:
                break
    finally:
        if hasattr(chunks, "close"):
            chunks.close()
    _close_connection(environ)


def _close_connection(environ: WSGIEnvironment) -> None:
    connection: socket.socket = environ["werkzeug.socket"]
    connection.shutdown(socket.SHUT_RDWR)


class QuietHandler(WSGIRequestHandler):
    """The request log replaces werkzeug's access log on the terminal."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


class HttpsServer:
    """A threaded https server on a free port of 127.0.0.1."""

    def __init__(
        self, app: WSGIApplication, *, certificates: Path, handler: type[WSGIRequestHandler] = QuietHandler
    ) -> None:
        self._server: BaseWSGIServer = make_server("127.0.0.1", 0, app, threaded=True, request_handler=handler)
        self._server.request_queue_size = 128
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
        # The handshake belongs to the request's thread: a silent client must not keep others from connecting.
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._server.ssl_context = context
        self._server.socket.listen(128)
        self.url = f"https://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, name=self.url, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
