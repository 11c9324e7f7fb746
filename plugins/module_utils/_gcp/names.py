# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, families and labels as Compute Engine allows them, and the URLs of objects.

The rules: https://cloud.google.com/compute/docs/naming-resources (RFC 1035) and
https://cloud.google.com/compute/docs/labeling-resources#requirements.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

from .._core.errors import InputError
from .._core.identity import IDENTITY_KEY
from .errors import without_queries

_MAX_LENGTH = 63
_NAME = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_LABEL_KEY = re.compile(r"[a-z][-_a-z0-9]{0,62}")
_LABEL_VALUE = re.compile(r"[-_a-z0-9]{0,63}")
_MAX_LABELS = 64

_GS_URI = re.compile(r"gs://([^/]+)/(.+)")
_OBJECT_URL = re.compile(r"https://storage\.googleapis\.com/[^/?]+/[^?]+(\?.*)?")


def resource_name(name: str) -> str:
    """An Alpine image's name as Compute Engine can spell it: lower case, with dashes for all else.

    ``alpine-3.24.2-x86_64-tiny-r0`` becomes ``alpine-3-24-2-x86-64-tiny-r0``. Never shortened.
    """
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def label_values(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags as labels, whose values are lower case and have no dots: ``3.24.2`` becomes ``3-24-2``."""
    return {key: re.sub(r"[^-_a-z0-9]", "-", str(value).lower()) for key, value in tags.items()}


def checked_name(value: str, option: str) -> str:
    """Return ``value``.

    :raises InputError: when it is no legal name; proposes one where that can be derived.
    """
    if _NAME.fullmatch(value):
        return value
    message = (
        f"{option} must be a lower-case letter and up to 62 lower-case letters, digits and dashes, with no dash at "
        f"the end; got {value!r}"
    )
    if len(value) > _MAX_LENGTH:
        message += f", which has {len(value)} characters"
    proposal = resource_name(value)
    if _NAME.fullmatch(proposal):
        message += f". Legal would be {proposal!r}"
    raise InputError(message)


def checked_labels(
    labels: Mapping[str, str], option: str = "labels", *, identity: str = IDENTITY_KEY
) -> dict[str, str]:
    """Return ``labels``.

    :param identity: the label that this collection sets besides.
    :raises InputError: when one is not legal.
    """
    # One place is taken by the identity.
    if len(labels) >= _MAX_LABELS:
        raise InputError(f"{option}: there can be at most {_MAX_LABELS} labels, and {identity} is one of them")
    for key, value in labels.items():
        if not _LABEL_KEY.fullmatch(key):
            raise InputError(
                f"{option}: the key {key!r} must be a lower-case letter and up to 62 lower-case letters, digits, "
                "dashes and underscores"
            )
        if not _LABEL_VALUE.fullmatch(value):
            raise InputError(
                f"{option}: the value {value!r} of {key} must be at most 63 lower-case letters, digits, dashes and "
                "underscores"
            )
    return dict(labels)


def object_url(bucket: str, name: str) -> str:
    """An object in Cloud Storage as ``rawDisk.source`` of a Compute Engine image has it."""
    return f"https://storage.googleapis.com/{bucket}/{quote(name)}"


def checked_source(source: str) -> str:
    """Return ``source`` as the API takes it: gs:// is an idea of the command line tools.

    :raises InputError: when it is the URL of no object.
    """
    match = _GS_URI.fullmatch(source)
    if match:
        return object_url(match[1], match[2])
    if not _OBJECT_URL.fullmatch(source):
        raise InputError(
            "source must be gs://BUCKET/OBJECT or https://storage.googleapis.com/BUCKET/OBJECT, got "
            f"{without_queries(source)!r}"
        )
    return source
