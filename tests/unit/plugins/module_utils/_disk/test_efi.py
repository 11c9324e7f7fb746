# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._disk.efi import EfiLoader, efi_loaders
from ansible_collections.alpine.cloud.plugins.module_utils._disk.fat import FatFileSystem
from ansible_collections.alpine.cloud.plugins.module_utils._disk.partitions import EFI_SYSTEM, Partition
from tests.support.partitioned import AARCH64, SECTOR, X86_64, esp, fat_file, pe_program

_X86_64 = EfiLoader("EFI/BOOT/BOOTX64.EFI", "x86_64")
_AARCH64 = EfiLoader("EFI/BOOT/BOOTAA64.EFI", "aarch64")


def loaders_in(content: bytes) -> tuple[EfiLoader, ...]:
    disk = bytes(SECTOR) + content
    partition = Partition(1, SECTOR, len(content), EFI_SYSTEM)
    return efi_loaders(lambda offset, length: disk[offset : offset + length], partition)


@pytest.mark.parametrize(
    ("machines", "loaders"),
    [((), ()), ((X86_64,), (_X86_64,)), ((AARCH64,), (_AARCH64,)), ((AARCH64, X86_64), (_X86_64, _AARCH64))],
)
def test_each_processor_has_its_own(machines: tuple[int, ...], loaders: tuple[EfiLoader, ...]) -> None:
    assert loaders_in(esp(*machines)) == loaders


# Of these sizes mformat makes each kind of FAT. A loader of many clusters shows that chains are followed.
@pytest.mark.parametrize(
    ("kind", "mebibytes", "options"), [(12, 1, []), (16, 16, ["-c", "4"]), (32, 64, ["-F", "-c", "1"])]
)
def test_what_other_tools_make(tmp_path: Path, kind: int, mebibytes: int, options: list[str]) -> None:
    image, loader = tmp_path / "esp", tmp_path / "bootx64.efi"
    content = pe_program(X86_64) + b"".join(b"%d " % number for number in range(20_000))
    loader.write_bytes(content)
    with image.open("wb") as file:
        file.truncate(mebibytes << 20)
    sectors = str((mebibytes << 20) // SECTOR)
    subprocess.run(["mformat", "-i", image, "-T", sectors, "-h", "2", "-s", "32", *options, "::"], check=True)
    subprocess.run(["mmd", "-i", image, "::/EFI", "::/EFI/boot", "::/EFI/boot/a long name in between"], check=True)
    subprocess.run(["mcopy", "-i", image, loader, "::/EFI/boot/bootx64.efi"], check=True)
    data = image.read_bytes()
    assert loaders_in(data) == (_X86_64,)
    file_system = FatFileSystem(lambda offset, length: data[offset : offset + length])
    assert file_system._bits == kind
    assert file_system.begin_of("efi/boot/bootx64.efi", 1 << 30) == content
    assert file_system.begin_of("EFI/BOOT", 1) is None
    assert file_system.begin_of("EFI/BOOT/BOOTX64.EFI/X", 1) is None


def test_a_file_system_ends_with_its_partition() -> None:
    disk = esp(X86_64)
    partition = Partition(1, 0, 5 * SECTOR, EFI_SYSTEM)
    with pytest.raises(InputError, match="ends too early"):
        efi_loaders(lambda offset, length: disk[offset : offset + length], partition)


def _with(content: bytes, sector: int, data: bytes) -> bytes:
    start = sector * SECTOR
    return content[:start] + data.ljust(SECTOR, b"\0") + content[start + SECTOR :]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (bytes(67 * SECTOR), r"\(number 1\) cannot be used: it has no FAT file system"),
        (b"", "it has no FAT file system"),
        (_with(esp(X86_64), 5, pe_program(AARCH64)), "BOOTX64.EFI is for aarch64"),
        (_with(esp(X86_64), 5, pe_program(0x14C)), "BOOTX64.EFI is for machine 0x014c"),
        (_with(esp(X86_64), 5, b"#!/bin/sh"), "BOOTX64.EFI is no program for UEFI"),
        (_with(esp(X86_64), 4, fat_file(b"BOOTX64 EFI", 900, SECTOR)), "BOOTX64.EFI ends too early"),
        # The directory's chain leads back to itself.
        (_with(_with(esp(), 1, b"\xf8\xff\xff\x02\x30\x00"), 3, b"\xe5" * SECTOR), "has no end"),
    ],
    ids=["zeros", "nothing", "processor", "other processor", "script", "short", "circle"],
)
def test_what_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        loaders_in(content)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6 * SECTOR - 1), st.integers(0, 255)), max_size=8))
def test_damage_ends_in_a_message_or_in_a_result(damage: list[tuple[int, int]]) -> None:
    content = bytearray(esp(X86_64))
    for offset, value in damage:
        content[offset] = value
    with contextlib.suppress(InputError):
        assert set(loaders_in(bytes(content))) <= {_X86_64, _AARCH64}
