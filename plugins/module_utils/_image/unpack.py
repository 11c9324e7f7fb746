# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an image as it is published or kept, packed or in a VHD, to the disk in it, once for each content."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .._core.diff import attributes_of, diff_of
from .._core.digests import sha256_of
from .._core.errors import refusal_of
from .._core.work_directory import KeptFile, WorkDirectory, chosen_work_dir
from .metadata import sidecar_of
from .names import strip_extension
from .packing import Packing, packing_of, unpack_disk
from .source import identify_source


@dataclasses.dataclass(frozen=True)
class UnpackRequest:
    """What to unpack, and where to."""

    src: str
    work_dir: Path
    wait_timeout: float = 3600
    """How long to wait for another run that unpacks the same file, in seconds."""

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> UnpackRequest:
        """What the module's options ask for."""
        return cls(params["src"], chosen_work_dir(params["work_dir"]), params["wait_timeout"])

    @property
    def path(self) -> Path:
        """Of ``src``, absolute."""
        return Path(self.src).absolute()

    @property
    def file_name(self) -> str:
        """Of the disk: the image's own name, which the modules that look at it go by."""
        return f"{strip_extension(self.path.name)}.img"


@dataclasses.dataclass(frozen=True)
class UnpackedDisk:
    """What is made, as ``diff`` shows it."""

    path: str
    packing: Packing
    """What it comes from."""


def unpack(request: UnpackRequest, *, check_mode: bool, warn: Callable[[str], None]) -> dict[str, Any]:
    """Unpack, unless it is a disk already or an earlier run has, and return the module's result.

    :param check_mode: write nothing.
    :param warn: tells the user what cannot be known in check mode.
    :raises InputError: when the file, what is in it, or the work directory cannot be used.
    :raises WaitTimeoutError: when another run takes too long.
    """
    path = request.path
    if check_mode and not path.exists():
        warn(f"src {request.src} does not exist yet, so what is in it is not known")
        return _result(request, path, "none", changed=True)
    packing = packing_of(path, request.src)
    if packing == "none":
        return _result(request, path, packing, changed=False)
    work = WorkDirectory(request.work_dir, sha256_of(path))
    kept = work.kept(request.file_name)
    if kept is not None:
        return _result(request, kept.path, packing, changed=False)
    work.check_writable()
    if check_mode:
        return _result(request, work.folder / request.file_name, packing, changed=True)
    with work.locked(request.file_name, request.wait_timeout):
        # Another run may have written it while this one waited.
        kept = work.kept(request.file_name)
        if kept is not None:
            return _result(request, kept.path, packing, changed=False)
        kept = _write(request, packing, work)
    return _result(request, kept.path, packing, changed=True)


def _write(request: UnpackRequest, packing: Packing, work: WorkDirectory) -> KeptFile:
    name = request.file_name
    with work.partial(name) as disk:
        unpack_disk(request.path, packing, disk, request.src)
        # What was compressed may be a VHD.
        if packing != "vhd" and packing_of(disk, request.src) == "vhd":
            with work.partial(name) as vhd:
                disk.replace(vhd)
                unpack_disk(vhd, "vhd", disk, request.src)
        identify_source(disk, refusal_of(f"src {request.src} is {packing} with something in it that is no disk"))
        return work.keep(disk, name)


def _result(request: UnpackRequest, path: Path, packing: Packing, *, changed: bool) -> dict[str, Any]:
    disk = UnpackedDisk(str(path), packing)
    metadata = sidecar_of(request.path)
    return {
        **attributes_of(disk),
        "metadata": str(metadata) if metadata.is_file() else None,
        "changed": changed,
        "diff": diff_of(None if changed else disk, disk),
    }
