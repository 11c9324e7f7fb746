# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._core.words import Firmware
from ansible_collections.alpine.cloud.plugins.module_utils._disk.efi import EfiLoader
from ansible_collections.alpine.cloud.plugins.module_utils._disk.partitions import DiskLayout
from ansible_collections.alpine.cloud.plugins.module_utils._image.agreement import (
    check_name_against_disk,
    check_name_against_metadata,
)
from ansible_collections.alpine.cloud.plugins.module_utils._image.inspected_disk import InspectedDisk
from ansible_collections.alpine.cloud.plugins.module_utils._image.metadata import ImageMetadata
from ansible_collections.alpine.cloud.plugins.module_utils._image.names import parse_image_name

X64 = EfiLoader("EFI/BOOT/BOOTX64.EFI", "x86_64")
AA64 = EfiLoader("EFI/BOOT/BOOTAA64.EFI", "aarch64")
REMEDY = "give the image's right name in option name (variable alpine_image_name of role alpine_image)"
AGAIN = "or get the image again"


def check(name: str, firmware: Firmware, *loaders: EfiLoader) -> None:
    disk = InspectedDisk(DiskLayout("gpt", (), firmware), loaders, ())
    check_name_against_disk(parse_image_name(name), disk, firmware)


@pytest.mark.parametrize(
    ("name", "firmware", "loaders"),
    [
        ("alpine-3.24.2-x86_64-tiny-r0", "hybrid", (X64,)),
        ("alpine-3.24.2-x86_64-tiny-r0", "bios", ()),
        ("alpine-3.23.6-x86_64-bios-tiny-r0", "hybrid", (X64,)),
        ("alpine-3.23.6-x86_64-uefi-tiny-r0", "hybrid", (X64,)),
        # A disk for both processors is right for either.
        ("alpine-3.24.2-aarch64-tiny-r0", "uefi", (X64, AA64)),
        ("alpine-3.24.2-x86_64-tiny-r0", "uefi", (AA64, X64)),
    ],
)
def test_names_that_agree(name: str, firmware: Firmware, loaders: tuple[EfiLoader, ...]) -> None:
    check(name, firmware, *loaders)


@pytest.mark.parametrize(
    ("name", "firmware", "loaders", "message"),
    [
        (
            "alpine-3.23.6-x86_64-uefi-tiny-r0", "bios", (),
            f"promises UEFI, but the disk (GPT with 0 partitions) boots by BIOS alone: {REMEDY}, {AGAIN}",
        ),
        (
            "alpine-3.23.6-x86_64-bios-tiny-r0", "uefi", (X64,),
            f"promises BIOS, but the disk (GPT with 0 partitions) boots by UEFI alone: {REMEDY}, {AGAIN}",
        ),
        (
            "alpine-3.24.2-aarch64-tiny-r0", "bios", (),
            "promises aarch64, which has no BIOS, but the disk (GPT with 0 partitions) boots by BIOS alone: no cloud "
            f"could start it; {REMEDY}, or get an image with an EFI system partition",
        ),
        (
            "alpine-3.24.2-aarch64-tiny-r0", "hybrid", (X64,),
            "promises aarch64, but the disk has the boot loader EFI/BOOT/BOOTX64.EFI for x86_64: "
            f"{REMEDY}, {AGAIN}",
        ),
    ],
)  # fmt: skip
def test_names_that_contradict_the_disk(
    name: str, firmware: Firmware, loaders: tuple[EfiLoader, ...], message: str
) -> None:
    with pytest.raises(InputError) as caught:
        check(name, firmware, *loaders)
    assert caught.value.message == f"name {name} {message}"


def test_metadata() -> None:
    image = parse_image_name("alpine-3.24.2-x86_64-tiny-r0")
    check_name_against_metadata(image, ImageMetadata(release="3.24.2"))
    with pytest.raises(InputError) as caught:
        check_name_against_metadata(image, ImageMetadata(release="3.24.1", revision=4))
    assert caught.value.message.startswith(
        "name alpine-3.24.2-x86_64-tiny-r0 and the image's metadata contradict each other: "
        "release is 3.24.1 there and 3.24.2 in the name, revision is 4 there and 0 in the name. Give"
    )
