# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of an image's signature, as strict as the user wants it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from .signature import check_signature
from .signature_errors import (
    KeyExpiredError,
    OtherSignerError,
    SignatureUnavailableError,
)
from .signing_key import SigningKey, SigningKeySource

SignatureMode = Literal["require", "prefer", "off"]

SIGNATURE_MODES: tuple[SignatureMode, ...] = ("require", "prefer", "off")

_NO_SIGNATURE_REMEDY = (
    "Where the image's signature cannot be checked, give the image's SHA-512 from a source that you trust in option "
    "sha512, or lower option verify_signature to prefer"
)


class SignatureCheck:
    """The check of an image's signature, as strict as the user wants it."""

    def __init__(self, mode: SignatureMode, keys: SigningKeySource, warn: Callable[[str], None], name: str) -> None:
        self._mode = mode
        self._keys = keys
        self._warn = warn
        self._name = name
        self._at_hand: tuple[bytes, SigningKey] | None = None

    @property
    def prepared(self) -> bool:
        """Whether there is something to check."""
        return self._at_hand is not None

    def prepare(self, read: Callable[[], bytes]) -> None:
        """Have everything at hand that the check takes.

        :param read: returns the signature.
        :raises SignatureUnavailableError: when something is missing that is required.
        """
        if self._mode == "off":
            return
        try:
            key = self._keys.get()
            self._at_hand = read(), key
        except SignatureUnavailableError as error:
            self._do_without(error)

    def check(self, path: Path) -> str | None:
        """The fingerprint of the key whose owner has signed the file at ``path``, if that is known.

        :raises SignatureUnavailableError: when it is not, and has to be.
        :raises SignatureRejectedError: when someone else has, or something else was signed.
        """
        if self._at_hand is None:
            return None
        try:
            check_by_owner(path, *self._at_hand, self._keys)
        except SignatureUnavailableError as error:
            self._do_without(error)
            return None
        return self._keys.fingerprint

    def _do_without(self, error: SignatureUnavailableError) -> None:
        if self._mode == "require":
            raise SignatureUnavailableError(
                f"The signature of {self._name} cannot be checked: {error.message}. {_NO_SIGNATURE_REMEDY}"
            ) from error
        self._warn(
            f"{self._name} is used without a check of its signature: {error.message}. Its SHA-512 comes from the same "
            "place as the image, so it only tells damage from transfer, unless option sha512 gives it"
        )


def check_by_owner(path: Path, signature: bytes, key: SigningKey, keys: SigningKeySource) -> None:
    """As :func:`check_signature`, with a key that is fetched anew, once, where it may have changed.

    That is where the signer's subkey has expired in an earlier copy, or is missing there.

    :param keys: where ``key`` is from.
    :raises SignatureUnavailableError: when it cannot be told.
    :raises SignatureRejectedError: when it is not one of the file by the owner of the key.
    """
    try:
        check_signature(path, signature, key.content, keys.fingerprint)
    except (KeyExpiredError, OtherSignerError):
        newer = keys.renewed(key)
        if newer is None:
            raise
        check_signature(path, signature, newer.content, keys.fingerprint)
