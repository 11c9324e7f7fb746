# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the published images are wanted, and which of those is the best."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from .._core.errors import AlpineCloudError, InputError
from .._core.words import Architecture, NamedFirmware
from .published_image import FORMATS, PublishedImage

LATEST = "latest"
RELEASE = re.compile(r"v?(?P<version>\d+\.\d+)(?P<patch>\.\d+)?")
"""A branch, or a release of it."""

Machine = Literal["vm", "metal"]

_MOST_NAMES_TOLD = 12


class NoMatchError(AlpineCloudError):
    """No image is as wanted; the message lists what there is."""


@dataclasses.dataclass(frozen=True)
class WantedImages:
    """What the user wants; ``None`` is whatever there is."""

    release: str = LATEST
    """``latest``, a branch such as ``3.24``, or a release such as ``3.24.2``."""
    revision: int | None = None
    architecture: Architecture | None = None
    bootstrap: str | None = None
    firmware: NamedFirmware | None = None
    machine: Machine | None = None
    formats: Sequence[str] = FORMATS
    """In order of preference."""

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> WantedImages:
        """What the module's options ask for.

        :raises InputError: when there can be no such image.
        """
        return cls(**{field.name: params[field.name] for field in dataclasses.fields(cls)})

    def __post_init__(self) -> None:
        if self.release != LATEST and not RELEASE.fullmatch(self.release):
            raise InputError(
                f"release must be {LATEST}, a branch such as 3.24 or a release such as 3.24.2, got {self.release!r}"
            )
        if not self.formats:
            raise InputError(f"formats must name one at least, of {', '.join(FORMATS)}")

    @property
    def version(self) -> str | None:
        """The branch, such as ``3.24``; ``None`` for the latest."""
        match = RELEASE.fullmatch(self.release)
        return match["version"] if match else None

    @property
    def exact_release(self) -> str | None:
        """Such as ``3.24.2``; ``None`` when any of the branch will do."""
        match = RELEASE.fullmatch(self.release)
        return match["version"] + match["patch"] if match and match["patch"] else None


def best_first(images: Iterable[PublishedImage], formats: Sequence[str] = FORMATS) -> list[PublishedImage]:
    """Sort by release; then generic images before those for one cloud; then by revision.

    What else they differ in is not a matter of age: what serves more users comes first there, and of the formats the
    one that the user named first.
    """

    def rank(image: PublishedImage) -> tuple[Any, ...]:
        name = image.name
        return (
            [-number for number in name.sort_key[:-1]],
            not image.is_generic,
            -name.revision,
            name.architecture != "x86_64",
            (None, "uefi", "bios").index(name.firmware),
            name.bootstrap,
            name.machine != "vm",
            formats.index(image.format),
            str(name),
        )

    return sorted(images, key=rank)


def select(images: Iterable[PublishedImage], wanted: WantedImages) -> list[PublishedImage]:
    """Those as wanted, the best first.

    :raises NoMatchError: when there is none; tells which option leaves none, and what it could be.
    """
    left = best_first((image for image in images if image.format in FORMATS), FORMATS)
    met: list[str] = []
    for option, accepted, values_of in _criteria(wanted):
        matching = [image for image in left if not accepted.isdisjoint(values_of(image))]
        if not matching:
            raise NoMatchError(_describe(option, accepted, values_of, left, met))
        left = matching
        met.append(f"{option}={', '.join(map(str, accepted))}")
    return best_first(left, wanted.formats)


def _criteria(wanted: WantedImages) -> Iterator[tuple[str, frozenset[Any], Callable[[PublishedImage], Iterable[Any]]]]:
    """What is demanded: the option's name, the values that will do, and which ones an image has."""

    def one(value: object) -> frozenset[object]:
        return frozenset([value])

    if wanted.exact_release:
        yield "release", one(wanted.exact_release), lambda image: [image.name.release]
    if wanted.architecture:
        yield "architecture", one(wanted.architecture), lambda image: [image.name.architecture]
    if wanted.machine:
        yield "machine", one(wanted.machine), lambda image: [image.name.machine]
    if wanted.bootstrap:
        yield "bootstrap", one(wanted.bootstrap), lambda image: [image.name.bootstrap]
    if wanted.firmware:
        yield "firmware", one(wanted.firmware), lambda image: image.firmwares
    if set(wanted.formats) != set(FORMATS):
        yield "formats", frozenset(wanted.formats), lambda image: [image.format]
    if wanted.revision is not None:
        yield "revision", one(wanted.revision), lambda image: [image.name.revision]


def _describe(
    option: str,
    accepted: Iterable[object],
    values_of: Callable[[PublishedImage], Iterable[Any]],
    images: Sequence[PublishedImage],
    met: Sequence[str],
) -> str:
    """Why no image is left, for a person: what this option could be, and the images there are."""
    there_is = dict.fromkeys(str(value) for image in images for value in values_of(image))
    names = list(dict.fromkeys(str(image.name) for image in images))
    more = f" and {len(names) - _MOST_NAMES_TOLD} more" if len(names) > _MOST_NAMES_TOLD else ""
    return (
        f"no image with {option}={', '.join(sorted(map(str, accepted)))}"
        f"{' among those with ' + ', '.join(met) if met else ''}, where {option} can be {', '.join(there_is)}. "
        f"There are: {', '.join(names[:_MOST_NAMES_TOLD])}{more}"
    )
