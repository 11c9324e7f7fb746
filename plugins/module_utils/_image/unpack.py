# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an image as it is published or kept, packed or in a VHD, to the disk in it, once for each content.

Nothing is left to file names: what a file is stands in its first bytes, and of a VHD in its last.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import lzma
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Literal, cast

from .._core.diff import diff_of
from .._core.digests import sha256_of
from .._core.errors import InputError
from .._core.programs import ProgramError
from .._core.progress import Progress
from .._core.work_directory import WorkDirectory
from .._disk.qcow2 import QCOW2_MAGIC
from .._disk.qemu_img import QEMU_IMG, qemu_img
from .._disk.vhd import FOOTER_SIZE, read_vhd_footer
from .metadata import sidecar_of
from .names import strip_extension
from .source import identify_source

Packing = Literal["none", "gzip", "xz", "tar.gz", "vhd"]

LARGEST_DISK = 64 << 30
"""Bytes. Alpine's disks have some hundred MiB; a small file that claims more is made to fill disks."""

_GZIP_MAGIC = b"\x1f\x8b"
_XZ_MAGIC = b"\xfd7zXZ\0"
_VHD_COOKIE = b"conectix"
_TAR_MAGIC = b"ustar"
_TAR_MAGIC_OFFSET = 257
_BLOCK = 512
_CHUNK = 1 << 20
_ZEROS = bytes(_CHUNK)
_DAMAGE = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, tarfile.TarError)


@dataclasses.dataclass(frozen=True)
class Unpacking:
    """What to unpack, and where to."""

    src: str
    work_dir: Path
    wait_timeout: float = 3600
    """How long to wait for another run that unpacks the same file, in seconds."""

    def run(self, *, check_mode: bool, warn: Callable[[str], None]) -> dict[str, Any]:
        """Unpack, unless it is a disk already or an earlier run has, and return the module's result.

        :param check_mode: write nothing.
        :param warn: tells the user what cannot be known in check mode.
        :raises InputError: when the file, what is in it, or the work directory cannot be used.
        :raises ProgramError: when ``qemu-img`` fails.
        :raises WaitTimeoutError: when another run takes too long.
        """
        path = Path(self.src).absolute()
        if check_mode and not path.exists():
            warn(f"src {self.src} does not exist yet, so what is in it is not known")
            return self._result(path, "none", changed=True)
        packing = packing_of(path, self.src)
        if packing == "none":
            return self._result(path, packing, changed=False)
        work = WorkDirectory(self.work_dir, sha256_of(path))
        # By its own name, which the modules that look at it go by.
        name = f"{strip_extension(path.name)}.img"
        kept = work.kept(name)
        if kept is not None:
            return self._result(kept.path, packing, changed=False)
        work.check_writable()
        if check_mode:
            return self._result(work.folder / name, packing, changed=True)
        with work.locked(name, self.wait_timeout):
            # Another run may have written it while this one waited.
            kept = work.kept(name)
            if kept is not None:
                return self._result(kept.path, packing, changed=False)
            with work.partial(name) as disk:
                self._unpack(path, packing, disk, work)
                # What was compressed may be a VHD.
                if packing != "vhd" and packing_of(disk, self.src) == "vhd":
                    with work.partial(name) as vhd:
                        disk.replace(vhd)
                        self._unpack(vhd, "vhd", disk, work)
                self._check(disk, packing)
                kept = work.keep(disk, name)
        return self._result(kept.path, packing, changed=True)

    def _unpack(self, path: Path, packing: Packing, target: Path, work: WorkDirectory) -> None:
        if packing == "vhd":
            _unpack_vhd(path, self.src, target, work)
        else:
            with path.open("rb") as file, _explaining_damage(self.src):
                progress = Progress("unpacking", path.stat().st_size)
                with _stream(file, packing) as content:
                    _write_sparse(content, target, work, lambda: progress.update(file.tell()))

    def _check(self, disk: Path, packing: Packing) -> None:
        try:
            identify_source(disk)
        except InputError as error:
            reason = error.message.removeprefix(f"src {disk}: ")
            raise InputError(f"src {self.src} is {packing} with something in it that is no disk: {reason}") from error

    def _result(self, path: Path, packing: Packing, *, changed: bool) -> dict[str, Any]:
        metadata = sidecar_of(Path(self.src).absolute())
        after = {"path": str(path), "packing": packing}
        return {
            **after,
            "metadata": str(metadata) if metadata.is_file() else None,
            "changed": changed,
            "diff": diff_of({} if changed else after, after),
        }


