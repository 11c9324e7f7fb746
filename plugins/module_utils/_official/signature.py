# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detached OpenPGP signatures, checked by GnuPG with one key alone, which is known by its fingerprint.

GnuPG rather than a Python library: it is packaged everywhere, maintained with care, and what users check by hand with,
while the libraries either lack a maintainer or come as compiled code that not every platform has. Not ``gpgv``, which
does not look at whether the key has expired or been revoked. The user's own keyring and settings play no part.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .._core.errors import AlpineCloudError, InputError
from .._core.work_directory import WorkDirectory
from .http import HttpClient
from .mirrors import (
    MirrorsError,
    file_name_of,
    try_each,
)
from .quoting import beginning_of

ALPINE_FINGERPRINT = "F26ADFADBAE702EF7AF637459DA7EF23BFFCDF22"
"""Of the key that signs Alpine's cloud images at the time of writing."""
ALPINE_KEY_URL = "https://alpinelinux.org/keys/tomalok.asc"

# Of OpenPGP's versions 4 and 6. The key IDs of 8 and 16 digits can be forged.
_FINGERPRINT = re.compile(r"[0-9A-F]{40}|[0-9A-F]{64}")
_ARMOR = b"-----BEGIN PGP "
_KEY_LIMIT = 1 << 20
_SIGNATURE_LIMIT = 1 << 18
_LOCK_SECONDS = 60
_REASON_LENGTH = 500
_STATUS = "[GNUPG:] "


class SignatureUnavailableError(AlpineCloudError):
    """Whether a signature is good cannot be told: it, the key or GnuPG is missing, or the key is no longer valid."""


class KeyExpiredError(SignatureUnavailableError):
    """The key has expired; its owner may have prolonged it since it was fetched."""


class SignatureRejectedError(AlpineCloudError):
    """The signature is not one of this file by the owner of the key."""


class OtherSignerError(SignatureRejectedError):
    """Another key has made the signature; it may be a subkey that is newer than our copy of the key."""


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


def find_gpg() -> str:
    """Where GnuPG is.

    :raises SignatureUnavailableError: when it is not on ``PATH``; names the packages that have it.
    """
    path = shutil.which("gpg")
    if path is None:
        raise SignatureUnavailableError(
            "gpg is not on PATH where this module runs: install the package gnupg (Debian, Ubuntu, Alpine, Homebrew) "
            "or gnupg2 (Fedora)"
        )
    return path


def fetch_signature(urls: list[str], http: HttpClient) -> bytes:
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


@dataclasses.dataclass(frozen=True)
class Key:
    """A public key that has the right fingerprint and is valid."""

    content: bytes
    kept: bool = False
    """Whether it is our own earlier copy."""


