# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Compute Engine does to the archive that an image is made from."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from pathlib import Path
from typing import IO, cast

_GIB = 1 << 30
_BLOCK = 1 << 20


class InvalidArchiveError(Exception):
    """In Compute Engine's words."""


def unpack(archive: Path, output: Path) -> int:
    """Write the archive's ``disk.raw`` to ``output``, sparse, and return its size.

    :raises InvalidArchiveError: when it is not a gzipped GNU tar with just ``disk.raw``, of whole GiB.
    """
    try:
        with gzip.open(archive) as stream:
            _check_format(stream)
            with tarfile.open(fileobj=stream, mode="r:") as tar:
                return _unpack_disk(tar, output)
    except (OSError, EOFError, zlib.error, tarfile.TarError):
        raise InvalidArchiveError("The tar archive is not a valid image.") from None


def _check_format(stream: gzip.GzipFile) -> None:
    # GNU and old GNU have two spaces and a NUL where POSIX (ustar, pax) has a NUL and the version.
    magic = stream.read(512)[257:265]
    stream.seek(0)
    if magic.startswith(b"ustar") and magic != tarfile.GNU_MAGIC:
        raise InvalidArchiveError("The tar archive format is not supported. Supported formats are: GNU and OLDGNU.")


def _unpack_disk(tar: tarfile.TarFile, output: Path) -> int:
    member = tar.next()
    if member is None or not member.isreg():
        raise InvalidArchiveError("The tar archive is not a valid image.")
    if member.name != "disk.raw":
        raise InvalidArchiveError(
            f"The file inside the tar archive was named ''{member.name}''. It should be named ''disk.raw''."
        )
    if member.size == 0 or member.size % _GIB:
        raise InvalidArchiveError("The tar archive is not a valid image.")
    disk = tar.extractfile(member)
    assert disk is not None
    with output.open("wb") as file:
        # typeshed knows `sparse` from the header's flag only; after parsing it is the list of the data's extents.
        extents = cast("list[tuple[int, int]] | None", member.sparse)
        for offset, size in extents or [(0, member.size)]:
            disk.seek(offset)
            file.seek(offset)
            _copy(disk, file, size)
        file.truncate(member.size)
    if tar.next() is not None:
        raise InvalidArchiveError("The tar archive is not a valid image.")
    return member.size


def _copy(disk: IO[bytes], file: IO[bytes], size: int) -> None:
    while size:
        block = disk.read(min(size, _BLOCK))
        if not block:
            raise EOFError
        if block.count(0) == len(block):
            file.seek(len(block), 1)
        else:
            file.write(block)
        size -= len(block)
