# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_image_inspect, with the real qemu-img, on disks that other tools have made: what it tells and refuses."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.modules.image.conftest import ImageModule
from tests.support.disks import MIB, SmallDisk

NAME = "alpine-3.24.2-x86_64-tiny-r0"


@pytest.fixture
def inspect(home: Path, small_disk: SmallDisk) -> ImageModule:
    return ImageModule("alpine_image_inspect", home, {"src": str(small_disk.qcow2)})


def test_it_is_what_it_is_every_time(inspect: ImageModule, small_disk: SmallDisk) -> None:
    real = inspect.succeeds()
    assert not real.changed
    for again in (inspect.succeeds(check_mode=True), inspect.succeeds()):
        assert again.result == real.result
    assert real["path"] == str(small_disk.qcow2)
    assert real["format"] == "qcow2"
    assert real["size"] == small_disk.qcow2.stat().st_size
    assert real["sha256"] == small_disk.sha256
    assert real["virtual_size"] == 16 * MIB
    assert real["partition_table"] == "gpt"
    assert [partition["number"] for partition in real["partitions"]] == [1, 2, 4]
    esp = real["partitions"][0]
    assert esp["type"] == "c12a7328-f81f-11d2-ba4b-00a0c93ec93b"
    assert (esp["start"], esp["size"], esp["file_system"]) == (2048 * 512, 2048 * 512, "vfat")
    assert real["efi_loaders"] == [{"path": "EFI/BOOT/BOOTX64.EFI", "architecture": "x86_64"}]
    assert (real["architecture"], real["firmware"]) == ("x86_64", "hybrid")
    assert (real["clouds"], real["obstacles"]) == (["aws", "azure", "gcp", "oci"], {})
    assert real["metadata"] is None
    assert real["image"] == {
        "name": NAME, "release": "3.24.2", "version": "3.24", "revision": 0, "architecture": "x86_64",
        "bootstrap": "tiny", "machine": "vm", "firmware": None, "cloud": None,
    }  # fmt: skip


def test_a_raw_disk_is_the_same_disk(inspect: ImageModule, small_disk: SmallDisk) -> None:
    raw, qcow2 = inspect.succeeds(src=str(small_disk.raw)), inspect.succeeds()
    assert raw["format"] == "raw"
    for key in ("virtual_size", "partition_table", "partitions", "efi_loaders", "architecture", "firmware", "clouds"):
        assert raw[key] == qcow2[key]


def test_the_name_is_the_users(inspect: ImageModule, small_disk: SmallDisk, tmp_path: Path) -> None:
    copy = shutil.copy(small_disk.qcow2, tmp_path / "disk.qcow2")
    assert inspect.succeeds(src=str(copy))["image"] is None
    named = inspect.succeeds(src=str(copy), name="generic_alpine-3.24.1-x86_64-uefi-cloudinit-r10")["image"]
    assert (named["name"], named["cloud"]) == ("alpine-3.24.1-x86_64-uefi-cloudinit-r10", "generic")
    assert named["revision"] == 10


def test_metadata_is_read_from_next_to_the_image_or_where_it_is(
    inspect: ImageModule, small_disk: SmallDisk, tmp_path: Path
) -> None:
    copy = Path(shutil.copy(small_disk.qcow2, tmp_path / f"{NAME}.qcow2"))
    metadata = copy.with_suffix(".yaml")
    metadata.write_text("release: 3.24.2\nend_of_life: 2028-05-01\nfirmware: bios\n")
    found = inspect.succeeds(src=str(copy))
    assert (found["metadata"]["release"], found["metadata"]["end_of_life"]) == ("3.24.2", "2028-05-01")
    metadata.rename(tmp_path / "other.yaml")
    assert inspect.succeeds(src=str(copy))["metadata"] is None
    assert inspect.succeeds(src=str(copy), metadata=str(tmp_path / "other.yaml"))["metadata"] == found["metadata"]
    message = inspect.fails(src=str(copy), metadata="/nowhere")
    assert message.startswith("metadata /nowhere: No such file")


