# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Local disk images: telling what a file is, refusing what must not be imported, reading what a guest sees."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal

from .._core.errors import InputError
from .._core.programs import ProgramError
from .._disk.partitions import (
    SECTOR,
    DiskLayout,
    ReadAt,
    has_disk_signature,
    read_layout,
)
from .._disk.qcow2 import (
    QCOW2_MAGIC,
    ContentEnd,
    find_content_end,
    parse_qcow2_header,
)
from .._disk.qemu_img import qemu_img
from .._disk.vhd import FOOTER_SIZE

_HEAD_SIZE = 4096
# What else people have, by its first bytes.
_OTHER_FORMATS = {
    b"\x1f\x8b": "compressed by gzip",
    b"\xfd7zXZ\0": "compressed by xz",
    b"BZh": "compressed by bzip2",
    b"\x28\xb5\x2f\xfd": "compressed by Zstandard",
    b"PK\x03\x04": "a zip archive",
    b"KDMV": "a VMDK",
    b"# Disk DescriptorFile": "a VMDK",
    b"vhdxfile": "a VHDX",
    b"conectix": "a dynamic VHD",
    b"<<< ": "a VDI",
    b"<!DOCTYPE": "an HTML page",
    b"<html": "an HTML page",
}
_EXPECTED = "give a qcow2 image or a raw disk"
_UNPACKABLE = ("compressed by gzip", "compressed by xz", "a dynamic VHD", "a fixed VHD")
_UNPACK = "unpack it first by alpine.cloud.alpine_image_unpack, as role alpine_image does"
# Of `qemu-img check`: clusters are allocated that nothing uses, which harms nobody.
_CHECK_FOUND_LEAKS = 3


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


def identify_source(path: str | os.PathLike[str]) -> SourceImage:
    """Tell what disk image ``path`` is, by its content.

    A qcow2 image that refers to another file is refused: converting it would read any file that its author names.

    :raises InputError: when it cannot be read, is neither a qcow2 image nor a raw disk, or is incomplete; names the
        option ``src``.
    """
    absolute = Path(path).absolute()
    try:
        with _open_regular(absolute) as file:
            return _identify(absolute, file)
    except InputError as error:
        raise InputError(f"src {path}: {error.message}") from error
    except FileNotFoundError as error:
        raise InputError(f"src {path}: no such file") from error
    except OSError as error:
        raise InputError(f"src {path} cannot be read: {error.strerror}") from error


def check_unchanged(source: SourceImage) -> None:
    """Make sure that nobody has written to the file since it was identified.

    :raises InputError: when someone has.
    """
    status = source.path.stat()
    if (status.st_size, status.st_mtime_ns) != (source.size, source.modified):
        raise InputError(f"src {source.path} changed while it was read: run this again when it is complete")


def check_integrity(source: SourceImage) -> None:
    """Have ``qemu-img`` check a qcow2 image's tables, and decompress what stands last in its file.

    :raises InputError: when they contradict each other, or the last bytes are missing.
    """
    if source.format != "qcow2":
        return
    try:
        qemu_img("check", "-q", "-f", source.format, source.path)
    except ProgramError as error:
        if error.status != _CHECK_FOUND_LEAKS:
            raise InputError(f"src {source.path} is damaged, get the image again: {error.message}") from error
    if source.last_content is None:
        return
    with guest_view(source) as read:
        try:
            read(source.last_content, SECTOR)
        except ProgramError as error:
            raise InputError(
                f"src {source.path} is damaged at its end, get the image again: {error.message}"
            ) from error


def layout_of(source: SourceImage) -> DiskLayout:
    """Read the partition table of the disk.

    :raises InputError: when it is damaged, or the disk ends within a partition; names the option ``src``.
    """
    with guest_view(source) as read, naming_source(source):
        return read_layout(read, source.virtual_size)


@contextlib.contextmanager
def naming_source(source: SourceImage) -> Iterator[None]:
    """Have the messages of :class:`InputError` begin with the option ``src``."""
    try:
        yield
    except InputError as error:
        raise InputError(f"src {source.path}: {error.message}") from error


