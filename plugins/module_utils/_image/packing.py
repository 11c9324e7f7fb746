# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What disks come in: how it is told, and how the disk gets out of it.

Nothing is left to file names: what a file is stands in its first bytes, and of a VHD in its last.
"""

from __future__ import annotations

import contextlib
import gzip
import lzma
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Literal, cast

from .._core.digests import CHUNK_SIZE, chunks_of
from .._core.errors import InputError, refusal_of
from .._core.programs import ProgramError
from .._core.progress import Progress
from .._core.units import GIB
from .._disk.formats import FileFormat, format_of
from .._disk.gce_tar import BLOCK, is_tar
from .._disk.qemu_img import QEMU_IMG, qemu_img
from .._disk.vhd import read_vhd_footer

Packing = Literal["none", "gzip", "xz", "tar.gz", "vhd"]

LARGEST_DISK = 64 * GIB
"""Bytes. Alpine's disks have some hundred MiB; a small file that claims more is made to fill disks."""

_PACKINGS: dict[FileFormat | None, Packing] = {
    FileFormat.XZ: "xz",
    FileFormat.FIXED_VHD: "vhd",
    FileFormat.DYNAMIC_VHD: "vhd",
}
_ZEROS = bytes(CHUNK_SIZE)
_DAMAGE = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, tarfile.TarError)


def packing_of(path: Path, src: str) -> Packing:
    """How the disk in the file at ``path`` is packed; ``none`` too where it is no disk at all.

    :param src: the user's option, for messages.
    :raises InputError: when it cannot be read; names the option ``src``.
    """
    if not path.is_file():
        raise InputError(f"src {src}: {'this is no regular file' if path.exists() else 'no such file'}")
    try:
        with path.open("rb") as file, _explaining_damage(src):
            found = format_of(file)
            if found is not FileFormat.GZIP:
                return _PACKINGS.get(found, "none")
            file.seek(0)
            with gzip.open(file) as stream:
                return "tar.gz" if is_tar(stream.read(BLOCK)) else "gzip"
    except OSError as error:
        raise InputError(f"src {src} cannot be read: {error.strerror}") from error


def unpack_disk(path: Path, packing: Packing, target: Path, src: str) -> None:
    """Write the disk in the file at ``path`` to ``target``, with holes in place of zeros.

    :param src: the user's option, for messages.
    :raises InputError: when it is damaged, or holds something else than one disk; names the option ``src``.
    :raises ProgramError: when ``qemu-img`` finds no space left.
    """
    if packing == "vhd":
        _unpack_vhd(path, target, src)
        return
    with path.open("rb") as file, _explaining_damage(src):
        progress = Progress("unpacking", path.stat().st_size)
        with _content(file, packing, src) as content:
            _write_sparse(content, target, src, lambda: progress.update(file.tell()))


@contextlib.contextmanager
def _explaining_damage(src: str) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise InputError(f"src {src} is damaged or incomplete, get the image again: {error}") from error


@contextlib.contextmanager
def _content(file: IO[bytes], packing: Packing, src: str) -> Iterator[IO[bytes]]:
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
                raise InputError(f"src {src} must hold a disk as its only file, but begins with {member}")
            if member.size > LARGEST_DISK:
                raise _too_large(src)
            yield content
            if archive.next() is not None:
                raise InputError(f"src {src} must hold a disk as its only file, but holds more")


def _write_sparse(content: IO[bytes], target: Path, src: str, report: Callable[[], None]) -> None:
    with target.open("wb") as file:
        size = 0
        for chunk in chunks_of(content):
            size += len(chunk)
            if size > LARGEST_DISK:
                raise _too_large(src)
            if chunk == _ZEROS[: len(chunk)]:
                file.seek(len(chunk), os.SEEK_CUR)
            else:
                file.write(chunk)
            report()
        file.truncate(size)


def _unpack_vhd(path: Path, target: Path, src: str) -> None:
    """Have ``qemu-img`` read the VHD, which knows both kinds."""
    footer = read_vhd_footer(path, refusal_of(f"src {src}"))
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
            raise
        raise InputError(f"src {src} is damaged or incomplete, get the image again: {error.message}") from error


def _too_large(src: str) -> InputError:
    return InputError(f"src {src} holds more than {LARGEST_DISK // GIB} GiB, which no image of Alpine does")
