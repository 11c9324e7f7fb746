# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converting a local image into the formats that clouds import, once for each source content."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from .._core.diff import diff_of
from .._core.digests import sha256_of
from .._core.errors import AlpineCloudError, InputError
from .._core.identity import checked_sha256
from .._core.programs import ProgramError
from .._core.units import GIB, MIB
from .._core.work_directory import KeptFile, WorkDirectory
from .._disk.gce_tar import compare_gce_tar, write_gce_tar
from .._disk.qemu_img import (
    QEMU_IMG,
    qemu_img,
    qemu_img_json,
)
from .source import (
    SourceImage,
    check_integrity,
    check_unchanged,
    identify_source,
    layout_of,
)

Format = Literal["fixed_vhd", "dynamic_vhd", "gce_tar", "qcow2"]

FORMATS: dict[Format, str] = {
    "fixed_vhd": "fixed.vhd",
    "dynamic_vhd": "dynamic.vhd",
    "gce_tar": "disk.raw.tar.gz",
    "qcow2": "disk.qcow2",
}
"""The formats, and the names of their files in the work directory."""

# Azure wants whole MiB, Compute Engine whole GiB.
_ROUND_UP_TO: dict[Format, int] = {"fixed_vhd": MIB, "dynamic_vhd": MIB, "gce_tar": GIB, "qcow2": 1}
_SUBFORMATS: dict[Format, str] = {"fixed_vhd": "fixed", "dynamic_vhd": "dynamic"}
# A dynamic VHD stores blocks of 2 MiB, and file systems round too.
_SPARE_SPACE = 16 * MIB
# Of `qemu-img compare`.
_DIFFERENT = 1


class ConversionError(AlpineCloudError):
    """The converted disk is not the source's."""


