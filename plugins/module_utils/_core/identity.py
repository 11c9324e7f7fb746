# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Content is identity: the SHA-256 of the source image, as every provider object carries it."""

from __future__ import annotations

import re

from .errors import ConflictError, InputError

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


def refuse_other_content(what: str, *, held: str | None, wanted: str | None) -> None:
    """Keep ``state: absent`` from what carries another digest than the one that it names, or none.

    :param what: its kind and name, such as ``s3://bucket/key``.
    :param held: the digest that it carries.
    :param wanted: the ``source_sha256`` that was given; without one the name alone decides.
    :raises ConflictError: when it is not to be removed.
    """
    if wanted is None or held == wanted:
        return
    carried = f"carries {IDENTITY_KEY} {held}" if held else f"carries no {IDENTITY_KEY}"
    raise ConflictError(
        f"{what} {carried}, not {wanted}, and is not removed. Leave source_sha256 out to have it removed by its name."
    )


def identity_label(sha256: str) -> str:
    """The value of a Google Cloud label, 63 characters at most: the digest less its last digit (252 bits)."""
    return sha256[:63]
