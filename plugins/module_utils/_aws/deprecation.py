# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deprecation of an AMI: from that moment on, EC2 shows it to its owner only. It can still be launched.

The rules are those of EnableImageDeprecation in the Amazon EC2 API Reference: not in the past, at most ten years from
now, and to the minute.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from .._core.errors import InputError
from .errors import aws_errors

# Of a date, until when an image is maintained: it is still maintained on that day.
_END_OF_DAY = time(23, 59)
_MOST_YEARS = timedelta(days=3652)


def parsed_deprecation(value: str | None) -> datetime | None:
    """The moment that option ``deprecate_at`` names, in UTC and to the minute; ``None`` for none.

    :param value: a date, whose last minute is meant, or a date and time, in UTC where it names no zone.
    :raises InputError: when it is neither.
    """
    if not value:
        return None
    try:
        try:
            return datetime.combine(date.fromisoformat(value), _END_OF_DAY, UTC)
        except ValueError:
            moment = datetime.fromisoformat(value)
    except ValueError:
        raise InputError(
            f"deprecate_at must be a date such as 2028-05-01 or 2028-05-01T12:00:00Z, got {value!r}"
        ) from None
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.replace(second=0, microsecond=0)


def deprecation_of(image: Mapping[str, Any]) -> str | None:
    """When an image is deprecated, as EC2 tells it."""
    return image.get("DeprecationTime")


def shown_deprecation(moment: datetime) -> str:
    """In the form that EC2 tells it in, such as ``2028-05-01T23:59:00.000Z``."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def deprecation_needed(image: Mapping[str, Any], moment: datetime | None) -> bool:
    """Whether the image, which may be an empty mapping where there is none yet, has to be told.

    :raises InputError: when EC2 would refuse that.
    """
    if moment is None or deprecation_of(image) == shown_deprecation(moment):
        return False
    now = datetime.now(UTC)
    if moment <= now:
        raise InputError(f"deprecate_at {shown_deprecation(moment)} is in the past: EC2 takes a later moment only")
    if moment > now + _MOST_YEARS:
        raise InputError(f"deprecate_at {shown_deprecation(moment)} is more than 10 years from now, which EC2 refuses")
    return True


def deprecate(ec2: Any, image_id: str, moment: datetime) -> None:
    """Set the moment from which on the image is deprecated.

    :raises ProviderError: when EC2 refuses.
    """
    with aws_errors(f"set the deprecation of image {image_id}"):
        ec2.enable_image_deprecation(ImageId=image_id, DeprecateAt=moment)
