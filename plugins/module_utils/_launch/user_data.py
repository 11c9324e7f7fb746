# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""User data: the text that a machine gets from its metadata service, and that Tiny Cloud and cloud-init act on."""

from __future__ import annotations

import base64

from .._core.errors import InputError


def checked_user_data(text: str | None, *, limit: int, cloud: str, encoded: bool = False) -> str | None:
    """Return ``text``.

    :param limit: how many bytes the cloud takes.
    :param cloud: its name, for the message.
    :param encoded: whether the limit is one of the base64 form.
    :raises InputError: when it is longer.
    """
    if text is None:
        return None
    size = len(in_base64(text)) if encoded else len(text.encode())
    if size > limit:
        form = " in base64" if encoded else ""
        raise InputError(f"user_data has {size} bytes{form}, but {cloud} takes {limit}")
    return text


def in_base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode("ascii")
