# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading a disk, or a partition, by sectors."""

from __future__ import annotations

from collections.abc import Callable

SECTOR = 512
"""In bytes, as all clouds have them."""

ReadAt = Callable[[int, int], bytes]
"""Reads from what a guest sees of a disk, at an offset, a number of bytes; fewer at the end."""


def has_boot_signature(sector: bytes) -> bool:
    """Whether a first sector ends as a BIOS wants it: that of an MBR, and those of FAT and of bare file systems."""
    return sector[510:SECTOR] == b"\x55\xaa"
