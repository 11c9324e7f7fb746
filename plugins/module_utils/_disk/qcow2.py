# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The header of a qcow2 image, and where its content ends, by QEMU's docs/interop/qcow2.txt."""

from __future__ import annotations

import dataclasses
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal

from .._core.errors import InputError, Refusal, refusal_of
from .._core.units import MIB
from .sectors import SECTOR

QCOW2_MAGIC = b"QFI\xfb"
"""The first bytes of every qcow and qcow2 image; the version follows."""

# Magic, version, backing file offset and name length, cluster bits, virtual size, encryption method, L1 table entries
# and offset, refcount table offset and clusters, number of snapshots and offset.
_HEADER = struct.Struct(">4sIQIIQIIQQIIQ")
# What version 3 adds: incompatible, compatible and autoclear features, refcount order, header length.
_HEADER_V3 = struct.Struct(">QQQII")
_INCOMPATIBLE_CORRUPT = 1 << 1
_INCOMPATIBLE_EXTERNAL_DATA = 1 << 2
_INCOMPATIBLE_EXTENDED_L2 = 1 << 4
# Dirty, corrupt, external data file, compression type, extended L2 entries.
_INCOMPATIBLE_KNOWN = 0b11111
# Bits 9 to 55 of an L1 or L2 entry are an offset; the top bits of an L2 entry say that the cluster is compressed.
_OFFSET = 0x00FF_FFFF_FFFF_FE00
_L2_COMPRESSED = 1 << 62
# QEMU opens no image with a larger L1 table.
_MAX_L1_SIZE = 32 * MIB


@dataclasses.dataclass(frozen=True)
class Qcow2Header:
    """What a qcow2 image says of itself. Sizes and offsets in bytes."""

    version: Literal[2, 3]
    virtual_size: int
    """Of the disk that a guest sees."""
    cluster_bits: int
    backing_file: bool
    """It needs another image to be complete."""
    external_data_file: bool
    """Its clusters stand in another file."""
    encrypted: bool
    corrupt: bool
    """A writer marked it as damaged."""
    snapshots: int
    l1_table_offset: int
    l1_entries: int
    refcount_table_offset: int
    refcount_table_clusters: int
    extended_l2_entries: bool
    """Each is 16 bytes, the second half for subclusters."""

    @property
    def cluster_size(self) -> int:
        """In bytes."""
        return 1 << self.cluster_bits


def parse_qcow2_header(data: bytes, refusal: Refusal = InputError) -> Qcow2Header:
    """Read a header.

    :param data: the image's first 104 bytes or more.
    :param refusal: makes the errors.
    :raises InputError: when it is none, or one of a version or with features that nobody here knows.
    """
    if not data.startswith(QCOW2_MAGIC):
        raise refusal("this is not a qcow2 image: it does not begin with 'QFI\\xfb'")
    if len(data) < _HEADER.size:
        raise refusal("this qcow2 image is truncated: it ends within its header")
    (
        _magic, version, backing_offset, _backing_length, cluster_bits, virtual_size, encryption, l1_entries, l1_offset,
        refcount_offset, refcount_clusters, snapshots, _snapshots_offset,
    ) = _HEADER.unpack_from(data)  # fmt: skip
    if version not in (2, 3):
        raise refusal(f"this image's version is {version}, but qcow2 has versions 2 and 3")
    incompatible = 0
    if version == 3:
        if len(data) < _HEADER.size + _HEADER_V3.size:
            raise refusal("this qcow2 image is truncated: it ends within its header")
        incompatible = _HEADER_V3.unpack_from(data, _HEADER.size)[0]
    if incompatible & ~_INCOMPATIBLE_KNOWN:
        raise refusal(f"this qcow2 image has incompatible features that are not known here: {incompatible:#x}")
    # QEMU's own limits: clusters of 512 bytes to 2 MiB.
    if not 9 <= cluster_bits <= 21:
        raise refusal(f"this qcow2 image is damaged: its clusters are 2^{cluster_bits} bytes, but 9 to 21 is allowed")
    return Qcow2Header(
        version=3 if version == 3 else 2,
        virtual_size=virtual_size,
        cluster_bits=cluster_bits,
        backing_file=backing_offset != 0,
        external_data_file=bool(incompatible & _INCOMPATIBLE_EXTERNAL_DATA),
        encrypted=encryption != 0,
        corrupt=bool(incompatible & _INCOMPATIBLE_CORRUPT),
        snapshots=snapshots,
        l1_table_offset=l1_offset,
        l1_entries=l1_entries,
        refcount_table_offset=refcount_offset,
        refcount_table_clusters=refcount_clusters,
        extended_l2_entries=bool(incompatible & _INCOMPATIBLE_EXTENDED_L2),
    )


