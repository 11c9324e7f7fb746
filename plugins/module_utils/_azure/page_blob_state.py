# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A page blob as Azure shows it.

While an upload lasts, the blob's metadata holds ``unfinished_source_sha256``. The MD5 and then the metadata
``source_sha256`` are written after the last page: they are the commit marker, and a blob without it is unfinished.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Literal

from .._core.dependencies import require
from .errors import provider_errors

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobProperties

COMMITTED = "source_sha256"
UNFINISHED = "unfinished_source_sha256"


@dataclasses.dataclass(frozen=True)
class PageBlobAttributes:
    """The attributes that the module manages, as diffs show them."""

    state: Literal["complete", "unfinished", "present"]
    size: int | None
    """In bytes; ``None`` where check mode cannot know it."""
    source_sha256: str | None
    """``None`` where the content is of unknown origin or unfinished."""


@dataclasses.dataclass(frozen=True)
class PageBlobState:
    """A blob as Azure shows it."""

    kind: str
    """``PageBlob``, or what else it is."""
    size: int
    """In bytes."""
    etag: str
    sequence_number: int | None
    committed: str | None
    """The SHA-256 of the image whose upload is complete."""
    unfinished: str | None
    """The SHA-256 of the image whose upload is not."""

    @classmethod
    def of(cls, properties: BlobProperties) -> PageBlobState:
        metadata = properties.metadata or {}
        return cls(
            kind=str(getattr(properties.blob_type, "value", properties.blob_type)),
            size=int(properties.size),
            etag=str(properties.etag),
            sequence_number=properties.page_blob_sequence_number,
            committed=metadata.get(COMMITTED),
            unfinished=metadata.get(UNFINISHED),
        )

    @property
    def holds(self) -> str | None:
        """The SHA-256 of the image that is in it, or is on its way there."""
        return self.committed or self.unfinished


def page_blob_state(blob: BlobClient, what: str) -> PageBlobState | None:
    """What Azure says of the blob; ``None`` when there is none.

    :param what: what to call it in messages.
    """
    exceptions = require("azure.core.exceptions", "azure-core")
    with provider_errors("GetBlobProperties", f"look up {what}"):
        try:
            properties = blob.get_blob_properties()
        except exceptions.ResourceNotFoundError:
            return None
    return PageBlobState.of(properties)
