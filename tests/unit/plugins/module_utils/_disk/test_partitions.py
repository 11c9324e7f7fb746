# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._disk.partitions import (
    DiskLayout,
    Partition,
    has_disk_signature,
    read_layout,
)
from tests.support.partitioned import (
    BIOS_BOOT,
    BIOS_DISK,
    BOOT_CODE,
    EFI_SYSTEM,
    HYBRID_DISK,
    LINUX,
    SECTOR,
    SECTORS,
    UEFI_DISK,
    GptHeader,
    boot_sector,
    ext4_disk,
    gpt_disk,
    gpt_entry,
    mbr_disk,
    mbr_entry,
)


def layout_of(disk: bytes, size: int | None = None) -> DiskLayout:
    return read_layout(lambda offset, length: disk[offset : offset + length], size or len(disk))


class TestFirmware:
    @pytest.mark.parametrize(
        ("disk", "table", "firmware"),
        [
            pytest.param(UEFI_DISK, "gpt", "uefi", id="GPT with an ESP"),
            pytest.param(BIOS_DISK, "gpt", "bios", id="GPT with a BIOS boot partition"),
            pytest.param(HYBRID_DISK, "gpt", "hybrid", id="GPT with both"),
            pytest.param(gpt_disk(gpt_entry(BIOS_BOOT, 34, 100)), "gpt", "bios", id="BIOS boot partition alone"),
            pytest.param(gpt_disk(gpt_entry(LINUX, 34, 99), code=BOOT_CODE), "gpt", "bios", id="GPT with boot code"),
            pytest.param(
                gpt_disk(gpt_entry(EFI_SYSTEM, 34, 99), code=BOOT_CODE), "gpt", "hybrid", id="GPT, ESP and boot code"
            ),
            pytest.param(gpt_disk(gpt_entry(LINUX, 34, 99)), "gpt", None, id="GPT that nothing boots"),
            pytest.param(mbr_disk(mbr_entry(0x83, 63, 100), code=BOOT_CODE), "mbr", "bios", id="MBR with boot code"),
            pytest.param(mbr_disk(mbr_entry(0xEF, 63, 100)), "mbr", "uefi", id="MBR with an ESP"),
            pytest.param(mbr_disk(mbr_entry(0xEF, 63, 100), code=BOOT_CODE), "mbr", "hybrid", id="MBR with both"),
            pytest.param(mbr_disk(mbr_entry(0x83, 63, 100, status=0x80)), "mbr", None, id="MBR that nothing boots"),
            pytest.param(ext4_disk(code=BOOT_CODE), "none", "bios", id="bare ext4 with extlinux"),
            pytest.param(ext4_disk(), "none", "bios", id="bare ext4"),
            pytest.param(mbr_disk(code=BOOT_CODE), "none", "bios", id="boot code alone"),
            pytest.param(mbr_disk(), "none", None, id="MBR without partitions"),
            pytest.param(bytes(SECTORS * SECTOR), "none", None, id="zeros"),
        ],
    )
    def test_comes_from_the_disk(self, disk: bytes, table: str, firmware: str | None) -> None:
        layout = layout_of(disk)
        assert (layout.partition_table, layout.firmware) == (table, firmware)

    def test_an_esp_beside_a_protective_entry_only_counts_in_the_gpt(self) -> None:
        # A hybrid MBR: the GPT is what UEFI reads.
        entries = [mbr_entry(0xEE, 1, 33), mbr_entry(0xEF, 34, 67)]
        disk = gpt_disk(gpt_entry(LINUX, 34, 100), code=BOOT_CODE, mbr_entries=entries)
        assert layout_of(disk).firmware == "bios"

    def test_a_gpt_without_protective_entry_is_what_a_former_use_has_left(self) -> None:
        disk = gpt_disk(gpt_entry(EFI_SYSTEM, 34, 100), code=BOOT_CODE, mbr_entries=[mbr_entry(0x83, 63, 100)])
        layout = layout_of(disk)
        assert (layout.partition_table, layout.firmware) == ("mbr", "bios")


