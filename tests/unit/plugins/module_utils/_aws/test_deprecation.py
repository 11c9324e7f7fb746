# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._aws.deprecation import (
    check_deprecation,
    parsed_deprecation,
    shown_deprecation,
)
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("2028-05-01", "2028-05-01T23:59:00.000Z"),
        ("2028-05-01T12:30:45Z", "2028-05-01T12:30:00.000Z"),
        ("2028-05-01T12:30", "2028-05-01T12:30:00.000Z"),
        ("2028-05-01T01:30:00+02:00", "2028-04-30T23:30:00.000Z"),
    ],
)
def test_dates_and_times(value: str, shown: str) -> None:
    moment = parsed_deprecation(value)
    assert moment is not None
    assert shown_deprecation(moment) == shown


@pytest.mark.parametrize("value", [None, ""])
def test_none(value: str | None) -> None:
    assert parsed_deprecation(value) is None
    check_deprecation(None)


@pytest.mark.parametrize("value", ["May 2028", "2028-13-01", "never"])
def test_what_is_no_date(value: str) -> None:
    with pytest.raises(InputError, match="deprecate_at must be a date"):
        parsed_deprecation(value)


def test_the_future_is_fine() -> None:
    moment = datetime.now(UTC) + timedelta(days=100)
    check_deprecation(moment)
    check_deprecation(moment, "2027-01-01T00:00:00.000Z")


def test_what_has_come_to_pass_is_left_alone() -> None:
    past = datetime(2020, 5, 1, 23, 59, tzinfo=UTC)
    check_deprecation(past, shown_deprecation(past))
    for held in (None, "2019-05-01T23:59:00.000Z"):
        with pytest.raises(InputError, match="is in the past"):
            check_deprecation(past, held)


def test_ten_years_are_the_limit() -> None:
    with pytest.raises(InputError, match="more than 10 years"):
        check_deprecation(datetime.now(UTC) + timedelta(days=3654))
