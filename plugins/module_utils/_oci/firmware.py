# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alpine's words for firmware, in Oracle's."""

from __future__ import annotations

from .._core.errors import InputError

BIOS = "BIOS"
UEFI = "UEFI_64"


def allowed_firmware(firmware: str, architecture: str | None) -> list[str]:
    """What an image boots with, the preferred one first.

    :param firmware: ``bios``, ``uefi`` or ``hybrid``, as the disk has it.
    :param architecture: ``x86_64`` or ``aarch64``; ``None`` leaves the pair unchecked.
    :raises InputError: for BIOS on aarch64.
    """
    if architecture == "aarch64":
        if firmware == "bios":
            raise InputError("firmware bios is impossible on architecture aarch64: its shapes boot with UEFI only")
        return [UEFI]
    return {"bios": [BIOS], "uefi": [UEFI], "hybrid": [UEFI, BIOS]}[firmware]


def launch_firmware(firmware: str, architecture: str | None) -> str:
    """The firmware to launch with: ``BIOS`` or ``UEFI_64``.

    :raises InputError: for BIOS on aarch64.
    """
    return allowed_firmware(firmware, architecture)[0]
