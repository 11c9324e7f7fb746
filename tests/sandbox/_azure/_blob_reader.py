# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a blob as the provider's own services do.

Without azure-storage-blob, whose import would take a sixth of the time in which the local Azure starts.
"""

from __future__ import annotations

import dataclasses
from xml.etree import ElementTree

import urllib3

from tests.sandbox._azure._login import STORAGE, Account

_VERSION = "2023-11-03"


class BlobNotFoundError(Exception):
    """There is no such blob."""


class UnreadableBlobError(Exception):
    """The service does not give it out."""


@dataclasses.dataclass(frozen=True)
class BlobReader:
    """One blob, by its URL in Azurite."""

    url: str
    account: Account
    pool: urllib3.PoolManager

    def properties(self) -> tuple[str, int]:
        """Its type, such as ``PageBlob``, and its length in bytes."""
        answer = self._request("HEAD", self.url)
        return answer.headers["x-ms-blob-type"], int(answer.headers["Content-Length"])

    def read(self, start: int, length: int) -> bytes:
        return self._request("GET", self.url, f"bytes={start}-{start + length - 1}").data

    def page_ranges(self) -> list[tuple[int, int]]:
        """Half-open ranges of the pages that were written."""
        listing = ElementTree.fromstring(self._request("GET", f"{self.url}?comp=pagelist").data)
        return [
            (int(entry.findtext("Start", "")), int(entry.findtext("End", "")) + 1)
            for entry in listing.iter("PageRange")
        ]

    def _request(self, method: str, url: str, byte_range: str | None = None) -> urllib3.BaseHTTPResponse:
        headers = {"Authorization": f"Bearer {self.account.issue(STORAGE)}", "x-ms-version": _VERSION}
        if byte_range is not None:
            headers["x-ms-range"] = byte_range
        answer = self.pool.request(method, url, headers=headers)
        if answer.status == 404:
            raise BlobNotFoundError
        if answer.status >= 400:
            raise UnreadableBlobError(f"HTTP {answer.status} {answer.headers.get('x-ms-error-code', '')}")
        return answer
