# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a local image is: its file, its disk, and whether its name agrees with them."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from .._core.digests import sha256_of
from .._core.errors import InputError
from .._core.words import Architecture, Firmware
from .._disk.efi import EfiLoader
from .._disk.partitions import Partition
from .agreement import check_name_against_disk, check_name_against_metadata
from .clouds import CLOUDS, Cloud, obstacles
from .inspected_disk import InspectedDisk
from .integrity import check_integrity, check_unchanged
from .metadata import ImageMetadata, read_metadata, sidecar_of
from .names import ImageName, parse_image_name, strip_extension
from .source import identify_source


@dataclasses.dataclass(frozen=True)
class InspectionRequest:
    """What to look into."""

    src: str
    name: str | None = None
    """The image's, with or without extension; without one, the file's name is taken where it follows Alpine's scheme,
    or else that in the metadata."""
    metadata: str | None = None
    """The path of the image's metadata; by default next to it, if there is any."""

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> InspectionRequest:
        """What the module's options ask for."""
        return cls(params["src"], params["name"], params["metadata"])


@dataclasses.dataclass(frozen=True)
class InspectedPartition(Partition):
    """A partition, and what is in it."""

    file_system: str | None = None


@dataclasses.dataclass(frozen=True)
class InspectedImage:
    """Everything that the module returns but ``changed``. Sizes in bytes."""

    path: str
    format: Literal["qcow2", "raw"]
    size: int
    """Of the file."""
    virtual_size: int
    sha256: str
    partition_table: Literal["gpt", "mbr", "none"]
    partitions: list[InspectedPartition]
    root_file_system: str | None
    efi_loaders: list[EfiLoader]
    architecture: Architecture | None
    firmware: Firmware
    clouds: list[Cloud]
    """Those that could start it."""
    obstacles: dict[Cloud, str]
    """Why it cannot be used in the others."""
    metadata: ImageMetadata | None
    image: ImageName | None
    """The parts of its name."""

    def as_result(self) -> dict[str, Any]:
        """The module's result."""
        result = dataclasses.asdict(self)
        if self.image is not None:
            result["image"] |= {"name": self.image.name, "version": self.image.version}
        return result


def inspect_image(request: InspectionRequest, *, warn: Callable[[str], None]) -> InspectedImage:
    """Look into an image.

    :param warn: tells the user what does not matter in the end.
    :raises InputError: when the file or the disk cannot be used, ``name`` does not follow Alpine's scheme, or name,
        disk and metadata contradict each other.
    :raises ProgramError: when ``qemu-img`` fails.
    """
    metadata = _metadata(request, warn)
    image = _image_name(request, metadata)
    if image is not None and metadata is not None:
        check_name_against_metadata(image, metadata)
    source = identify_source(request.src)
    check_integrity(source)
    disk = InspectedDisk.of(source)
    firmware = disk.firmware
    if firmware is None:
        raise source.refusal(disk.reason_not_to_boot)
    if image is not None:
        check_name_against_disk(image, disk, firmware)
    if metadata is not None and metadata.firmware not in (None, firmware) and firmware != "hybrid":
        said = f"The metadata of {request.src} says that it boots by {metadata.firmware}"
        warn(f"{said}, but its disk boots by {firmware}")
    sha256 = sha256_of(source.path)
    check_unchanged(source)
    architecture = disk.architecture or (None if image is None else image.architecture)
    found = obstacles(
        partition_table=disk.layout.partition_table,
        firmware=firmware,
        architecture=architecture,
        published_for=None if image is None else image.cloud,
    )
    return InspectedImage(
        path=str(source.path),
        format=source.format,
        size=source.size,
        virtual_size=source.virtual_size,
        sha256=sha256,
        partition_table=disk.layout.partition_table,
        partitions=_partitions(disk),
        root_file_system=disk.root_file_system,
        efi_loaders=list(disk.loaders),
        architecture=architecture,
        firmware=firmware,
        clouds=[cloud for cloud in CLOUDS if cloud not in found],
        obstacles=found,
        metadata=metadata,
        image=image,
    )


def _partitions(disk: InspectedDisk) -> list[InspectedPartition]:
    # Of a disk without partition table there is one file system, but no partition.
    return [
        InspectedPartition(**dataclasses.asdict(partition), file_system=file_system)
        for partition, file_system in zip(disk.layout.partitions, disk.file_systems, strict=False)
    ]


def _metadata(request: InspectionRequest, warn: Callable[[str], None]) -> ImageMetadata | None:
    if request.metadata is not None:
        return read_metadata(request.metadata)
    sidecar = sidecar_of(Path(request.src))
    if not sidecar.is_file():
        return None
    try:
        return read_metadata(sidecar)
    except InputError as error:
        warn(f"The image's metadata is passed over: {error.message}")
        return None


def _image_name(request: InspectionRequest, metadata: ImageMetadata | None) -> ImageName | None:
    if request.name is not None:
        return parse_image_name(strip_extension(request.name))
    for candidate in (strip_extension(request.src), metadata.name if metadata else None):
        if candidate is not None:
            with contextlib.suppress(InputError):
                return parse_image_name(candidate)
    return None
