# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dates and moments, as users write them, as clouds take and tell them, and as Alpine publishes them."""

from __future__ import annotations

from datetime import UTC, date, datetime, time

from .errors import InputError


def parsed_moment(value: str | None, option: str, *, at: time = time.min) -> datetime | None:
    """The moment that an option names, in UTC; ``None`` where it names none.

    :param value: a date, or a date and time, in UTC where it names no zone (ISO 8601).
    :param option: the option's name, for the message.
    :param at: the time of day, in UTC, that is meant by a date alone.
    :raises InputError: when it is neither.
    """
    if not value:
        return None
    try:
        try:
            return datetime.combine(date.fromisoformat(value), at, UTC)
        except ValueError:
            moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InputError(f"{option} must be a date such as 2028-05-01 or 2028-05-01T12:00:00Z, got {value!r}") from None


def shown_moment(moment: datetime) -> str:
    """In UTC and to the second, by RFC 3339, such as ``2028-05-01T12:00:00Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def published_day(value: object) -> str | None:
    """The day that a date or moment names which somebody else has written, as ``YYYY-MM-DD``; ``None`` for nonsense.

    :param value: text that begins with a date, or a date of YAML's.
    """
    try:
        return date.fromisoformat(str(value)[: len("YYYY-MM-DD")]).isoformat()
    except ValueError:
        return None
