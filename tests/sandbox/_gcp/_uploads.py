# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How objects arrive: in one request, or in the chunks of a resumable upload."""

from __future__ import annotations

import dataclasses
import json
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from werkzeug.http import parse_options_header
from werkzeug.wrappers import Request

from tests.sandbox._gcp._errors import GoogleError

_GRANULE = 256 * 1024
"""Every chunk of a resumable upload but the last is a multiple of this."""


@dataclasses.dataclass
class Session:
    """A resumable upload that has begun."""

    bucket: str
    metadata: dict[str, Any]
    preconditions: Mapping[str, str]
    path: Path
    total: int | None
    finished: dict[str, Any] | None = None
    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    @property
    def received(self) -> int:
        return self.path.stat().st_size

    def receive(self, request: Request) -> bool:
        """Take a chunk, or the question how much has arrived; tells whether it is all.

        :raises GoogleError: for a chunk that does not follow, or is no multiple of the granule.
        """
        match = re.fullmatch(r"bytes (\*|(\d+)-(\d+))/(\*|\d+)", request.headers.get("Content-Range", ""))
        if match is None:
            raise GoogleError(400, "Failed to parse Content-Range header.", reason="badRequest")
        if match[4] != "*":
            total = int(match[4])
            if self.total not in (None, total):
                raise GoogleError(400, f"The size was announced as {self.total}, not {total}.", reason="badRequest")
            self.total = total
        if match[1] != "*":
            first, last = int(match[2]), int(match[3])
            data = request.get_data()
            if len(data) != last - first + 1:
                raise GoogleError(400, f"Content-Range promises {last - first + 1} bytes, got {len(data)}.")
            if first > self.received:
                raise GoogleError(
                    400,
                    f"Invalid request. According to the Content-Range header, the upload offset is {first} byte(s), "
                    f"which exceeds already uploaded size of {self.received} byte(s).",
                )
            if last + 1 != self.total and len(data) % _GRANULE:
                raise GoogleError(
                    400,
                    f"Invalid request. The number of bytes uploaded is required to be a multiple of {_GRANULE}, "
                    f"except for the final request. The received request contained {len(data)} bytes.",
                )
            # Bytes that arrived before are skipped: the client had not seen the answer.
            with self.path.open("ab") as file:
                file.write(data[self.received - first :])
        return self.received == self.total


def parse_multipart(request: Request) -> tuple[dict[str, Any], str, bytes]:
    """The two parts of a ``multipart/related`` upload: metadata, and the object with its content type."""
    content_type, options = parse_options_header(request.headers.get("Content-Type"))
    boundary = b"--" + options.get("boundary", "").encode()
    # Not by the email package: it would take the object for text.
    sections = (b"\r\n" + request.get_data()).split(b"\r\n" + boundary)
    if content_type != "multipart/related" or len(sections) != 4 or not sections[3].startswith(b"--"):
        raise GoogleError(400, "Malformed multipart body.", reason="badRequest")
    _head, _blank, metadata = sections[1].partition(b"\r\n\r\n")
    head, _blank, media = sections[2].partition(b"\r\n\r\n")
    match = re.search(rb"(?i)^content-type: *([^\r]+)", head, re.MULTILINE)
    return json.loads(metadata), match[1].decode() if match else "application/octet-stream", media
