# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an image's name agrees with its disk and with its metadata."""

from __future__ import annotations

from .._core.errors import InputError
from .._core.words import Firmware
from .inspected_disk import InspectedDisk
from .metadata import ImageMetadata
from .names import ImageName


def check_name_against_disk(image: ImageName, disk: InspectedDisk, firmware: Firmware) -> None:
    """Make sure that the disk can be what its name promises.

    :raises InputError: when it cannot; explains both sides.
    """
    boots = f"the disk ({disk}) boots by {'BIOS and UEFI' if firmware == 'hybrid' else firmware.upper()}"
    remedy = "give the image's right name in option name (variable alpine_image_name of role alpine_image)"
    if image.firmware not in (None, firmware) and firmware != "hybrid":
        raise InputError(
            f"name {image} promises {str(image.firmware).upper()}, but {boots} alone: {remedy}, or get the image again"
        )
    if image.architecture == "aarch64" and firmware == "bios":
        raise InputError(
            f"name {image} promises aarch64, which has no BIOS, but {boots} alone: no cloud could start it; {remedy}, "
            "or get an image with an EFI system partition"
        )
    if disk.loaders and image.architecture not in {loader.architecture for loader in disk.loaders}:
        loaders = " and ".join(f"{loader.path} for {loader.architecture}" for loader in disk.loaders)
        raise InputError(
            f"name {image} promises {image.architecture}, but the disk has the boot loader {loaders}: {remedy}, or get "
            "the image again"
        )


def check_name_against_metadata(image: ImageName, metadata: ImageMetadata) -> None:
    """Make sure that the metadata is this image's.

    :raises InputError: when it is not; explains both sides.
    """
    if found := metadata.contradictions(image):
        raise InputError(
            f"name {image} and the image's metadata contradict each other: {', '.join(found)}. Give the image's right "
            "name in option name (variable alpine_image_name of role alpine_image), or the right file in option "
            "metadata, or remove the .yaml file next to the image"
        )
