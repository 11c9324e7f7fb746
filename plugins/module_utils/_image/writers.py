# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing a disk in the formats that clouds import, and comparing each with the source."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path
from typing import Literal

from .._core.errors import AlpineCloudError
from .._core.programs import ProgramError
from .._core.units import GIB, MIB
from .._core.work_directory import WorkDirectory
from .._disk.gce_tar import compare_gce_tar, write_gce_tar
from .._disk.qemu_img import qemu_img, qemu_img_json
from .source import SourceImage

DiskFormat = Literal["fixed_vhd", "dynamic_vhd", "gce_tar", "qcow2"]

FILE_NAMES: dict[DiskFormat, str] = {
    "fixed_vhd": "fixed.vhd",
    "dynamic_vhd": "dynamic.vhd",
    "gce_tar": "disk.raw.tar.gz",
    "qcow2": "disk.qcow2",
}
"""The formats, and the names of their files in the work directory."""

# Azure wants whole MiB, Compute Engine whole GiB.
_ROUND_UP_TO: dict[DiskFormat, int] = {"fixed_vhd": MIB, "dynamic_vhd": MIB, "gce_tar": GIB, "qcow2": 1}
_SUBFORMATS: dict[DiskFormat, str] = {"fixed_vhd": "fixed", "dynamic_vhd": "dynamic"}
# A dynamic VHD stores blocks of 2 MiB, and file systems round too.
_SPARE_SPACE = 16 * MIB
# Of `qemu-img compare`.
_DIFFERENT = 1


class ConversionError(AlpineCloudError):
    """The converted disk is not the source's."""


@dataclasses.dataclass(frozen=True)
class DiskWriter:
    """Writes the disk of one image in one format."""

    source: SourceImage
    format: DiskFormat
    work: WorkDirectory
    verify: bool
    """Compare what is written with the source's disk."""

    @property
    def virtual_size(self) -> int:
        """Of the disk as written, in bytes: the source's, rounded up as the format demands."""
        unit = _ROUND_UP_TO[self.format]
        return -(-self.source.virtual_size // unit) * unit

    def needed_space(self) -> int:
        """In bytes, for as much as the source holds; holes take none.

        :raises ProgramError: when ``qemu-img`` fails.
        """
        measured = qemu_img_json("measure", "-f", self.source.format, "-O", "qcow2", self.source.path)
        copies = 2 if self.format == "gce_tar" and self.source.format != "raw" else 1
        return copies * int(measured["required"]) + _SPARE_SPACE

    def write(self, target: Path) -> None:
        """Write the file ``target``.

        :raises ProgramError: when ``qemu-img`` fails.
        :raises ConversionError: when the disk comes out different.
        """
        if self.format == "gce_tar":
            self._write_gce_tar(target)
        elif self.format == "qcow2":
            self._write_qcow2(target)
        else:
            self._write_vhd(target)

    def _write_vhd(self, target: Path) -> None:
        # force_size: or else the size is rounded to what cylinders, heads and sectors can express.
        options = f"subformat={_SUBFORMATS[self.format]},force_size=on"
        qemu_img("create", "-q", "-f", "vpc", "-o", options, target, str(self.virtual_size))
        qemu_img("convert", "-n", "--target-is-zero", "-f", self.source.format, "-O", "vpc", self.source.path, target)
        self._compare(target, "vpc")

    def _write_qcow2(self, target: Path) -> None:
        qemu_img("convert", "-c", "-f", self.source.format, "-O", "qcow2", self.source.path, target)
        self._compare(target, "qcow2")

    def _write_gce_tar(self, target: Path) -> None:
        with contextlib.ExitStack() as cleanup:
            raw = self.source.path
            if self.source.format != "raw":
                raw = cleanup.enter_context(self.work.partial(target.name))
                qemu_img("convert", "-f", self.source.format, "-O", "raw", self.source.path, raw)
                self._compare(raw, "raw")
            write_gce_tar(raw, target)
            if self.verify and not compare_gce_tar(target, raw):
                raise self._differs()

    def _compare(self, target: Path, target_format: str) -> None:
        """Compare two disks; one may be longer by zeros."""
        if not self.verify:
            return
        try:
            qemu_img("compare", "-q", "-f", self.source.format, "-F", target_format, self.source.path, target)
        except ProgramError as error:
            if error.status == _DIFFERENT:
                raise self._differs() from error
            raise

    def _differs(self) -> ConversionError:
        return ConversionError(
            f"the disk converted to {self.format} differs from that of src {self.source.path}: the file system of "
            f"work_dir {self.work.root} or this machine's memory may be faulty, or this qemu-img"
        )
