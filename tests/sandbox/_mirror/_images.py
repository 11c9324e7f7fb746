# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images that the mirror publishes: small disks under names of all three eras."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.support import disks, partitioned
from tests.support.disks import MIB, make_raw_disk
from tests.support.paths import BUILD

# Three revisions of one image, since r10 comes after r2.
_NAMES = (
    "nocloud_alpine-3.22.1-x86_64-bios-cloudinit-r0.qcow2",
    "generic_alpine-3.22.1-x86_64-uefi-tiny-r0.qcow2",
    "generic_alpine-3.23.4-x86_64-bios-cloudinit-r0.qcow2",
    "generic_alpine-3.23.4-x86_64-uefi-cloudinit-r0.qcow2",
    "generic_alpine-3.23.4-aarch64-uefi-cloudinit-r0.qcow2",
    "nocloud_alpine-3.23.4-x86_64-uefi-cloudinit-r0.qcow2",
    "aws_alpine-3.23.4-x86_64-uefi-tiny-r0.vhd",
    "gcp_alpine-3.23.4-x86_64-uefi-tiny-r0.raw.tar.gz",
    "alpine-3.23.6-x86_64-bios-tiny-r0.qcow2",
    "alpine-3.23.6-x86_64-uefi-cloudinit-r0.qcow2",
    "alpine-3.23.6-aarch64-uefi-cloudinit-r0.qcow2",
    "generic_alpine-3.24.1-x86_64-uefi-cloudinit-r0.qcow2",
    "generic_alpine-3.24.1-x86_64-bios-tiny-r0.qcow2",
    "alpine-3.24.2-x86_64-cloudinit-r0.qcow2",
    "alpine-3.24.2-x86_64-cloudinit-r2.qcow2",
    "alpine-3.24.2-x86_64-cloudinit-r10.qcow2",
    "alpine-3.24.2-x86_64-tiny-r0.qcow2",
    "alpine-3.24.2-x86_64-cloudinit-metal-r0.raw.tar.gz",
    "alpine-3.24.2-aarch64-cloudinit-r0.qcow2",
    "alpine-3.24.2-aarch64-tiny-r0.qcow2",
)
_PUBLISHED = 1_780_000_000
_MINUTE = 60
_SOURCES = (Path(__file__), Path(disks.__file__), Path(partitioned.__file__))
_TOOLS = ("qemu-img", "sgdisk", "mke2fs")


def published_images(own: Sequence[Path], *, cache: Path = BUILD / "cache/mirror") -> dict[str, Path]:
    """The images by their names, each with a content of its own; nobody may change the files.

    They are kept in ``cache`` for as long as what makes them is the same.

    :param own: the caller's, which replace those of the same names.
    """
    made = cache / _key()
    if not made.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix="unfinished-") as unfinished:
            _make_images(Path(unfinished))
            # Who else has made them meanwhile has made the same.
            with contextlib.suppress(OSError):
                Path(unfinished).rename(made)
                Path(unfinished).mkdir()
    return {name: made / name for name in _NAMES} | {path.name: path for path in own}


def _key() -> str:
    digest = hashlib.sha256()
    for source in _SOURCES:
        digest.update(source.read_bytes())
    for tool in _TOOLS:
        status = Path(shutil.which(tool) or tool).stat()
        digest.update(f"{tool} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:32]


def _make_images(directory: Path) -> None:
    templates = {kind: directory / f"{kind}.raw" for kind in ("hybrid", "uefi", "aarch64", "bios")}
    make_raw_disk(templates["hybrid"])
    shutil.copyfile(templates["hybrid"], templates["uefi"])
    _run("sgdisk", "--delete=4", str(templates["uefi"]))
    make_raw_disk(templates["aarch64"], architecture="aarch64")
    # As up to 3.24.1: no partition table, but a file system on the bare disk.
    with templates["bios"].open("wb") as file:
        file.truncate(16 * MIB)
    _run("mke2fs", "-q", "-t", "ext4", str(templates["bios"]))
    for number, name in enumerate(_NAMES):
        kind = next((kind for kind in ("bios", "aarch64", "uefi") if f"-{kind}-" in name), "hybrid")
        _make_image(directory / name, templates[kind], number)
        # In the order of their names, so that listings are the same every time.
        os.utime(directory / name, (_PUBLISHED + number * _MINUTE,) * 2)
    for template in templates.values():
        template.unlink()


def image_parts(name: str) -> dict[str, str]:
    """The parts of a name, taken apart without the product's help."""
    match = re.match(
        r"(?:(?P<cloud>[a-z]+)_)?alpine-(?P<release>[0-9.]+)-(?P<arch>x86_64|aarch64)(?:-(?P<firmware>bios|uefi))?"
        r"-(?P<bootstrap>[a-z]+)(?P<machine>-metal)?-r(?P<revision>[0-9]+)",
        name,
    )
    if match is None:
        raise ValueError(f"{name} is not the name of an Alpine image")
    return match.groupdict(default="")


def _make_image(path: Path, raw: Path, number: int) -> None:
    with raw.open("r+b") as file:
        file.seek(12 * MIB)
        file.write(b"image number %02d" % number)
    # Without waiting for the disk, which takes most of the time otherwise.
    convert = ("qemu-img", "convert", "-t", "unsafe", "-f", "raw")
    if path.name.endswith(".vhd"):
        _run(*convert, "-O", "vpc", "-o", "force_size=on", str(raw), str(path))
    elif path.name.endswith(".raw.tar.gz"):
        with tarfile.open(path, "w:gz", format=tarfile.GNU_FORMAT, compresslevel=1) as archive:
            archive.add(raw, "disk.raw")
    else:
        _run(*convert, "-O", "qcow2", "-c", str(raw), str(path))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
