# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bootable images boot as they were built. How each cloud boots what was imported, the launches show."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.image import HYBRID, Arch, ImageSpec, build_image
from tests.support.boot import boot
from tests.support.qemu import DiskBus, Firmware


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_image(HYBRID, tmp_path_factory.mktemp("image"))


def _assert_boots(disk: Path, arch: Arch, firmware: Firmware, disk_bus: DiskBus, name: str) -> None:
    log = boot(disk, arch=arch, firmware=firmware, disk_bus=disk_bus)
    assert (log.image, log.firmware, log.arch) == (name, firmware, arch)


def test_booting_leaves_the_image_as_it_is(image: Path) -> None:
    before = image.read_bytes()
    # Under what no cloud boots it.
    _assert_boots(image, "x86_64", "bios", "virtio-scsi", image.stem)
    assert image.read_bytes() == before


@pytest.mark.parametrize("firmware", ["bios", "uefi"])
def test_the_image_of_one_firmware_boots(firmware: Firmware, tmp_path: Path) -> None:
    image = build_image(ImageSpec(firmware), tmp_path)
    _assert_boots(image, "x86_64", firmware, "virtio-blk", image.stem)


def test_no_machine_has_a_firmware_that_its_architecture_lacks(image: Path) -> None:
    with pytest.raises(ValueError, match="no aarch64 machines with bios"):
        boot(image, arch="aarch64", firmware="bios")


def test_a_machine_that_needs_too_long_is_stopped(image: Path) -> None:
    with pytest.raises(AssertionError, match=r"\.qcow2 \(x86_64, uefi, nvme\) has not started"):
        boot(image, firmware="uefi", disk_bus="nvme", timeout=0.5)


def test_a_machine_that_ends_tells_why(tmp_path: Path) -> None:
    odd = tmp_path / "odd.raw"
    odd.write_bytes(b"QFI\xfb" + bytes(508))
    with pytest.raises(AssertionError, match=r"serial console:\n.*qcow"):
        boot(odd, firmware="bios")
