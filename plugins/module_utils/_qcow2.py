# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The header of a qcow2 image, by QEMU's docs/interop/qcow2.txt."""

from __future__ import annotations

import dataclasses
import os
import struct
from pathlib import Path
from typing import Literal

from ansible_collections.alpine.cloud.plugins.module_utils._errors import InputError

QCOW2_MAGIC = b"QFI\xfb"
"""The first bytes of every qcow and qcow2 image; the version follows."""

# Magic, version, backing file offset and name length, cluster bits, virtual size, encryption method, L1 table entries
# and offset, refcount table offset and clusters, number of snapshots and offset.
_HEADER = struct.Struct(">4sIQIIQIIQQIIQ")
# What version 3 adds: incompatible, compatible and autoclear features, refcount order, header length.
_HEADER_V3 = struct.Struct(">QQQII")
_INCOMPATIBLE_CORRUPT = 1 << 1
_INCOMPATIBLE_EXTERNAL_DATA = 1 << 2
# Dirty, corrupt, external data file, compression type, extended L2 entries.
_INCOMPATIBLE_KNOWN = 0b11111


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

    @property
    def cluster_size(self) -> int:
        """In bytes."""
        return 1 << self.cluster_bits

    @property
    def minimal_length(self) -> int:
        """The length in bytes that the file has at least, since its tables stand there."""
        return max(
            self.l1_table_offset + 8 * self.l1_entries,
            self.refcount_table_offset + self.refcount_table_clusters * self.cluster_size,
        )


def parse_qcow2_header(data: bytes) -> Qcow2Header:
    """Read a header.

    :param data: the image's first 104 bytes or more.
    :raises InputError: when it is none, or one of a version or with features that nobody here knows.
    """
    if not data.startswith(QCOW2_MAGIC):
        raise InputError("this is not a qcow2 image: it does not begin with 'QFI\\xfb'")
    if len(data) < _HEADER.size:
        raise InputError("this qcow2 image is truncated: it ends within its header")
    (
        _magic, version, backing_offset, _backing_length, cluster_bits, virtual_size, encryption, l1_entries, l1_offset,
        refcount_offset, refcount_clusters, snapshots, _snapshots_offset,
    ) = _HEADER.unpack_from(data)  # fmt: skip
    if version not in (2, 3):
        raise InputError(f"this image's version is {version}, but qcow2 has versions 2 and 3")
    incompatible = 0
    if version == 3:
        if len(data) < _HEADER.size + _HEADER_V3.size:
            raise InputError("this qcow2 image is truncated: it ends within its header")
        incompatible = _HEADER_V3.unpack_from(data, _HEADER.size)[0]
    if incompatible & ~_INCOMPATIBLE_KNOWN:
        raise InputError(f"this qcow2 image has incompatible features that are not known here: {incompatible:#x}")
    # QEMU's own limits: clusters of 512 bytes to 2 MiB.
    if not 9 <= cluster_bits <= 21:
        raise InputError(
            f"this qcow2 image is damaged: its clusters are 2^{cluster_bits} bytes, but 9 to 21 is allowed"
        )
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
    )


def read_qcow2_header(path: str | os.PathLike[str]) -> Qcow2Header:
    """Read the header of the qcow2 image at ``path``.

    Says nothing about the rest of the file.

    :raises InputError: when it is no qcow2 image, or cannot be read; names the option ``src``.
    """
    try:
        with Path(path).open("rb") as file:
            return parse_qcow2_header(file.read(_HEADER.size + _HEADER_V3.size))
    except InputError as error:
        raise InputError(f"src {path}: {error.message}") from error
    except OSError as error:
        raise InputError(f"src {path}: {error.strerror}") from error