@dataclasses.dataclass(frozen=True)
class Conversion:
    """What to convert, and into what."""

    src: str
    """A qcow2 image or a raw disk."""
    format: Format
    work_dir: Path
    source_sha256: str | None = None
    """The SHA-256 of ``src``, where the caller has computed it before."""
    verify: bool = True
    """Compare the converted disk with the source's."""
    wait_timeout: int = 3600
    """How long to wait for another run that writes the same file, in seconds."""

    def run(self, *, check_mode: bool, warn: Callable[[str], None]) -> dict[str, Any]:
        """Convert, unless an earlier run has, and return the module's result.

        :param check_mode: write nothing.
        :param warn: tells the user what cannot be known in check mode.
        :raises InputError: when the source, the work directory or ``qemu-img`` cannot be used.
        :raises ProgramError: when ``qemu-img`` fails.
        :raises ConversionError: when the converted disk differs from the source's.
        :raises WaitTimeoutError: when another run takes too long.
        """
        given = None if self.source_sha256 is None else checked_sha256(self.source_sha256)
        if check_mode and not Path(self.src).exists():
            warn(f"src {self.src} does not exist yet, so what it would be converted into is not known")
            path = None if given is None else self.work_dir / given / FORMATS[self.format]
            return self._result(path, sha256=given, changed=True)
        source = identify_source(self.src)
        sha256 = given or sha256_of(source.path)
        work = WorkDirectory(self.work_dir, sha256)
        kept = self._kept(work)
        if kept is not None:
            return self._result_of(kept, sha256, changed=False)
        QEMU_IMG.find()
        work.check_writable()
        if check_mode:
            return self._result(
                work.folder / FORMATS[self.format],
                virtual_size=self._converted_size(source),
                sha256=sha256,
                changed=True,
            )
        with work.locked(FORMATS[self.format], self.wait_timeout):
            # Another run may have written it while this one waited.
            kept = self._kept(work)
            if kept is not None:
                return self._result_of(kept, sha256, changed=False)
            return self._result_of(self._convert(source, sha256, work), sha256, changed=True)

    def _kept(self, work: WorkDirectory) -> KeptFile | None:
        kept = work.kept(FORMATS[self.format])
        return kept if kept is not None and isinstance(kept.facts.get("virtual_size"), int) else None

    def _convert(self, source: SourceImage, sha256: str, work: WorkDirectory) -> KeptFile:
        check_integrity(source)
        layout_of(source)
        # What is kept under a wrong digest would be taken for another image from then on.
        if self.source_sha256 is not None and sha256_of(source.path) != sha256:
            raise InputError(f"src {self.src} does not have the SHA-256 that source_sha256 says, {sha256}")
        work.check_space(self._needed_space(source))
        file_name = FORMATS[self.format]
        try:
            with work.partial(file_name) as partial:
                if self.format == "gce_tar":
                    self._write_gce_tar(source, partial, work)
                elif self.format == "qcow2":
                    self._write_qcow2(source, partial)
                else:
                    self._write_vhd(source, partial)
                check_unchanged(source)
                return work.keep(partial, file_name, virtual_size=self._converted_size(source))
        except ProgramError as error:
            if error.no_space:
                raise work.unusable("it is full") from error
            raise

    def _write_vhd(self, source: SourceImage, target: Path) -> None:
        # force_size: or else the size is rounded to what cylinders, heads and sectors can express.
        options = f"subformat={_SUBFORMATS[self.format]},force_size=on"
        qemu_img("create", "-q", "-f", "vpc", "-o", options, target, str(self._converted_size(source)))
        qemu_img("convert", "-n", "--target-is-zero", "-f", source.format, "-O", "vpc", source.path, target)
        self._compare(source, target, "vpc")

    def _write_qcow2(self, source: SourceImage, target: Path) -> None:
        qemu_img("convert", "-c", "-f", source.format, "-O", "qcow2", source.path, target)
        self._compare(source, target, "qcow2")

    def _write_gce_tar(self, source: SourceImage, target: Path, work: WorkDirectory) -> None:
        with contextlib.ExitStack() as cleanup:
            raw = source.path
            if source.format != "raw":
                raw = cleanup.enter_context(work.partial(target.name))
                qemu_img("convert", "-f", source.format, "-O", "raw", source.path, raw)
                self._compare(source, raw, "raw")
            write_gce_tar(raw, target)
            if self.verify and not compare_gce_tar(target, raw):
                raise self._differs()

    def _compare(self, source: SourceImage, target: Path, target_format: str) -> None:
        """Compare two disks; one may be longer by zeros."""
        if not self.verify:
            return
        try:
            qemu_img("compare", "-q", "-f", source.format, "-F", target_format, source.path, target)
        except ProgramError as error:
            if error.status == _DIFFERENT:
                raise self._differs() from error
            raise

    def _differs(self) -> ConversionError:
        return ConversionError(
            f"the disk converted to {self.format} differs from that of src {self.src}: the file system of work_dir "
            f"{self.work_dir} or this machine's memory may be faulty, or this qemu-img"
        )

    def _converted_size(self, source: SourceImage) -> int:
        unit = _ROUND_UP_TO[self.format]
        return -(-source.virtual_size // unit) * unit

    def _needed_space(self, source: SourceImage) -> int:
        """In bytes, for as much as the source holds; holes take none."""
        measured = qemu_img_json("measure", "-f", source.format, "-O", "qcow2", source.path)
        copies = 2 if self.format == "gce_tar" and source.format != "raw" else 1
        return copies * int(measured["required"]) + _SPARE_SPACE

    def _result_of(self, kept: KeptFile, sha256: str, *, changed: bool) -> dict[str, Any]:
        return self._result(
            kept.path, size=kept.size, virtual_size=kept.facts["virtual_size"], sha256=sha256, changed=changed
        )

    def _result(
        self,
        path: Path | None,
        *,
        sha256: str | None,
        changed: bool,
        size: int | None = None,
        virtual_size: int | None = None,
    ) -> dict[str, Any]:
        after = {"path": None if path is None else str(path), "format": self.format, "virtual_size": virtual_size}
        return {
            **after,
            "size": size,
            "source_sha256": sha256,
            "changed": changed,
            "diff": diff_of({} if changed else after, after),
        }
