# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The images that a mirror has, by the names of the files there."""

from __future__ import annotations

import dataclasses
import posixpath
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from .._core.errors import InputError
from .._core.words import NamedFirmware
from .._image.names import ImageName, parse_image_name
from .listing import ListedFile
from .releases import Releases

FORMATS = ("qcow2", "raw.tar.gz", "raw", "vhd")
"""What images are published as, by their extensions."""


@dataclasses.dataclass(frozen=True)
class PublishedImage:
    """One file that an image is published as."""

    name: ImageName
    format: str
    url: str
    sha512_url: str | None
    """``None``, as for the next two, where the mirror lists no such file."""
    signature_url: str | None
    metadata_url: str | None
    size: int | None = None
    modified: str | None = None
    end_of_life: str | None = None

    @property
    def is_generic(self) -> bool:
        """Whether it is made for every cloud; since 3.23.6 all are, and their names don't say so any more."""
        return self.name.cloud in (None, "generic")

    @property
    def firmwares(self) -> frozenset[NamedFirmware]:
        """What it boots by, as far as its name tells.

        Names since 3.24.2 leave that out, since x86_64 images boot by both; aarch64 has no BIOS.
        """
        if self.name.firmware is not None:
            return frozenset([self.name.firmware])
        return frozenset(["bios", "uefi"] if self.name.architecture == "x86_64" else ["uefi"])

    def url_on(self, mirror: str) -> str:
        """Where another mirror has the same file, if it has it."""
        return f"{mirror}/v{self.name.version}/releases/cloud/{posixpath.basename(urlsplit(self.url).path)}"

    def as_result(self) -> dict[str, Any]:
        """As documented in the RETURN of the module alpine_image_info, but for the URLs on other mirrors."""
        name = self.name
        return {
            "name": name.name,
            "url": self.url,
            "sha512_url": self.sha512_url,
            "signature_url": self.signature_url,
            "metadata_url": self.metadata_url,
            "cloud": name.cloud,
            "release": name.release,
            "version": name.version,
            "revision": name.revision,
            "architecture": name.architecture,
            "firmware": name.firmware,
            "bootstrap": name.bootstrap,
            "machine": name.machine,
            "format": self.format,
            "size": self.size,
            "modified": self.modified,
            "end_of_life": self.end_of_life,
        }


def images_in(files: Mapping[str, ListedFile], releases: Releases | None = None) -> list[PublishedImage]:
    """The images among the files of a directory."""

    def url_of(name: str) -> str | None:
        return files[name].url if name in files else None

    images = []
    for file_name, file in files.items():
        extension = next((item for item in FORMATS if file_name.endswith(f".{item}")), None)
        if extension is None:
            continue
        stem = file_name.removesuffix(f".{extension}")
        try:
            name = parse_image_name(stem)
        except InputError:
            continue  # Something else that is published there.
        images.append(
            PublishedImage(
                name=name,
                format=extension,
                url=file.url,
                sha512_url=url_of(f"{file_name}.sha512"),
                signature_url=url_of(f"{file_name}.asc"),
                metadata_url=url_of(f"{stem}.yaml"),
                size=file.size,
                modified=file.modified,
                end_of_life=releases.end_of_life(name.version) if releases else None,
            )
        )
    return images
