# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running GnuPG with a keyring of its own, and reading what it says.

GnuPG rather than a Python library: it is packaged everywhere, maintained with care, and what users check by hand with,
while the libraries either lack a maintainer or come as compiled code that not every platform has. Not ``gpgv``, which
does not look at whether the key has expired or been revoked. The user's own keyring and settings play no part.

What its lines mean stands in https://github.com/gpg/gnupg/blob/master/doc/DETAILS.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from .._core.programs import Completed, Program, UnusableProgramError
from .signature_errors import SignatureUnavailableError

_GPG = Program("gpg", "gnupg (Debian, Ubuntu, Alpine, Homebrew) or gnupg2 (Fedora)")
# With no key but those in its home, no network and no daemon.
_ALONE = (
    "--no-options", "--batch", "--no-tty", "--no-autostart", "--no-auto-key-retrieve", "--no-auto-key-locate",
    "--trust-model", "always", "--no-auto-check-trustdb", "--status-fd", "1",
)  # fmt: skip
_REASON_LENGTH = 500
_STATUS = "[GNUPG:] "
_NO_PUBLIC_KEY = "9"
"""The reason in a line ``ERRSIG``."""

SignatureVerdict = Literal["good", "bad", "revoked key", "expired key", "expired", "unknown key", "unclear"]

# The first of these keywords counts.
_VERDICTS: dict[str, SignatureVerdict] = {
    "REVKEYSIG": "revoked key",
    "EXPKEYSIG": "expired key",
    "EXPSIG": "expired",
    "GOODSIG": "good",
}


@dataclasses.dataclass(frozen=True)
class OpenPgpKey:
    """A primary key in a keyring."""

    fingerprint: str
    revoked: bool
    expired: bool
    expires: datetime.date | None
    """In UTC; ``None`` where it never does."""


@dataclasses.dataclass(frozen=True)
class SignatureStatus:
    """What GnuPG says of one signature."""

    verdict: SignatureVerdict
    signer: str = "?"
    """The fingerprint of the key that has made it, which may be a subkey; its ID where no more is known."""
    owner: str | None = None
    """The fingerprint of the primary key that it belongs to, where that is in the keyring."""
    key_expired_on: datetime.date | None = None
    """In UTC."""

    @classmethod
    def of(cls, lines: dict[str, list[str]]) -> SignatureStatus:
        """Of its status lines, the arguments by keyword."""
        if "BADSIG" in lines:
            return cls("bad", lines["BADSIG"][0])
        if "VALIDSIG" in lines:
            signer, owner = lines["VALIDSIG"][0], lines["VALIDSIG"][-1]
            verdicts = [verdict for keyword, verdict in _VERDICTS.items() if keyword in lines]
            return cls(verdicts[0] if verdicts else "unclear", signer, owner, _day(lines.get("KEYEXPIRED", [""])[0]))
        if "NO_PUBKEY" in lines or lines.get("ERRSIG", [])[5:6] == [_NO_PUBLIC_KEY]:
            issuer = lines.get("ERRSIG", lines.get("NO_PUBKEY", ["?"]))
            return cls("unknown key", issuer[6] if len(issuer) > 6 and issuer[6] != "-" else issuer[0])
        return cls("unclear")


class Keyring:
    """Some public keys, in a home of GnuPG's that is gone afterwards; see :func:`keyring_of`."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def import_keys(self, content: bytes) -> None:
        """Add the keys in ``content``, if there are any."""
        # Its exit status tells nothing more than whether keys are there.
        self._run("--import", stdin=content)

    def keys(self) -> dict[str, OpenPgpKey]:
        """The primary keys, by their fingerprints."""
        keys: dict[str, OpenPgpKey] = {}
        primary: list[str] | None = None
        for fields in (line.split(":") for line in self._run("--with-colons", "--list-keys").stdout.splitlines()):
            if fields[0] == "pub":
                primary = fields
            elif fields[0] == "fpr" and primary is not None:
                validity, fingerprint = primary[1], fields[9]
                keys[fingerprint] = OpenPgpKey(fingerprint, validity == "r", validity == "e", _day(primary[6]))
                primary = None
        return keys

    def verify(self, path: Path, signature: bytes) -> tuple[list[SignatureStatus], str]:
        """What there is to say of each signature in ``signature`` of the file at ``path``, and GnuPG's own words."""
        signature_file = self._home / "signature"
        signature_file.write_bytes(signature)
        completed = self._run("--verify", signature_file, path.absolute())
        signatures: list[dict[str, list[str]]] = []
        for line in completed.stdout.splitlines():
            keyword, *arguments = line.removeprefix(_STATUS).split(" ")
            if keyword == "NEWSIG":
                signatures.append({})
            elif signatures:
                signatures[-1].setdefault(keyword, arguments)
        words = " ".join(line.removeprefix("gpg: ") for line in completed.stderr.splitlines())
        return [SignatureStatus.of(lines) for lines in signatures], words[:_REASON_LENGTH]

    def _run(self, *arguments: str | os.PathLike[str], stdin: bytes = b"") -> Completed:
        try:
            return _GPG.run(
                "--homedir", self._home, *_ALONE, *arguments, stdin=stdin, variables={"GNUPGHOME": str(self._home)}
            )
        except UnusableProgramError as error:
            raise SignatureUnavailableError(error.message) from error


@contextlib.contextmanager
def keyring_of(content: bytes) -> Iterator[Keyring]:
    """A keyring with the public keys in ``content``, if there are any.

    :raises SignatureUnavailableError: when GnuPG is missing, or cannot be started.
    """
    with tempfile.TemporaryDirectory(prefix="alpine-cloud-gpg-") as home:
        keyring = Keyring(Path(home))
        keyring.import_keys(content)
        yield keyring


def check_gpg() -> None:
    """Make sure that GnuPG is there.

    :raises SignatureUnavailableError: when it is not on ``PATH``; names the packages that have it.
    """
    try:
        _GPG.find()
    except UnusableProgramError as error:
        raise SignatureUnavailableError(error.message) from error


def _day(seconds: str) -> datetime.date | None:
    """Of a moment in seconds since 1970, the way that GnuPG tells them."""
    return datetime.datetime.fromtimestamp(int(seconds), datetime.UTC).date() if seconds.isdigit() else None
