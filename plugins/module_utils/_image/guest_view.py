# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading what a guest sees of the disk in a local image."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .._core.errors import InputError
from .._core.programs import ProgramError
from .._disk.partitions import DiskLayout, read_layout
from .._disk.qemu_img import qemu_img
from .._disk.sectors import SECTOR, ReadAt
from .source import SourceImage


@contextlib.contextmanager
def guest_view(source: SourceImage) -> Iterator[ReadAt]:
    """Yield a function that reads from the disk that a guest sees.

    :raises ProgramError: (the function) when a qcow2 image cannot be read there.
    :raises InputError: (the function) when there is no room for what is read.
    """
    if source.format == "raw":
        with source.path.open("rb") as file:
            yield lambda offset, length: os.pread(file.fileno(), length, offset)
        return
    with tempfile.TemporaryDirectory(prefix="alpine-cloud-") as folder:
        yield lambda offset, length: _read_through_qemu_img(source, Path(folder) / "part", offset, length)


def layout_of(source: SourceImage) -> DiskLayout:
    """Read the partition table of the disk.

    :raises InputError: when it is damaged, or the disk ends within a partition; names the option ``src``.
    """
    with guest_view(source) as read:
        return read_layout(read, source.virtual_size, source.refusal)


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
    try:
        qemu_img("convert", "--image-opts", "-O", "raw", window, part)
    except ProgramError as error:
        if error.no_space:
            raise InputError(
                f"no space is left in {tempfile.gettempdir()}, where parts of the disk are read to: make room, or name "
                "another directory in the environment variable TMPDIR"
            ) from error
        raise
    return part.read_bytes()[offset - first : offset - first + length]
