# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key that images are signed with, which is known by its fingerprint, and where it comes from."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

from .._core.errors import InputError
from .._core.units import MIB
from .._core.work_directory import WorkDirectory
from .gpg import check_gpg, keyring_of
from .http import HttpClient
from .mirrors import MirrorsError, try_each
from .quoting import beginning_of
from .signature_errors import KeyExpiredError, SignatureUnavailableError

ALPINE_FINGERPRINT = "F26ADFADBAE702EF7AF637459DA7EF23BFFCDF22"
"""Of the key that signs Alpine's cloud images at the time of writing."""
ALPINE_KEY_URL = "https://alpinelinux.org/keys/tomalok.asc"

# Of OpenPGP's versions 4 and 6. The key IDs of 8 and 16 digits can be forged.
_FINGERPRINT = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}")
_ARMOR = "-----BEGIN PGP "
_KEY_LIMIT = MIB
_LOCK_SECONDS = 60


def checked_fingerprint(value: str) -> str:
    """Return ``value`` in upper case and without blanks.

    :raises InputError: when it is not a whole fingerprint; names the option ``fingerprint``.
    """
    fingerprint = re.sub(r"[\s:]", "", value).upper().removeprefix("0X")
    if not _FINGERPRINT.fullmatch(fingerprint):
        raise InputError(
            f"fingerprint must be the whole fingerprint of an OpenPGP key, 40 hexadecimal digits, got {value!r}"
        )
    return fingerprint


@dataclasses.dataclass(frozen=True)
class SigningKey:
    """A public key that has the right fingerprint and is valid."""

    content: bytes
    kept: bool = False
    """Whether it is our own earlier copy."""


@dataclasses.dataclass(frozen=True)
class SigningKeySource:
    """Where the key comes from: the user, else our own earlier copy, else a URL.

    What decides is the fingerprint, so it does not matter who hands us the key.
    """

    fingerprint: str
    key: str | None
    """The key as ASCII text, or the path of a file that holds it."""
    key_url: str
    http: HttpClient
    work_dir: Path
    pin: bool
    """Keep a copy of what is fetched."""

    def get(self) -> SigningKey:
        """The key.

        :raises SignatureUnavailableError: when there is none that is valid.
        :raises InputError: when the option ``key`` cannot be used.
        """
        check_gpg()
        if self.key is not None:
            content, name = self._given(self.key)
            return SigningKey(checked_key(content, self.fingerprint, name))
        kept = self._folder.kept(self._file_name)
        if kept is None:
            return self._fetch()
        try:
            return SigningKey(checked_key(kept.path.read_bytes(), self.fingerprint, str(kept.path)), kept=True)
        except SignatureUnavailableError as error:
            try:
                return self._fetch()
            except SignatureUnavailableError as fetch_error:
                raise SignatureUnavailableError(f"{error.message}; and {fetch_error.message}") from fetch_error

    def renewed(self, key: SigningKey) -> SigningKey | None:
        """The key as it is now at ``key_url``, where ``key`` is an earlier copy of it; ``None`` if that is no newer."""
        if not key.kept:
            return None
        try:
            newer = self._fetch()
        except SignatureUnavailableError:
            return None
        return None if newer.content == key.content else newer

    def _given(self, key: str) -> tuple[bytes, str]:
        if _ARMOR in key:
            return key.encode(), "the text in option key"
        path = Path(key).expanduser()
        try:
            return path.read_bytes(), f"key {path}"
        except OSError as error:
            raise InputError(f"key {path} cannot be read: {error.strerror}") from error

    def _fetch(self) -> SigningKey:
        try:
            content = try_each([self.key_url], lambda url: self.http.read(url, limit=_KEY_LIMIT))
        except MirrorsError as error:
            raise SignatureUnavailableError(
                f"the signer's key cannot be fetched: {error.message}. Give it in option key, as a file or as text, or "
                "another place in option key_url: it is only accepted if it has the fingerprint"
            ) from error
        content = checked_key(content, self.fingerprint, f"key_url {self.key_url}")
        if self.pin:
            with self._folder.locked(self._file_name, _LOCK_SECONDS), self._folder.partial(self._file_name) as partial:
                partial.write_bytes(content)
                self._folder.keep(partial, self._file_name)
        return SigningKey(content)

    @property
    def _folder(self) -> WorkDirectory:
        return WorkDirectory(self.work_dir, "keys")

    @property
    def _file_name(self) -> str:
        return f"{self.fingerprint}.asc"


def checked_key(content: bytes, fingerprint: str, name: str) -> bytes:
    """Return ``content``, if it holds the key with ``fingerprint``, and that is valid.

    :param name: where it comes from, for messages.
    :raises SignatureUnavailableError: otherwise.
    """
    with keyring_of(content) as keyring:
        keys = keyring.keys()
    if not keys:
        raise SignatureUnavailableError(f"{name} holds no OpenPGP public key: it begins with {beginning_of(content)}")
    if fingerprint not in keys:
        raise SignatureUnavailableError(
            f"{name} holds the key {', '.join(keys)}, but fingerprint says {fingerprint}. If Alpine has changed its "
            "signer, find the new fingerprint on alpinelinux.org, and give it in option fingerprint; otherwise do not "
            "trust this key"
        )
    key = keys[fingerprint]
    if key.revoked:
        raise SignatureUnavailableError(
            f"{name}: the key {fingerprint} has been revoked by its owner. Find Alpine's current signer on "
            "alpinelinux.org, and give its key in option key and its fingerprint in option fingerprint"
        )
    if key.expired:
        raise KeyExpiredError(f"{name}: the key {fingerprint}", key.expires)
    return content