# Each file is made from the raw disk, whose first sector has no boot code.
_MAKE = r"""
set -e
truncate -s 0 empty.qcow2
echo hello > text.qcow2
head -c 1000000 "$QCOW2" > truncated.qcow2
head -c -100 "$RAW" > broken-sectors.raw
head -c 8388608 "$RAW" > truncated.raw
qemu-img create -q -f qcow2 -F raw -b /etc/hostname backing.qcow2
qemu-img create -q -f qcow2 -o data_file=data external.qcow2 1M
qemu-img create -q -f qcow2 nothing.qcow2 16M
cp "$RAW" uefi.raw
sgdisk --delete=4 uefi.raw
cp "$RAW" bios.raw
sgdisk --delete=1 bios.raw
cp uefi.raw without-loader.raw
mdel -i without-loader.raw@@1M ::/EFI/BOOT/BOOTX64.EFI
cp "$RAW" damaged.raw
dd if=text.qcow2 of=damaged.raw bs=1 count=1 seek=1100 conv=notrunc
mkdir directory
"""


@pytest.fixture(scope="module")
def bad(small_disk: SmallDisk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files that are refused, or whose names may be."""
    folder = tmp_path_factory.mktemp("bad")
    variables = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "RAW": str(small_disk.raw), "QCOW2": str(small_disk.qcow2)}
    subprocess.run(["sh", "-c", _MAKE], cwd=folder, env=variables, check=True, capture_output=True)
    (folder / "compressed.raw").write_bytes(gzip.compress(small_disk.raw.read_bytes(), 1))
    return folder


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("missing.qcow2", "no such file"),
        ("directory", "this is a directory"),
        ("empty.qcow2", "the file is empty (0 bytes)"),
        ("text.qcow2", "this is neither a qcow2 image nor a raw disk"),
        ("compressed.raw", "this is compressed by gzip"),
        ("truncated.qcow2", "this qcow2 image is truncated"),
        ("broken-sectors.raw", "a raw disk is whole sectors of 512 bytes, but this file is 16777116 bytes"),
        ("truncated.raw", "partition 2 ends at byte 16760320, but the disk at 8388608"),
        ("damaged.raw", "the disk's GUID partition table is damaged: the checksum of its entries is wrong"),
        ("backing.qcow2", "this qcow2 image needs a backing file"),
        ("external.qcow2", "this qcow2 image keeps its data in another file"),
        ("nothing.qcow2", "no firmware could boot this disk (no partition table)"),
        (
            "without-loader.raw",
            "no firmware could boot this disk (GPT with 2 partitions): its EFI system partition has no boot loader "
            "EFI/BOOT/BOOTX64.EFI or",
        ),
    ],
)
def test_what_is_refused(inspect: ImageModule, bad: Path, file: str, reason: str) -> None:
    assert inspect.fails(src=str(bad / file), name=NAME).startswith(f"src {bad / file}: {reason}")


@pytest.mark.parametrize(
    ("file", "name", "reason"),
    [
        ("uefi.raw", "disk", "name 'disk' does not follow the scheme"),
        (
            "uefi.raw",
            "alpine-3.23.6-x86_64-bios-tiny-r0",
            "promises BIOS, but the disk (GPT with 2 partitions) boots by UEFI alone",
        ),
        (
            "bios.raw",
            "alpine-3.23.6-x86_64-uefi-tiny-r0",
            "promises UEFI, but the disk (GPT with 2 partitions) boots by BIOS alone",
        ),
        ("bios.raw", "alpine-3.24.2-aarch64-tiny-r0", "promises aarch64, which has no BIOS"),
        (
            "uefi.raw",
            "alpine-3.24.2-aarch64-tiny-r0",
            "promises aarch64, but the disk has the boot loader EFI/BOOT/BOOTX64.EFI for x86_64",
        ),
    ],
)
def test_names_that_contradict_the_disk(inspect: ImageModule, bad: Path, file: str, name: str, reason: str) -> None:
    message = inspect.fails(src=str(bad / file), name=name)
    assert message.startswith("name ")
    assert reason in message


def test_the_packages_of_qemu_img_are_named(inspect: ImageModule) -> None:
    message = inspect.with_environment(PATH="/nowhere").fails()
    assert message.startswith("qemu-img is not on PATH")
    assert "qemu-utils (Debian, Ubuntu)" in message
