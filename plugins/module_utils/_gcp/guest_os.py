# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Compute Engine is told of the system in an image: its architecture, and what it can do with the machine.

The features: https://cloud.google.com/compute/docs/images/create-custom#guest-os-features
"""

from __future__ import annotations

from collections.abc import Sequence

from .._core.errors import InputError
from .._core.words import Architecture, Firmware

ARCHITECTURES: dict[Architecture, str] = {"x86_64": "X86_64", "aarch64": "ARM64"}
"""Compute Engine's names by Alpine's."""

DEFAULT_FEATURES = ["GVNIC", "VIRTIO_SCSI_MULTIQUEUE"]

_UEFI = "UEFI_COMPATIBLE"
# Confidential computing is not the same on Arm.
_X86_FEATURES = {
    "SEV_CAPABLE", "SEV_LIVE_MIGRATABLE", "SEV_LIVE_MIGRATABLE_V2", "SEV_SNP_CAPABLE", "SNP_SVSM_CAPABLE",
    "TDX_CAPABLE",
}  # fmt: skip


def guest_os_features(firmware: Firmware, architecture: Architecture, more: Sequence[str]) -> list[str]:
    """The guest OS features of an image, in alphabetical order.

    :param more: those that option ``guest_os_features`` names.
    :raises InputError: for what would never boot, or contradicts itself.
    """
    features = set(more)
    if architecture == "aarch64":
        if firmware == "bios":
            raise InputError("firmware=bios with architecture=aarch64 cannot boot: Arm machines have UEFI only")
        foreign = sorted(features & _X86_FEATURES)
        if foreign:
            raise InputError(f"guest_os_features {', '.join(foreign)} exist on x86_64 only, not on aarch64")
    if firmware == "bios":
        if _UEFI in features:
            raise InputError(f"guest_os_features {_UEFI} contradicts firmware=bios")
    else:
        features.add(_UEFI)
    return sorted(features)
