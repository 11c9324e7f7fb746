# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a disk's first sectors tell: its partition table, and the firmware that can boot it.

The rules are those of the UEFI Specification 2.10, chapter 5 (GUID Partition Table Disk Layout), and of the BIOS, which
runs whatever code the first sector holds. Alpine's images have been all of these: GPT with an EFI system partition,
GPT with a BIOS boot partition besides, and, for BIOS up to 3.24.1, a bare ext4 file system.
"""

from __future__ import annotations

import dataclasses
import struct
import uuid
import zlib
from typing import Literal

from .._core.errors import InputError, Refusal
from .._core.units import KIB, MIB
from .._core.words import Firmware
from .file_systems import has_ext_superblock
from .sectors import SECTOR, ReadAt, has_boot_signature

HEAD_SIZE = 64 * KIB
"""As many of a disk's first bytes hold all that is read here, unless a GPT has its entries elsewhere."""

EFI_SYSTEM = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
BIOS_BOOT = "21686148-6449-6e6f-744e-656564454649"

_BOOT_CODE = slice(0, 440)
_MBR_ENTRIES_OFFSET = 446
# Status, first sector as CHS, type, last sector as CHS, first sector, number of sectors.
_MBR_ENTRY = struct.Struct("<B3sB3sII")
_MBR_PROTECTIVE = 0xEE
_MBR_EFI_SYSTEM = 0xEF
_GPT_SIGNATURE = b"EFI PART"
# Signature, revision, header size, header checksum, reserved, own and other header's sector, first and last usable
# sector, disk GUID, sector, number and size of the entries, and their checksum.
_GPT_HEADER = struct.Struct("<8sIIIIQQQQ16sQIII")
# Type, unique GUID, first and last sector, attributes, name in UTF-16.
_GPT_ENTRY = struct.Struct("<16s16sQQQ72s")
_GPT_MAX_ENTRIES_SIZE = MIB


@dataclasses.dataclass(frozen=True)
class Partition:
    """One partition; offsets and sizes in bytes."""

    number: int
    start: int
    size: int
    type: str
    """The type GUID in lower case, or the MBR type such as ``0x83``."""
    name: str | None = None
    """As a GPT has it."""

    @property
    def end(self) -> int:
        """Behind the last byte."""
        return self.start + self.size


@dataclasses.dataclass(frozen=True)
class DiskLayout:
    """What stands in a disk's first sectors."""

    partition_table: Literal["gpt", "mbr", "none"]
    partitions: tuple[Partition, ...]
    firmware: Firmware | None
    """What can boot the disk, by its partitions; ``hybrid`` is both, ``None`` neither."""

    @property
    def efi_system_partitions(self) -> tuple[Partition, ...]:
        """Those that UEFI looks for boot loaders in."""
        return tuple(item for item in self.partitions if item.type in (EFI_SYSTEM, f"{_MBR_EFI_SYSTEM:#04x}"))


def has_disk_signature(head: bytes) -> bool:
    """Whether a file that begins like this is a raw disk at all.

    :param head: the first 2048 bytes or more.
    """
    return (
        has_boot_signature(head)
        or head[SECTOR : SECTOR + len(_GPT_SIGNATURE)] == _GPT_SIGNATURE
        or has_ext_superblock(head)
    )


def read_layout(read: ReadAt, size: int, refusal: Refusal = InputError) -> DiskLayout:
    """Read a disk's partition table, and tell the firmware from it.

    Only primary partitions of an MBR are listed. Where the backup GPT stands is not checked: it is in the wrong place
    on every disk that has grown, and what boots the disk repairs it.

    :param read: reads the disk.
    :param size: of the disk, in bytes.
    :param refusal: makes the errors.
    :raises InputError: when the partition table is damaged, or reaches beyond the disk.
    """
    head = read(0, HEAD_SIZE)
    boot_code = any(head[_BOOT_CODE])
    mbr = _mbr_partitions(head, size, refusal)
    if any(partition.type == f"{_MBR_PROTECTIVE:#04x}" for partition in mbr):
        partitions = _gpt_partitions(read, size, refusal)
        types = {partition.type for partition in partitions}
        return DiskLayout("gpt", partitions, _firmware(EFI_SYSTEM in types, BIOS_BOOT in types or boot_code))
    if mbr:
        efi = any(partition.type == f"{_MBR_EFI_SYSTEM:#04x}" for partition in mbr)
        return DiskLayout("mbr", mbr, _firmware(efi, boot_code))
    return DiskLayout("none", (), _firmware(False, boot_code or has_ext_superblock(head)))


