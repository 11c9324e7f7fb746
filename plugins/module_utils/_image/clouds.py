# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which clouds could start an image, by what stands on its disk and by what it was published for."""

from __future__ import annotations

from typing import Literal

from .._core.words import Architecture, Firmware

Cloud = Literal["aws", "azure", "gcp", "oci"]

CLOUDS: dict[Cloud, str] = {"aws": "AWS", "azure": "Azure", "gcp": "Google Cloud", "oci": "Oracle Cloud"}
"""The clouds, by the words that images' names and variables have for them."""

# What else images have been published for. Those find their settings on a disk or in the SMBIOS, and ask no cloud.
_NO_CLOUD = "nocloud"


def obstacles(
    *,
    partition_table: Literal["gpt", "mbr", "none"],
    firmware: Firmware,
    architecture: Architecture | None,
    published_for: str | None,
) -> dict[Cloud, str]:
    """Why an image cannot be used in a cloud, for each cloud where that is so.

    The rules are EC2's (User Guide, "Instance type boot mode"), Azure's ("Support for generation 2 VMs": Arm64 is
    generation 2), Compute Engine's ("Manually import boot disks": a valid MBR to boot from, or UEFI_COMPATIBLE) and
    Oracle Cloud's ("Importing Custom Linux Images").

    :param firmware: what the disk boots by.
    :param architecture: the processor's, ``None`` where it is not known.
    :param published_for: the cloud in the image's name.
    """
    found: dict[Cloud, str] = {}
    for cloud, title in CLOUDS.items():
        if architecture == "aarch64" and firmware == "bios":
            found[cloud] = f"{title} starts aarch64 by UEFI only, but the disk has nothing that UEFI boots"
        elif published_for == _NO_CLOUD:
            found[cloud] = (
                f"it was published to run outside of clouds ({_NO_CLOUD}), and would not ask {title} for its keys"
            )
        elif published_for in CLOUDS and published_for != cloud:
            found[cloud] = f"it was published for {CLOUDS[published_for]} alone, and would not ask {title} for its keys"
        elif cloud == "gcp" and partition_table == "none":
            found[cloud] = f"{title} wants a partition table, but the disk has none: take the image's UEFI variant"
        elif cloud == "gcp" and firmware == "bios" and partition_table != "mbr":
            found[cloud] = f"{title} wants an MBR for BIOS, but the disk has a GPT: take the image's UEFI variant"
    return found
