# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an image is verified by: its digest and its signature, and where they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .._core.errors import AlpineCloudError
from .._core.units import KIB
from .._core.urls import without_secrets
from .._core.work_directory import chosen_work_dir
from .checksum import ChecksumError, checked_sha512, parse_sha512
from .http import FetchError, HttpClient, check_url
from .mirrors import MirrorsError, try_each
from .signature_check import SignatureMode
from .signing_key import SigningKeySource, checked_fingerprint

SHA512_LIMIT = 64 * KIB
"""In bytes; what is longer is no list of digests."""
NETWORK_REMEDY = (
    "Check the network and the proxy (environment variables https_proxy and no_proxy), or give further mirrors in "
    "option url"
)


class DownloadError(AlpineCloudError):
    """No server has given the image, or its digest."""


@dataclasses.dataclass(frozen=True)
class ImageVerification:
    """What an image is verified by."""

    work_dir: Path
    http: HttpClient
    fingerprint: str
    key_url: str
    key: str | None = None
    sha512: str | None = None
    """The digest, where the user knows it, in lower case."""
    sha512_urls: Sequence[str] = ()
    """Where it is published; by default next to the image."""
    signature_urls: Sequence[str] = ()
    """Where the signature is published; by default next to the image."""
    mode: SignatureMode | None = None
    """By default ``require``, unless ``sha512`` is all that the user has given."""

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> ImageVerification:
        """What the module's options ask for.

        :raises InputError: when one of them cannot work.
        """
        return cls(
            work_dir=chosen_work_dir(params["work_dir"]),
            http=HttpClient.from_params(params),
            fingerprint=checked_fingerprint(params["fingerprint"]),
            key_url=_checked_urls([params["key_url"]], "key_url")[0],
            key=params["key"],
            sha512=None if params["sha512"] is None else checked_sha512(params["sha512"]),
            sha512_urls=_checked_urls(params["sha512_url"] or (), "sha512_url"),
            signature_urls=_checked_urls(params["signature_url"] or (), "signature_url"),
            mode=params["verify_signature"],
        )

    @property
    def signature_mode(self) -> SignatureMode:
        if self.mode is not None:
            return self.mode
        return "off" if self.sha512 is not None and not self.signature_urls and self.key is None else "require"

    def key_source(self, *, pin: bool) -> SigningKeySource:
        """:param pin: keep what is fetched."""
        return SigningKeySource(self.fingerprint, self.key, self.key_url, self.http, self.work_dir, pin)


def published_sha512(wanted: ImageVerification, file_name: str) -> tuple[str, str]:
    """The digest at the first of ``sha512_urls`` that has it, and that URL.

    :raises ChecksumError: when all of them have something else.
    :raises DownloadError: when none can be read.
    """

    def read(url: str) -> tuple[str, str]:
        origin = without_secrets(url)
        return parse_sha512(wanted.http.read(url, limit=SHA512_LIMIT), file_name, origin), origin

    try:
        return try_each(wanted.sha512_urls, read, (FetchError, ChecksumError))
    except MirrorsError as error:
        if all(isinstance(reason, ChecksumError) for reason in error.errors):
            raise ChecksumError(f"{file_name} cannot be verified: {error.message}") from error
        what, remedy = (
            (
                "there is no SHA-512 of it",
                "Check the URL: alpine.cloud.alpine_image_info lists what there is. Or give the place of the digest in "
                "option sha512_url, or the digest itself in option sha512",
            )
            if error.not_found
            else ("its SHA-512 cannot be read", NETWORK_REMEDY)
        )
        raise DownloadError(f"{file_name} cannot be verified: {what}: {error.message}. {remedy}") from error


def _checked_urls(urls: Sequence[str], option: str) -> Sequence[str]:
    for url in urls:
        check_url(url, option)
    return urls