class TestGpt:
    def test_lists_partitions_in_bytes(self) -> None:
        disk = gpt_disk(gpt_entry(EFI_SYSTEM, 40, 99, "esp"), bytes(128), gpt_entry(LINUX, 100, 100, "Wurzel ✓"))
        assert layout_of(disk).partitions == (
            Partition(1, 40 * SECTOR, 60 * SECTOR, EFI_SYSTEM, "esp"),
            Partition(3, 100 * SECTOR, SECTOR, LINUX, "Wurzel ✓"),
        )

    def test_reads_what_sgdisk_writes(self, tmp_path: Path) -> None:
        path = tmp_path / "disk.raw"
        path.write_bytes(bytes(4 << 20))
        subprocess.run(
            ["sgdisk", "-n", "1:0:+1M", "-t", "1:ef00", "-c", "1:boot", "-n", "2:0:0", "-t", "2:8300", path],
            check=True,
            capture_output=True,
        )
        layout = layout_of(path.read_bytes())
        assert [(partition.type, partition.name) for partition in layout.partitions] == [
            (EFI_SYSTEM, "boot"),
            (LINUX, ""),
        ]
        assert layout.firmware == "uefi"

    @pytest.mark.parametrize(
        "header",
        [GptHeader(count=4), GptHeader(entry_size=256), GptHeader(entries_sector=1000), GptHeader(header_size=512)],
    )
    def test_takes_every_legal_shape(self, header: GptHeader) -> None:
        disk = gpt_disk(gpt_entry(EFI_SYSTEM, 100, 200), gpt_entry(BIOS_BOOT, 201, 300), header=header)
        assert layout_of(disk).firmware == "hybrid"

    @pytest.mark.parametrize(
        ("header", "reason"),
        [
            (GptHeader(signature=b"EFI PORT"), "sectors of 512 bytes"),
            (GptHeader(header_size=91), "claims to be 91 bytes"),
            (GptHeader(header_size=513), "claims to be 513 bytes"),
            (GptHeader(header_crc=1), "checksum of its header"),
            (GptHeader(own_sector=2), "stands in sector 2"),
            (GptHeader(entry_size=64), "128 entries of 64 bytes"),
            (GptHeader(count=1 << 30), "entries of 128 bytes"),
            (GptHeader(entries_crc=1), "checksum of its entries"),
            (GptHeader(entries_sector=SECTORS - 1), "checksum of its entries"),
        ],
    )
    def test_refuses_a_damaged_one(self, header: GptHeader, reason: str) -> None:
        with pytest.raises(InputError, match=f"GUID partition table is damaged: .*{reason}"):
            layout_of(gpt_disk(gpt_entry(EFI_SYSTEM, 34, 100), header=header))

    @pytest.mark.parametrize("offset", [SECTOR + 40, 2 * SECTOR + 1, 2 * SECTOR + 127 * 128])
    def test_one_wrong_bit_is_noticed(self, offset: int) -> None:
        disk = bytearray(UEFI_DISK)
        disk[offset] ^= 1
        with pytest.raises(InputError, match="damaged"):
            layout_of(bytes(disk))

    def test_refuses_a_partition_that_ends_before_it_begins(self) -> None:
        with pytest.raises(InputError, match="partition 1 ends before"):
            layout_of(gpt_disk(gpt_entry(EFI_SYSTEM, 100, 98)))

    def test_refuses_a_disk_that_ends_within_a_partition(self) -> None:
        with pytest.raises(
            InputError, match=f"partition 2 ends at byte {4001 * SECTOR}, but the disk at {3000 * SECTOR}"
        ):
            layout_of(UEFI_DISK[: 3000 * SECTOR])

    def test_the_backup_may_be_missing(self) -> None:
        assert layout_of(UEFI_DISK[: 4001 * SECTOR]).firmware == "uefi"

    def test_the_disk_may_have_grown(self) -> None:
        assert layout_of(UEFI_DISK + bytes(1 << 20)).firmware == "uefi"


class TestMbr:
    def test_lists_primary_partitions_in_bytes(self) -> None:
        disk = mbr_disk(mbr_entry(0x83, 64, 100, status=0x80), mbr_entry(0, 0, 0), mbr_entry(0x0C, 200, 10))
        assert layout_of(disk).partitions == (
            Partition(1, 64 * SECTOR, 100 * SECTOR, "0x83"),
            Partition(3, 200 * SECTOR, 10 * SECTOR, "0x0c"),
        )

    def test_refuses_a_disk_that_ends_within_a_partition(self) -> None:
        with pytest.raises(InputError, match=r"partition 1 ends at byte .* truncated"):
            layout_of(mbr_disk(mbr_entry(0x83, 64, SECTORS), code=BOOT_CODE))

    @pytest.mark.parametrize(
        "entry",
        [
            mbr_entry(0x83, 64, 100, status=0x90),
            mbr_entry(0x83, 0, 100),
            mbr_entry(0x83, 64, 0),
        ],
    )
    def test_a_boot_sector_with_other_bytes_there_is_no_mbr(self, entry: bytes) -> None:
        assert layout_of(mbr_disk(mbr_entry(0x83, 64, 100), entry, code=BOOT_CODE)).partition_table == "none"

    def test_code_that_looks_like_entries_is_none_on_a_file_system(self) -> None:
        disk = bytearray(ext4_disk())
        disk[:SECTOR] = boot_sector(mbr_entry(0x90, 0x90909090, 0x90909090), code=BOOT_CODE)
        assert layout_of(bytes(disk)).partition_table == "none"

    def test_needs_its_signature(self) -> None:
        disk = bytearray(mbr_disk(mbr_entry(0x83, 64, 100)))
        disk[510] = 0
        assert layout_of(bytes(disk)).partition_table == "none"


@given(st.binary(max_size=4096))
@settings(max_examples=200)
def test_garbage_is_read_or_refused_but_breaks_nothing(garbage: bytes) -> None:
    disk = bytearray(HYBRID_DISK)
    disk[: len(garbage)] = garbage
    try:
        layout_of(bytes(disk))
    except InputError as error:
        assert error.message


@given(st.integers(SECTOR, 3 * SECTOR - 1), st.integers(0, 255))
def test_no_byte_of_a_gpt_can_change_the_firmware(offset: int, value: int) -> None:
    disk = bytearray(HYBRID_DISK)
    disk[offset] = value
    try:
        assert layout_of(bytes(disk)).firmware == "hybrid"
    except InputError as error:
        assert "damaged" in error.message


@pytest.mark.parametrize("disk", [UEFI_DISK, BIOS_DISK, mbr_disk(), ext4_disk(), bytes(512) + b"EFI PART"])
def test_disks_are_recognized(disk: bytes) -> None:
    assert has_disk_signature(disk[:2048])


@pytest.mark.parametrize("content", [b"", bytes(4096), b"plain text " * 400])
def test_other_files_are_not(content: bytes) -> None:
    assert not has_disk_signature(content)
