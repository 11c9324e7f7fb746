# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an image is registered in the clouds: by which firmware, in whose words, in which family, with which
tags."""

from __future__ import annotations

from collections.abc import Sequence

from .._core.errors import InputError
from .._core.words import Architecture, Firmware

_FIRMWARE_OF: dict[str, Firmware] = {
    # AWS: boot modes, https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-boot.html
    "uefi-preferred": "hybrid",
    "uefi": "uefi",
    "legacy-bios": "bios",
    # Azure: Hyper-V generations, https://learn.microsoft.com/azure/virtual-machines/generation-2
    "V1": "bios",
    "V2": "uefi",
    # Oracle Cloud: the values of Compute.Firmware
    "UEFI_64": "uefi",
    "BIOS": "bios",
}
_BOOT_MODES: dict[Firmware, str] = {"hybrid": "uefi-preferred", "uefi": "uefi", "bios": "legacy-bios"}


def firmware_of(word: str) -> Firmware:
    """The firmware that a cloud starts an image by.

    :param word: what AWS, Azure or Oracle Cloud calls it, such as ``uefi-preferred``, ``V2`` or ``UEFI_64``.
    :raises InputError: for a word that none of them has.
    """
    if word not in _FIRMWARE_OF:
        raise InputError(f"no cloud calls a firmware {word!r}; known are {', '.join(_FIRMWARE_OF)}")
    return _FIRMWARE_OF[word]


def firmware_of_features(guest_os_features: Sequence[str]) -> Firmware:
    """The firmware that Compute Engine starts an image by, which has one feature for it."""
    return "uefi" if "UEFI_COMPATIBLE" in guest_os_features else "bios"


def ec2_boot_mode(firmware: Firmware, architecture: Architecture) -> str:
    """The boot mode of an AMI whose disk boots by ``firmware``; EC2 knows no other than UEFI on aarch64."""
    return "uefi" if architecture == "aarch64" else _BOOT_MODES[firmware]


def hyper_v_generation(firmware: Firmware) -> str:
    """The generation of Azure's machines for a disk that boots by ``firmware``: ``V2``, unless it has BIOS alone."""
    return "V1" if firmware == "bios" else "V2"


def image_family(architecture: str, firmware: Firmware, bootstrap: str, machine: str) -> str:
    """The name that all releases of an image have in common, such as ``alpine-x86_64-uefi-tiny``.

    :param firmware: what a cloud starts it by; ``hybrid`` disks are started by UEFI.
    :param machine: ``vm`` or ``metal``.
    """
    name = f"alpine-{architecture}-{'bios' if firmware == 'bios' else 'uefi'}-{bootstrap}"
    return f"{name}-metal" if machine == "metal" else name


def image_tags(name: str, release: str, revision: int, end_of_life: str = "") -> dict[str, str]:
    """The tags by which people find an image in a cloud, besides its digest.

    :param end_of_life: a date; empty where it is not known.
    """
    tags = {"alpine-image": name, "alpine-release": release, "alpine-revision": str(revision)}
    return {**tags, "alpine-end-of-life": end_of_life} if end_of_life else tags
