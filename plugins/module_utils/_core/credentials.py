# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets and certificates as users give them, checked before a library gets them."""

from __future__ import annotations

import ssl

from .errors import InputError


def checked_secret(value: str | None, what: str) -> str | None:
    """``value`` without the white space around it, such as the line end of its file; ``None`` where nothing is left.

    :param what: the option, for the message.
    :raises InputError: when it cannot be sent.
    """
    stripped = (value or "").strip()
    check_secret(stripped, what)
    return stripped or None


def check_secret(value: str, what: str) -> None:
    """Refuse what a library could not send, and would quote then.

    :param what: the option or variable, for the message.
    :raises InputError: when there is white space in ``value``, or a character that no such secret has.
    """
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise InputError(f"{what} has white space in it, or what is no ASCII character: it was not copied as it is")


def checked_ca_file(path: str | None, option: str) -> str | None:
    """``path``; ``None`` where none is given.

    :raises InputError: when it is no file with certificates.
    """
    if not path:
        return None
    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError as error:
        raise InputError(f"{option} {path} holds no certificate in PEM format") from error
    except OSError as error:
        raise InputError(f"{option} {path}: {error.strerror}") from error
    return path


def tells_of_untrusted(error: object) -> bool:
    """Whether a server's certificate is not trusted, which it will not be at the next attempt either."""
    return "CERTIFICATE_VERIFY_FAILED" in str(error)