def _firmware(uefi: bool, bios: bool) -> Firmware | None:
    if uefi:
        return "hybrid" if bios else "uefi"
    return "bios" if bios else None


def _mbr_partitions(head: bytes, size: int, refusal: Refusal) -> tuple[Partition, ...]:
    """The primary partitions, none where the first sector is no MBR.

    The boot sector of a bare file system ends in the same signature, but has code where the entries would be.
    """
    if not has_boot_signature(head):
        return ()
    partitions = []
    for index in range(4):
        status, _first, kind, _last, start, sectors = _MBR_ENTRY.unpack_from(
            head, _MBR_ENTRIES_OFFSET + index * _MBR_ENTRY.size
        )
        if status not in (0, 0x80):
            return ()
        if kind == 0:
            continue
        if start == 0 or sectors == 0:
            return ()
        partitions.append(Partition(index + 1, start * SECTOR, sectors * SECTOR, f"{kind:#04x}"))
    # A protective entry may claim more sectors than there are.
    ordinary = [partition for partition in partitions if partition.type != f"{_MBR_PROTECTIVE:#04x}"]
    if has_ext_superblock(head) and any(partition.end > size for partition in ordinary):
        return ()
    _check_within(ordinary, size, refusal)
    return tuple(partitions)


def _gpt_partitions(read: ReadAt, size: int, refusal: Refusal) -> tuple[Partition, ...]:
    def damaged(reason: str) -> InputError:
        return refusal(f"the disk's GUID partition table is damaged: {reason}; get the image again")

    sector = read(SECTOR, SECTOR)
    if not sector.startswith(_GPT_SIGNATURE):
        raise damaged("the first sector announces one, but the second holds none for sectors of 512 bytes")
    (
        _signature, _revision, header_size, header_crc, _reserved, own_sector, _other_sector, _first, _last, _guid,
        entries_sector, count, entry_size, entries_crc,
    ) = _GPT_HEADER.unpack_from(sector)  # fmt: skip
    if not _GPT_HEADER.size <= header_size <= SECTOR:
        raise damaged(f"its header claims to be {header_size} bytes")
    if zlib.crc32(sector[:16] + bytes(4) + sector[20:header_size]) != header_crc:
        raise damaged("the checksum of its header is wrong")
    if own_sector != 1:
        raise damaged(f"its header says it stands in sector {own_sector}, not 1")
    if entry_size < _GPT_ENTRY.size or count * entry_size > _GPT_MAX_ENTRIES_SIZE:
        raise damaged(f"it claims {count} entries of {entry_size} bytes")
    entries = read(entries_sector * SECTOR, count * entry_size)
    if len(entries) < count * entry_size or zlib.crc32(entries) != entries_crc:
        raise damaged("the checksum of its entries is wrong")
    partitions = []
    for index in range(count):
        kind, _unique, first, last, _attributes, name = _GPT_ENTRY.unpack_from(entries, index * entry_size)
        if not any(kind):
            continue
        if last < first:
            raise damaged(f"partition {index + 1} ends before it begins")
        partitions.append(
            Partition(
                number=index + 1,
                start=first * SECTOR,
                size=(last - first + 1) * SECTOR,
                type=str(uuid.UUID(bytes_le=kind)),
                name=name.decode("utf-16-le", "replace").partition("\0")[0],
            )
        )
    _check_within(partitions, size, refusal)
    return tuple(partitions)


def _check_within(partitions: list[Partition], size: int, refusal: Refusal) -> None:
    for partition in partitions:
        if partition.end > size:
            raise refusal(
                f"partition {partition.number} ends at byte {partition.end}, but the disk at {size}: "
                "it is truncated, get the image again"
            )
