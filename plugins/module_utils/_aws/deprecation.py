# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deprecation of an AMI: from that moment on, EC2 shows it to its owner only. It can still be launched.

The rules are those of EnableImageDeprecation in the Amazon EC2 API Reference: not in the past, at most ten years from
now, and to the minute.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from .._core.dates import parsed_moment
from .._core.errors import InputError

# Of a date, until when an image is maintained: it is still maintained on that day.
_END_OF_DAY = time(23, 59)
_MOST_YEARS = timedelta(days=3652)


def parsed_deprecation(value: str | None) -> datetime | None:
    """The moment that option ``deprecate_at`` names, in UTC and to the minute; ``None`` for none.

    :param value: a date, whose last minute is meant, or a date and time, in UTC where it names no zone.
    :raises InputError: when it is neither.
    """
    moment = parsed_moment(value, "deprecate_at", at=_END_OF_DAY)
    return None if moment is None else moment.replace(second=0, microsecond=0)


def shown_deprecation(moment: datetime) -> str:
    """In the form that EC2 tells it in, such as ``2028-05-01T23:59:00.000Z``."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def check_deprecation(moment: datetime | None, held: str | None = None) -> None:
    """Make sure that EC2 would take ``moment``, unless the image has it already.

    :param held: when the image is deprecated, as EC2 tells it.
    :raises InputError: when EC2 would refuse it.
    """
    if moment is None or held == shown_deprecation(moment):
        return
    now = datetime.now(UTC)
    if moment <= now:
        raise InputError(f"deprecate_at {shown_deprecation(moment)} is in the past: EC2 takes a later moment only")
    if moment > now + _MOST_YEARS:
        raise InputError(f"deprecate_at {shown_deprecation(moment)} is more than 10 years from now, which EC2 refuses")
