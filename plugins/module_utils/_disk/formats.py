# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a file is, by its first bytes and its last: disks, what they come in, and what people take for them."""

from __future__ import annotations

import enum
import os
from typing import BinaryIO

from .gzip import GZIP_MAGIC
from .qcow2 import QCOW2_MAGIC
from .vhd import FOOTER_SIZE, VHD_MAGIC


class FileFormat(enum.Enum):
    """The value completes the sentence "this is …"."""

    QCOW2 = "a qcow2 image"
    GZIP = "compressed by gzip"
    XZ = "compressed by xz"
    BZIP2 = "compressed by bzip2"
    ZSTD = "compressed by Zstandard"
    ZIP = "a zip archive"
    VMDK = "a VMDK"
    VHDX = "a VHDX"
    DYNAMIC_VHD = "a dynamic VHD"
    FIXED_VHD = "a fixed VHD"
    VDI = "a VDI"
    HTML = "an HTML page"


_MAGICS = (
    (QCOW2_MAGIC, FileFormat.QCOW2),
    (GZIP_MAGIC, FileFormat.GZIP),
    (b"\xfd7zXZ\0", FileFormat.XZ),
    (b"BZh", FileFormat.BZIP2),
    (b"\x28\xb5\x2f\xfd", FileFormat.ZSTD),
    (b"PK\x03\x04", FileFormat.ZIP),
    (b"KDMV", FileFormat.VMDK),
    (b"# Disk DescriptorFile", FileFormat.VMDK),
    (b"vhdxfile", FileFormat.VHDX),
    (VHD_MAGIC, FileFormat.DYNAMIC_VHD),
    (b"<<< ", FileFormat.VDI),
    (b"<!DOCTYPE", FileFormat.HTML),
    (b"<html", FileFormat.HTML),
)
_LONGEST_MAGIC = max(len(magic) for magic, _format in _MAGICS)


def format_of(file: BinaryIO) -> FileFormat | None:
    """What an open file is; ``None`` for all that no magic tells, such as a raw disk. Moves the file's position."""
    file.seek(0)
    head = file.read(_LONGEST_MAGIC)
    found = next((found for magic, found in _MAGICS if head.startswith(magic)), None)
    if found is not None:
        return found
    # Only what begins like nothing else: a qcow2 image, for one, may end in anything.
    file.seek(max(0, file.seek(0, os.SEEK_END) - FOOTER_SIZE))
    return FileFormat.FIXED_VHD if file.read().startswith(VHD_MAGIC) else None
