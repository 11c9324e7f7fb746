# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Object Storage says of an object, and where one is."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from .._core.identity import IDENTITY_KEY

_METADATA_PREFIX = "opc-meta-"


@dataclasses.dataclass(frozen=True)
class OciObjectState:
    """What Object Storage says of an object. The MD5 sums are as it writes them, in base64."""

    size: int
    etag: str
    source_sha256: str | None
    version_id: str | None
    """Of an object in a bucket with versioning."""
    content_md5: str | None
    """Of an object that was put in one request."""
    multipart_md5: str | None
    """Of the parts' binary MD5 sums, a dash, and the number of parts."""

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> OciObjectState:
        """:param headers: of the answer to HeadObject."""
        return cls(
            size=int(headers["content-length"]),
            etag=headers["etag"],
            source_sha256=headers.get(_METADATA_PREFIX + IDENTITY_KEY),
            version_id=headers.get("version-id"),
            content_md5=headers.get("content-md5"),
            multipart_md5=headers.get("opc-multipart-md5"),
        )


@dataclasses.dataclass(frozen=True)
class OciObjectPlace:
    """Where an object is, or is to be."""

    namespace: str
    bucket: str
    name: str

    def __str__(self) -> str:
        return f"{self.name} in bucket {self.bucket}"

    @property
    def arguments(self) -> tuple[str, str, str]:
        """As the SDK's methods take it."""
        return (self.namespace, self.bucket, self.name)
