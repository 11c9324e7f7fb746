# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding official images: which ones a mirror has, which of them are wanted, and which of those is the best.

Mirrors have them in ``/v{branch}/releases/cloud/``, and those of the newest stable branch in
``/latest-stable/releases/cloud/`` too.
"""

from __future__ import annotations

import dataclasses
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import urlsplit

from .._core.errors import AlpineCloudError, InputError, ProviderError
from .._core.words import Architecture, NamedFirmware
from .._image.names import ImageName, parse_image_name
from .http import FetchError, HttpClient, check_url
from .listing import ListedFile, parse_listing
from .releases import Releases, ReleasesError, parse_releases

MIRROR_URL = "https://dl-cdn.alpinelinux.org/alpine"
RELEASES_URL = "https://alpinelinux.org/releases.json"
LATEST = "latest"
FORMATS = ("qcow2", "raw.tar.gz", "raw", "vhd")
"""What images are published as, by their extensions."""

Machine = Literal["vm", "metal"]

_RELEASE = re.compile(r"v?(?P<version>\d+\.\d+)(?P<patch>\.\d+)?")
# The real ones have some hundred entries, or fifty branches.
_LONGEST_LISTING = 8 << 20
_LONGEST_RELEASES = 4 << 20
_MOST_NAMES_TOLD = 12
_MOST_BRANCHES_TOLD = 6


class NoMatchError(AlpineCloudError):
    """No image is as wanted; the message lists what there is."""


@dataclasses.dataclass(frozen=True)
class Image:
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
        """As documented in the RETURN of M(alpine.cloud.alpine_image_info), but for the URLs on other mirrors."""
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


@dataclasses.dataclass(frozen=True)
class Wanted:
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

    def __post_init__(self) -> None:
        if self.release != LATEST and not _RELEASE.fullmatch(self.release):
            raise InputError(
                f"release must be {LATEST}, a branch such as 3.24 or a release such as 3.24.2, got {self.release!r}"
            )
        if not self.formats:
            raise InputError(f"formats must name one at least, of {', '.join(FORMATS)}")

    @property
    def version(self) -> str | None:
        """The branch, such as ``3.24``; ``None`` for the latest."""
        match = _RELEASE.fullmatch(self.release)
        return match["version"] if match else None

    @property
    def exact_release(self) -> str | None:
        """Such as ``3.24.2``; ``None`` when any of the branch will do."""
        match = _RELEASE.fullmatch(self.release)
        return match["version"] + match["patch"] if match and match["patch"] else None


@dataclasses.dataclass(frozen=True)
class Found:
    """The images that are wanted, the best first, and where."""

    mirror: str
    images: Sequence[Image]
    warnings: Sequence[str]
    """What went wrong on the way and did not matter in the end."""
    other_mirrors: Sequence[str] = ()
    """Those that may have the same images: the ones that were not asked first, then the ones that were passed over."""

    def as_result(self) -> dict[str, Any]:
        """As documented in the RETURN of M(alpine.cloud.alpine_image_info)."""
        images = [
            {**image.as_result(), "urls": [image.url, *(image.url_on(mirror) for mirror in self.other_mirrors)]}
            for image in self.images
        ]
        return {"mirror_url": self.mirror, "images": images, "newest": images[0]}


def find_images(client: HttpClient, wanted: Wanted, mirrors: Sequence[str], releases_url: str) -> Found:
    """Ask the mirrors one after the other, until one has an image as wanted.

    :param mirrors: the URLs of what is ``/alpine`` on Alpine's own.
    :param releases_url: of releases.json. Without an answer from there, ends of life are unknown, and the latest branch
        is what the mirror calls so.
    :raises NoMatchError: when the mirrors answer, but have no such image.
    :raises ProviderError: when none of them answers.
    """
    if not mirrors:
        raise InputError("mirror_url must name one mirror at least")
    mirrors = [check_url(mirror, "mirror_url") for mirror in mirrors]
    check_url(releases_url, "releases_url")
    warnings: list[str] = []
    releases: Releases | None = None
    try:
        releases = parse_releases(client.read(releases_url, limit=_LONGEST_RELEASES))
    except FetchError as error:
        warnings.append(f"The ends of life are unknown, since releases_url fails: {error.message}")
    except ReleasesError as error:
        warnings.append(f"The ends of life are unknown, since releases_url {releases_url} is odd: {error.message}")

    failures: list[AlpineCloudError] = []
    for number, mirror in enumerate(mirrors):
        try:
            images = select(_read_mirror(client, mirror, wanted, releases), wanted)
        except FetchError as error:
            failures.append(error)
        except NoMatchError as error:
            failures.append(NoMatchError(f"{mirror}: {error.message}"))
        else:
            warnings += [f"A mirror was passed over. {failure.message}" for failure in failures]
            return Found(mirror, images, warnings, [*mirrors[number + 1 :], *mirrors[:number]])
    raise _failure(failures, wanted, releases)


def _failure(failures: Sequence[AlpineCloudError], wanted: Wanted, releases: Releases | None) -> AlpineCloudError:
    """The one error for what all mirrors failed by."""
    message = "; ".join(failure.message for failure in failures)
    if len(failures) > 1:
        message = f"no mirror has what is wanted: {message}"
    if releases and (hint := _branch_hint(wanted, releases)):
        message = f"{message}. {hint}"
    if not all(isinstance(failure, FetchError) for failure in failures):
        return NoMatchError(message)
    last = failures[-1]
    return ProviderError(message, operation="GET", status=last.status if isinstance(last, FetchError) else None)


def _branch_hint(wanted: Wanted, releases: Releases) -> str | None:
    branches = sorted((name for name in releases.branches if _RELEASE.fullmatch(name)), key=_numbers, reverse=True)
    if wanted.version in branches:
        return None
    newest = ", ".join(branches[:_MOST_BRANCHES_TOLD])
    if wanted.version is None:
        return f"The latest branch, {releases.latest_stable}, may have no such cloud image yet; the newest are {newest}"
    return f"Alpine has no branch {wanted.version}; the newest are {newest} (in YAML, 3.20 without quotes is 3.2)"


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _read_mirror(client: HttpClient, mirror: str, wanted: Wanted, releases: Releases | None) -> list[Image]:
    version = wanted.version or (releases.latest_stable if releases else None)
    url = f"{mirror}/{'v' + version if version else 'latest-stable'}/releases/cloud/"
    page = client.read(url, limit=_LONGEST_LISTING).decode("utf-8", "replace")
    images = images_in(parse_listing(page, url), releases)
    if not images:
        raise NoMatchError(f"{url} lists no cloud image")
    return images


def images_in(files: Mapping[str, ListedFile], releases: Releases | None = None) -> list[Image]:
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
            Image(
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


def best_first(images: Iterable[Image], formats: Sequence[str] = FORMATS) -> list[Image]:
    """Sort by release; then generic images before those for one cloud; then by revision.

    What else they differ in is not a matter of age: what serves more users comes first there, and of the formats the
    one that the user named first.
    """

    def rank(image: Image) -> tuple[Any, ...]:
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


def select(images: Iterable[Image], wanted: Wanted) -> list[Image]:
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


def _criteria(wanted: Wanted) -> Iterator[tuple[str, frozenset[Any], Callable[[Image], Iterable[Any]]]]:
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
    values_of: Callable[[Image], Iterable[Any]],
    images: Sequence[Image],
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
