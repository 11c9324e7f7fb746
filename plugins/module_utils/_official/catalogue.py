# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding official images on the mirrors.

They are in ``/v{branch}/releases/cloud/``, and those of the newest stable branch in ``/latest-stable/releases/cloud/``
too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from .._core.errors import AlpineCloudError, InputError, ProviderError
from .._core.units import MIB
from .http import FetchError, HttpClient, check_url
from .listing import parse_listing
from .published_image import PublishedImage, images_in
from .releases import Releases, ReleasesError, parse_releases
from .selection import RELEASE, NoMatchError, WantedImages, select

MIRROR_URL = "https://dl-cdn.alpinelinux.org/alpine"
RELEASES_URL = "https://alpinelinux.org/releases.json"

# The real ones have some hundred entries, or fifty branches.
_LONGEST_LISTING = 8 * MIB
_LONGEST_RELEASES = 4 * MIB
_MOST_BRANCHES_TOLD = 6


@dataclasses.dataclass(frozen=True)
class FoundImages:
    """The images that are wanted, the best first, and where."""

    mirror: str
    images: Sequence[PublishedImage]
    warnings: Sequence[str]
    """What went wrong on the way and did not matter in the end."""
    other_mirrors: Sequence[str] = ()
    """Those that may have the same images: the ones that were not asked first, then the ones that were passed over."""

    def as_result(self) -> dict[str, Any]:
        """As documented in the RETURN of the module alpine_image_info."""
        images = [
            {**image.as_result(), "urls": [image.url, *(image.url_on(mirror) for mirror in self.other_mirrors)]}
            for image in self.images
        ]
        return {"mirror_url": self.mirror, "images": images, "newest": images[0]}


@dataclasses.dataclass(frozen=True)
class ImageInfoRequest:
    """Which images to look for, and where."""

    client: HttpClient
    wanted: WantedImages
    mirrors: Sequence[str]
    """The URLs of what is ``/alpine`` on Alpine's own, without a slash at the end."""
    releases_url: str
    """Of releases.json."""

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> ImageInfoRequest:
        """What the module's options ask for.

        :raises InputError: when one of them cannot work.
        """
        wanted = WantedImages.from_params(params)
        client = HttpClient.from_params(params)
        if not params["mirror_url"]:
            raise InputError("mirror_url must name one mirror at least")
        mirrors = [check_url(mirror, "mirror_url") for mirror in params["mirror_url"]]
        check_url(params["releases_url"], "releases_url")
        return cls(client, wanted, mirrors, params["releases_url"])


def find_images(request: ImageInfoRequest) -> FoundImages:
    """Ask the mirrors one after the other, until one has an image as wanted.

    Without an answer from ``releases_url``, ends of life are unknown, and the latest branch is what the mirror calls
    so.

    :raises NoMatchError: when the mirrors answer, but have no such image.
    :raises ProviderError: when none of them answers.
    """
    client, wanted, mirrors = request.client, request.wanted, request.mirrors
    warnings: list[str] = []
    releases: Releases | None = None
    try:
        releases = parse_releases(client.read(request.releases_url, limit=_LONGEST_RELEASES))
    except FetchError as error:
        warnings.append(f"The ends of life are unknown, since releases_url fails: {error.message}")
    except ReleasesError as error:
        warnings.append(
            f"The ends of life are unknown, since releases_url {request.releases_url} is odd: {error.message}"
        )

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
            return FoundImages(mirror, images, warnings, [*mirrors[number + 1 :], *mirrors[:number]])
    raise _failure(failures, wanted, releases)


def _failure(failures: Sequence[AlpineCloudError], wanted: WantedImages, releases: Releases | None) -> AlpineCloudError:
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


def _branch_hint(wanted: WantedImages, releases: Releases) -> str | None:
    branches = sorted((name for name in releases.branches if RELEASE.fullmatch(name)), key=_numbers, reverse=True)
    if wanted.version in branches:
        return None
    newest = ", ".join(branches[:_MOST_BRANCHES_TOLD])
    if wanted.version is None:
        return f"The latest branch, {releases.latest_stable}, may have no such cloud image yet; the newest are {newest}"
    return f"Alpine has no branch {wanted.version}; the newest are {newest} (in YAML, 3.20 without quotes is 3.2)"


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _read_mirror(
    client: HttpClient, mirror: str, wanted: WantedImages, releases: Releases | None
) -> list[PublishedImage]:
    version = wanted.version or (releases.latest_stable if releases else None)
    url = f"{mirror}/{'v' + version if version else 'latest-stable'}/releases/cloud/"
    page = client.read(url, limit=_LONGEST_LISTING).decode("utf-8", "replace")
    images = images_in(parse_listing(page, url), releases)
    if not images:
        raise NoMatchError(f"{url} lists no cloud image")
    return images
