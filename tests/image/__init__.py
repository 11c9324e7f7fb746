# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small bootable Alpine-style disk image: the real input of tests and demo."""

from tests.image._build import build_image
from tests.image._commands import ImageError
from tests.image._spec import FIRMWARES, Firmware, ImageSpec

__all__ = ["FIRMWARES", "Firmware", "ImageError", "ImageSpec", "build_image"]
