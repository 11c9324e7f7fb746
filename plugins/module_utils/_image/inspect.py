# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a local image is: its file, its disk, and whether its name agrees with them."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .._core.digests import sha256_of
from .._core.errors import InputError
from .._core.words import Architecture, Firmware
from .._disk.efi import LOADERS, EfiLoader, efi_loaders
from .._disk.file_systems import HEAD_SIZE, file_system_of
from .._disk.partitions import DiskLayout, read_layout
from .clouds import CLOUDS, obstacles
from .metadata import Metadata, read_metadata, sidecar_of
from .names import (
    ImageName,
    parse_image_name,
    strip_extension,
)
from .source import (
    SourceImage,
    check_integrity,
    check_unchanged,
    guest_view,
    identify_source,
    naming_source,
)

_NOT_ROOT = ("vfat", "swap")


@dataclasses.dataclass(frozen=True)
class Disk:
    """What stands on a disk."""

    layout: DiskLayout
    loaders: tuple[EfiLoader, ...]
    file_systems: tuple[str | None, ...]
    """One for each partition; of a disk without partition table, its own."""

    @property
    def firmware(self) -> Firmware | None:
        """What boots it: UEFI needs a boot loader too."""
        if self.loaders or self.layout.firmware not in ("uefi", "hybrid"):
            return self.layout.firmware
        return "bios" if self.layout.firmware == "hybrid" else None

    @property
    def architecture(self) -> Architecture | None:
        """The processor's, where the boot loaders tell."""
        architectures = {loader.architecture for loader in self.loaders}
        return architectures.pop() if len(architectures) == 1 else None

    @property
    def root_file_system(self) -> str | None:
        """Of the largest partition that has one which a system can live on, or of the disk."""
        partitions = self.layout.partitions
        sizes = [partition.size for partition in partitions] or [0]
        candidates = [
            (size, name)
            for size, name in zip(sizes, self.file_systems, strict=True)
            if name is not None and name not in _NOT_ROOT
        ]
        return max(candidates)[1] if candidates else None

    def __str__(self) -> str:
        if self.layout.partition_table == "none":
            return "no partition table"
        return f"{self.layout.partition_table.upper()} with {len(self.layout.partitions)} partitions"


def inspect_image(
    path: str | os.PathLike[str],
    name: str | None = None,
    *,
    metadata_path: str | os.PathLike[str] | None = None,
    warn: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Everything that module ``alpine_image_inspect`` returns but ``changed``.

    :param name: of the image, with or without extension; without one, the file's name is taken where it follows
        Alpine's scheme, or else that in the metadata.
    :param metadata_path: of the image's metadata; by default next to it, if there is any.
    :param warn: tells the user what does not matter in the end.
    :raises InputError: when the file or the disk cannot be used, ``name`` does not follow Alpine's scheme, or name,
        disk and metadata contradict each other.
    """
    metadata = _metadata(Path(path), metadata_path, warn)
    image = _image_name(path, name, metadata)
    if image is not None and metadata is not None:
        check_name_against_metadata(image, metadata)
    source = identify_source(path)
    check_integrity(source)
    disk = read_disk(source)
    firmware = _bootable_firmware(path, disk)
    if image is not None:
        check_name_against_disk(image, disk, firmware)
    if metadata is not None and metadata.firmware not in (None, firmware) and firmware != "hybrid":
        warn(f"The metadata of {path} says that it boots by {metadata.firmware}, but its disk boots by {firmware}")
    sha256 = sha256_of(source.path)
    check_unchanged(source)
    architecture = disk.architecture or (None if image is None else image.architecture)
    found = obstacles(
        partition_table=disk.layout.partition_table,
        firmware=firmware,
        architecture=architecture,
        published_for=None if image is None else image.cloud,
    )
    file_systems = disk.file_systems if disk.layout.partitions else ()
    return {
        "path": str(source.path),
        "format": source.format,
        "size": source.size,
        "virtual_size": source.virtual_size,
        "sha256": sha256,
        "partition_table": disk.layout.partition_table,
        "partitions": [
            {**dataclasses.asdict(partition), "file_system": file_system}
            for partition, file_system in zip(disk.layout.partitions, file_systems, strict=True)
        ],
        "root_file_system": disk.root_file_system,
        "efi_loaders": [dataclasses.asdict(loader) for loader in disk.loaders],
        "architecture": architecture,
        "firmware": firmware,
        "clouds": [cloud for cloud in CLOUDS if cloud not in found],
        "obstacles": found,
        "metadata": None if metadata is None else dataclasses.asdict(metadata),
        "image": None if image is None else {**dataclasses.asdict(image), "name": image.name, "version": image.version},
    }


def read_disk(source: SourceImage) -> Disk:
    """Look into the disk.

    :raises InputError: when it is damaged; names the option ``src``.
    """
    with guest_view(source) as read, naming_source(source):
        layout = read_layout(read, source.virtual_size)
        loaders = [loader for partition in layout.efi_system_partitions for loader in efi_loaders(read, partition)]
        places = [(partition.start, partition.size) for partition in layout.partitions]
        heads = [read(start, min(size, HEAD_SIZE)) for start, size in places or [(0, source.virtual_size)]]
    return Disk(layout, tuple(dict.fromkeys(loaders)), tuple(file_system_of(head) for head in heads))


def check_name_against_disk(image: ImageName, disk: Disk, firmware: Firmware) -> None:
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


def check_name_against_metadata(image: ImageName, metadata: Metadata) -> None:
    """Make sure that the metadata is this image's.

    :raises InputError: when it is not; explains both sides.
    """
    if found := metadata.contradictions(image):
        raise InputError(
            f"name {image} and the image's metadata contradict each other: {', '.join(found)}. Give the image's right "
            "name in option name (variable alpine_image_name of role alpine_image), or the right file in option "
            "metadata, or remove the .yaml file next to the image"
        )


def _metadata(path: Path, metadata_path: str | os.PathLike[str] | None, warn: Callable[[str], None]) -> Metadata | None:
    if metadata_path is not None:
        return read_metadata(metadata_path)
    sidecar = sidecar_of(path)
    if not sidecar.is_file():
        return None
    try:
        return read_metadata(sidecar)
    except InputError as error:
        warn(f"The image's metadata is passed over: {error.message}")
        return None


def _image_name(path: str | os.PathLike[str], name: str | None, metadata: Metadata | None) -> ImageName | None:
    if name is not None:
        return parse_image_name(strip_extension(name))
    for candidate in (strip_extension(os.fspath(path)), metadata.name if metadata else None):
        if candidate is not None:
            with contextlib.suppress(InputError):
                return parse_image_name(candidate)
    return None


def _bootable_firmware(path: str | os.PathLike[str], disk: Disk) -> Firmware:
    if disk.firmware is not None:
        return disk.firmware
    if disk.layout.efi_system_partitions:
        raise InputError(
            f"src {path}: no firmware could boot this disk ({disk}): its EFI system partition has no boot loader "
            f"{' or '.join(LOADERS)}, and nothing else is looked for in a cloud"
        )
    raise InputError(
        f"src {path}: no firmware could boot this disk ({disk}): it has no EFI system partition, no BIOS boot "
        "partition and no boot code"
    )
