# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ``.tar.gz`` that Compute Engine imports: a tar file in GNU or old GNU format that holds only ``disk.raw``.

The rules are those of https://cloud.google.com/compute/docs/import/import-existing-image#requirements_for_the_image_file.
"""

from __future__ import annotations

import dataclasses
import gzip
import os
import tarfile
import zlib
from pathlib import Path

from ansible_collections.alpine.cloud.plugins.module_utils._errors import InputError

GIB = 1 << 30
MEMBER = "disk.raw"
_BLOCK = 512
_MAGIC = slice(257, 265)
_REMEDY = "alpine_image_convert with format=gce_tar makes one that Compute Engine takes"


@dataclasses.dataclass(frozen=True)
class GceTar:
    """A disk in the form that Compute Engine imports."""

    size: int
    """Of the disk that a guest sees, in bytes: whole GiB."""


def inspect_gce_tar(path: str | os.PathLike[str]) -> GceTar:
    """Check the tar file at ``path`` as far as its first headers tell; its content is not read.

    :raises InputError: when Compute Engine would refuse it, or it cannot be read; names the option ``src``.
    """
    try:
        with Path(path).open("rb") as file, gzip.open(file, "rb") as stream:
            magic = stream.read(_BLOCK)[_MAGIC]
            if magic != tarfile.GNU_MAGIC:
                raise InputError(
                    f"src {path} is not a tar file in GNU format (its magic is {magic!r}, not {tarfile.GNU_MAGIC!r}); "
                    f"{_REMEDY}"
                )
            stream.seek(0)
            with tarfile.open(fileobj=stream, mode="r:") as archive:
                member = archive.next()
    except gzip.BadGzipFile as error:
        raise InputError(f"src {path} is not compressed by gzip; {_REMEDY}") from error
    except (EOFError, zlib.error, tarfile.TarError) as error:
        raise InputError(f"src {path} is damaged or incomplete: {error}") from error
    except OSError as error:
        raise InputError(f"src {path}: {error.strerror}") from error
    if member is None or member.name != MEMBER or not member.isreg():
        found = "nothing" if member is None else repr(member.name)
        raise InputError(f"src {path} must hold one file, {MEMBER}, in no folder, but begins with {found}; {_REMEDY}")
    if member.size == 0 or member.size % GIB:
        raise InputError(
            f"src {path}: {MEMBER} must be whole GiB, but is {member.size} bytes; {_REMEDY}, padded with zeros"
        )
    return GceTar(size=member.size)
