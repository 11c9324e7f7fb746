# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file to upload: what it must be, and the checksums that Object Storage is going to tell of it."""

from __future__ import annotations

import base64
import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from .._core.digests import chunks_of, md5_of, new_md5, sha256_of
from .._core.errors import InputError
from .._disk.qcow2 import read_qcow2_header
from .oci_object_state import OciObjectState

_VMDK_MAGICS = (b"KDMV", b"# Disk DescriptorFile")


@dataclasses.dataclass(frozen=True)
class UploadPart:
    """A piece of a file, in bytes, and its binary MD5 sum."""

    offset: int
    size: int
    md5: bytes


class UploadFile:
    """The file to upload, and what the service is going to say of it.

    :param part_size: bytes in a part of a multipart upload; a file that is no larger goes in one request.
    :param source_sha256: of the source image; by default the file is the source.
    """

    def __init__(self, path: Path, part_size: int, source_sha256: str | None = None) -> None:
        self.path = path
        self.part_size = part_size
        self.size = path.stat().st_size
        self.source_sha256 = source_sha256 or sha256_of(path)

    @property
    def is_multipart(self) -> bool:
        return self.size > self.part_size

    def content_md5(self) -> str:
        """In base64, as ``Content-MD5`` has it."""
        return in_base64(md5_of(self.path))

    @functools.cached_property
    def parts(self) -> list[UploadPart]:
        """What a multipart upload sends."""
        with self.path.open("rb") as file:
            return [
                _read_part(file, offset, min(self.part_size, self.size - offset))
                for offset in range(0, self.size, self.part_size)
            ]

    def multipart_md5(self) -> str:
        """As ``opc-multipart-md5`` has it."""
        digests = b"".join(part.md5 for part in self.parts)
        return f"{in_base64(new_md5(digests).digest())}-{len(self.parts)}"

    def has_parts(self, md5s: Mapping[int, str]) -> bool:
        """Whether these are parts of this file, by their numbers and MD5 sums; no part at all is nobody's."""
        own = {number: in_base64(part.md5) for number, part in enumerate(self.parts, 1)}
        return bool(md5s) and all(own.get(number) == md5 for number, md5 in md5s.items())

    def is_content_of(self, stored: OciObjectState) -> bool:
        """Compare by the service's own checksum, as far as it allows: with parts of another size it does not."""
        if stored.size != self.size:
            return False
        if stored.content_md5:
            return stored.content_md5 == self.content_md5()
        expected = self.multipart_md5()
        if stored.multipart_md5 and stored.multipart_md5.rpartition("-")[2] == expected.rpartition("-")[2]:
            return stored.multipart_md5 == expected
        return True


def _read_part(file: BinaryIO, offset: int, size: int) -> UploadPart:
    digest, read = new_md5(), 0
    for chunk in chunks_of(file, size):
        digest.update(chunk)
        read += len(chunk)
    return UploadPart(offset, read, digest.digest())


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def check_image_file(path: Path, source_image_type: str) -> None:
    """Refuse what the import refuses hours later.

    :param source_image_type: ``QCOW2`` or ``VMDK``, the formats that CreateImage takes.
    :raises InputError: when the file is missing, or not of that format.
    """
    if not path.is_file():
        raise InputError(f"src {path}: no such file")
    if source_image_type == "QCOW2":
        header = read_qcow2_header(path)
        if header.backing_file:
            raise InputError(f"src {path} has a backing file, so it is no complete image: `qemu-img convert` it first")
        return
    with path.open("rb") as file:
        if not file.read(32).startswith(_VMDK_MAGICS):
            raise InputError(f"src {path} is no VMDK image, as source_image_type says")
