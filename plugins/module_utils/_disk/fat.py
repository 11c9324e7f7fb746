# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading files from a FAT file system, by Microsoft's FAT32 File System Specification 1.03 (2000).

As much as it takes to look into an EFI system partition without mounting it: names of eight and three characters.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator

from .._core.errors import InputError, Refusal
from .._core.units import KIB
from .sectors import SECTOR, ReadAt, has_boot_signature

# Bytes per sector, sectors per cluster, reserved sectors, number of FATs, root entries, sectors, sectors per FAT; and
# sectors and sectors per FAT where those before are too small; flags, version, root cluster.
_BOOT_SECTOR = struct.Struct("<11xHBHBHHxH8xIIHHI")
_ENTRY = struct.Struct("<11sB8xH4xHI")
_LONG_NAME = 0x0F
_VOLUME = 0x08
_DIRECTORY = 0x10
_DELETED = 0xE5
# By the number of clusters, and by nothing else.
_FAT12_CLUSTERS = 4085
_FAT16_CLUSTERS = 65525
# An EFI system partition has a handful of files; what is larger is damaged, or made to keep us busy.
_MOST_CLUSTERS_READ = 4096
_LARGEST_CLUSTER = 128 * KIB


@dataclasses.dataclass(frozen=True)
class _Entry:
    name: str
    is_directory: bool
    cluster: int
    size: int


class FatFileSystem:
    """A file system.

    :param read: reads from the partition that holds it.
    :param refusal: makes the errors.
    :raises InputError: when there is none, or it is damaged.
    """

    def __init__(self, read: ReadAt, refusal: Refusal = InputError) -> None:
        self._read = read
        self._refusal = refusal
        boot = read(0, SECTOR)
        if not has_boot_signature(boot):
            raise self._refusal("it has no FAT file system")
        (
            self._sector, per_cluster, reserved, fats, root_entries, sectors, fat_sectors, more_sectors,
            more_fat_sectors, _flags, _version, root_cluster,
        ) = _BOOT_SECTOR.unpack_from(boot)  # fmt: skip
        fat_sectors = fat_sectors or more_fat_sectors
        sectors = sectors or more_sectors
        self._cluster = self._sector * per_cluster
        sane = self._sector in (512, 1024, 2048, 4096) and per_cluster and reserved and fats and fat_sectors
        if not sane or self._cluster > _LARGEST_CLUSTER:
            raise self._refusal("it has no FAT file system")
        self._fat = reserved * self._sector
        self._root = self._fat + fats * fat_sectors * self._sector
        self._root_size = -(-root_entries * _ENTRY.size // self._sector) * self._sector
        self._data = self._root + self._root_size
        clusters = (sectors * self._sector - self._data) // self._cluster
        if clusters <= 0:
            raise self._refusal("its FAT file system is damaged: there is no room for files")
        self._bits = 12 if clusters < _FAT12_CLUSTERS else 16 if clusters < _FAT16_CLUSTERS else 32
        self._end = clusters + 2
        self._root_cluster = root_cluster if self._bits == 32 else None

    def begin_of(self, path: str, size: int) -> bytes | None:
        """The first ``size`` bytes of a file, fewer where it is shorter; ``None`` where there is no such file.

        :param path: such as ``EFI/BOOT/BOOTX64.EFI``, in upper or lower case.
        :raises InputError: when the file system is damaged.
        """
        cluster = self._root_cluster
        *folders, name = path.upper().split("/")
        for folder in folders:
            found = self._find(cluster, folder)
            if found is None or not found.is_directory:
                return None
            cluster = found.cluster
        file = self._find(cluster, name)
        if file is None or file.is_directory:
            return None
        size = min(size, file.size)
        content = b""
        for part in self._clusters(file.cluster):
            content += part
            if len(content) >= size:
                return content[:size]
        raise self._refusal(f"its FAT file system is damaged: {path} ends too early")

    def _find(self, directory: int | None, name: str) -> _Entry | None:
        return next((entry for entry in self._entries(directory) if entry.name == name), None)

    def _entries(self, directory: int | None) -> Iterator[_Entry]:
        """Those of the directory at a cluster; ``None`` is the root of FAT12 and FAT16, which has its own place."""
        parts = [self._read(self._root, self._root_size)] if directory is None else self._clusters(directory)
        for part in parts:
            for offset in range(0, len(part) - _ENTRY.size + 1, _ENTRY.size):
                name, attributes, high, low, size = _ENTRY.unpack_from(part, offset)
                if name[0] == 0:
                    return
                if name[0] == _DELETED or attributes & _LONG_NAME == _LONG_NAME or attributes & _VOLUME:
                    continue
                text = name.decode("ascii", "replace").upper()
                stem, extension = text[:8].rstrip(), text[8:].rstrip()
                yield _Entry(
                    name=f"{stem}.{extension}" if extension else stem,
                    is_directory=bool(attributes & _DIRECTORY),
                    cluster=low | (high << 16 if self._bits == 32 else 0),
                    size=size,
                )

    def _clusters(self, first: int) -> Iterator[bytes]:
        cluster = first
        for _read_so_far in range(_MOST_CLUSTERS_READ):
            if not 2 <= cluster < self._end:
                return
            part = self._read(self._data + (cluster - 2) * self._cluster, self._cluster)
            if len(part) < self._cluster:
                return
            yield part
            cluster = self._next(cluster)
        raise self._refusal("its FAT file system is damaged: a file or directory has no end")

    def _next(self, cluster: int) -> int:
        """The cluster behind ``cluster``; one that does not exist at the end."""
        if self._bits == 12:
            pair = self._number(cluster * 3 // 2, 2)
            return pair >> 4 if cluster % 2 else pair & 0xFFF
        if self._bits == 16:
            return self._number(cluster * 2, 2)
        return self._number(cluster * 4, 4) & 0x0FFFFFFF

    def _number(self, offset: int, size: int) -> int:
        return int.from_bytes(self._read(self._fat + offset, size), "little")
