# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signers with throw-away OpenPGP keys."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

_SLOW = 60
# The path of a daemon's socket has 107 bytes at most (unix(7)), of which gpg-12345678/S.gpg-agent.browser takes a part.
_LONGEST_FOLDER = 107 - 33
_SHORT_FOLDER = "/tmp"


class Signer:
    """One who has made a key, and signs with it.

    GnuPG's home is in memory, and on disk while GnuPG runs, as is the daemon that it starts. So nothing has to be
    closed, which a fixture could not rely on: ansible-test ends the child that it forks for each test without that.

    :param name: stands in the key.
    :param expires: when the key expires, as ``gpg --quick-gen-key`` has it, such as ``1d``.
    :param age: how long ago the key was made, in seconds; it cannot be used before.
    """

    def __init__(self, name: str, *, expires: str = "never", age: int = 0) -> None:
        self._files: dict[Path, bytes] = {}
        """GnuPG's, by their paths in its home."""
        # A clock of its own, a minute slow, that advances with each call: GnuPG refuses keys and signatures that are a
        # second ahead of its own, coarser one, and changes of a key that are not newer than the last.
        self._clock = int(time.time()) - age - _SLOW
        self._gpg("--quick-gen-key", f"{name} <{name}@example.org>", "ed25519", "sign", expires)
        listing = self._gpg("--with-colons", "--list-keys").decode().splitlines()
        self.fingerprint = next(line.split(":")[9] for line in listing if line.startswith("fpr:"))

    @property
    def public_key(self) -> bytes:
        """In ASCII armor."""
        return self._gpg("--armor", "--export")

    def sign(self, content: bytes, *, armor: bool = True, expires: str = "0") -> bytes:
        """A detached signature of ``content``, made when the key was made."""
        return self._gpg(
            *(["--armor"] if armor else []), "--default-sig-expire", expires, "--detach-sign", stdin=content
        )

    def prolong(self) -> None:
        """Have the key not expire any more."""
        self._gpg("--quick-set-expire", self.fingerprint, "0")

    def add_subkey(self) -> None:
        """Sign with a subkey from now on."""
        self._gpg("--quick-add-key", self.fingerprint, "ed25519", "sign", "never")

    def revoke(self) -> None:
        certificate = self._files[Path("openpgp-revocs.d") / f"{self.fingerprint}.rev"]
        # A colon protects it from being used by accident.
        self._gpg("--import", stdin=certificate.replace(b":-----BEGIN", b"-----BEGIN"))

    def _gpg(self, *arguments: str, stdin: bytes = b"") -> bytes:
        self._clock += 1
        then = time.strftime("%Y%m%dT%H%M%S!", time.gmtime(self._clock))
        folders = tempfile.gettempdir()
        with tempfile.TemporaryDirectory(
            prefix="gpg-", dir=folders if len(folders) <= _LONGEST_FOLDER else _SHORT_FOLDER
        ) as folder:
            home = Path(folder)
            for path, content in self._files.items():
                (home / path).parent.mkdir(mode=0o700, exist_ok=True)
                (home / path).write_bytes(content)
            try:
                output = subprocess.run(
                    ["gpg", "--homedir", home, "--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", "",
                     "--faked-system-time", then, *arguments],
                    input=stdin, stdout=subprocess.PIPE, check=True, env={**os.environ, "LC_ALL": "C"},
                ).stdout  # fmt: skip
            finally:
                subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True)
            self._files = {path.relative_to(home): path.read_bytes() for path in home.rglob("*") if path.is_file()}
        return output
