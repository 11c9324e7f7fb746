# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first sectors of disks, byte by byte: also such as no tool would make."""

from __future__ import annotations

import dataclasses
import struct
import uuid
import zlib
from collections.abc import Sequence

SECTOR = 512
SECTORS = 4096
"""Of every disk here: 2 MiB."""
EFI_SYSTEM = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
BIOS_BOOT = "21686148-6449-6e6f-744e-656564454649"
LINUX = "0fc63daf-8483-4772-8e79-3d69d8477de4"
BOOT_CODE = b"\xeb\x63\x90" + bytes(range(1, 200))
"""Something that is not zero where a BIOS looks for code."""


@dataclasses.dataclass
class GptHeader:
    """The fields that tests change."""

    signature: bytes = b"EFI PART"
    header_size: int = 92
    own_sector: int = 1
    entries_sector: int = 2
    count: int = 128
    entry_size: int = 128
    header_crc: int | None = None
    entries_crc: int | None = None


def mbr_entry(kind: int, first: int, sectors: int, *, status: int = 0) -> bytes:
    return struct.pack("<B3sB3sII", status, bytes(3), kind, bytes(3), first, sectors)


def boot_sector(*entries: bytes, code: bytes = b"", signature: bytes = b"\x55\xaa") -> bytes:
    return code.ljust(446, b"\0") + b"".join(entries).ljust(64, b"\0") + signature


def mbr_disk(*entries: bytes, code: bytes = b"") -> bytes:
    return boot_sector(*entries, code=code).ljust(SECTORS * SECTOR, b"\0")


def gpt_entry(kind: str, first: int, last: int, name: str = "") -> bytes:
    return struct.pack(
        "<16s16sQQQ72s", uuid.UUID(kind).bytes_le, uuid.uuid4().bytes_le, first, last, 0, name.encode("utf-16-le")
    )


def gpt_disk(
    *entries: bytes,
    code: bytes = b"",
    header: GptHeader | None = None,
    mbr_entries: Sequence[bytes] = (mbr_entry(0xEE, 1, 0xFFFFFFFF),),
) -> bytes:
    """A disk without backup GPT."""
    header = header or GptHeader()
    table = b"".join(entry.ljust(header.entry_size, b"\0") for entry in entries).ljust(
        min(header.count * header.entry_size, 1 << 20), b"\0"
    )
    packed = bytearray(
        struct.pack(
            "<8sIIIIQQQQ16sQIII",
            header.signature, 0x10000, header.header_size, 0, 0, header.own_sector, SECTORS - 1, 34, SECTORS - 34,
            uuid.uuid4().bytes_le, header.entries_sector, header.count, header.entry_size,
            zlib.crc32(table) if header.entries_crc is None else header.entries_crc,
        ).ljust(SECTOR, b"\0")
    )  # fmt: skip
    checksum = zlib.crc32(packed[: header.header_size]) if header.header_crc is None else header.header_crc
    packed[16:20] = struct.pack("<I", checksum)
    disk = bytearray(SECTORS * SECTOR)
    disk[:SECTOR] = boot_sector(*mbr_entries, code=code)
    disk[SECTOR : 2 * SECTOR] = packed
    start = header.entries_sector * SECTOR
    disk[start : start + len(table)] = table
    return bytes(disk[: SECTORS * SECTOR])


def ext4_disk(*, code: bytes = b"") -> bytes:
    """A bare file system, as Alpine's BIOS images were up to 3.24.1."""
    disk = bytearray(SECTORS * SECTOR)
    if code:
        disk[:SECTOR] = code.ljust(510, b"\x90") + b"\x55\xaa"
    disk[1080:1082] = b"\x53\xef"
    return bytes(disk)


def pe_program(machine: int) -> bytes:
    """The headers of a program, as far as they tell what processor it is for."""
    return b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40) + b"PE\0\0" + struct.pack("<H", machine) + bytes(400)


X86_64 = 0x8664
AARCH64 = 0xAA64
_FAT12_ENTRIES = 330
"""As many clusters as a FAT of one sector has room for."""
_LOADER_NAMES = {X86_64: b"BOOTX64 EFI", AARCH64: b"BOOTAA64EFI"}


def fat_file(name: bytes, cluster: int, size: int, *, attributes: int = 0x20) -> bytes:
    """An entry of a directory."""
    return struct.pack("<11sB8xH4xHI", name, attributes, cluster >> 16, cluster & 0xFFFF, size)


def esp(*machines: int, sectors: int = 67) -> bytes:
    """An EFI system partition in FAT12, with a boot loader for each processor."""
    per_cluster = next(count for count in (1, 2, 4, 8, 16) if sectors // count <= _FAT12_ENTRIES)
    boot = struct.pack(
        "<3s8sHBHBHHBHHHII", b"\xeb\x3c\x90", b"tests", SECTOR, per_cluster, 1, 1, 16, sectors, 0xF8, 1, 32, 2, 0, 0
    )
    boot += struct.pack("<BBBI11s8s", 0x80, 0, 0x29, 1, b"ESP", b"FAT12   ")
    chain = [0xFF8, 0xFFF, 0xFFF, 0xFFF, *[0xFFF] * len(machines)]
    chain += [0] * (len(chain) % 2)
    table = b"".join(
        (low | high << 12).to_bytes(3, "little") for low, high in zip(chain[::2], chain[1::2], strict=True)
    )
    programs = [pe_program(machine)[:SECTOR].ljust(SECTOR, b"\0") for machine in machines]
    loaders = [fat_file(_LOADER_NAMES[machine], 4 + number, SECTOR) for number, machine in enumerate(machines)]
    files = [
        fat_file(b".          ", 2, 0, attributes=0x10) + fat_file(b"BOOT       ", 3, 0, attributes=0x10),
        b"".join([b"\xe5".ljust(32, b"x"), *loaders]),
        *programs,
    ]
    parts = [
        boot.ljust(510, b"\0") + b"\x55\xaa",
        table,
        fat_file(b"ESP        ", 0, 0, attributes=8) + fat_file(b"EFI        ", 2, 0, attributes=0x10),
        *(file.ljust(per_cluster * SECTOR, b"\0") for file in files),
    ]
    return b"".join(part.ljust(SECTOR, b"\0") for part in parts).ljust(sectors * SECTOR, b"\0")


def with_partition(disk: bytes, first: int, content: bytes) -> bytes:
    """``disk``, with ``content`` from a sector on."""
    start = first * SECTOR
    return disk[:start] + content + disk[start + len(content) :]


_UEFI_LAYOUT = gpt_disk(gpt_entry(EFI_SYSTEM, 34, 100, "esp"), gpt_entry(LINUX, 101, 4000, "root"))
UEFI_DISK = with_partition(_UEFI_LAYOUT, 34, esp(X86_64))
AARCH64_DISK = with_partition(_UEFI_LAYOUT, 34, esp(AARCH64))
EMPTY_ESP_DISK = with_partition(_UEFI_LAYOUT, 34, esp())
NO_FAT_DISK = _UEFI_LAYOUT
BIOS_DISK = gpt_disk(gpt_entry(BIOS_BOOT, 34, 100), gpt_entry(LINUX, 101, 4000), code=BOOT_CODE)
HYBRID_DISK = with_partition(
    gpt_disk(
        gpt_entry(EFI_SYSTEM, 34, 100), gpt_entry(BIOS_BOOT, 101, 200), gpt_entry(LINUX, 201, 4000), code=BOOT_CODE
    ),
    34,
    esp(X86_64),
)
