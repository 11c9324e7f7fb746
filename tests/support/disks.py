# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small disks, not bootable but with the looks of an Alpine image, for tests of transfer and import."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import random
import subprocess
from pathlib import Path
from typing import Literal

from tests.support.partitioned import AARCH64, X86_64, esp

MIB = 1 << 20
GIB = 1 << 30


@dataclasses.dataclass(frozen=True)
class SmallDisk:
    """One disk's guest-visible content in every format that a cloud takes."""

    raw: Path
    qcow2: Path
    fixed_vhd: Path
    dynamic_vhd: Path
    gce_tar: Path
    sha256: str
    """Of the qcow2 file, the source image."""

    def as_vars(self) -> dict[str, str]:
        """The variables that integration targets use."""
        return {f"test_image_{key}": str(value) for key, value in dataclasses.asdict(self).items()}


def make_raw_disk(raw: Path, *, seed: int = 0, architecture: Literal["x86_64", "aarch64"] = "x86_64") -> None:
    """A 16 MiB hybrid GPT disk: BIOS boot partition, ESP, root; patches of seeded random data, holes between.

    For aarch64, which has no BIOS, without BIOS boot partition.
    """
    with raw.open("wb") as file:
        file.truncate(16 * MIB)
    _run(
        "sgdisk", "--set-alignment=1",
        *(["--new=4:34:2047", "--typecode=4:ef02"] if architecture == "x86_64" else []),
        "--new=1:2048:4095", "--typecode=1:ef00",
        "--new=2:4096:0", "--typecode=2:8300",
        "--disk-guid=4fa5a8a1-24c7-4c4c-8b62-5d5a0a2c0001", str(raw),
    )  # fmt: skip
    generator = random.Random(seed)
    with raw.open("r+b") as file:
        file.seek(MIB)
        file.write(esp(X86_64 if architecture == "x86_64" else AARCH64, sectors=2048))
        for mebibyte in (1, 3, 4, 9):
            file.seek(mebibyte * MIB + 64 * 1024)
            file.write(generator.randbytes(300 * 1024))


def make_small_disk(directory: Path, *, name: str = "alpine-3.24.2-x86_64-tiny-r0", seed: int = 0) -> SmallDisk:
    """The disk of :func:`make_raw_disk`, in every format."""
    raw = directory / f"{name}.raw"
    make_raw_disk(raw, seed=seed)
    qcow2 = directory / f"{name}.qcow2"
    fixed_vhd = directory / f"{name}.vhd"
    dynamic_vhd = directory / f"{name}.dynamic.vhd"
    _run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", str(raw), str(qcow2))
    _run(
        "qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", "subformat=fixed,force_size=on", str(raw), str(fixed_vhd)
    )
    _run(
        "qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", "subformat=dynamic,force_size=on", str(raw),
        str(dynamic_vhd),
    )  # fmt: skip
    return SmallDisk(
        raw=raw,
        qcow2=qcow2,
        fixed_vhd=fixed_vhd,
        dynamic_vhd=dynamic_vhd,
        gce_tar=make_gce_tar(raw, directory / f"{name}.raw.tar.gz"),
        sha256=hashlib.sha256(qcow2.read_bytes()).hexdigest(),
    )


def make_gce_tar(raw: Path, tar: Path) -> Path:
    """Make what Compute Engine imports of a raw disk of up to 1 GiB."""
    # In a folder of its own, since the member must be called disk.raw.
    folder = tar.with_suffix(".d")
    folder.mkdir()
    disk = folder / "disk.raw"
    _run("cp", "--sparse=always", str(raw), str(disk))
    os.truncate(disk, GIB)
    _run("tar", "--format=oldgnu", "-C", str(folder), "-Sczf", str(tar), "disk.raw")
    disk.unlink()
    folder.rmdir()
    return tar


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