@contextlib.contextmanager
def guest_view(source: SourceImage) -> Iterator[ReadAt]:
    """Yield a function that reads from the disk that a guest sees.

    :raises ProgramError: (the function) when a qcow2 image cannot be read there.
    """
    if source.format == "raw":
        with source.path.open("rb") as file:
            yield lambda offset, length: os.pread(file.fileno(), length, offset)
        return
    with tempfile.TemporaryDirectory(prefix="alpine-cloud-") as folder:
        yield lambda offset, length: _read_through_qemu_img(source, Path(folder) / "part", offset, length)


def _read_through_qemu_img(source: SourceImage, part: Path, offset: int, length: int) -> bytes:
    first = offset // SECTOR * SECTOR
    end = min(-(-(offset + length) // SECTOR) * SECTOR, source.virtual_size)
    if end <= first:
        return b""
    # A raw disk as a window on the image: what `dd` means by count depends on the version, once skip is given.
    file_name = str(source.path).replace(",", ",,")
    window = (
        f"driver=raw,offset={first},size={end - first},"
        f"file.driver={source.format},file.file.driver=file,file.file.filename={file_name}"
    )
    qemu_img("convert", "--image-opts", "-O", "raw", window, part)
    return part.read_bytes()[offset - first : offset - first + length]


def _open_regular(path: Path) -> BinaryIO:
    # Opening a named pipe would block.
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise InputError(f"this is a directory; {_EXPECTED}")
    if not stat.S_ISREG(mode):
        raise InputError(f"this is no regular file; {_EXPECTED}")
    return path.open("rb")


def _identify(path: Path, file: BinaryIO) -> SourceImage:
    status = os.fstat(file.fileno())
    size = status.st_size
    if size == 0:
        raise InputError(f"the file is empty (0 bytes); {_EXPECTED}")
    head = file.read(_HEAD_SIZE)
    if head.startswith(QCOW2_MAGIC):
        virtual_size, end = _check_qcow2(file, head, size)
        return SourceImage(path, "qcow2", size, virtual_size, status.st_mtime_ns, end.guest_offset)
    _check_raw(file, head, size)
    return SourceImage(path, "raw", size, size, status.st_mtime_ns)


def _check_qcow2(file: BinaryIO, head: bytes, size: int) -> tuple[int, ContentEnd]:
    """Return the virtual size in bytes, and where the content ends."""
    header = parse_qcow2_header(head)
    remedy = "flatten it first, where you trust its author: qemu-img convert -O qcow2 IN OUT"
    if header.backing_file:
        raise InputError(f"this qcow2 image needs a backing file, so it is not whole; {remedy}")
    if header.external_data_file:
        raise InputError(f"this qcow2 image keeps its data in another file; {remedy}")
    if header.encrypted:
        raise InputError("this qcow2 image is encrypted, and no cloud could boot it; decrypt it first")
    if header.corrupt:
        raise InputError("this qcow2 image is marked as corrupt by what wrote to it last; get the image again")
    if header.virtual_size == 0:
        raise InputError("the disk in this qcow2 image is 0 bytes; get the image again")
    end = find_content_end(file, header)
    if end.file_offset > size:
        raise InputError(
            f"this qcow2 image is truncated: its content ends at byte {end.file_offset} or later, the file at {size}; "
            "get the image again"
        )
    return header.virtual_size, end


def _check_raw(file: BinaryIO, head: bytes, size: int) -> None:
    found = next((name for magic, name in _OTHER_FORMATS.items() if head.startswith(magic)), None)
    file.seek(max(0, size - FOOTER_SIZE))
    if found is None and file.read().startswith(b"conectix"):
        found = "a fixed VHD"
    if found is not None:
        raise InputError(f"this is {found}; {_UNPACK if found in _UNPACKABLE else _EXPECTED}")
    if not has_disk_signature(head):
        raise InputError(
            "this is neither a qcow2 image nor a raw disk: it begins with no qcow2 header, partition table, boot "
            f"sector or ext4 file system; {_EXPECTED}"
        )
    if size % SECTOR:
        raise InputError(
            f"a raw disk is whole sectors of {SECTOR} bytes, but this file is {size} bytes: it is truncated, "
            "get the image again"
        )
