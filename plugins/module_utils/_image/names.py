# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The names of Alpine's cloud images, and the names that clouds allow for them.

Alpine's scheme has changed twice, and images of all three eras stand side by side on its mirrors:
``generic_alpine-3.24.1-x86_64-uefi-cloudinit-r0`` (up to 3.24.1), ``alpine-3.23.6-aarch64-uefi-cloudinit-r0`` (3.23.6)
and ``alpine-3.24.2-x86_64-cloudinit-r2`` (since 3.24.2).
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import PurePath
from typing import Literal

from .._core.errors import InputError
from .._core.words import Architecture, NamedFirmware

SCHEME = "[{cloud}_]alpine-{release}-{arch}[-{firmware}]-{bootstrap}[-metal]-r{N}"

AzureVersionScheme = Literal["patch_and_revision", "release"]

# The longest first, since .tar.gz ends .raw.tar.gz too.
_DISK_EXTENSIONS = (".qcow2", ".raw", ".img", ".vhd")
_EXTENSIONS = (
    ".raw.tar.gz",
    ".tar.gz",
    *(f"{disk}.{packed}" for disk in _DISK_EXTENSIONS for packed in ("gz", "xz")),
    *_DISK_EXTENSIONS,
)
_NAME = re.compile(
    r"(?:(?P<cloud>[a-z][a-z0-9]*)_)?"
    r"alpine"
    r"-(?P<release>(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*)){2})"
    r"-(?P<architecture>x86_64|aarch64)"
    r"(?:-(?P<firmware>bios|uefi))?"
    r"-(?P<bootstrap>(?!(?:bios|uefi|metal|vm)-)[a-z][a-z0-9]*)"
    r"(?:-(?P<machine>metal))?"
    r"-r(?P<revision>0|[1-9][0-9]*)"
)
# Azure's version components are 32-bit integers; patch × 1000 + revision leaves three digits to the revision.
_REVISIONS_PER_PATCH = 1000


@dataclasses.dataclass(frozen=True)
class ImageName:
    """The parts of an image's name; ``str()`` of it is the whole name, as published."""

    release: str
    """``major.minor.patch``, such as ``3.24.2``."""
    architecture: Architecture
    bootstrap: str
    """What configures the system at first boot: ``tiny`` (Tiny Cloud), ``cloudinit``, or an own word."""
    revision: int
    """Of the image, counted from 0 for each release."""
    machine: Literal["vm", "metal"] = "vm"
    firmware: NamedFirmware | None = None
    """``None`` where the name leaves it out, as those since 3.24.2 do."""
    cloud: str | None = None
    """The prefix that names had up to 3.24.1, such as ``generic``."""

    def __str__(self) -> str:
        return self.name if self.cloud is None else f"{self.cloud}_{self.name}"

    @property
    def name(self) -> str:
        """The image's own name, without the cloud that it was published for."""
        machine = "metal" if self.machine == "metal" else None
        parts = ["alpine", self.release, self.architecture, self.firmware, self.bootstrap, machine]
        return f"{'-'.join(part for part in parts if part)}-r{self.revision}"

    @property
    def version(self) -> str:
        """The branch, such as ``3.24``."""
        return self.release.rpartition(".")[0]

    @property
    def sort_key(self) -> tuple[int, ...]:
        """Major, minor, patch, revision: ``r10`` comes after ``r2``."""
        return (*map(int, self.release.split(".")), self.revision)


def parse_image_name(name: str, option: str = "name") -> ImageName:
    """Take a name apart.

    :param name: without directories and extension.
    :param option: of the user's, for the message.
    :raises InputError: when it does not follow Alpine's scheme.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise InputError(
            f"{option} {name!r} does not follow the scheme of Alpine's image names, {SCHEME}, "
            "such as alpine-3.24.2-x86_64-tiny-r0: rename the file, or give the image's name in option name "
            "(variable alpine_image_name of role alpine_image)"
        )
    return ImageName(
        release=match["release"],
        architecture="x86_64" if match["architecture"] == "x86_64" else "aarch64",
        bootstrap=match["bootstrap"],
        revision=int(match["revision"]),
        machine="metal" if match["machine"] else "vm",
        firmware={"bios": "bios", "uefi": "uefi", None: None}[match["firmware"]],
        cloud=match["cloud"],
    )


def strip_extension(path: str) -> str:
    """The name of the file at ``path`` without the extension of an image format."""
    file_name = PurePath(path).name
    for extension in _EXTENSIONS:
        if file_name.lower().endswith(extension):
            return file_name[: -len(extension)]
    return file_name


def azure_version(release: str, revision: int, scheme: AzureVersionScheme = "patch_and_revision") -> str:
    """The version of an Azure gallery image, which must be three numbers.

    :param release: such as ``3.21.0``.
    :param scheme: ``patch_and_revision`` makes ``major.minor.(patch × 1000 + revision)``, so that 3.21.0-r0 is 3.21.0
        and every later patch or revision sorts after it; ``release`` takes the release alone.
    :raises InputError: when ``release`` is not three numbers, or ``revision`` has more than three digits.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+", release):
        raise InputError(f"an Azure version is three numbers, so the release must be too, got {release!r}")
    if scheme == "release":
        return release
    if not 0 <= revision < _REVISIONS_PER_PATCH:
        raise InputError(f"the revision must be 0 to 999 to have a place in an Azure version, got {revision}")
    major, minor, patch = map(int, release.split("."))
    return f"{major}.{minor}.{patch * _REVISIONS_PER_PATCH + revision}"
