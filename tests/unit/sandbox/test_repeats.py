# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request that comes again is answered as the first time, and does nothing more."""

from __future__ import annotations

import pytest

from tests.sandbox._repeats import FirstAnswers


def test_a_token_stands_for_its_first_request() -> None:
    answers = FirstAnswers[int]()
    counter = iter(range(10))
    misused = ValueError("another request")

    def act() -> int:
        return next(counter)

    assert [answers.answer(token, {"a": 1}, act, misused=misused) for token in ("x", "y", "x", "y")] == [0, 1, 0, 1]
    with pytest.raises(ValueError, match="another request"):
        answers.answer("x", {"a": 2}, act, misused=misused)
    assert answers.answer("x", {"a": 1}, act, misused=misused) == 0


def test_what_failed_has_no_answer_yet() -> None:
    answers = FirstAnswers[int]()

    def fail() -> int:
        raise RuntimeError

    with pytest.raises(RuntimeError):
        answers.answer("x", 1, fail, misused=ValueError())
    assert answers.answer("x", 2, lambda: 3, misused=ValueError()) == 3
