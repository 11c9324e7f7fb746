# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which image to build: its architecture, firmware, release and revision, and what Alpine would call it."""

from __future__ import annotations

import dataclasses
import typing
from typing import Literal

Arch = Literal["x86_64", "aarch64"]
ARCHES: tuple[Arch, ...] = typing.get_args(Arch)
Firmware = Literal["hybrid", "uefi", "bios"]
FIRMWARES: tuple[Firmware, ...] = typing.get_args(Firmware)
Variant = Literal["", "rootless", "bare"]

_WITHOUT_FIRMWARE = "alpine-{release}-{arch}-tiny-r{revision}"
# Alpine has named its images in three ways. For each kind of image the last release that had it, and its way.
_NAMES: dict[tuple[Arch, Firmware], tuple[str, str]] = {
    ("x86_64", "hybrid"): ("3.24.2", _WITHOUT_FIRMWARE),
    ("x86_64", "uefi"): ("3.23.6", "alpine-{release}-{arch}-uefi-tiny-r{revision}"),
    ("x86_64", "bios"): ("3.24.1", "generic_alpine-{release}-{arch}-bios-tiny-r{revision}"),
    ("aarch64", "uefi"): ("3.24.2", _WITHOUT_FIRMWARE),
}


@dataclasses.dataclass(frozen=True)
class ImageSpec:
    """An image to build.

    ``hybrid`` and ``uefi`` images are GPT disks; a ``bios`` image, as Alpine's were, has no partition table.

    :raises ValueError: when there are no such images for the architecture.
    """

    firmware: Firmware = "hybrid"
    release: str = ""
    revision: int = 0
    arch: Arch = "x86_64"
    variant: Variant = ""
    """``rootless`` has no initramfs, so that the kernel finds no root and panics. ``bare`` has nothing that acts on
    user data, and its kernel is not quiet."""

    def __post_init__(self) -> None:
        if (self.arch, self.firmware) not in _NAMES:
            raise ValueError(f"there are no {self.firmware} images for {self.arch}")

    @property
    def name(self) -> str:
        """The image's name by the scheme that Alpine had at the time of such an image, without suffix."""
        release, scheme = _NAMES[self.arch, self.firmware]
        return scheme.format(release=self.release or release, arch=self.arch, revision=self.revision)


KINDS = tuple(ImageSpec(firmware, arch=arch) for arch, firmware in _NAMES)
"""One image of every kind."""
HYBRID = ImageSpec()
AARCH64 = ImageSpec("uefi", arch="aarch64")
NEWEST: dict[Arch, ImageSpec] = {spec.arch: spec for spec in (HYBRID, AARCH64)}
"""What Alpine publishes for each architecture today."""
