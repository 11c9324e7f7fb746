# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The disks behind snapshots: sparse raw files of whole GiB."""

from __future__ import annotations

import os
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.sandbox._sparse import copy_sparse

GIB = 1 << 30
BLOCK_SIZE = 512 * 1024
"""Of EBS direct APIs."""

_FOOTER_SIZE = 512
_FOOTER = struct.Struct(">8sIIQI4sI4sQQHBBII16s")
_HEADER_SIZE = 1024
_HEADER = struct.Struct(">8sQQIIII")
_FIXED, _DYNAMIC = 2, 3
_UNALLOCATED = 0xFFFFFFFF


class DiskError(Exception):
    """The disk file is not what its format says."""


def _checksum(data: bytes, offset: int) -> int:
    return ~(sum(data) - sum(data[offset : offset + 4])) & 0xFFFFFFFF


def check_vhd(path: Path) -> int:
    """Return the size of the disk in a VHD file, in bytes.

    By the Virtual Hard Disk Image Format Specification.

    :raises DiskError: when it is not a fixed or dynamic VHD, or is damaged.
    """
    length = path.stat().st_size
    with path.open("rb") as file:
        if length < _FOOTER_SIZE:
            raise DiskError("Unsupported VHD format: the file is smaller than a footer")
        file.seek(length - _FOOTER_SIZE)
        footer = file.read(_FOOTER_SIZE)
        fields = _FOOTER.unpack_from(footer)
        cookie, data_offset, size, disk_type, checksum = fields[0], fields[3], fields[9], fields[13], fields[14]
        if cookie != b"conectix":
            raise DiskError("Unsupported VHD format: no footer with cookie conectix")
        if checksum != _checksum(footer, 64):
            raise DiskError("Unsupported VHD format: wrong footer checksum")
        if disk_type == _FIXED:
            if length != size + _FOOTER_SIZE:
                raise DiskError(f"Unsupported VHD format: {length} bytes, but the footer tells of a disk of {size}")
        elif disk_type == _DYNAMIC:
            _check_dynamic(file.fileno(), data_offset, length, size)
        else:
            raise DiskError(f"Unsupported VHD format: disk type {disk_type}")
    if size == 0:
        raise DiskError("Unsupported VHD format: empty disk")
    return size


def _check_dynamic(file: int, offset: int, length: int, size: int) -> None:
    header = os.pread(file, _HEADER_SIZE, offset)
    if len(header) < _HEADER_SIZE or not header.startswith(b"cxsparse"):
        raise DiskError("Unsupported VHD format: no dynamic disk header with cookie cxsparse")
    _cookie, _data, table_offset, _version, entries, block_size, checksum = _HEADER.unpack_from(header)
    if checksum != _checksum(header, 36):
        raise DiskError("Unsupported VHD format: wrong header checksum")
    if entries * block_size < size:
        raise DiskError("Unsupported VHD format: the block allocation table is too short")
    table = os.pread(file, 4 * entries, table_offset)
    if len(table) < 4 * entries:
        raise DiskError("Unsupported VHD format: truncated block allocation table")
    bitmap = -(-block_size // 512 // 8 // 512) * 512
    for (sector,) in struct.iter_unpack(">I", table):
        if sector != _UNALLOCATED and sector * 512 + bitmap + block_size > length:
            raise DiskError("Unsupported VHD format: a block lies beyond the end of the file")


class DiskStore:
    """The content of every snapshot, by its id."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def path(self, snapshot_id: str) -> Path:
        return self._directory / f"{snapshot_id}.raw"

    def import_file(self, source: Path, disk_format: str, snapshot_id: str) -> int:
        """Convert an uploaded disk; returns the snapshot's size in GiB.

        :raises DiskError: when the file is not of this format.
        """
        if disk_format == "VHD":
            size = check_vhd(source)
            # By default qemu-img takes the size from the geometry of VHDs that it does not know the creator of.
            image = f"driver=vpc,force_size_calc=current_size,file.driver=file,file.filename={source}"
        else:
            size = source.stat().st_size
            image = f"driver=raw,file.driver=file,file.filename={source}"
        target = self.path(snapshot_id)
        command = ["qemu-img", "convert", "--image-opts", image, "-O", "raw", str(target)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            target.unlink(missing_ok=True)
            raise DiskError(f"Unsupported {disk_format} format: {result.stderr.strip().splitlines()[-1]}")
        gibibytes = max(1, -(-size // GIB))
        os.truncate(target, gibibytes * GIB)
        return gibibytes

    def create(self, snapshot_id: str, gibibytes: int) -> None:
        """An empty disk, for EBS direct."""
        with self.path(snapshot_id).open("wb") as file:
            file.truncate(gibibytes * GIB)

    def write_block(self, snapshot_id: str, index: int, data: bytes) -> None:
        with self.path(snapshot_id).open("r+b") as file:
            file.seek(index * BLOCK_SIZE)
            file.write(data)

    def read_block(self, snapshot_id: str, index: int) -> bytes:
        with self.path(snapshot_id).open("rb") as file:
            file.seek(index * BLOCK_SIZE)
            return file.read(BLOCK_SIZE)

    def data_blocks(self, snapshot_id: str) -> Iterator[int]:
        """The indexes of the blocks that hold anything but zeros."""
        with self.path(snapshot_id).open("rb") as file:
            end = os.fstat(file.fileno()).st_size
            offset = 0
            while offset < end:
                try:
                    offset = os.lseek(file.fileno(), offset, os.SEEK_DATA)
                except OSError:
                    return
                index = offset // BLOCK_SIZE
                data = os.pread(file.fileno(), BLOCK_SIZE, index * BLOCK_SIZE)
                if data.count(0) != len(data):
                    yield index
                offset = (index + 1) * BLOCK_SIZE

    def link(self, source_id: str, target_id: str) -> None:
        """The disk of a copied snapshot; completed snapshots never change."""
        os.link(self.path(source_id), self.path(target_id))

    def delete(self, snapshot_id: str) -> None:
        self.path(snapshot_id).unlink(missing_ok=True)

    def export(self, snapshot_id: str, output: Path) -> None:
        source = self.path(snapshot_id)
        if not source.exists():
            raise LookupError(f"{snapshot_id} has no disk")
        copy_sparse(source, output)
