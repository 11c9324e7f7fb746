# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""MD5 and CRC32C, as Cloud Storage tells them and is told them."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import google_crc32c
from werkzeug.wrappers import Request


def hashes_of(path: Path) -> dict[str, str]:
    """``md5Hash`` and ``crc32c`` as an object's resource has them."""
    md5, crc32c = hashlib.md5(usedforsecurity=False), google_crc32c.Checksum()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            md5.update(block)
            crc32c.update(block)
    return {
        "md5Hash": base64.b64encode(md5.digest()).decode(),
        "crc32c": base64.b64encode(crc32c.digest()).decode(),
    }


def promised_hashes(request: Request) -> dict[str, str]:
    """What the request's ``x-goog-hash`` says, by the names of :func:`hashes_of`."""
    promised = {}
    for item in request.headers.get("X-Goog-Hash", "").split(","):
        key, _equals, value = item.strip().partition("=")
        if value:
            promised[{"md5": "md5Hash"}.get(key, key)] = value
    return promised