def read_qcow2_header(path: str | os.PathLike[str]) -> Qcow2Header:
    """Read the header of the qcow2 image at ``path``.

    Says nothing about the rest of the file.

    :raises InputError: when it is no qcow2 image, or cannot be read; names the option ``src``.
    """
    refusal = refusal_of(f"src {path}")
    try:
        with Path(path).open("rb") as file:
            return parse_qcow2_header(file.read(_HEADER.size + _HEADER_V3.size), refusal)
    except OSError as error:
        raise refusal(f"{error.strerror}") from error


@dataclasses.dataclass(frozen=True)
class ContentEnd:
    """Where a qcow2 image's content ends. In bytes."""

    file_offset: int
    """A shorter file has lost content; one that is less than a sector longer may have."""
    guest_offset: int | None
    """Where the disk's cluster begins that stands last in the file, if it has any."""


def find_content_end(file: BinaryIO, header: Qcow2Header, refusal: Refusal = InputError) -> ContentEnd:
    """Find where the content of a qcow2 image ends in its file.

    QEMU reads zeros behind the end of a file, so it converts a truncated image without a word, and ``qemu-img check``
    forgives up to a cluster.

    :param refusal: makes the errors.
    :raises InputError: when the image's tables are damaged, or stand behind the file's end themselves.
    """

    def entries(offset: int, count: int, size: int) -> Iterator[tuple[int, ...]]:
        file.seek(offset)
        table = file.read(count * size)
        if len(table) < count * size:
            raise refusal(f"this qcow2 image is truncated: its table at byte {offset} is behind the end of the file")
        return struct.iter_unpack(f">{size // 8}Q", table)

    entry_size = 16 if header.extended_l2_entries else 8
    entries_per_table = header.cluster_size // entry_size
    clusters = -(-header.virtual_size // header.cluster_size)
    tables = -(-clusters // entries_per_table)
    if not tables <= header.l1_entries <= _MAX_L1_SIZE // 8:
        raise refusal(f"this qcow2 image is damaged: its L1 table has {header.l1_entries} entries, not {tables}")
    end = ContentEnd(header.refcount_table_offset + header.refcount_table_clusters * header.cluster_size, None)
    for index, (entry,) in enumerate(entries(header.l1_table_offset, tables, 8)):
        if not entry & _OFFSET:
            continue
        first = index * entries_per_table
        count = min(entries_per_table, clusters - first)
        for cluster, words in enumerate(entries(entry & _OFFSET, count, entry_size), first):
            guest_offset = cluster * header.cluster_size
            cluster_end = _cluster_end(words[0], header, header.virtual_size - guest_offset)
            if cluster_end > end.file_offset:
                end = ContentEnd(cluster_end, guest_offset)
    return end


def _cluster_end(entry: int, header: Qcow2Header, left: int) -> int:
    """Where one cluster's content ends in the file; 0 when it has none.

    :param left: how much of the disk there is from this cluster on, in bytes.
    """
    if entry & _L2_COMPRESSED:
        # The offset, then the number of further sectors; the content ends somewhere in the last one.
        offset_bits = 62 - (header.cluster_bits - 8)
        offset = entry & ((1 << offset_bits) - 1)
        further_sectors = (entry & (_L2_COMPRESSED - 1)) >> offset_bits
        return offset // SECTOR * SECTOR + further_sectors * SECTOR + 1 if further_sectors else offset + 1
    offset = entry & _OFFSET
    if not offset:
        return 0
    # Of a cluster in subclusters, any may be unused.
    return offset + (1 if header.extended_l2_entries else min(left, header.cluster_size))
