# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._disk.file_systems import HEAD_SIZE, file_system_of


@pytest.mark.parametrize("kind", ["ext2", "ext3", "ext4"])
def test_what_mke2fs_makes(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "disk"
    with path.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mke2fs", "-q", "-t", kind, path], check=True)
    assert file_system_of(path.read_bytes()[:HEAD_SIZE]) == kind


@pytest.mark.parametrize(
    ("offset", "magic", "kind"),
    [
        (0, b"XFSB", "xfs"),
        (0, b"hsqs", "squashfs"),
        (0, b"LUKS\xba\xbe", "luks"),
        (1024, b"\x10\x20\xf5\xf2", "f2fs"),
        (0x10040, b"_BHRfS_M", "btrfs"),
        (54, b"FAT12   ", "vfat"),
        (54, b"FAT16   ", "vfat"),
        (82, b"FAT32   ", "vfat"),
        (4086, b"SWAPSPACE2", "swap"),
    ],
)
def test_others_by_their_magic(offset: int, magic: bytes, kind: str) -> None:
    assert file_system_of((bytes(offset) + magic).ljust(HEAD_SIZE, b"\0")) == kind


@pytest.mark.parametrize("head", [b"", bytes(100), bytes(HEAD_SIZE)])
def test_none(head: bytes) -> None:
    assert file_system_of(head) is None
