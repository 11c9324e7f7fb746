# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and tags as Oracle Cloud allows them.

The rules: https://docs.oracle.com/iaas/Content/Tagging/Concepts/taggingoverview.htm#limits
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .._core.errors import InputError

_LONGEST_NAME = 255
_MOST_TAGS = 10
_TAG_KEY = re.compile(r"[^\s.]{1,100}")
_LONGEST_VALUE = 256
_BUCKET = re.compile(r"[A-Za-z0-9._-]{1,256}")


def checked_display_name(name: str) -> str:
    """Return ``name``. :raises InputError: when it is too long for a resource."""
    if not 1 <= len(name) <= _LONGEST_NAME:
        raise InputError(f"name has {len(name)} characters, but Oracle Cloud takes 1 to {_LONGEST_NAME}")
    return name


def checked_bucket_name(name: str) -> str:
    """Return ``name``. :raises InputError: when Object Storage allows no bucket of that name."""
    if not _BUCKET.fullmatch(name):
        raise InputError(
            f"bucket {name!r} is not a bucket's name: 1 to 256 letters, digits, dashes, underscores and periods"
        )
    return name


def checked_freeform_tags(tags: Mapping[str, Any] | None, own: Mapping[str, str]) -> dict[str, str]:
    """The user's tags, with those that the module sets.

    :param own: the latter.
    :raises InputError: when Oracle Cloud would refuse them.
    """
    wanted = {**{str(key): str(value) for key, value in (tags or {}).items()}, **own}
    for key, value in wanted.items():
        if not _TAG_KEY.fullmatch(key):
            raise InputError(f"freeform_tags: a key has 1 to 100 characters, no blanks and no periods, unlike {key!r}")
        if len(value) > _LONGEST_VALUE:
            raise InputError(
                f"freeform_tags: a value has {_LONGEST_VALUE} characters at most, but that of {key!r} {len(value)}"
            )
    if len(wanted) > _MOST_TAGS:
        raise InputError(
            f"freeform_tags: {len(wanted)} tags with the module's own, but Oracle Cloud takes {_MOST_TAGS}"
        )
    return wanted
