# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.plugin_utils._progress_action import ProgressDisplay, describe, percent_of


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Screen:
    def __init__(self) -> None:
        self.shown: list[tuple[str, bool]] = []

    def __call__(self, text: str, whole_line: bool) -> None:
        self.shown.append((text, whole_line))


def _report(done: int, total: int = 100, step: str = "upload", unit: str = "percent") -> dict[str, Any]:
    return {"step": step, "done": done, "total": total, "unit": unit}


def _display(*, as_bar: bool) -> tuple[ProgressDisplay, Screen, Clock]:
    screen, clock = Screen(), Clock()
    return ProgressDisplay(screen, prefix="localhost: alpine_s3_object", as_bar=as_bar, clock=clock), screen, clock


def test_bar_is_redrawn_in_one_line_and_leaves_no_residue() -> None:
    display, screen, _clock = _display(as_bar=True)
    display.report(_report(50))
    display.close()
    assert screen.shown == [(f"\r\x1b[K[{'#' * 15}{' ' * 15}] upload  50 %", False), ("\r\x1b[K", False)]


def test_no_bar_no_clearing() -> None:
    display, screen, _clock = _display(as_bar=True)
    display.close()
    assert screen.shown == []


def test_lines_only_for_a_step_that_takes_a_while() -> None:
    display, screen, clock = _display(as_bar=False)
    display.report(_report(0))
    clock.now += 1
    display.report(_report(50))
    assert screen.shown == []
    clock.now += 1.5
    display.report(_report(60))
    assert screen.shown == [("localhost: alpine_s3_object: upload  60 %", True)]


def test_a_line_every_ten_percent_or_thirty_seconds() -> None:
    display, screen, clock = _display(as_bar=False)
    display.report(_report(0))
    for percent in (10, 15, 20, 21):
        clock.now += 3
        display.report(_report(percent))
    assert [text[-4:] for text, _line in screen.shown] == ["10 %", "20 %"]
    clock.now += 31
    display.report(_report(22))
    assert screen.shown[-1][0].endswith("22 %")


def test_a_new_step_starts_anew() -> None:
    display, screen, clock = _display(as_bar=False)
    display.report(_report(0))
    clock.now += 5
    display.report(_report(90))
    display.report(_report(50, step="import"))
    assert [text for text, _line in screen.shown] == ["localhost: alpine_s3_object: upload  90 %"]


def test_bytes_are_described_with_a_rate() -> None:
    report = _report(12 << 20, 30 << 20, unit="bytes")
    assert describe(report, 4.0) == "upload  40 %  12.0 of 30.0 MiB, 3.0 MiB/s"
    assert describe(report, 0.0) == "upload  40 %  12.0 of 30.0 MiB"


@pytest.mark.parametrize(("done", "total", "percent"), [(0, 0, 100), (1, 3, 33), (3, 3, 100), (4, 3, 100)])
def test_percent(done: int, total: int, percent: int) -> None:
    assert percent_of(_report(done, total)) == percent
