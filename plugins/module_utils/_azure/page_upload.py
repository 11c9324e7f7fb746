# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The upload of a file into a page blob: only what is not zero travels, and an interrupted upload is resumed.

The blob's sequence number is made from the content's SHA-256 and is a condition of every page written, so that an
upload of other content which replaces the blob stops this one, instead of both being mixed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._core.dependencies import require
from .._core.digests import new_md5
from .._core.errors import ConflictError, ProviderError
from .._core.progress import Progress
from .._core.wait import Wait
from .._disk.vhd import FOOTER_SIZE
from .errors import provider_errors
from .page_blob_state import COMMITTED, UNFINISHED, PageBlobState, page_blob_state
from .page_ranges import covered, nonzero_ranges
from .threads import map_bounded

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient

GONE = "BlobNotFound"
_CONDITION_CODES = ("ConditionNotMet", "BlobAlreadyExists", "TargetConditionNotMet")
_REPLACED_CODES = ("SequenceNumberConditionNotMet", "InvalidBlobType")


def sequence_number(sha256: str) -> int:
    """A number for the content, small enough for every JSON parser."""
    return int(sha256[:12], 16)


@dataclasses.dataclass(frozen=True)
class PageUpload:
    """One file on its way into one blob.

    :param what: what to call the blob in messages.
    """

    blob: BlobClient
    what: str
    src: Path
    size: int
    """Of the file, in bytes."""
    sha256: str
    """Of the source image."""
    threads: int
    wait: Wait
    """For another upload of the same content, which changes the blob as well."""

    def run(self, found: PageBlobState | None, *, resume: bool) -> int:
        """Upload, and mark the blob as complete.

        :param found: what is there, and is replaced unless ``resume``.
        :param resume: send only what the blob does not hold yet.
        :return: how many bytes were sent.
        :raises ConflictError: when another upload takes the blob over.
        :raises ProviderError: with code ``BlobNotFound`` when another run removes the blob.
        """
        if not resume:
            self._create(found)
        present = self._present_ranges() if resume else []
        progress = Progress("upload", self.size)
        digest = new_md5()

        def pieces() -> Iterator[tuple[int, bytes]]:
            with self.src.open("rb") as content, self.src.open("rb") as reader:
                for first, last in nonzero_ranges(content, digest.update):
                    # Each VHD's footer has a time stamp and an id of its own, so it is always written.
                    if last <= self.size - FOOTER_SIZE and covered(first, last, present):
                        continue
                    reader.seek(first)
                    yield first, reader.read(last - first)
                    progress.update(first)

        try:
            sent = sum(map_bounded(self._put, pieces(), self.threads))
        except ProviderError as error:
            if error.code in _REPLACED_CODES:
                raise self._replaced() from error
            raise
        self._commit(digest.digest())
        progress.update(self.size)
        return sent

    @property
    def _number(self) -> int:
        return sequence_number(self.sha256)

    def _put(self, piece: tuple[int, bytes]) -> int:
        first, data = piece
        with provider_errors("PutPage", f"write to {self.what}"):
            self.blob.upload_page(data, offset=first, length=len(data), if_sequence_number_eq=self._number)
        return len(data)

    def _present_ranges(self) -> list[tuple[int, int]]:
        with provider_errors("GetPageRanges", f"look at what {self.what} holds already"):
            ranges = [entry for entry in self.blob.list_page_ranges() if not entry.cleared]
            return [(int(entry.start or 0), int(entry.end or 0) + 1) for entry in ranges]

    def _create(self, found: PageBlobState | None) -> None:
        core = require("azure.core", "azure-core")
        # Replaces only what was looked at.
        condition: dict[str, Any] = {"match_condition": core.MatchConditions.IfMissing}
        if found is not None:
            condition = _unchanged(found.etag)
        try:
            with provider_errors("PutBlob", f"create {self.what}"):
                self.blob.create_page_blob(
                    self.size, metadata={UNFINISHED: self.sha256}, sequence_number=self._number, **condition
                )
        except ProviderError as error:
            if error.code not in _CONDITION_CODES:
                raise
            # The answer to our own first attempt may have got lost.
            now = page_blob_state(self.blob, self.what)
            if now is None or now.size != self.size or now.holds != self.sha256:
                raise self._replaced() from error

    def _commit(self, md5: bytes) -> None:
        storage = require("azure.storage.blob", "azure-storage-blob")
        settings = storage.ContentSettings(content_type="application/octet-stream", content_md5=bytearray(md5))

        def attempt() -> bool | None:
            now = page_blob_state(self.blob, self.what)
            if now is None:
                raise ProviderError(
                    f"{self.what} was removed while this run wrote to it.", operation="GetBlobProperties", code=GONE
                )
            if now.sequence_number != self._number:
                raise self._replaced()
            if now.committed == self.sha256:
                return True
            try:
                with provider_errors("SetBlobProperties", f"finish {self.what}"):
                    etag = str(self.blob.set_http_headers(settings, **_unchanged(now.etag))["etag"])
                with provider_errors("SetBlobMetadata", f"finish {self.what}"):
                    self.blob.set_blob_metadata({COMMITTED: self.sha256}, **_unchanged(etag))
            except ProviderError as error:
                # A repeated request meets the change that its first attempt made, or another run's: look again.
                if error.code not in _CONDITION_CODES:
                    raise
                return None
            return True

        self.wait.until(attempt, what=f"another upload of the same content to {self.what} to end")

    def _replaced(self) -> ConflictError:
        return ConflictError(
            f"{self.what} was replaced by another upload while this one ran: let only one write to a name at a time"
        )


def _unchanged(etag: str) -> dict[str, Any]:
    core = require("azure.core", "azure-core")
    return {"match_condition": core.MatchConditions.IfNotModified, "etag": etag}
