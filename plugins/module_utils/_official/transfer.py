# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Getting a large file over HTTP, continued where an earlier attempt or run was interrupted.

<name>.partial       what has arrived so far
<name>.partial.json  where from, and of which version of the file there; without it the rest is not trusted
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import re
from collections.abc import Callable
from pathlib import Path

from .._core.progress import Progress
from .._core.units import GIB, MIB
from .http import (
    ATTEMPTS,
    FetchError,
    HttpClient,
    pause_before_retry,
    read_chunks,
)

MAX_SIZE = 16 * GIB
"""In bytes. Alpine's largest image has less than one GiB: what is longer than this is none."""

_PARTIAL_CONTENT = 206
_RANGE_NOT_SATISFIABLE = 416
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
# What an attempt has to bring so that those before do not count.
_HEADWAY = MIB


@dataclasses.dataclass(frozen=True)
class _PartialOrigin:
    """What the beginning of a partial file is the beginning of."""

    url: str
    total: int | None
    """The length of the whole file in bytes, if the server has told it."""
    validator: str | None
    """For the header If-Range: a strong entity tag, or the date of the last modification."""


class Transfer:
    """Brings one file, possibly from several servers in turn. The caller knows its digest, and is the one to check it.

    :param path: the partial file; only one run may use it at a time.
    :param check_space: raises when there is no room for as many more bytes.
    """

    def __init__(self, http: HttpClient, path: Path, check_space: Callable[[int], None]) -> None:
        self.path = path
        self.received = 0
        """The bytes that have come over the network."""
        self.resumed = False
        """Whether the file was put together from several answers, or was begun by an earlier run."""
        self._http = http
        self._check_space = check_space

    def run(self, url: str) -> None:
        """Complete the file with what the server at ``url`` has.

        Interruptions are bridged; attempts are limited, but those do not count after which it went on for a while.

        :raises FetchError: when that does not succeed; what has arrived stays for another server or run.
        """
        failures, furthest = 0, 0
        while True:
            try:
                if self._attempt(url):
                    return
            except FetchError as error:
                size = self._size()
                failures = 1 if size >= furthest + _HEADWAY else failures + 1
                furthest = max(furthest, size)
                if not error.transient or failures >= ATTEMPTS:
                    raise
                pause_before_retry(error, failures)

    def discard(self) -> None:
        """Begin anew."""
        # The record first: a file without one is not trusted.
        self._record.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)
        self.resumed = False

    def finish(self) -> None:
        """Forget where the file came from, once the caller has moved it away."""
        self._record.unlink(missing_ok=True)

    def _attempt(self, url: str) -> bool:
        """Ask once; ``False`` when what there was belongs to another file, and has been discarded."""
        origin = self._origin()
        have = 0 if origin is None else self._size()
        if origin is not None and origin.total is not None and have >= origin.total:
            if have > origin.total:
                self.discard()
                return False
            # Interrupted after its last byte.
            self.resumed = True
            return True
        headers = {}
        if origin is not None and have:
            headers["Range"] = f"bytes={have}-"
            # Another server's tag says nothing here. If the file is another one there, the digest will tell.
            if origin.url == url and origin.validator is not None:
                headers["If-Range"] = origin.validator
        try:
            response = self._http.open(url, headers)
        except FetchError as error:
            if error.status != _RANGE_NOT_SATISFIABLE or not headers:
                raise
            # The file there is shorter than what we have: it is another one.
            self.discard()
            return False
        with contextlib.closing(response):
            if response.status != _PARTIAL_CONTENT:
                self._receive(url, response, 0, _PartialOrigin(url, response.length, _validator_of(response)))
                return True
            start, total = _content_range_of(url, response)
            if origin is None or not headers:
                raise FetchError(url, "the server answers with a part of the file, though it was asked for the whole")
            if start == have and (origin.total is None or total is None or total == origin.total):
                self.resumed = True
                self._receive(url, response, have, dataclasses.replace(origin, total=total or origin.total))
                return True
        # Another part than was asked for, or a file of another length.
        self.discard()
        return False

    def _receive(self, url: str, response: http.client.HTTPResponse, have: int, origin: _PartialOrigin) -> None:
        if origin.total is not None and origin.total > MAX_SIZE:
            raise _too_long(url)
        if not have:
            self.discard()
            self.path.touch()
            self._record.write_text(json.dumps(dataclasses.asdict(origin)), encoding="utf-8")
        if origin.total is not None:
            self._check_space(origin.total - have)
        # Without a total there is nothing to tell.
        progress = None if origin.total is None else Progress("download", origin.total)
        with self.path.open("r+b") as file:
            file.seek(have)
            # The record says of these bytes where they are from, so a killed run leaves nothing wrong.
            for chunk in read_chunks(url, response):
                file.write(chunk)
                have += len(chunk)
                self.received += len(chunk)
                if have > MAX_SIZE:
                    raise _too_long(url)
                if progress is not None:
                    progress.update(have)
        if origin.total is not None and have != origin.total:
            raise FetchError(url, f"the transfer ended after {have} of {origin.total} bytes", transient=True)

    def _origin(self) -> _PartialOrigin | None:
        try:
            record = json.loads(self._record.read_text(encoding="utf-8"))
            return _PartialOrigin(**record) if self.path.is_file() else None
        except (OSError, ValueError, TypeError):
            return None

    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    @property
    def _record(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")


def _validator_of(response: http.client.HTTPResponse) -> str | None:
    # A weak tag must not be used in If-Range (RFC 9110, section 13.1.5).
    tag = response.headers.get("ETag")
    return tag if tag is not None and tag.startswith('"') else response.headers.get("Last-Modified")


def _content_range_of(url: str, response: http.client.HTTPResponse) -> tuple[int, int | None]:
    match = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if match is None:
        raise FetchError(url, "the server answers with a part of the file, but does not say which")
    return int(match[1]), None if match[2] == "*" else int(match[2])


def _too_long(url: str) -> FetchError:
    return FetchError(url, f"the file is longer than {MAX_SIZE // GIB} GiB, so it is no image of Alpine Linux")
