# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Object Storage keeps: buckets, objects, and the bytes of both objects and parts."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import uuid
from pathlib import Path
from typing import Any

from flask import request

from tests.sandbox._oci._api import ApiError, now

METADATA = "opc-meta-"
"""How the names of headers with metadata begin."""


@dataclasses.dataclass
class Blob:
    """Bytes that were received, and their MD5."""

    path: Path
    size: int
    md5: bytes

    @property
    def md5_text(self) -> str:
        return base64.b64encode(self.md5).decode()


@dataclasses.dataclass
class StoredObject:
    blob: Blob
    metadata: dict[str, str]
    content_type: str
    multipart_md5: str | None = None
    etag: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))
    time_created: str = dataclasses.field(default_factory=now)
    version_id: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))

    def headers(self) -> dict[str, str]:
        checksum = (
            {"opc-multipart-md5": self.multipart_md5} if self.multipart_md5 else {"content-md5": self.blob.md5_text}
        )
        return {
            **checksum,
            **self.metadata,
            "etag": self.etag,
            "storage-tier": "Standard",
            "Content-Length": str(self.blob.size),
            "Content-Type": self.content_type,
        }


@dataclasses.dataclass
class Upload:
    """A multipart upload that is neither committed nor aborted."""

    name: str
    details: dict[str, Any]
    id: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))
    time_created: str = dataclasses.field(default_factory=now)
    parts: dict[int, tuple[str, Blob]] = dataclasses.field(default_factory=dict)
    """By number: the entity tag and the bytes."""


@dataclasses.dataclass
class Bucket:
    details: dict[str, Any]
    objects: dict[str, StoredObject] = dataclasses.field(default_factory=dict)
    uploads: dict[str, Upload] = dataclasses.field(default_factory=dict)
    previous: list[tuple[str, StoredObject]] = dataclasses.field(default_factory=list)
    """What was replaced, or deleted without its version, in a bucket with versioning."""

    @property
    def versioned(self) -> bool:
        return bool(self.details["versioning"] == "Enabled")

    def replace(self, name: str, stored: StoredObject | None) -> None:
        """Put an object in the place of another; ``None`` only deletes."""
        old = self.objects.pop(name, None)
        if old is not None and self.versioned:
            self.previous.append((name, old))
        elif old is not None:
            old.blob.path.unlink()
        if stored is not None:
            self.objects[name] = stored

    def remove_version(self, name: str, version_id: str) -> bool:
        """Delete a version for good; false when there is no such one. What was before is the object then."""
        versions = [*self.previous, (name, self.objects[name])] if name in self.objects else list(self.previous)
        found = next((each for each in versions if each[0] == name and each[1].version_id == version_id), None)
        if found is None:
            return False
        found[1].blob.path.unlink()
        if found in self.previous:
            self.previous.remove(found)
            return True
        del self.objects[name]
        before = next((each for each in reversed(self.previous) if each[0] == name), None)
        if before is not None:
            self.previous.remove(before)
            self.objects[name] = before[1]
        return True


def check_conditions(bucket: Bucket, name: str) -> None:
    """:raises ApiError: unless the request's If-Match and If-None-Match hold."""
    stored = bucket.objects.get(name)
    if request.headers.get("if-none-match") == "*" and stored is not None:
        raise ApiError(412, "IfNoneMatchFailed", "The If-None-Match header is '*' but the object exists")
    expected = request.headers.get("if-match")
    if expected and (stored is None or stored.etag != expected):
        raise ApiError(412, "IfMatchFailed", "The If-Match header does not match the object's ETag")


class Files:
    """The bytes, in files below ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def receive(self) -> Blob:
        """The request's body.

        :raises ApiError: when it is not as long as promised, or has another MD5.
        """
        length = request.content_length
        if length is None:
            raise ApiError(411, "MissingContentLength", "Content-Length is missing")
        path = self._directory / uuid.uuid4().hex
        digest = hashlib.md5(usedforsecurity=False)
        size = 0
        with path.open("wb") as file:
            while chunk := request.stream.read(1 << 20):
                digest.update(chunk)
                size += len(chunk)
                file.write(chunk)
        blob = Blob(path, size, digest.digest())
        claimed = request.headers.get("Content-MD5")
        problem = None
        if size != length:
            problem = ApiError(400, "IncompleteBody", f"{size} of {length} bytes were received")
        elif claimed and claimed != blob.md5_text:
            problem = ApiError(
                400,
                "UnmatchedContentMD5",
                f"The computed MD5 of the request body ({blob.md5_text}) does not match the Content-MD5 header "
                f"({claimed})",
            )
        if problem is not None:
            path.unlink()
            raise problem
        return blob

    def join(self, parts: list[Blob]) -> tuple[Blob, str]:
        """The parts as one, and the MD5 of their MD5s, as the service shows it."""
        path = self._directory / uuid.uuid4().hex
        digests = hashlib.md5(usedforsecurity=False)
        size = 0
        with path.open("wb") as file:
            for part in parts:
                file.write(part.path.read_bytes())
                digests.update(part.md5)
                size += part.size
        return Blob(path, size, b""), f"{base64.b64encode(digests.digest()).decode()}-{len(parts)}"