@dataclasses.dataclass(frozen=True)
class KeySource:
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

    def check(self, path: Path, signature: bytes, key: Key) -> None:
        """Make sure that ``signature`` is one of the file at ``path`` by the owner of ``key``.

        Where the signer's subkey has expired in an earlier copy, or is missing there, the key is fetched anew, once.

        :raises SignatureUnavailableError: when that cannot be told.
        :raises SignatureRejectedError: when it is not.
        """
        try:
            check_signature(path, signature, key.content, self.fingerprint)
        except (KeyExpiredError, OtherSignerError):
            if not key.kept:
                raise
            try:
                newer = self._fetch()
            except SignatureUnavailableError:
                newer = key
            if newer.content == key.content:
                raise
            check_signature(path, signature, newer.content, self.fingerprint)

    def get(self) -> Key:
        """The key.

        :raises SignatureUnavailableError: when there is none that is valid.
        :raises InputError: when the option ``key`` cannot be used.
        """
        find_gpg()
        if self.key is not None:
            content, name = self._given(self.key)
            return Key(check_key(content, self.fingerprint, name))
        kept = self._folder.kept(self._file_name)
        if kept is None:
            return self._fetch()
        try:
            return Key(check_key(kept.path.read_bytes(), self.fingerprint, str(kept.path)), kept=True)
        except SignatureUnavailableError as error:
            try:
                return self._fetch()
            except SignatureUnavailableError as fetch_error:
                raise SignatureUnavailableError(f"{error.message}; and {fetch_error.message}") from fetch_error

    def _given(self, key: str) -> tuple[bytes, str]:
        if _ARMOR.decode() in key:
            return key.encode(), "the text in option key"
        path = Path(key).expanduser()
        try:
            return path.read_bytes(), f"key {path}"
        except OSError as error:
            raise InputError(f"key {path} cannot be read: {error.strerror}") from error

    def _fetch(self) -> Key:
        try:
            content = try_each([self.key_url], lambda url: self.http.read(url, limit=_KEY_LIMIT))
        except MirrorsError as error:
            raise SignatureUnavailableError(
                f"the signer's key cannot be fetched: {error.message}. Give it in option key, as a file or as text, or "
                "another place in option key_url: it is only accepted if it has the fingerprint"
            ) from error
        content = check_key(content, self.fingerprint, f"key_url {self.key_url}")
        if self.pin:
            with self._folder.locked(self._file_name, _LOCK_SECONDS), self._folder.partial(self._file_name) as partial:
                partial.write_bytes(content)
                self._folder.keep(partial, self._file_name)
        return Key(content)

    @property
    def _folder(self) -> WorkDirectory:
        return WorkDirectory(self.work_dir, "keys")

    @property
    def _file_name(self) -> str:
        return f"{self.fingerprint}.asc"


def check_key(content: bytes, fingerprint: str, name: str) -> bytes:
    """Return ``content``, if it holds the key with ``fingerprint``, and that is valid.

    :param name: where it comes from, for messages.
    :raises SignatureUnavailableError: otherwise.
    """
    with _gnupg_home() as home:
        # Its exit status tells nothing more than whether keys are there.
        _gpg(home, "--import", stdin=content)
        listing = _gpg(home, "--with-colons", "--list-keys").stdout
    # https://github.com/gpg/gnupg/blob/master/doc/DETAILS, "Description of the fields"
    keys: dict[str, list[str]] = {}
    primary: list[str] | None = None
    for fields in (line.split(":") for line in listing.splitlines()):
        if fields[0] == "pub":
            primary = fields
        elif fields[0] == "fpr" and primary is not None:
            keys[fields[9]] = primary
            primary = None
    if not keys:
        raise SignatureUnavailableError(f"{name} holds no OpenPGP public key: it begins with {beginning_of(content)}")
    if fingerprint not in keys:
        raise SignatureUnavailableError(
            f"{name} holds the key {', '.join(keys)}, but fingerprint says {fingerprint}. If Alpine has changed its "
            "signer, find the new fingerprint on alpinelinux.org, and give it in option fingerprint; otherwise do not "
            "trust this key"
        )
    validity, expires = keys[fingerprint][1], keys[fingerprint][6]
    if validity == "r":
        raise SignatureUnavailableError(
            f"{name}: the key {fingerprint} has been revoked by its owner. Find Alpine's current signer on "
            "alpinelinux.org, and give its key in option key and its fingerprint in option fingerprint"
        )
    if validity == "e":
        raise _expired(f"{name}: the key {fingerprint}", expires)
    return content


def check_signature(path: Path, signature: bytes, key: bytes, fingerprint: str) -> None:
    """Make sure that ``signature`` is one of the file at ``path`` by the owner of ``key``.

    :raises KeyExpiredError: when it is, but the key or its subkey has expired.
    :raises SignatureRejectedError: when it is not.
    """
    with _gnupg_home() as home:
        _gpg(home, "--import", stdin=key)
        signature_file = home / "signature"
        signature_file.write_bytes(signature)
        completed = _gpg(home, "--verify", signature_file, path.absolute())
    # https://github.com/gpg/gnupg/blob/master/doc/DETAILS, "Format of the --status-fd output". Of several signatures
    # one suffices, such as when two signers hand over.
    signatures: list[dict[str, list[str]]] = []
    for line in completed.stdout.splitlines():
        keyword, *arguments = line.removeprefix(_STATUS).split(" ")
        if keyword == "NEWSIG":
            signatures.append({})
        elif signatures:
            signatures[-1].setdefault(keyword, arguments)
    outcomes = [_outcome_of(found, fingerprint, completed.stderr) for found in signatures]
    if None in outcomes:
        return
    for outcome in outcomes:
        if outcome is not None:
            raise outcome
    raise SignatureRejectedError(f"the signature cannot be checked: {_reason(completed.stderr)}")


