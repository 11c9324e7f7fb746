# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detached OpenPGP signatures by throw-away keys."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

from tests.support.openpgp import Signer

_YEAR = 365 * 86400


class Signers:
    """Owners of keys: the ``signer``, whom users trust; some ``other``; and one whose key has ``expired``."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closing = contextlib.ExitStack()
        self._signers: dict[str, Signer] = {}
        for key, expires, age in (("signer", "never", 0), ("other", "never", 0), ("expired", "1y", 5 * _YEAR)):
            self._signers[key] = self._closing.enter_context(Signer(key, expires=expires, age=age))
        self.fingerprints = {key: signer.fingerprint for key, signer in self._signers.items()}
        self.public_keys = {key: signer.public_key for key, signer in self._signers.items()}

    def sign(self, content: Path, key: str) -> bytes:
        """The armored signature of a file."""
        with self._lock:
            return self._signers[key].sign(content.read_bytes())

    def close(self) -> None:
        self._closing.close()
