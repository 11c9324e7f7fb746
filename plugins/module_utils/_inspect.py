# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a local image is: its file, its disk, and whether its name agrees with them."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from ansible_collections.alpine.cloud.plugins.module_utils._clouds import CLOUDS, obstacles
from ansible_collections.alpine.cloud.plugins.module_utils._errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._names import ImageName, parse_image_name, strip_extension
from ansible_collections.alpine.cloud.plugins.module_utils._partitions import DiskLayout, Firmware
from ansible_collections.alpine.cloud.plugins.module_utils._source import (
    check_integrity,
    check_unchanged,
    identify_source,
    layout_of,
    sha256_of,
)


def inspect_image(path: str | os.PathLike[str], name: str | None = None) -> dict[str, Any]:
    """Everything that module ``alpine_image_inspect`` returns but ``changed``.

    :param name: of the image, with or without extension; without one, the file's name is taken where it follows
        Alpine's scheme.
    :raises InputError: when the file or the disk cannot be used, ``name`` does not follow Alpine's scheme, or name and
        disk contradict each other.
    """
    image = _image_name(path, name)
    source = identify_source(path)
    check_integrity(source)
    layout = layout_of(source)
    firmware = _bootable_firmware(path, layout)
    if image is not None:
        check_name_against_disk(image, layout, firmware)
    sha256 = sha256_of(source.path)
    check_unchanged(source)
    found = obstacles(
        partition_table=layout.partition_table,
        firmware=firmware,
        architecture=None if image is None else image.architecture,
        published_for=None if image is None else image.cloud,
    )
    return {
        "path": str(source.path),
        "format": source.format,
        "size": source.size,
        "virtual_size": source.virtual_size,
        "sha256": sha256,
        "partition_table": layout.partition_table,
        "partitions": [dataclasses.asdict(partition) for partition in layout.partitions],
        "firmware": firmware,
        "clouds": [cloud for cloud in CLOUDS if cloud not in found],
        "obstacles": found,
        "image": None if image is None else {**dataclasses.asdict(image), "name": image.name, "version": image.version},
    }


def check_name_against_disk(image: ImageName, layout: DiskLayout, firmware: Firmware) -> None:
    """Make sure that the disk can be what its name promises.

    :raises InputError: when it cannot; explains both sides.
    """
    disk = f"the disk ({_describe(layout)}) boots by {'BIOS and UEFI' if firmware == 'hybrid' else firmware.upper()}"
    if image.firmware not in (None, firmware) and firmware != "hybrid":
        raise InputError(
            f"name {image} promises {str(image.firmware).upper()}, but {disk} alone: give the image's right name in "
            "option name (variable alpine_image_name of role alpine_image), or get the image again"
        )
    if image.architecture == "aarch64" and firmware == "bios":
        raise InputError(
            f"name {image} promises aarch64, which has no BIOS, but {disk} alone: no cloud could start it; give the "
            "image's right name in option name (variable alpine_image_name of role alpine_image), or get an image "
            "with an EFI system partition"
        )


def _image_name(path: str | os.PathLike[str], name: str | None) -> ImageName | None:
    if name is not None:
        return parse_image_name(strip_extension(name))
    try:
        return parse_image_name(strip_extension(os.fspath(path)))
    except InputError:
        return None


def _bootable_firmware(path: str | os.PathLike[str], layout: DiskLayout) -> Firmware:
    if layout.firmware is None:
        raise InputError(
            f"src {path}: no firmware could boot this disk ({_describe(layout)}): it has no EFI system partition, no "
            "BIOS boot partition and no boot code"
        )
    return layout.firmware


def _describe(layout: DiskLayout) -> str:
    if layout.partition_table == "none":
        return "no partition table"
    return f"{layout.partition_table.upper()} with {len(layout.partitions)} partitions"
