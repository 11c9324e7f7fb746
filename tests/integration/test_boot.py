# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bootable image boots."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.image import ImageSpec, build_image
from tests.support.boot import DiskBus, Firmware, boot


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_image(output=tmp_path_factory.mktemp("image"))


def _assert_boots(disk: Path, firmware: Firmware, disk_bus: DiskBus, name: str) -> None:
    log = boot(disk, firmware=firmware, disk_bus=disk_bus)
    assert (log.image, log.firmware, log.arch) == (name, firmware, "x86_64")


@pytest.mark.parametrize(
    ("firmware", "disk_bus"),
    [("bios", "virtio-blk"), ("uefi", "virtio-blk"), ("uefi", "nvme"), ("bios", "virtio-scsi")],
)
def test_the_hybrid_image_boots(image: Path, firmware: Firmware, disk_bus: DiskBus) -> None:
    before = image.read_bytes()
    _assert_boots(image, firmware, disk_bus, image.stem)
    assert image.read_bytes() == before


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_the_image_of_one_firmware_boots(firmware: Firmware, tmp_path: Path) -> None:
    image = build_image(ImageSpec(firmware), tmp_path)
    _assert_boots(image, firmware, "virtio-blk", image.stem)


def test_a_machine_that_needs_too_long_is_stopped(image: Path) -> None:
    with pytest.raises(AssertionError, match=r"\.qcow2 \(uefi, nvme\) has not started"):
        boot(image, firmware="uefi", disk_bus="nvme", timeout=0.5)


def test_a_machine_that_ends_tells_why(tmp_path: Path) -> None:
    odd = tmp_path / "odd.raw"
    odd.write_bytes(b"QFI\xfb" + bytes(508))
    with pytest.raises(AssertionError, match=r"serial console:\n.*qcow"):
        boot(odd, firmware="bios")
