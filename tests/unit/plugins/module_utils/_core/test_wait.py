# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import yaml

from ansible_collections.alpine.cloud.plugins.doc_fragments._wait import ModuleDocFragment
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import WaitTimeoutError
from ansible_collections.alpine.cloud.plugins.module_utils._core.wait import WAIT_ARGUMENT_SPEC, Wait, wait_until


class Clock:
    """Time that passes by sleeping alone."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.monotonic", lambda: clock.now)
    monkeypatch.setattr("time.sleep", clock.sleep)
    return clock


def answers(*results: str | None) -> Callable[[], str | None]:
    left: Iterator[str | None] = iter(results)
    return lambda: next(left)


def test_an_answer_at_once_needs_no_sleep(clock: Clock) -> None:
    assert wait_until(answers("done"), timeout=0, interval=5, what="it") == "done"
    assert clock.sleeps == []


def test_asks_at_every_interval(clock: Clock) -> None:
    assert wait_until(answers(None, None, None, "done"), timeout=60, interval=5, what="it") == "done"
    assert clock.sleeps == [5, 5, 5]


def test_an_answer_that_is_false_is_an_answer(clock: Clock) -> None:
    assert wait_until(lambda: False, timeout=60, interval=5, what="it") is False


def test_the_last_question_comes_when_the_time_has_passed(clock: Clock) -> None:
    asked: list[float] = []

    def check() -> None:
        asked.append(clock.now - 1000)

    with pytest.raises(WaitTimeoutError) as caught:
        wait_until(check, timeout=12, interval=5, what="snapshot snap-1")
    assert asked == [0, 5, 10, 12]
    assert caught.value.message.startswith("Gave up after 12 seconds (wait_timeout) waiting for snapshot snap-1.")


def test_slow_questions_count(clock: Clock) -> None:
    def check() -> None:
        clock.now += 7

    with pytest.raises(WaitTimeoutError):
        wait_until(check, timeout=10, interval=5, what="it")
    assert clock.sleeps == [3]


def test_a_final_failure_ends_the_wait(clock: Clock) -> None:
    def check() -> None:
        raise ValueError("deleted")

    with pytest.raises(ValueError, match="deleted"):
        wait_until(check, timeout=60, interval=5, what="it")
    assert clock.sleeps == []


def test_options_are_documented_as_they_are() -> None:
    documented = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]
    assert {
        name: {key: value for key, value in option.items() if key != "description"}
        for name, option in documented.items()
    } == WAIT_ARGUMENT_SPEC


def test_the_options_are_read() -> None:
    wait = Wait.from_params({"wait": False, "wait_timeout": 60, "wait_interval": 2})
    assert wait == Wait(enabled=False, timeout=60, interval=2)


def test_waits_by_the_options() -> None:
    with pytest.raises(WaitTimeoutError, match=r"after 0 seconds .* waiting for the image"):
        Wait(timeout=0, interval=1).until(lambda: None, what="the image")
