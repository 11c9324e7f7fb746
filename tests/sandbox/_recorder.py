# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands in front of every local cloud: requests are named and logged, and faults dealt out."""

from __future__ import annotations

import contextlib
import io
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any

from werkzeug.wrappers import Request
from werkzeug.wsgi import get_input_stream

from tests.sandbox._faults import FaultBook
from tests.sandbox._request_log import Operation, RequestLog

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Classify = Callable[[Request], Operation]
"""Names a request. May read ``request.form`` (buffered) but must not consume any other body."""

ErrorBody = Callable[[Operation, int], tuple[str, bytes]]
"""Content type and body with which this provider answers an operation with an error status."""


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


_ESTABLISHED = 1  # TCP_ESTABLISHED in netinet/tcp.h
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
        request_held = self._faults.take_hold(operation.service, operation.name, "request")
        answer_held = self._faults.take_hold(operation.service, operation.name, "answer")

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

        if not request_held.is_set():
            request_held.wait()
            if _is_gone(environ):
                drop = "before"
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
        if not answer_held.is_set():
            answer = _whole(answer)
            answer_held.wait()
        if drop == "during":
            return _first_half(answer, lambda: length, lambda sent: log(sent, status_sent), environ)
        return _logged(answer, lambda sent: log(sent, status_sent))


def _logged(chunks: Iterable[bytes], log: Callable[[int], None]) -> Iterator[bytes]:
    """Pass an answer on; its line is in the log before its last bytes are sent, for whoever then looks there."""
    sent = 0
    held: bytes | None = None
    try:
        for chunk in chunks:
            if held is not None:
                yield held
            held = chunk
            sent += len(chunk)
    finally:
        log(sent)
        if hasattr(chunks, "close"):
            chunks.close()
    if held is not None:
        yield held


def _whole(answer: Iterable[bytes]) -> list[bytes]:
    """An answer whose service has done all that it will do."""
    chunks = list(answer)
    if hasattr(answer, "close"):
        answer.close()
    return chunks


def drain(environ: WSGIEnvironment) -> None:
    """Read the request's body to its end, as an answer that does not want it must.

    A client that is still sending would see a broken connection instead of the answer; one that keeps the connection
    would have the rest taken for its next request.
    """
    stream = get_input_stream(environ)
    while stream.read(1 << 20):
        pass


def _first_half(
    chunks: Iterable[bytes], length: Callable[[], int], log: Callable[[int], None], environ: WSGIEnvironment
) -> Iterator[bytes]:
    """Half of an answer's body, after which it is logged and the connection closed."""
    sent = 0
    try:
        for chunk in chunks:
            piece = chunk[: length() // 2 - sent]
            sent += len(piece)
            yield piece
            if sent >= length() // 2:
                break
    finally:
        log(sent)
        if hasattr(chunks, "close"):
            chunks.close()
    _close_connection(environ)


def _is_gone(environ: WSGIEnvironment) -> bool:
    """Whether the client has closed the connection, though there may be something to read yet."""
    connection: socket.socket | None = environ["werkzeug.socket"]
    if connection is None:
        return False
    return connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] != _ESTABLISHED


def _close_connection(environ: WSGIEnvironment) -> None:
    connection: socket.socket = environ["werkzeug.socket"]
    with contextlib.suppress(OSError):  # The client was faster.
        connection.shutdown(socket.SHUT_RDWR)