def _outcome_of(found: dict[str, list[str]], fingerprint: str, stderr: str) -> AlpineCloudError | None:
    """What is wrong with one signature.

    :param found: GnuPG's status lines about it, the arguments by keyword.
    """
    if "BADSIG" in found:
        return SignatureRejectedError(
            f"the signature by {found['BADSIG'][0]} is not one of this content: the file or the signature has been "
            "changed or damaged, or the two do not belong together"
        )
    if "VALIDSIG" in found:
        signer, primary = found["VALIDSIG"][0], found["VALIDSIG"][-1]
        if primary != fingerprint:
            return _other_signer(signer, fingerprint)
        if "REVKEYSIG" in found:
            return SignatureRejectedError(
                f"the key {signer} that has made the signature has been revoked by its owner, so anybody may have it"
            )
        if "EXPKEYSIG" in found:
            return _expired(f"the key {signer} that has made the signature", found.get("KEYEXPIRED", [""])[0])
        if "EXPSIG" in found:
            return SignatureRejectedError("the signature was valid for a limited time, which is over")
        if "GOODSIG" in found:
            return None
    # 9: the public key is missing.
    if "NO_PUBKEY" in found or found.get("ERRSIG", [])[5:6] == ["9"]:
        issuer = found.get("ERRSIG", found.get("NO_PUBKEY", ["?"]))
        return _other_signer(issuer[6] if len(issuer) > 6 and issuer[6] != "-" else issuer[0], fingerprint)
    return SignatureRejectedError(f"the signature cannot be checked: {_reason(stderr)}")


def _other_signer(signer: str, fingerprint: str) -> OtherSignerError:
    return OtherSignerError(
        f"the signature was made by the key {signer}, but fingerprint says {fingerprint}. If that is a signer whom you "
        "trust, give the key in option key and its fingerprint in option fingerprint"
    )


def _expired(subject: str, when: str) -> KeyExpiredError:
    at = f" on {datetime.datetime.fromtimestamp(int(when), datetime.UTC):%Y-%m-%d}" if when.isdigit() else ""
    return KeyExpiredError(
        f"{subject} expired{at}. Its owner may have prolonged it: give the newer key in option key, or its place in "
        "option key_url; check also the clock of the machine where this module runs"
    )


def _reason(stderr: str) -> str:
    return " ".join(line.removeprefix("gpg: ") for line in stderr.splitlines())[:_REASON_LENGTH]


@contextlib.contextmanager
def _gnupg_home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="alpine-cloud-gpg-") as folder:
        yield Path(folder)


def _gpg(
    home: Path, *arguments: str | os.PathLike[str], stdin: bytes | None = None
) -> subprocess.CompletedProcess[str]:
    """Run GnuPG with nothing but ``home``, so with no key that is not there, no network and no daemon."""
    # Not AnsibleModule.run_command(): what calls this knows no module, and no shell is wanted.
    completed = subprocess.run(  # pylint: disable=ansible-bad-function
        [
            find_gpg(), "--homedir", home, "--no-options", "--batch", "--no-tty", "--no-autostart",
            "--no-auto-key-retrieve", "--no-auto-key-locate", "--trust-model", "always", "--no-auto-check-trustdb",
            "--status-fd", "1", *arguments,
        ],
        input=stdin or b"",
        capture_output=True,
        check=False,
        # So that its reasons are in one language.
        env={**os.environ, "LC_ALL": "C", "GNUPGHOME": str(home)},
    )  # fmt: skip
    return subprocess.CompletedProcess(
        completed.args,
        completed.returncode,
        completed.stdout.decode("utf-8", "replace"),
        completed.stderr.decode("utf-8", "replace"),
    )
