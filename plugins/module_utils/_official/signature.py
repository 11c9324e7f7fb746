# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detached OpenPGP signatures: where they come from, and whether they are the right signer's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .._core.errors import AlpineCloudError
from .._core.units import KIB
from .gpg import SignatureStatus, keyring_of
from .http import HttpClient
from .mirrors import MirrorsError, file_name_of, try_each
from .quoting import beginning_of
from .signature_errors import (
    KeyExpiredError,
    OtherSignerError,
    SignatureRejectedError,
    SignatureUnavailableError,
)

_ARMOR = b"-----BEGIN PGP "
_SIGNATURE_LIMIT = 256 * KIB


def fetch_signature(urls: Sequence[str], http: HttpClient) -> bytes:
    """Read a detached signature.

    :param urls: where it is; the first that answers counts.
    :raises SignatureUnavailableError: when there is none.
    """
    try:
        url, content = try_each(urls, lambda url: (url, http.read(url, limit=_SIGNATURE_LIMIT)))
    except MirrorsError as error:
        what = "there is no signature" if error.not_found else "the signature cannot be read"
        raise SignatureUnavailableError(f"{what}: {error.message}; option signature_url says where it is") from error
    return _checked_signature(content, file_name_of(url) or url)


def read_signature(path: Path) -> bytes:
    """Read a detached signature from a local file.

    :raises SignatureUnavailableError: when there is none.
    """
    try:
        with path.open("rb") as file:
            return _checked_signature(file.read(_SIGNATURE_LIMIT), str(path))
    except OSError as error:
        raise SignatureUnavailableError(
            f"there is no signature: {path}: {error.strerror}; option signature_url says where it is"
        ) from error


def _checked_signature(content: bytes, name: str) -> bytes:
    # The first byte of an OpenPGP packet has its highest bit set.
    if _ARMOR in content or (content and content[0] & 0x80):
        return content
    raise SignatureUnavailableError(
        f"there is no signature: {name} is no OpenPGP signature, it begins with {beginning_of(content)}; "
        "option signature_url says where it is"
    )


def check_signature(path: Path, signature: bytes, key: bytes, fingerprint: str) -> None:
    """Make sure that ``signature`` is one of the file at ``path`` by the owner of ``key``.

    Of several signatures one suffices, such as when two signers hand over.

    :param key: what holds the public key.
    :param fingerprint: of that key; others that are there do not count.
    :raises KeyExpiredError: when it is, but the key or its subkey has expired.
    :raises SignatureRejectedError: when it is not.
    """
    with keyring_of(key) as keyring:
        statuses, words = keyring.verify(path, signature)
    unclear = SignatureRejectedError(f"the signature cannot be checked: {words}")
    failures = [_failure_of(status, fingerprint, unclear) for status in statuses]
    if None not in failures:
        raise next((failure for failure in failures if failure is not None), unclear)


def _failure_of(status: SignatureStatus, fingerprint: str, unclear: SignatureRejectedError) -> AlpineCloudError | None:
    """What is wrong with one signature."""
    if status.verdict == "bad":
        return SignatureRejectedError(
            f"the signature by {status.signer} is not one of this content: the file or the signature has been "
            "changed or damaged, or the two do not belong together"
        )
    # What a key is worth that is not the one which the user trusts does not matter.
    if status.verdict == "unknown key" or status.owner not in (None, fingerprint):
        return OtherSignerError(status.signer, fingerprint)
    if status.verdict == "revoked key":
        return SignatureRejectedError(
            f"the key {status.signer} that has made the signature has been revoked by its owner, so anybody may have it"
        )
    if status.verdict == "expired key":
        return KeyExpiredError(f"the key {status.signer} that has made the signature", status.key_expired_on)
    if status.verdict == "expired":
        return SignatureRejectedError("the signature was valid for a limited time, which is over")
    return None if status.verdict == "good" else unclear
