# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small HTTP server for unit tests that does as it is told, also what is wrong."""

from __future__ import annotations

import dataclasses
import http.server
import re
import socket
import threading
from typing import Self


@dataclasses.dataclass
class File:
    """What is served under one path, and how."""

    content: bytes
    etag: str | None = '"1"'
    modified: str | None = None
    """The header Last-Modified."""
    ranges: bool = True
    """Answer a request for a part with a part."""
    announce_length: bool = True
    announced: int | None = None
    """A length that is not that of the content."""
    break_after: list[int | None] = dataclasses.field(default_factory=list)
    """For each answer in turn, after how many bytes of it the connection is closed. Further ones are whole."""
    statuses: list[int | None] = dataclasses.field(default_factory=list)
    """For each answer in turn, an HTTP status instead of the content, or ``None``. Further ones have the content."""
    longest_part: int | None = None
    """How many bytes a part has at most, whatever was asked for, as RFC 9110, section 15.3.7, lets servers do."""
    content_range: str | None = None
    """The header Content-Range, instead of the right one."""
    location: str | None = None
    """Where the answer redirects to, instead of the content."""


@dataclasses.dataclass(frozen=True)
class Exchange:
    """One request and its answer."""

    path: str
    range: str | None
    if_range: str | None
    status: int
    sent: int
    """Bytes of content."""
    authorization: str | None


class Mirror:
    """Serves ``files`` on 127.0.0.1 while it is entered.

    :param files: by path, which begins with a slash.
    """

    def __init__(self, files: dict[str, File] | None = None) -> None:
        self.files = files or {}
        self.exchanges: list[Exchange] = []
        mirror = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror._answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def sent(self, path: str) -> int:
        """How many bytes of the file at ``path`` were sent in all."""
        return sum(exchange.sent for exchange in self.exchanges if exchange.path == path)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        file = self.files.get(path)
        wanted = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        if_range = request.headers.get("If-Range")

        def log(status: int, sent: int) -> None:
            headers = request.headers
            self.exchanges.append(
                Exchange(path, headers.get("Range"), if_range, status, sent, headers.get("Authorization"))
            )

        refusal = 404 if file is None else file.statuses.pop(0) if file.statuses else None
        if file is None or refusal is not None:
            log(refusal or 404, 0)
            request.send_error(refusal or 404)
            return
        if file.location is not None:
            log(302, 0)
            request.send_response(302)
            request.send_header("Location", file.location)
            request.end_headers()
            return
        total, first, status = len(file.content), 0, 200
        if wanted is not None and file.ranges and if_range in (None, file.etag, file.modified):
            first, status = int(wanted[1]), 206
            if first >= total:
                log(416, 0)
                request.send_response(416)
                request.send_header("Content-Range", f"bytes */{total}")
                request.end_headers()
                return
        body = file.content[first:]
        if status == 206 and file.longest_part is not None:
            body = body[: file.longest_part]
        limit = file.break_after.pop(0) if file.break_after else None
        sent = body if limit is None else body[:limit]
        # Before the client can have read it.
        log(status, len(sent))
        request.send_response(status)
        if status == 206:
            request.send_header("Content-Range", file.content_range or f"bytes {first}-{first + len(body) - 1}/{total}")
        if file.announce_length:
            request.send_header("Content-Length", str(len(body) if file.announced is None else file.announced))
        for name, value in (("ETag", file.etag), ("Last-Modified", file.modified)):
            if value is not None:
                request.send_header(name, value)
        request.end_headers()
        request.wfile.write(sent)
        request.wfile.flush()
        request.connection.shutdown(socket.SHUT_WR)