def packing_of(path: Path, src: str) -> Packing:
    """How the disk in the file at ``path`` is packed.

    :raises InputError: when it cannot be read, or is packed in a way that is not known; names the option ``src``.
    """
    if not path.is_file():
        raise InputError(f"src {src}: {'this is no regular file' if path.exists() else 'no such file'}")
    try:
        with path.open("rb") as file, _explaining_damage(src):
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - FOOTER_SIZE))
            end = file.read()
            file.seek(0)
            head = file.read(len(_VHD_COOKIE))
            if head.startswith(_GZIP_MAGIC):
                file.seek(0)
                with gzip.open(file) as stream:
                    content = stream.read(_BLOCK)
                return "tar.gz" if content[_TAR_MAGIC_OFFSET:].startswith(_TAR_MAGIC) else "gzip"
            if head.startswith(_XZ_MAGIC):
                return "xz"
            # A qcow2 image may end in anything.
            if not head.startswith(QCOW2_MAGIC) and (head == _VHD_COOKIE or end.startswith(_VHD_COOKIE)):
                return "vhd"
    except OSError as error:
        raise InputError(f"src {src} cannot be read: {error.strerror}") from error
    return "none"


@contextlib.contextmanager
def _explaining_damage(src: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise InputError(f"src {src} is damaged or incomplete, get the image again: {error}") from error


@contextlib.contextmanager
def _stream(file: IO[bytes], packing: Packing) -> Iterator[IO[bytes]]:
    """What is in a packed file."""
    if packing == "xz":
        with lzma.open(file) as stream:
            yield cast(IO[bytes], stream)
    elif packing == "gzip":
        with gzip.open(file) as stream:
            yield cast(IO[bytes], stream)
    else:
        with tarfile.open(fileobj=file, mode="r|gz") as archive:
            member = archive.next()
            content = archive.extractfile(member) if member is not None and member.isreg() else None
            if member is None or content is None:
                raise InputError(f"src {file.name} must hold a disk as its only file, but begins with {member}")
            if member.size > LARGEST_DISK:
                raise _too_large(file.name)
            yield content
            if archive.next() is not None:
                raise InputError(f"src {file.name} must hold a disk as its only file, but holds more")


def _write_sparse(content: IO[bytes], target: Path, work: WorkDirectory, report: Callable[[], None]) -> None:
    """Write a stream, with holes in place of zeros."""
    with target.open("wb") as file:
        size = 0
        while chunk := content.read(_CHUNK):
            size += len(chunk)
            if size > LARGEST_DISK:
                raise _too_large(work.folder)
            if chunk == _ZEROS[: len(chunk)]:
                file.seek(len(chunk), os.SEEK_CUR)
            else:
                file.write(chunk)
            report()
        file.truncate(size)


def _unpack_vhd(path: Path, src: str, target: Path, work: WorkDirectory) -> None:
    """Have ``qemu-img`` read the VHD, which knows both kinds."""
    try:
        footer = read_vhd_footer(path)
    except InputError as error:
        raise InputError(f"src {src}{error.message.removeprefix(f'src {path}')}") from error
    if footer.disk_type == "differencing":
        raise InputError(f"src {src} is a differencing VHD, which needs another file: merge them first")
    if footer.current_size > LARGEST_DISK:
        raise _too_large(src)
    QEMU_IMG.find()
    # Or else qemu-img would take the size of some VHDs from cylinders, heads and sectors.
    name = str(path).replace(",", ",,")
    source = f"driver=vpc,force_size_calc=current_size,file.driver=file,file.filename={name}"
    try:
        qemu_img("convert", "--image-opts", "-O", "raw", source, target)
    except ProgramError as error:
        if error.no_space:
            raise work.unusable("it is full") from error
        raise InputError(f"src {src} is damaged or incomplete, get the image again: {error.message}") from error


def _too_large(place: object) -> InputError:
    return InputError(f"src {place} holds more than {LARGEST_DISK >> 30} GiB, which no image of Alpine does")
