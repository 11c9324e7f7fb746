# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a local image is whole, and stays as it is while it is read."""

from __future__ import annotations

from .._core.errors import InputError
from .._core.programs import ProgramError
from .._disk.qemu_img import qemu_img
from .._disk.sectors import SECTOR
from .guest_view import guest_view
from .source import SourceImage

# Of `qemu-img check`: clusters are allocated that nothing uses, which harms nobody.
_CHECK_FOUND_LEAKS = 3


def check_unchanged(source: SourceImage) -> None:
    """Make sure that nobody has written to the file since it was identified.

    :raises InputError: when someone has.
    """
    status = source.path.stat()
    if (status.st_size, status.st_mtime_ns) != (source.size, source.modified):
        raise InputError(f"src {source.path} changed while it was read: run this again when it is complete")


def check_integrity(source: SourceImage) -> None:
    """Have ``qemu-img`` check a qcow2 image's tables, and decompress what stands last in its file.

    :raises InputError: when they contradict each other, or the last bytes are missing.
    """
    if source.format != "qcow2":
        return
    try:
        qemu_img("check", "-q", "-f", source.format, source.path)
    except ProgramError as error:
        if error.status != _CHECK_FOUND_LEAKS:
            raise InputError(f"src {source.path} is damaged, get the image again: {error.message}") from error
    if source.last_content is None:
        return
    with guest_view(source) as read:
        try:
            read(source.last_content, SECTOR)
        except ProgramError as error:
            raise InputError(
                f"src {source.path} is damaged at its end, get the image again: {error.message}"
            ) from error
