# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Content is identity: the SHA-256 of the source image, as every provider object carries it."""

from __future__ import annotations

import re

from .errors import InputError

IDENTITY_KEY = "source-sha256"
"""Tag (AWS, Azure), freeform tag (OCI), label (GCP) and object metadata key.

Azure blob metadata allows no dash: there it is ``source_sha256``.
"""

_SHA256 = re.compile(r"[0-9a-f]{64}")


def checked_sha256(value: str, option: str = "source_sha256") -> str:
    """Return ``value`` in lower case.

    :raises InputError: when it is not a SHA-256 in hexadecimal.
    """
    digest = value.strip().lower()
    if not _SHA256.fullmatch(digest):
        raise InputError(f"{option} must be a SHA-256 as 64 hexadecimal digits, got {value!r}")
    return digest


def identity_label(sha256: str) -> str:
    """The value of a Google Cloud label, 63 characters at most: the digest less its last digit (252 bits)."""
    return sha256[:63]
