# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.dates import (
    parsed_moment,
    published_day,
    shown_moment,
)
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError


class TestParsedMoment:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("2028-05-01", datetime(2028, 5, 1, tzinfo=UTC)),
            ("2028-05-01T12:30:15", datetime(2028, 5, 1, 12, 30, 15, tzinfo=UTC)),
            ("2028-05-01 12:30", datetime(2028, 5, 1, 12, 30, tzinfo=UTC)),
            ("2028-05-01T12:30:15Z", datetime(2028, 5, 1, 12, 30, 15, tzinfo=UTC)),
            ("2028-05-01T01:00:00+02:00", datetime(2028, 4, 30, 23, tzinfo=UTC)),
        ],
    )
    def test_is_in_utc(self, value: str, expected: datetime) -> None:
        moment = parsed_moment(value, "until")
        assert moment == expected
        assert moment is not None
        assert moment.utcoffset() == timedelta(0)

    def test_of_a_date_alone_the_caller_says_the_time(self) -> None:
        assert parsed_moment("2028-05-01", "until", at=time(23, 59)) == datetime(2028, 5, 1, 23, 59, tzinfo=UTC)
        assert parsed_moment("2028-05-01T01:00", "until", at=time(23, 59)) == datetime(2028, 5, 1, 1, tzinfo=UTC)

    @pytest.mark.parametrize("value", [None, ""])
    def test_nothing_is_nothing(self, value: str | None) -> None:
        assert parsed_moment(value, "until") is None

    @pytest.mark.parametrize("value", ["soon", "2028-13-01", "2028-05-01T25:00", "1.5.2028", "0001-01-01T00:00+14:00"])
    def test_refuses_others_and_names_the_option(self, value: str) -> None:
        with pytest.raises(InputError) as caught:
            parsed_moment(value, "until")
        assert caught.value.message == (
            f"until must be a date such as 2028-05-01 or 2028-05-01T12:00:00Z, got {value!r}"
        )


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2028, 5, 1, 12, tzinfo=UTC),
        datetime(2028, 5, 1, 14, 0, 0, 999999, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_a_moment_is_shown_in_utc_and_to_the_second(moment: datetime) -> None:
    assert shown_moment(moment) == "2028-05-01T12:00:00Z"


@pytest.mark.parametrize("value", ["2028-05-01", "2028-05-01T12:00:00Z", date(2028, 5, 1), datetime(2028, 5, 1, 23)])
def test_the_day_of_what_is_published(value: object) -> None:
    assert published_day(value) == "2028-05-01"


@pytest.mark.parametrize("value", [None, "", "never", 7, "2028-02-30", ["2028-05-01"]])
def test_nonsense_is_no_day(value: object) -> None:
    assert published_day(value) is None
