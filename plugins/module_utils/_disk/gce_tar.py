# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``.tar.gz`` that Compute Engine imports: a tar file in GNU or old GNU format that holds only ``disk.raw``.

The rules are those of https://cloud.google.com/compute/docs/import/import-existing-image#requirements_for_the_image_file.
"""

from __future__ import annotations

import dataclasses
import errno
import gzip
import os
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .._core.digests import chunks_of
from .._core.errors import InputError
from .._core.progress import Progress
from .._core.units import GIB, KIB
from .gzip import write_gzip

MEMBER = "disk.raw"
BLOCK = 512
"""Of a tar file, in bytes."""

_MAGIC = slice(257, 265)
# What GNU's magic and POSIX's have in common.
_ANY_MAGIC = b"ustar"
_CHECKSUM = slice(148, 156)
_NUMBER = 12
# In a sparse file's header: 4 pairs of offset and length, whether extension blocks of 21 pairs follow, and the size.
_HEADER_ENTRIES = 4
_EXTENSION_ENTRIES = 21
_SPARSE_ENTRIES = slice(386, 386 + _HEADER_ENTRIES * 2 * _NUMBER)
_IS_EXTENDED = 482
_REAL_SIZE = slice(483, 483 + _NUMBER)
# Shorter runs of zeros are left to the compressor.
_GRANULARITY = 64 * KIB
_ZEROS = bytes(_GRANULARITY)
_REMEDY = "alpine_image_convert with format=gce_tar makes one that Compute Engine takes"


@dataclasses.dataclass(frozen=True)
class GceTar:
    """A disk in the form that Compute Engine imports."""

    size: int
    """Of the disk that a guest sees, in bytes: whole GiB."""


def is_tar(block: bytes) -> bool:
    """Whether a file that begins with this block is a tar file, in whatever format."""
    return block[_MAGIC].startswith(_ANY_MAGIC)


def inspect_gce_tar(path: str | os.PathLike[str]) -> GceTar:
    """Check the tar file at ``path`` as far as its first headers tell; its content is not read.

    :raises InputError: when Compute Engine would refuse it, or it cannot be read; names the option ``src``.
    """
    try:
        with Path(path).open("rb") as file, gzip.open(file, "rb") as stream:
            magic = stream.read(BLOCK)[_MAGIC]
            if magic != tarfile.GNU_MAGIC:
                raise InputError(
                    f"src {path} is not a tar file in GNU format (its magic is {magic!r}, not {tarfile.GNU_MAGIC!r}); "
                    f"{_REMEDY}"
                )
            stream.seek(0)
            with tarfile.open(fileobj=stream, mode="r:") as archive:
                member = archive.next()
    except gzip.BadGzipFile as error:
        raise InputError(f"src {path} is not compressed by gzip; {_REMEDY}") from error
    except (EOFError, zlib.error, tarfile.TarError) as error:
        raise InputError(f"src {path} is damaged or incomplete: {error}") from error
    except OSError as error:
        raise InputError(f"src {path}: {error.strerror}") from error
    if member is None or member.name != MEMBER or not member.isreg():
        found = "nothing" if member is None else repr(member.name)
        raise InputError(f"src {path} must hold one file, {MEMBER}, in no folder, but begins with {found}; {_REMEDY}")
    if member.size == 0 or member.size % GIB:
        raise InputError(
            f"src {path}: {MEMBER} must be whole GiB, but is {member.size} bytes; {_REMEDY}, padded with zeros"
        )
    return GceTar(size=member.size)


def write_gce_tar(raw: Path, target: Path, *, level: int = 4) -> GceTar:
    """Pack the raw disk at ``raw`` as Compute Engine wants it, padded with zeros to whole GiB.

    Holes and zeros are left out, as GNU tar's ``--sparse`` does; the same disk gives the same file.

    :param target: is overwritten.
    :param level: of compression, from 1 (fast) to 9; 4 takes half the time of 6 and makes 3 % more.
    """
    with raw.open("rb") as source, target.open("wb") as file:
        length = source.seek(0, os.SEEK_END)
        size = max(1, -(-length // GIB)) * GIB
        write_gzip(file, _tar_stream(source, _data_extents(source, length), size), level=level)
    return GceTar(size)


def compare_gce_tar(path: Path, raw: Path) -> bool:
    """Whether the tar file at ``path`` holds the raw disk at ``raw``, and behind its end only zeros.

    Reads it with Python's own tarfile, which shares nothing with the writer here.
    """
    with tarfile.open(path, "r|gz") as archive, raw.open("rb") as expected:
        member = archive.next()
        content = None if member is None else archive.extractfile(member)
        if content is None:
            return False
        for chunk in chunks_of(content):
            if chunk != expected.read(len(chunk)).ljust(len(chunk), b"\0"):
                return False
        return expected.read(1) == b"" and archive.next() is None


def _data_extents(file: BinaryIO, length: int) -> list[tuple[int, int]]:
    """Offset and length of all that is not zero, in whole tar blocks but at the end of the file."""
    extents: list[tuple[int, int]] = []
    for start, end in _allocated(file, length):
        file.seek(start)
        for offset in range(start, end, _GRANULARITY):
            data = file.read(min(_GRANULARITY, end - offset))
            if data == _ZEROS[: len(data)]:
                continue
            if extents and sum(extents[-1]) == offset:
                extents[-1] = (extents[-1][0], extents[-1][1] + len(data))
            else:
                extents.append((offset, len(data)))
    return extents


def _allocated(file: BinaryIO, length: int) -> Iterator[tuple[int, int]]:
    """Start and end of what the file system has stored.

    Widened to whole ``_GRANULARITY``, so that what is stored where makes no difference to the tar file.
    """
    end = 0
    while end < length:
        try:
            data = os.lseek(file.fileno(), end, os.SEEK_DATA)
        except OSError as error:
            if error.errno != errno.ENXIO:
                raise
            # Only a hole is left.
            return
        # The widened start may lie in a hole: the end is looked for from where there is data.
        hole = os.lseek(file.fileno(), data, os.SEEK_HOLE)
        start = max(end, data // _GRANULARITY * _GRANULARITY)
        end = min(length, -(-hole // _GRANULARITY) * _GRANULARITY)
        yield start, end


def _tar_stream(file: BinaryIO, extents: list[tuple[int, int]], size: int) -> Iterator[bytes]:
    """The whole archive: headers, data, and the end."""
    stored = sum(length for _offset, length in extents)
    yield from _headers(extents, stored, size)
    progress = Progress("packing", stored)
    for offset, length in extents:
        file.seek(offset)
        left = length
        for data in chunks_of(file, length):
            left -= len(data)
            yield data
            progress.advance(len(data))
        if left:
            raise InputError("the disk was cut short while it was read")
    yield bytes(-stored % BLOCK + 2 * BLOCK)


def _headers(extents: list[tuple[int, int]], stored: int, size: int) -> Iterator[bytes]:
    """The header of a sparse file in old GNU format, by the chapter "Basic Tar Format" of GNU tar's manual."""
    # Extraction needs an entry at the end to give the file its size.
    entries = [*extents, (size, 0)]
    info = tarfile.TarInfo(MEMBER)
    info.type = tarfile.GNUTYPE_SPARSE
    info.size = stored
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    first, rest = entries[:_HEADER_ENTRIES], entries[_HEADER_ENTRIES:]
    header[_SPARSE_ENTRIES] = _sparse_map(first, _HEADER_ENTRIES)
    header[_IS_EXTENDED] = bool(rest)
    header[_REAL_SIZE] = _number(size)
    # The checksum is of the header with blanks in its own place.
    header[_CHECKSUM] = b" " * 8
    header[_CHECKSUM] = b"%06o\0 " % sum(header)
    yield bytes(header)
    while rest:
        first, rest = rest[:_EXTENSION_ENTRIES], rest[_EXTENSION_ENTRIES:]
        yield (_sparse_map(first, _EXTENSION_ENTRIES) + bytes([bool(rest)])).ljust(BLOCK, b"\0")


def _sparse_map(entries: list[tuple[int, int]], places: int) -> bytes:
    return b"".join(_number(value) for entry in entries for value in entry).ljust(places * 2 * _NUMBER, b"\0")


def _number(value: int) -> bytes:
    """A field of 12 bytes: octal, or from 8 GiB on GNU's base-256 form."""
    if value < 8 * GIB:
        return b"%011o\0" % value
    return b"\x80" + value.to_bytes(_NUMBER - 1, "big")
