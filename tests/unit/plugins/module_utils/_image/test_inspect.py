# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._image import inspect
from tests.support.partitioned import (
    AARCH64_DISK,
    BIOS_DISK,
    EFI_SYSTEM,
    EMPTY_ESP_DISK,
    HYBRID_DISK,
    LINUX,
    NO_FAT_DISK,
    UEFI_DISK,
    GptHeader,
    ext4_disk,
    gpt_disk,
    gpt_entry,
)
from tests.unit.plugins.module_utils._image.inspections import NAME, inspect_image, qcow2


def test_tells_everything(tmp_path: Path) -> None:
    path = qcow2(tmp_path, UEFI_DISK, "generic_alpine-3.24.1-x86_64-uefi-cloudinit-r10")
    assert inspect_image(path) == {
        "path": str(path),
        "format": "qcow2",
        "size": path.stat().st_size,
        "virtual_size": len(UEFI_DISK),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "partition_table": "gpt",
        "partitions": [
            {
                "number": 1,
                "start": 34 * 512,
                "size": 67 * 512,
                "type": EFI_SYSTEM,
                "name": "esp",
                "file_system": "vfat",
            },
            {
                "number": 2,
                "start": 101 * 512,
                "size": 3900 * 512,
                "type": LINUX,
                "name": "root",
                "file_system": None,
            },
        ],
        "root_file_system": None,
        "efi_loaders": [{"path": "EFI/BOOT/BOOTX64.EFI", "architecture": "x86_64"}],
        "architecture": "x86_64",
        "firmware": "uefi",
        "clouds": ["aws", "azure", "gcp", "oci"],
        "obstacles": {},
        "metadata": None,
        "image": {
            "name": "alpine-3.24.1-x86_64-uefi-cloudinit-r10",
            "release": "3.24.1",
            "version": "3.24",
            "revision": 10,
            "architecture": "x86_64",
            "firmware": "uefi",
            "bootstrap": "cloudinit",
            "machine": "vm",
            "cloud": "generic",
        },
    }


@pytest.mark.parametrize(
    ("disk", "firmware"), [(UEFI_DISK, "uefi"), (BIOS_DISK, "bios"), (HYBRID_DISK, "hybrid"), (ext4_disk(), "bios")]
)
@pytest.mark.parametrize("kind", ["raw", "qcow2"])
def test_firmware_is_the_same_in_every_format(tmp_path: Path, disk: bytes, firmware: str, kind: str) -> None:
    path = qcow2(tmp_path, disk)
    assert inspect_image(tmp_path / "content.raw" if kind == "raw" else path)["firmware"] == firmware


class TestNames:
    def test_a_file_named_otherwise_has_no_image(self, tmp_path: Path) -> None:
        assert inspect_image(qcow2(tmp_path, HYBRID_DISK, "disk"))["image"] is None

    @pytest.mark.parametrize("name", [NAME, f"{NAME}.qcow2"])
    def test_a_given_name_wins(self, tmp_path: Path, name: str) -> None:
        path = qcow2(tmp_path, HYBRID_DISK, "alpine-3.23.6-x86_64-uefi-cloudinit-r0")
        assert inspect_image(path, name)["image"]["name"] == NAME

    def test_a_given_name_must_follow_the_scheme(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"^name 'my-image' does not follow"):
            inspect_image(qcow2(tmp_path, HYBRID_DISK), "my-image")

    @pytest.mark.parametrize(
        ("firmware", "architecture", "disk"),
        [
            ("uefi-", "x86_64", UEFI_DISK),
            ("uefi-", "x86_64", HYBRID_DISK),
            ("uefi-", "aarch64", AARCH64_DISK),
            ("bios-", "x86_64", BIOS_DISK),
            ("bios-", "x86_64", HYBRID_DISK),
            ("bios-", "x86_64", ext4_disk()),
            ("", "x86_64", UEFI_DISK),
            ("", "x86_64", BIOS_DISK),
            ("", "x86_64", HYBRID_DISK),
            ("", "aarch64", AARCH64_DISK),
        ],
    )
    def test_may_say_less_than_the_disk(self, tmp_path: Path, firmware: str, architecture: str, disk: bytes) -> None:
        inspect_image(qcow2(tmp_path, disk, f"alpine-3.24.2-{architecture}-{firmware}tiny-r0"))

    @pytest.mark.parametrize(
        ("firmware", "disk", "explanation"),
        [
            ("uefi", BIOS_DISK, "promises UEFI, but the disk (GPT with 2 partitions) boots by BIOS alone"),
            ("uefi", ext4_disk(), "promises UEFI, but the disk (no partition table) boots by BIOS alone"),
            ("bios", UEFI_DISK, "promises BIOS, but the disk (GPT with 2 partitions) boots by UEFI alone"),
        ],
    )
    def test_may_not_contradict_the_disk(self, tmp_path: Path, firmware: str, disk: bytes, explanation: str) -> None:
        name = f"alpine-3.23.6-x86_64-{firmware}-tiny-r0"
        with pytest.raises(InputError) as caught:
            inspect_image(qcow2(tmp_path, disk, name))
        assert caught.value.message.startswith(f"name {name} {explanation}")
        assert "alpine_image_name" in caught.value.message

    @pytest.mark.parametrize("disk", [BIOS_DISK, ext4_disk()])
    def test_aarch64_needs_uefi(self, tmp_path: Path, disk: bytes) -> None:
        with pytest.raises(
            InputError, match=r"promises aarch64, which has no BIOS, but the disk .* boots by BIOS alone"
        ):
            inspect_image(qcow2(tmp_path, disk, "alpine-3.24.2-aarch64-tiny-r0"))

    @pytest.mark.parametrize(
        ("architecture", "disk", "loader"),
        [
            ("aarch64", UEFI_DISK, "EFI/BOOT/BOOTX64.EFI for x86_64"),
            ("aarch64", HYBRID_DISK, "EFI/BOOT/BOOTX64.EFI for x86_64"),
            ("x86_64", AARCH64_DISK, "EFI/BOOT/BOOTAA64.EFI for aarch64"),
        ],
    )
    def test_the_boot_loader_knows_the_processor(
        self, tmp_path: Path, architecture: str, disk: bytes, loader: str
    ) -> None:
        name = f"alpine-3.24.2-{architecture}-tiny-r0"
        with pytest.raises(InputError) as caught:
            inspect_image(qcow2(tmp_path, disk, name))
        assert caught.value.message.startswith(
            f"name {name} promises {architecture}, but the disk has the boot loader {loader}: give the image's right"
        )


