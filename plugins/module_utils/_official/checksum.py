# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""SHA-512 digests: of files, and as mirrors publish them."""

from __future__ import annotations

import dataclasses
import hashlib
import posixpath
import re
from pathlib import Path

from .._core.digests import chunks_of
from .._core.errors import AlpineCloudError, InputError
from .quoting import beginning_of

_SHA512 = re.compile(r"[0-9a-f]{128}")
# What sha512sum(1) prints: the digest, a blank, a blank or an asterisk for binary mode, and the name.
_LINE = re.compile(r"\\?(?P<digest>[0-9a-fA-F]+)(?:\s+\*?(?P<name>\S.*))?")
_REMEDY = "Name another file in option sha512_url, or give the digest itself in option sha512"


class ChecksumError(AlpineCloudError):
    """A file's content is not what its published digest says, or that digest cannot be understood."""


@dataclasses.dataclass(frozen=True)
class Digests:
    """What tells a file's content; digests in lower-case hexadecimal."""

    size: int
    """In bytes."""
    sha512: str
    """As Alpine publishes it."""
    sha256: str
    """The identity of what is made from it."""


def digests_of(path: Path) -> Digests:
    """Read the file at ``path`` once."""
    sha512, sha256, size = hashlib.sha512(), hashlib.sha256(), 0
    with path.open("rb") as file:
        for chunk in chunks_of(file):
            sha512.update(chunk)
            sha256.update(chunk)
            size += len(chunk)
    return Digests(size, sha512.hexdigest(), sha256.hexdigest())


def checked_sha512(value: str) -> str:
    """Return ``value`` in lower case.

    :raises InputError: when it is not a SHA-512 in hexadecimal; names the option ``sha512``.
    """
    digest = value.strip().lower()
    if not _SHA512.fullmatch(digest):
        raise InputError(f"sha512 must be a SHA-512 as 128 hexadecimal digits, got {value!r}")
    return digest


def parse_sha512(content: bytes, file_name: str, origin: str) -> str:
    """The digest of ``file_name`` in a ``.sha512`` file: a bare one, or lines as ``sha512sum`` prints them.

    :param origin: where the content comes from, for messages.
    :raises ChecksumError: when there is none, or it is that of another file.
    """
    lines = [line.strip() for line in content.decode("utf-8", "replace").splitlines()]
    matches = [_LINE.fullmatch(line) for line in lines if line and not line.startswith("#")]
    entries = [(match["digest"].lower(), match["name"]) for match in matches if match is not None]
    if not entries or len(entries) < len(matches):
        raise ChecksumError(
            f"{origin} holds no SHA-512, neither bare nor as sha512sum prints it: it begins with "
            f"{beginning_of(content)}. {_REMEDY}"
        )
    own = [digest for digest, name in entries if name is None or posixpath.basename(name) == file_name]
    if not own:
        names = ", ".join(str(name) for _digest, name in entries[:5])
        raise ChecksumError(f"{origin} holds the SHA-512 of {names}, but not that of {file_name}. {_REMEDY}")
    if len(set(own)) > 1:
        raise ChecksumError(f"{origin} holds {len(own)} different digests of {file_name}. {_REMEDY}")
    if not _SHA512.fullmatch(own[0]):
        raise ChecksumError(
            f"{origin} holds a digest of {len(own[0])} hexadecimal digits, but a SHA-512 has 128. {_REMEDY}"
        )
    return own[0]
