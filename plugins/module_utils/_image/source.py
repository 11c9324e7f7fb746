# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Local disk images: telling what a file is, and refusing what must not be imported."""

from __future__ import annotations

import dataclasses
import os
import stat
from pathlib import Path
from typing import BinaryIO, Literal

from .._core.errors import InputError, Refusal, refusal_of
from .._core.units import KIB
from .._disk.formats import FileFormat, format_of
from .._disk.partitions import has_disk_signature
from .._disk.qcow2 import ContentEnd, find_content_end, parse_qcow2_header
from .._disk.sectors import SECTOR

_HEAD_SIZE = 4 * KIB
_EXPECTED = "give a qcow2 image or a raw disk"
_UNPACKABLE = (FileFormat.GZIP, FileFormat.XZ, FileFormat.DYNAMIC_VHD, FileFormat.FIXED_VHD)
_UNPACK = "unpack it first by alpine.cloud.alpine_image_unpack, as role alpine_image does"


@dataclasses.dataclass(frozen=True)
class SourceImage:
    """A local disk image that holds all of its content itself."""

    path: Path
    """Absolute."""
    format: Literal["qcow2", "raw"]
    size: int
    """Of the file, in bytes."""
    virtual_size: int
    """Of the disk that a guest sees, in bytes."""
    modified: int
    """When the file was last modified, in nanoseconds since 1970."""
    last_content: int | None = None
    """Where the disk's content begins that stands last in a qcow2 file, in bytes."""

    def refusal(self, reason: str) -> InputError:
        """What to raise when the disk in it cannot be used; names the option ``src``."""
        return refusal_of(f"src {self.path}")(reason)


def identify_source(path: str | os.PathLike[str], refusal: Refusal | None = None) -> SourceImage:
    """Tell what disk image ``path`` is, by its content.

    A qcow2 image that refers to another file is refused: converting it would read any file that its author names.

    :param refusal: makes the errors; by default they name ``path`` as the option ``src``.
    :raises InputError: when it cannot be read, is neither a qcow2 image nor a raw disk, or is incomplete.
    """
    refusal = refusal or refusal_of(f"src {path}")
    absolute = Path(path).absolute()
    try:
        with _open_regular(absolute, refusal) as file:
            return _identify(absolute, file, refusal)
    except FileNotFoundError as error:
        raise refusal("no such file") from error
    except OSError as error:
        raise refusal(f"it cannot be read: {error.strerror}") from error


def _open_regular(path: Path, refusal: Refusal) -> BinaryIO:
    # Opening a named pipe would block.
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise refusal(f"this is a directory; {_EXPECTED}")
    if not stat.S_ISREG(mode):
        raise refusal(f"this is no regular file; {_EXPECTED}")
    return path.open("rb")


def _identify(path: Path, file: BinaryIO, refusal: Refusal) -> SourceImage:
    status = os.fstat(file.fileno())
    size = status.st_size
    if size == 0:
        raise refusal(f"the file is empty (0 bytes); {_EXPECTED}")
    found = format_of(file)
    file.seek(0)
    head = file.read(_HEAD_SIZE)
    if found is FileFormat.QCOW2:
        virtual_size, end = _check_qcow2(file, head, size, refusal)
        return SourceImage(path, "qcow2", size, virtual_size, status.st_mtime_ns, end.guest_offset)
    if found is not None:
        raise refusal(f"this is {found.value}; {_UNPACK if found in _UNPACKABLE else _EXPECTED}")
    _check_raw(head, size, refusal)
    return SourceImage(path, "raw", size, size, status.st_mtime_ns)


def _check_qcow2(file: BinaryIO, head: bytes, size: int, refusal: Refusal) -> tuple[int, ContentEnd]:
    """Return the virtual size in bytes, and where the content ends."""
    header = parse_qcow2_header(head, refusal)
    remedy = "flatten it first, where you trust its author: qemu-img convert -O qcow2 IN OUT"
    if header.backing_file:
        raise refusal(f"this qcow2 image needs a backing file, so it is not whole; {remedy}")
    if header.external_data_file:
        raise refusal(f"this qcow2 image keeps its data in another file; {remedy}")
    if header.encrypted:
        raise refusal("this qcow2 image is encrypted, and no cloud could boot it; decrypt it first")
    if header.corrupt:
        raise refusal("this qcow2 image is marked as corrupt by what wrote to it last; get the image again")
    if header.virtual_size == 0:
        raise refusal("the disk in this qcow2 image is 0 bytes; get the image again")
    end = find_content_end(file, header, refusal)
    if end.file_offset > size:
        raise refusal(
            f"this qcow2 image is truncated: its content ends at byte {end.file_offset} or later, the file at {size}; "
            "get the image again"
        )
    return header.virtual_size, end


def _check_raw(head: bytes, size: int, refusal: Refusal) -> None:
    if not has_disk_signature(head):
        raise refusal(
            "this is neither a qcow2 image nor a raw disk: it begins with no qcow2 header, partition table, boot "
            f"sector or ext4 file system; {_EXPECTED}"
        )
    if size % SECTOR:
        raise refusal(
            f"a raw disk is whole sectors of {SECTOR} bytes, but this file is {size} bytes: it is truncated, "
            "get the image again"
        )
