# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError, refusal_of
from ansible_collections.alpine.cloud.plugins.module_utils._disk import fat
from ansible_collections.alpine.cloud.plugins.module_utils._disk.fat import FatFileSystem
from tests.support.partitioned import SECTOR, X86_64, esp, fat_file, with_partition

# Longer than a cluster of any kind, and different everywhere.
CONTENT = b"".join(b"%d " % number for number in range(20_000))


def file_system(content: bytes) -> FatFileSystem:
    return FatFileSystem(lambda offset, length: content[offset : offset + length], refusal_of("the ESP"))


def refusal(content: bytes, path: str | None = None) -> str:
    with pytest.raises(InputError) as caught:
        found = file_system(content)
        if path is not None:
            found.begin_of(path, 1 << 20)
    assert caught.value.message.startswith("the ESP: ")
    return caught.value.message.removeprefix("the ESP: ")


# mformat makes each kind of these.
@pytest.fixture(
    scope="module", params=[(12, 1, []), (16, 16, ["-c", "4"]), (32, 64, ["-F", "-c", "1"])], ids=lambda kind: kind[0]
)
def image(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    _bits, mebibytes, options = request.param
    folder = tmp_path_factory.mktemp("fat")
    path, content, other = folder / "fat", folder / "content", folder / "other"
    content.write_bytes(CONTENT)
    other.write_bytes(b"other")
    with path.open("wb") as file:
        file.truncate(mebibytes << 20)
    sectors = str((mebibytes << 20) // SECTOR)
    _run("mformat", path, "-T", sectors, "-h", "2", "-s", "32", "-v", "LABEL", *options, "::")
    _run("mmd", path, "::/DIR", "::/DIR/a long name")
    # The gap that is left by a deleted file makes the content stand in clusters that are not next to each other.
    for name in ("first.txt", "gone", "F0"):
        _run("mcopy", path, str(other), f"::/DIR/{name}")
    _run("mdel", path, "::/DIR/gone")
    _run("mcopy", path, str(content), "::/DIR/big.bin")
    _run("mcopy", path, str(other), "::/DIR/a long file name.text")
    _run("mcopy", path, str(other), "::/root")
    return path.read_bytes()


def _table_size(image: bytes) -> int:
    """Of a FAT32, in sectors; 0 of other kinds."""
    return int.from_bytes(image[36:40], "little") if image[82:90] == b"FAT32   " else 0


def _run(command: str, image: Path, *arguments: str) -> None:
    subprocess.run([command, "-i", image, *arguments], check=True)


class TestReading:
    def test_the_upper_bits_of_fat32_are_reserved(self, image: bytes) -> None:
        content = bytearray(image)
        # Of other kinds nothing is changed.
        table, size = int.from_bytes(content[14:16], "little") * SECTOR, _table_size(image)
        for offset in range(table + 11, table + size * SECTOR, 4):
            content[offset] |= 0xF0
        assert file_system(bytes(content)).begin_of("DIR/BIG.BIN", 1 << 30) == CONTENT

    @pytest.mark.parametrize("size", [0, 1, 511, 512, 2049, len(CONTENT) - 1, len(CONTENT), len(CONTENT) + 1, 1 << 30])
    def test_the_begin_of_a_file(self, image: bytes, size: int) -> None:
        assert file_system(image).begin_of("DIR/BIG.BIN", size) == CONTENT[:size]

    @pytest.mark.parametrize("path", ["DIR/FIRST.TXT", "dir/first.txt", "Dir/First.Txt", "DIR/F0", "ROOT"])
    def test_names_have_no_case_and_may_lack_an_extension(self, image: bytes, path: str) -> None:
        assert file_system(image).begin_of(path, 100) == b"other"

    @pytest.mark.parametrize(
        "path",
        [
            "MISSING", "DIR", "DIR/MISSING.TXT", "MISSING/FIRST.TXT", "ROOT/FIRST.TXT", "DIR/FIRST", "FIRST.TXT",
            # A deleted file, the label, and what is there under a long name only.
            "DIR/GONE", "LABEL", "DIR/a long file name.text", "",
        ],
    )  # fmt: skip
    def test_what_is_not_there(self, image: bytes, path: str) -> None:
        assert file_system(image).begin_of(path, 100) is None

    def test_a_long_name_has_a_short_one(self, image: bytes) -> None:
        assert file_system(image).begin_of("DIR/ALONGF~1.TEX", 100) == b"other"


def with_boot(*fields: tuple[int, str, int]) -> bytes:
    """A file system with other numbers in its boot sector: offset, form and value of each."""
    content = bytearray(esp(X86_64))
    for offset, form, value in fields:
        struct.pack_into(form, content, offset, value)
    return bytes(content)


class TestDamage:
    @pytest.mark.parametrize(
        "content",
        [
            pytest.param(b"", id="nothing"),
            pytest.param(esp()[:511], id="less than a sector"),
            pytest.param(bytes(SECTOR * 67), id="zeros"),
            pytest.param(with_boot((510, "<H", 0)), id="signature"),
            pytest.param(with_boot((11, "<H", 0)), id="sectors of no bytes"),
            pytest.param(with_boot((11, "<H", 513)), id="odd sectors"),
            pytest.param(with_boot((13, "<B", 0)), id="clusters of no sectors"),
            pytest.param(with_boot((14, "<H", 0)), id="nothing reserved"),
            pytest.param(with_boot((16, "<B", 0)), id="no table"),
            pytest.param(with_boot((22, "<H", 0), (36, "<I", 0)), id="an empty table"),
            pytest.param(with_boot((11, "<H", 4096), (13, "<B", 64)), id="clusters of 256 KiB"),
        ],
    )
    def test_no_file_system(self, content: bytes) -> None:
        assert refusal(content) == "it has no FAT file system"

    def test_clusters_of_128_kib_are_allowed(self) -> None:
        assert file_system(with_boot((11, "<H", 2048), (13, "<B", 64))).begin_of("MISSING", 1) is None

    def test_no_room_for_files(self) -> None:
        # One sector reserved, one of the table, one of the root: the fourth is the first cluster.
        assert refusal(with_boot((19, "<H", 3))) == "its FAT file system is damaged: there is no room for files"
        assert file_system(with_boot((19, "<H", 4))).begin_of("MISSING", 1) is None

    def test_a_file_that_ends_too_early(self) -> None:
        content = with_partition(esp(X86_64), 4, fat_file(b"BOOTX64 EFI", 4, SECTOR + 1))
        assert refusal(content, "EFI/BOOT/BOOTX64.EFI") == (
            "its FAT file system is damaged: EFI/BOOT/BOOTX64.EFI ends too early"
        )

    @pytest.mark.parametrize("cluster", [0, 1, 66, 0xFFFF])
    def test_a_file_that_begins_outside(self, cluster: int) -> None:
        content = with_partition(esp(X86_64), 4, fat_file(b"BOOTX64 EFI", cluster, 1))
        assert "ends too early" in refusal(content, "EFI/BOOT/BOOTX64.EFI")

    def test_a_directory_without_end(self) -> None:
        # Cluster 2, which is full of deleted files, leads to cluster 2.
        content = with_partition(with_partition(esp(), 1, b"\xf8\xff\xff\x02\xf0\xff"), 3, b"\xe5" * SECTOR)
        assert refusal(content, "EFI/BOOT/BOOTX64.EFI") == (
            "its FAT file system is damaged: a file or directory has no end"
        )

    def test_a_file_of_too_many_clusters(self, image: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(fat, "_MOST_CLUSTERS_READ", 3)
        assert refusal(image, "DIR/BIG.BIN").endswith("a file or directory has no end")

    def test_a_file_system_that_is_cut_off(self) -> None:
        assert "ends too early" in refusal(esp(X86_64)[: 5 * SECTOR + 100], "EFI/BOOT/BOOTX64.EFI")
