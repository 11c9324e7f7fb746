# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import io
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.alpine.cloud.plugins.module_utils._azure.page_ranges import (
    BLOCK,
    MAX_PUT,
    covered,
    nonzero_ranges,
)
from ansible_collections.alpine.cloud.plugins.module_utils._core.units import MIB


def ranges_of(content: bytes) -> list[tuple[int, int]]:
    return list(nonzero_ranges(io.BytesIO(content), lambda _chunk: None))


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 6 * MIB // 512).map(lambda sectors: sectors * 512),
    offsets=st.lists(st.integers(0, 6 * MIB - 1), max_size=12),
)
def test_ranges_hold_all_that_is_not_zero_and_little_more(size: int, offsets: list[int]) -> None:
    content = bytearray(size)
    for offset in offsets:
        content[offset % size] = 1
    ranges = ranges_of(bytes(content))
    rebuilt = bytearray(size)
    for first, last in ranges:
        assert 0 < last - first <= MAX_PUT
        assert first % 512 == last % 512 == 0
        rebuilt[first:last] = content[first:last]
        # Each 64 KiB in it is there for a reason.
        assert all(any(content[block : min(block + BLOCK, last)]) for block in range(first, last, BLOCK))
    assert rebuilt == content
    assert ranges == sorted(ranges)
    assert all(left[1] <= right[0] for left, right in itertools.pairwise(ranges))


def test_long_runs_are_cut_at_what_put_page_takes() -> None:
    assert ranges_of(b"x" * (2 * MAX_PUT + 512)) == [
        (0, MAX_PUT),
        (MAX_PUT, 2 * MAX_PUT),
        (2 * MAX_PUT, 2 * MAX_PUT + 512),
    ]


def test_runs_go_on_over_the_chunks_that_are_read() -> None:
    content = bytes(3 * MIB) + b"x" * (2 * MIB) + bytes(MIB)
    assert ranges_of(content) == [(3 * MIB, 5 * MIB)]


def test_nothing_but_zeros() -> None:
    assert ranges_of(bytes(5 * MIB)) == []


def test_everything_is_hashed() -> None:
    digest = hashlib.md5(usedforsecurity=False)
    list(nonzero_ranges(io.BytesIO(bytes(5 * MIB) + b"x"), digest.update))
    assert digest.digest() == hashlib.md5(bytes(5 * MIB) + b"x", usedforsecurity=False).digest()


@pytest.mark.parametrize(
    ("first", "last", "present", "result"),
    [
        (0, 512, [(0, 512)], True),
        (512, 1024, [(0, 4096)], True),
        (0, 1024, [(0, 512), (512, 1024)], True),
        (0, 1024, [(0, 512), (1024, 2048)], False),
        (0, 1024, [(0, 512), (500, 600), (600, 4096)], True),
        (0, 1024, [(512, 1024)], False),
        (0, 512, [], False),
    ],
)
def test_covered(first: int, last: int, present: list[tuple[int, int]], result: bool) -> None:
    assert covered(first, last, present) is result
