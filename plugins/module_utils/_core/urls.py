# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""URLs of servers, as users write them and as messages show them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from .errors import InputError

PORTS = {"http": 80, "https": 443}
"""The protocols that are spoken, and where."""


def origin_of(url: str) -> tuple[str, str | None, int | None]:
    """Protocol, host and port. :raises ValueError: when ``url`` is none."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme)


def without_secrets(url: str) -> str:
    """``url`` as it may stand in a message: without user name, password and query."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def checked_url(url: str, option: str, *, remedy: str) -> str:
    """``url`` without the slashes at its end.

    :param remedy: where user name and password belong.
    :raises InputError: when it is not a complete http or https URL, or holds a password, which results would show.
    """
    rule = f"{option} must be a URL that begins with https:// or http://"
    try:
        scheme, host, _port = origin_of(url)
    except ValueError:
        # Its own words could quote a part of a password.
        raise InputError(rule) from None
    if scheme not in PORTS or not host or not url.isascii() or re.search(r"\s", url):
        raise InputError(f"{rule}, got {without_secrets(url)!r}")
    if "@" in urlsplit(url).netloc:
        raise InputError(f"{option} {without_secrets(url)} must not hold a user name or password: {remedy}")
    return url.rstrip("/")


def checked_address(url: str | None, option: str) -> str | None:
    """The address of a cloud's service without the slashes at its end; ``None`` where none is given.

    :raises InputError: when it is no URL, or holds a password or a query, which messages would show.
    """
    if not url:
        return None
    address = checked_url(url, option, remedy="the options about credentials say who you are")
    if urlsplit(url).query or urlsplit(url).fragment:
        raise InputError(f"{option} {without_secrets(url)} must be an address alone, without '?' and what follows it")
    return address
