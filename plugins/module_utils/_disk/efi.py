# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The boot loaders that UEFI finds on a disk by itself, which is all that it does in a cloud.

UEFI Specification 2.10, 3.5.1.1 (Removable Media Boot Behavior): one for each architecture, under a name of its own. A
virtual machine made of an image has no boot entries that would name others.
"""

from __future__ import annotations

import dataclasses
import struct

from .._core.errors import InputError, Refusal
from .._core.words import Architecture
from .fat import FatFileSystem
from .partitions import Partition
from .sectors import ReadAt

LOADERS: dict[str, Architecture] = {"EFI/BOOT/BOOTX64.EFI": "x86_64", "EFI/BOOT/BOOTAA64.EFI": "aarch64"}
"""Where UEFI looks, and for which processor."""

# Microsoft PE/COFF Specification, 2 and 3.3.1.
_MACHINES: dict[int, Architecture] = {0x8664: "x86_64", 0xAA64: "aarch64"}
_HEAD_SIZE = 4096
_PE_OFFSET = 0x3C


@dataclasses.dataclass(frozen=True)
class EfiLoader:
    """A boot loader."""

    path: str
    """In the EFI system partition."""
    architecture: Architecture
    """By its content."""


def efi_loaders(read: ReadAt, partition: Partition, refusal: Refusal = InputError) -> tuple[EfiLoader, ...]:
    """Those in an EFI system partition; none where it holds none.

    :param read: reads from the disk.
    :param refusal: makes the errors.
    :raises InputError: when the partition has no file system that UEFI reads, or a loader is no program for the
        processor that its name is for.
    """

    def read_partition(offset: int, length: int) -> bytes:
        return read(partition.start + offset, max(0, min(length, partition.size - offset)))

    def refused_partition(reason: str) -> InputError:
        return refusal(f"its EFI system partition (number {partition.number}) cannot be used: {reason}")

    file_system = FatFileSystem(read_partition, refused_partition)
    heads = {path: file_system.begin_of(path, _HEAD_SIZE) for path in LOADERS}
    return tuple(_checked(path, head, refusal) for path, head in heads.items() if head is not None)


def _checked(path: str, head: bytes, refusal: Refusal) -> EfiLoader:
    found = _machine(head)
    if found is None:
        raise refusal(f"its EFI boot loader {path} is no program for UEFI")
    if _MACHINES.get(found) != LOADERS[path]:
        raise refusal(f"its EFI boot loader {path} is for {_MACHINES.get(found, f'machine {found:#06x}')}")
    return EfiLoader(path, LOADERS[path])


def _machine(head: bytes) -> int | None:
    if not head.startswith(b"MZ") or len(head) < _PE_OFFSET + 4:
        return None
    (offset,) = struct.unpack_from("<I", head, _PE_OFFSET)
    if head[offset : offset + 4] != b"PE\0\0" or len(head) < offset + 6:
        return None
    machine: int = struct.unpack_from("<H", head, offset + 4)[0]
    return machine
