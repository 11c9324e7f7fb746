# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Converting a local image into the formats that clouds import, once for each source content."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .._core.diff import attributes_of, diff_of
from .._core.digests import sha256_of
from .._core.errors import InputError
from .._core.identity import checked_sha256
from .._core.work_directory import KeptFile, WorkDirectory, chosen_work_dir
from .._disk.qemu_img import QEMU_IMG
from .guest_view import layout_of
from .integrity import check_integrity, check_unchanged
from .source import identify_source
from .writers import FILE_NAMES, DiskFormat, DiskWriter


@dataclasses.dataclass(frozen=True)
class ConversionRequest:
    """What to convert, and into what."""

    src: str
    """A qcow2 image or a raw disk."""
    format: DiskFormat
    work_dir: Path
    source_sha256: str | None = None
    """The SHA-256 of ``src``, where the caller has computed it before."""
    verify: bool = True
    """Compare the converted disk with the source's."""
    wait_timeout: float = 3600
    """How long to wait for another run that writes the same file, in seconds."""

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> ConversionRequest:
        """What the module's options ask for.

        :raises InputError: when ``source_sha256`` is no SHA-256.
        """
        sha256 = params["source_sha256"]
        return cls(
            src=params["src"],
            format=params["format"],
            work_dir=chosen_work_dir(params["work_dir"]),
            source_sha256=None if sha256 is None else checked_sha256(sha256),
            verify=params["verify"],
            wait_timeout=params["wait_timeout"],
        )

    @property
    def file_name(self) -> str:
        """Of what is made, in the folder of the source's SHA-256."""
        return FILE_NAMES[self.format]


@dataclasses.dataclass(frozen=True)
class ConvertedDisk:
    """What is made, as ``diff`` shows it."""

    path: str | None
    format: DiskFormat
    virtual_size: int | None = None
    """Of the disk in it, in bytes. ``None``, as for ``path``, where it cannot be known in check mode."""


def convert(request: ConversionRequest, *, check_mode: bool, warn: Callable[[str], None]) -> dict[str, Any]:
    """Convert, unless an earlier run has, and return the module's result.

    :param check_mode: write nothing.
    :param warn: tells the user what cannot be known in check mode.
    :raises InputError: when the source, the work directory or ``qemu-img`` cannot be used.
    :raises ProgramError: when ``qemu-img`` fails.
    :raises ConversionError: when the converted disk differs from the source's.
    :raises WaitTimeoutError: when another run takes too long.
    """
    given = request.source_sha256
    if check_mode and not Path(request.src).exists():
        warn(f"src {request.src} does not exist yet, so what it would be converted into is not known")
        path = None if given is None else str(request.work_dir / given / request.file_name)
        return _result(ConvertedDisk(path, request.format), sha256=given, changed=True)
    source = identify_source(request.src)
    sha256 = given or sha256_of(source.path)
    work = WorkDirectory(request.work_dir, sha256)
    kept = _kept(request, work)
    if kept is not None:
        return _result_of(request, kept, sha256, changed=False)
    QEMU_IMG.find()
    work.check_writable()
    writer = DiskWriter(source, request.format, work, request.verify)
    if check_mode:
        foreseen = ConvertedDisk(str(work.folder / request.file_name), request.format, writer.virtual_size)
        return _result(foreseen, sha256=sha256, changed=True)
    with work.locked(request.file_name, request.wait_timeout):
        # Another run may have written it while this one waited.
        kept = _kept(request, work)
        if kept is not None:
            return _result_of(request, kept, sha256, changed=False)
        return _result_of(request, _write(request, writer, sha256), sha256, changed=True)


def _kept(request: ConversionRequest, work: WorkDirectory) -> KeptFile | None:
    kept = work.kept(request.file_name)
    return kept if kept is not None and isinstance(kept.facts.get("virtual_size"), int) else None


def _write(request: ConversionRequest, writer: DiskWriter, sha256: str) -> KeptFile:
    source, work = writer.source, writer.work
    check_integrity(source)
    layout_of(source)
    # What is kept under a wrong digest would be taken for another image from then on.
    if request.source_sha256 is not None and sha256_of(source.path) != sha256:
        raise InputError(f"src {request.src} does not have the SHA-256 that source_sha256 says, {sha256}")
    work.check_space(writer.needed_space())
    with work.partial(request.file_name) as partial:
        writer.write(partial)
        check_unchanged(source)
        return work.keep(partial, request.file_name, virtual_size=writer.virtual_size)


def _result_of(request: ConversionRequest, kept: KeptFile, sha256: str, *, changed: bool) -> dict[str, Any]:
    disk = ConvertedDisk(str(kept.path), request.format, kept.facts["virtual_size"])
    return _result(disk, size=kept.size, sha256=sha256, changed=changed)


def _result(disk: ConvertedDisk, *, sha256: str | None, changed: bool, size: int | None = None) -> dict[str, Any]:
    return {
        **attributes_of(disk),
        "size": size,
        "source_sha256": sha256,
        "changed": changed,
        "diff": diff_of(None if changed else disk, disk),
    }
