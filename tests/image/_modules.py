# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's kernel for cloud machines: which package it is, and getting it without installing it."""

from __future__ import annotations

import dataclasses
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from tests.image._commands import ImageError, run

_METAPACKAGE = "linux-image-cloud-amd64"
# What a module needs is written in its .modinfo section, as NUL-terminated "key=value".
_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


@dataclasses.dataclass(frozen=True)
class KernelPackage:
    """A version of Debian's cloud kernel."""

    name: str
    version: str


def find_kernel_package() -> KernelPackage:
    """The kernel that ``linux-image-cloud-amd64`` stands for today.

    :raises ImageError: when apt knows no such package.
    """
    try:
        record = run("apt-cache", "show", "--no-all-versions", _METAPACKAGE).stdout
    except ImageError as error:
        raise ImageError(f"apt knows no {_METAPACKAGE}: run apt-get update ({error})") from error
    found = re.search(r"^Depends: (linux-image-\S+) \(= (\S+)\)", record, re.MULTILINE)
    if found is None:
        raise ImageError(f"{_METAPACKAGE} does not name the kernel that it stands for:\n{record}")
    return KernelPackage(found[1], found[2])


def unpack_kernel(package: KernelPackage, *, cache: Path, into: Path) -> None:
    """Download the package, if ``cache`` does not hold it yet, and unpack it; apt checks what it downloads.

    :raises ImageError: when it cannot be downloaded.
    """
    archive = cache / f"{package.name}_{package.version}.deb"
    if not archive.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as directory:
            run("apt-get", "download", "-qq", f"{package.name}={package.version}", cwd=Path(directory))
            (downloaded,) = Path(directory).glob("*.deb")
            downloaded.rename(archive)
    run("dpkg-deb", "-x", archive, into)


def modules_in_order(tree: Path, wanted: Iterable[str]) -> list[Path]:
    """The files of the wanted kernel modules and of all that they depend on, each after its own dependencies.

    :raises ImageError: when a module is neither a file of the kernel's nor built into it.
    """
    files = {path.stem.replace("-", "_"): path for path in sorted(tree.rglob("*.ko"))}
    built_in = {
        Path(line).stem.replace("-", "_")
        for listing in tree.rglob("modules.builtin")
        for line in listing.read_text().splitlines()
    }
    order: dict[str, Path] = {}

    def add(name: str) -> None:
        name = name.replace("-", "_")
        if name in order or name in built_in:
            return
        if name not in files:
            raise ImageError(f"the kernel has no module {name}")
        found = _DEPENDS.search(files[name].read_bytes())
        for dependency in found[1].decode().split(",") if found else []:
            if dependency:
                add(dependency)
        order[name] = files[name]

    for name in wanted:
        add(name)
    return list(order.values())
