# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Alpine says of an image in the YAML file next to it.

Its schema has changed with the names, and nobody signs it, so that little is taken from it and nothing for granted:
what is missing or odd is taken for unknown.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

from ansible.module_utils.common.yaml import HAS_YAML, yaml_load

from .._core.dates import published_day
from .._core.errors import InputError, Refusal, refusal_of
from .._core.units import KIB
from .names import ImageName, strip_extension

SIZE_LIMIT = 256 * KIB
"""In bytes; the real ones have some lines, and one more for each region that an image was published in."""


@dataclasses.dataclass(frozen=True)
class ImageMetadata:
    """As much of it as is of use; ``None`` where it does not tell."""

    name: str | None = None
    """The image's, such as ``generic_alpine-3.24.1-x86_64-uefi-tiny-r0``."""
    release: str | None = None
    revision: int | None = None
    architecture: str | None = None
    bootstrap: str | None = None
    firmware: str | None = None
    end_of_life: str | None = None
    """The last day on which the branch is maintained, as ``YYYY-MM-DD``."""

    def contradictions(self, image: ImageName) -> list[str]:
        """Where it says something else than the image's name, one phrase for each."""
        return [
            f"{key} is {said} there and {named} in the name"
            for key, said, named in (
                ("release", self.release, image.release),
                ("revision", self.revision, image.revision),
                ("architecture", self.architecture, image.architecture),
                ("bootstrap", self.bootstrap, image.bootstrap),
                ("firmware", self.firmware, image.firmware),
            )
            if said is not None and named is not None and said != named
        ]


def sidecar_of(path: Path) -> Path:
    """Where an image's metadata is by default: ``alpine-3.24.2-x86_64-tiny-r0.yaml`` for ``….qcow2``."""
    return path.with_name(f"{strip_extension(path.name)}.yaml")


def read_metadata(path: str | os.PathLike[str]) -> ImageMetadata:
    """Read the file at ``path``.

    :raises InputError: when it cannot be read, or holds no YAML mapping.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise InputError(f"metadata {path}: {error.strerror}") from error
    if len(content) > SIZE_LIMIT:
        raise InputError(f"metadata {path} is larger than {SIZE_LIMIT // KIB} KiB, so it is something else")
    return parse_metadata(content, refusal_of(f"metadata {path}"))


def parse_metadata(content: bytes, refusal: Refusal = InputError) -> ImageMetadata:
    """Take it apart.

    :param refusal: makes the errors.
    :raises InputError: when it is no YAML mapping, or PyYAML, which ansible-core needs itself, is missing.
    """
    if not HAS_YAML:
        raise refusal("it cannot be read without the Python library PyYAML")
    try:
        document = yaml_load(content)
    except Exception as error:  # PyYAML's own, and those of its constructors for odd dates and numbers
        raise refusal(f"this is no YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(document, dict):
        raise refusal("this is no YAML mapping, such as Alpine publishes next to its images")
    return ImageMetadata(
        name=_text(document.get("name")),
        release=_text(document.get("release")),
        revision=_number(document.get("revision")),
        architecture=_text(document.get("arch")),
        bootstrap=_text(document.get("bootstrap")),
        firmware=_text(document.get("firmware")),
        end_of_life=published_day(document.get("end_of_life")),
    )


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None