def test_a_file_named_otherwise_has_its_loaders_architecture(tmp_path: Path) -> None:
    assert inspect_image(qcow2(tmp_path, AARCH64_DISK, "disk"))["architecture"] == "aarch64"
    assert inspect_image(qcow2(tmp_path, BIOS_DISK, "disk"))["architecture"] is None


def test_a_real_file_system_is_known(tmp_path: Path) -> None:
    raw = tmp_path / "content.raw"
    with raw.open("wb") as file:
        file.truncate(8 << 20)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", raw], check=True)
    inspection = inspect_image(raw)
    assert (inspection["root_file_system"], inspection["partitions"]) == ("ext4", [])


def test_an_image_for_one_cloud_is_of_no_use_in_others(tmp_path: Path) -> None:
    found = inspect_image(qcow2(tmp_path, HYBRID_DISK, "aws_alpine-3.24.1-x86_64-bios-tiny-r0"))
    assert found["clouds"] == ["aws"]
    assert set(found["obstacles"]) == {"azure", "gcp", "oci"}


class TestRefusing:
    def test_a_damaged_image(self, tmp_path: Path) -> None:
        path = qcow2(tmp_path, HYBRID_DISK)
        content = bytearray(path.read_bytes())
        table = int.from_bytes(content[48:56], "big")
        block = int.from_bytes(content[table : table + 8], "big")
        content[block : block + 64] = bytes(64)
        path.write_bytes(content)
        with pytest.raises(InputError, match=f"^src {path} is damaged, get the image again: qemu-img check failed"):
            inspect_image(path)

    @pytest.mark.parametrize(
        ("disk", "reason"),
        [
            (
                EMPTY_ESP_DISK,
                "no firmware could boot this disk (GPT with 2 partitions): its EFI system partition has no",
            ),
            (NO_FAT_DISK, "its EFI system partition (number 1) cannot be used: it has no FAT file system"),
        ],
    )
    def test_a_disk_whose_esp_boots_nothing(self, tmp_path: Path, disk: bytes, reason: str) -> None:
        path = qcow2(tmp_path, disk)
        with pytest.raises(InputError) as caught:
            inspect_image(path)
        assert caught.value.message.startswith(f"src {path}: {reason}")

    def test_a_disk_that_nothing_boots(self, tmp_path: Path) -> None:
        path = qcow2(tmp_path, gpt_disk(gpt_entry(LINUX, 34, 4000)))
        with pytest.raises(
            InputError, match=rf"^src {path}: no firmware could boot this disk \(GPT with 1 partitions\)"
        ):
            inspect_image(path)

    def test_an_empty_disk(self, tmp_path: Path) -> None:
        path = qcow2(tmp_path, bytes(1 << 20))
        with pytest.raises(InputError, match=r"no firmware could boot this disk \(no partition table\)"):
            inspect_image(path)

    def test_a_damaged_partition_table(self, tmp_path: Path) -> None:
        path = qcow2(tmp_path, gpt_disk(gpt_entry(EFI_SYSTEM, 34, 4000), header=GptHeader(header_crc=1)))
        with pytest.raises(InputError, match=f"^src {path}: the disk's GUID partition table is damaged"):
            inspect_image(path)

    def test_a_file_that_changes_meanwhile(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = qcow2(tmp_path, HYBRID_DISK)

        def hash_and_append(source: Path) -> str:
            with source.open("ab") as file:
                file.write(b"more")
            return "0" * 64

        monkeypatch.setattr(inspect, "sha256_of", hash_and_append)
        with pytest.raises(InputError, match="changed while it was read"):
            inspect_image(path)

    def test_a_qcow2_image_without_qemu_img(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = qcow2(tmp_path, HYBRID_DISK)
        monkeypatch.setenv("PATH", "/nowhere")
        with pytest.raises(InputError, match="qemu-img is not on PATH"):
            inspect_image(path)
        # A raw disk needs none.
        assert inspect_image(tmp_path / "content.raw")["firmware"] == "hybrid"
