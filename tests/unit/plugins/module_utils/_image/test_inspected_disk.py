# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.words import Architecture, Firmware
from ansible_collections.alpine.cloud.plugins.module_utils._disk.efi import EfiLoader
from ansible_collections.alpine.cloud.plugins.module_utils._disk.partitions import DiskLayout, Partition
from ansible_collections.alpine.cloud.plugins.module_utils._image.inspected_disk import InspectedDisk
from ansible_collections.alpine.cloud.plugins.module_utils._image.source import identify_source
from tests.support.partitioned import (
    AARCH64,
    EFI_SYSTEM,
    LINUX,
    X86_64,
    esp,
    gpt_disk,
    gpt_entry,
    mbr_disk,
    mbr_entry,
    with_partition,
)

X64 = EfiLoader("EFI/BOOT/BOOTX64.EFI", "x86_64")
AA64 = EfiLoader("EFI/BOOT/BOOTAA64.EFI", "aarch64")


def disk(
    *loaders: EfiLoader, firmware: Firmware | None = None, file_systems: tuple[tuple[int, str | None], ...] = ()
) -> InspectedDisk:
    """``file_systems``: the size of each partition, and what is in it."""
    partitions = tuple(Partition(n, 0, size, LINUX) for n, (size, _name) in enumerate(file_systems, 1))
    return InspectedDisk(DiskLayout("gpt", partitions, firmware), loaders, tuple(name for _size, name in file_systems))


@pytest.mark.parametrize(
    ("loaders", "partitions", "expected"),
    [
        ((X64,), "hybrid", "hybrid"),
        ((), "hybrid", "bios"),
        ((X64,), "uefi", "uefi"),
        ((), "uefi", None),
        ((), "bios", "bios"),
        ((), None, None),
    ],
)
def test_uefi_needs_a_loader(
    loaders: tuple[EfiLoader, ...], partitions: Firmware | None, expected: Firmware | None
) -> None:
    assert disk(*loaders, firmware=partitions).firmware == expected


@pytest.mark.parametrize(
    ("loaders", "expected"), [((), None), ((X64,), "x86_64"), ((AA64,), "aarch64"), ((X64, AA64), None)]
)
def test_loaders_tell_the_architecture_where_they_agree(
    loaders: tuple[EfiLoader, ...], expected: Architecture | None
) -> None:
    assert disk(*loaders).architecture == expected


@pytest.mark.parametrize(
    ("file_systems", "expected"),
    [
        (((10, "ext4"),), "ext4"),
        (((10, "ext4"), (20, "xfs")), "xfs"),
        (((20, "ext4"), (10, "xfs")), "ext4"),
        (((50, "vfat"), (40, "swap"), (30, None), (10, "btrfs")), "btrfs"),
        (((50, "vfat"), (40, "swap")), None),
    ],
)
def test_the_root_file_system_is_the_largest_to_live_on(
    file_systems: tuple[tuple[int, str | None], ...], expected: str | None
) -> None:
    assert disk(file_systems=file_systems).root_file_system == expected


def inspected(folder: Path, content: bytes) -> InspectedDisk:
    (folder / "disk.raw").write_bytes(content)
    return InspectedDisk.of(identify_source(folder / "disk.raw"))


def test_every_efi_system_partition_is_looked_into(tmp_path: Path) -> None:
    layout = gpt_disk(gpt_entry(EFI_SYSTEM, 34, 100), gpt_entry(EFI_SYSTEM, 101, 167), gpt_entry(EFI_SYSTEM, 168, 234))
    content = with_partition(with_partition(with_partition(layout, 34, esp()), 101, esp(X86_64)), 168, esp(AARCH64))
    assert inspected(tmp_path, content).loaders == (X64, AA64)
    # The same one twice is one.
    again = with_partition(with_partition(content, 34, esp(X86_64)), 168, esp(X86_64))
    assert inspected(tmp_path, again).loaders == (X64,)


def test_an_mbr_may_have_one_too(tmp_path: Path) -> None:
    content = with_partition(mbr_disk(mbr_entry(0xEF, 63, 67), mbr_entry(0x83, 200, 100)), 63, esp(X86_64))
    found = inspected(tmp_path, content)
    assert (found.loaders, found.firmware, found.file_systems) == ((X64,), "uefi", ("vfat", None))
    assert str(found) == "MBR with 2 partitions"


@pytest.mark.parametrize(
    ("layout", "reason"),
    [
        (DiskLayout("none", (), None), "(no partition table): it has no EFI system partition, no BIOS boot partition"),
        (
            DiskLayout("gpt", (Partition(1, 0, 512, EFI_SYSTEM),), "uefi"),
            "(GPT with 1 partitions): its EFI system partition has no boot loader EFI/BOOT/BOOTX64.EFI or",
        ),
    ],
)
def test_the_reason_why_nothing_boots_it(layout: DiskLayout, reason: str) -> None:
    found = InspectedDisk(layout, (), (None,) * len(layout.partitions))
    assert found.reason_not_to_boot.startswith(f"no firmware could boot this disk {reason}")
