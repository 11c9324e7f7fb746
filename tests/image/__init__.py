# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small bootable Alpine-style disk image: the real input of tests and demo."""

from tests.image._build import build_image
from tests.image._commands import ImageError
from tests.image._spec import AARCH64, ARCHES, FIRMWARES, HYBRID, KINDS, NEWEST, Arch, Firmware, ImageSpec

__all__ = [
    "AARCH64",
    "ARCHES",
    "FIRMWARES",
    "HYBRID",
    "KINDS",
    "NEWEST",
    "Arch",
    "Firmware",
    "ImageError",
    "ImageSpec",
    "build_image",
]
