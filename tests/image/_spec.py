# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which image to build: its firmware, release and revision, and what Alpine would call it."""

from __future__ import annotations

import dataclasses
import typing
from typing import Literal

Firmware = Literal["hybrid", "uefi", "bios"]
FIRMWARES: tuple[Firmware, ...] = typing.get_args(Firmware)

# Alpine has named its images in three ways; each firmware takes the last release whose images had it.
_RELEASES: dict[Firmware, str] = {"hybrid": "3.24.2", "uefi": "3.23.6", "bios": "3.24.1"}
_NAMES: dict[Firmware, str] = {
    "hybrid": "alpine-{release}-{arch}-tiny-r{revision}",
    "uefi": "alpine-{release}-{arch}-uefi-tiny-r{revision}",
    "bios": "generic_alpine-{release}-{arch}-bios-tiny-r{revision}",
}


@dataclasses.dataclass(frozen=True)
class ImageSpec:
    """An image to build.

    ``hybrid`` and ``uefi`` images are GPT disks; a ``bios`` image, as Alpine's were, has no partition table.
    """

    firmware: Firmware = "hybrid"
    release: str = ""
    revision: int = 0
    arch: Literal["x86_64"] = "x86_64"

    @property
    def name(self) -> str:
        """The image's name by the scheme that Alpine had at the time of such an image, without suffix."""
        release = self.release or _RELEASES[self.firmware]
        return _NAMES[self.firmware].format(release=release, arch=self.arch, revision=self.revision)
