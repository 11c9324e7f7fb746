# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import threading
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._azure.threads import map_bounded


def test_map_bounded_takes_few_items_ahead() -> None:
    taken = 0
    open_now = 0
    most = 0
    lock = threading.Lock()

    def items() -> Any:
        nonlocal taken
        for item in range(50):
            taken += 1
            yield item

    def work(item: int) -> int:
        nonlocal open_now, most
        with lock:
            open_now += 1
            most = max(most, open_now)
        with lock:
            open_now -= 1
        return item

    results = map_bounded(work, items(), 3)
    next(results)
    assert taken <= 7
    assert sorted([0, *results])[-1] == 49
    assert most <= 3


def test_map_bounded_stops_at_a_failure() -> None:
    started: list[int] = []

    def work(item: int) -> int:
        started.append(item)
        raise ValueError(item)

    with pytest.raises(ValueError, match="0"):
        list(map_bounded(work, range(100), 1))
    assert len(started) <= 3
