# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detached OpenPGP signatures by throw-away keys."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

# The system time is faked while the key that has expired is made, and while it signs.
_YEARS_AGO = "20200101T120000"
_KEYS = {
    "signer": ("Sandbox Signer <signer@sandbox.invalid>", "never", None),
    "other": ("Somebody Else <other@sandbox.invalid>", "never", None),
    "expired": ("Expired Signer <expired@sandbox.invalid>", "1y", _YEARS_AGO),
}


class Signers:
    """Keys in a home of GnuPG's own: ``signer``, whom users trust; ``other``; and one that has ``expired``."""

    def __init__(self) -> None:
        # Not below the sandbox's directory: the paths of GnuPG's sockets must be short.
        self._home = Path(tempfile.mkdtemp(prefix="gpg-"))
        self._lock = threading.Lock()
        self.fingerprints: dict[str, str] = {}
        self.public_keys: dict[str, bytes] = {}
        for key, (user, expires, time) in _KEYS.items():
            # As large as need be, and no larger: the entropy and the seconds are the tests'.
            self._gpg("--passphrase", "", "--quick-generate-key", user, "rsa2048", "sign", expires, time=time)
            listing = self._gpg("--with-colons", "--list-keys", user).decode()
            self.fingerprints[key] = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr"))
            self.public_keys[key] = self._gpg("--armor", "--export", self.fingerprints[key])

    def sign(self, content: Path, key: str) -> bytes:
        """The armored signature of a file."""
        with self._lock:
            return self._gpg(
                "--local-user", self.fingerprints[key], "--armor", "--output", "-", "--detach-sign", str(content),
                time=_KEYS[key][2],
            )  # fmt: skip

    def close(self) -> None:
        subprocess.run(["gpgconf", "--homedir", str(self._home), "--kill", "all"], check=False, capture_output=True)
        shutil.rmtree(self._home, ignore_errors=True)

    def _gpg(self, *arguments: str, time: str | None = None) -> bytes:
        command = ["gpg", "--homedir", str(self._home), "--batch", "--quiet", "--pinentry-mode", "loopback"]
        if time:
            command += ["--faked-system-time", time]
        return subprocess.run([*command, *arguments], check=True, capture_output=True).stdout
