# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands on the disk of a local image, and what boots it."""

from __future__ import annotations

import dataclasses

from .._core.words import Architecture, Firmware
from .._disk.efi import LOADERS, EfiLoader, efi_loaders
from .._disk.file_systems import HEAD_SIZE, file_system_of
from .._disk.partitions import DiskLayout, read_layout
from .guest_view import guest_view
from .source import SourceImage

_NOT_ROOT = ("vfat", "swap")


@dataclasses.dataclass(frozen=True)
class InspectedDisk:
    """A disk that has been looked into."""

    layout: DiskLayout
    loaders: tuple[EfiLoader, ...]
    file_systems: tuple[str | None, ...]
    """One for each partition; of a disk without partition table, its own."""

    @classmethod
    def of(cls, source: SourceImage) -> InspectedDisk:
        """Look into the disk.

        :raises InputError: when it is damaged; names the option ``src``.
        :raises ProgramError: when ``qemu-img`` cannot read it.
        """
        with guest_view(source) as read:
            layout = read_layout(read, source.virtual_size, source.refusal)
            loaders = [
                loader
                for partition in layout.efi_system_partitions
                for loader in efi_loaders(read, partition, source.refusal)
            ]
            places = [(partition.start, partition.size) for partition in layout.partitions]
            heads = [read(start, min(size, HEAD_SIZE)) for start, size in places or [(0, source.virtual_size)]]
        return cls(layout, tuple(dict.fromkeys(loaders)), tuple(file_system_of(head) for head in heads))

    @property
    def firmware(self) -> Firmware | None:
        """What boots it: UEFI needs a boot loader too."""
        if self.loaders or self.layout.firmware not in ("uefi", "hybrid"):
            return self.layout.firmware
        return "bios" if self.layout.firmware == "hybrid" else None

    @property
    def architecture(self) -> Architecture | None:
        """The processor's, where the boot loaders tell."""
        architectures = {loader.architecture for loader in self.loaders}
        return architectures.pop() if len(architectures) == 1 else None

    @property
    def root_file_system(self) -> str | None:
        """Of the largest partition that has one which a system can live on, or of the disk."""
        partitions = self.layout.partitions
        sizes = [partition.size for partition in partitions] or [0]
        candidates = [
            (size, name)
            for size, name in zip(sizes, self.file_systems, strict=True)
            if name is not None and name not in _NOT_ROOT
        ]
        return max(candidates)[1] if candidates else None

    @property
    def reason_not_to_boot(self) -> str:
        """Why no firmware could boot it, where :attr:`firmware` is ``None``."""
        if self.layout.efi_system_partitions:
            return (
                f"no firmware could boot this disk ({self}): its EFI system partition has no boot loader "
                f"{' or '.join(LOADERS)}, and nothing else is looked for in a cloud"
            )
        return (
            f"no firmware could boot this disk ({self}): it has no EFI system partition, no BIOS boot partition and no "
            "boot code"
        )

    def __str__(self) -> str:
        if self.layout.partition_table == "none":
            return "no partition table"
        return f"{self.layout.partition_table.upper()} with {len(self.layout.partitions)} partitions"
