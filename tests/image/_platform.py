# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an image of an architecture is made of, and how it is called there."""

from __future__ import annotations

import dataclasses

from tests.image._spec import Arch

# The SSH server, with the libraries that it is linked to.
_DROPBEAR = ("dropbear-bin", "libc6", "libcrypt1", "libgmp10", "libtomcrypt1", "libtommath1", "zlib1g")


@dataclasses.dataclass(frozen=True)
class Platform:
    debian: str
    """Debian's word for the architecture."""
    boot_loaders: tuple[str, ...]
    """Debian's packages of GRUB."""
    efi_target: str
    """GRUB's word for the architecture with UEFI."""
    efi_loader: str
    """The file that UEFI starts from a disk that it does not know (UEFI specification, section 3.5.1.1)."""
    grub_terminal: str
    """GRUB's commands for having its messages on the first serial port."""
    console: str
    """Linux's word for that port."""

    @property
    def packages(self) -> tuple[str, ...]:
        """All the packages that go into the image."""
        return (f"linux-image-cloud-{self.debian}", "busybox-static", *_DROPBEAR, *self.boot_loaders)


PLATFORMS: dict[Arch, Platform] = {
    "x86_64": Platform(
        debian="amd64",
        boot_loaders=("grub-efi-amd64-bin", "grub-pc-bin"),
        efi_target="x86_64-efi",
        efi_loader="bootx64.efi",
        grub_terminal="serial --unit=0 --speed=115200\nterminal_output serial",
        console="ttyS0,115200",
    ),
    "aarch64": Platform(
        debian="arm64",
        boot_loaders=("grub-efi-arm64-bin",),
        efi_target="arm64-efi",
        efi_loader="bootaa64.efi",
        grub_terminal="terminal_output console",  # which the firmware puts there
        console="ttyAMA0,115200",
    ),
}
