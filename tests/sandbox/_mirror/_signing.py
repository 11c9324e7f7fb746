# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detached OpenPGP signatures by throw-away keys."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.support.openpgp import Signer

_YEAR = 365 * 86400


class Signers:
    """Owners of keys: the ``signer``, whom users trust; some ``other``; and one whose key has ``expired``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._signers = {
            "signer": Signer("signer"),
            "other": Signer("other"),
            "expired": Signer("expired", expires="1y", age=5 * _YEAR),
        }
        self.fingerprints = {key: signer.fingerprint for key, signer in self._signers.items()}
        self.public_keys = {key: signer.public_key for key, signer in self._signers.items()}

    def sign(self, content: Path, key: str) -> bytes:
        """The armored signature of a file."""
        with self._lock:
            return self._signers[key].sign(content.read_bytes())
