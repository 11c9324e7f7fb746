# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading files piece by piece, and their digests."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

from .units import MIB

if TYPE_CHECKING:
    from hashlib import _Hash

CHUNK_SIZE = MIB
"""In bytes; how much of a file is in memory at once."""


def chunks_of(file: IO[bytes], length: int | None = None) -> Iterator[bytes]:
    """The content of an open file from where it stands, ``CHUNK_SIZE`` bytes at most at a time.

    :param length: how many bytes to read; fewer where the file ends before. By default, up to its end.
    """
    left = length
    while chunk := file.read(CHUNK_SIZE if left is None else min(CHUNK_SIZE, left)):
        yield chunk
        if left is not None:
            left -= len(chunk)


def sha256_of(path: Path) -> str:
    """The SHA-256 of the file at ``path``, in lower-case hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def new_md5(data: bytes = b"") -> _Hash:
    """MD5, for the services that compare what arrives by it; it protects nothing from anybody."""
    return hashlib.md5(data, usedforsecurity=False)


def md5_of(path: Path) -> bytes:
    """The MD5 of the file at ``path``, 16 bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, new_md5).digest()
