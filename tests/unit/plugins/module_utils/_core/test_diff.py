# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses

from ansible_collections.alpine.cloud.plugins.module_utils._core.diff import attributes_of, diff_of, differences


@dataclasses.dataclass(frozen=True)
class Attributes:
    name: str
    tags: dict[str, int]


def test_holds_what_differs() -> None:
    before = {"name": "a", "tags": {"x": 1}, "size": 1}
    after = {"name": "a", "tags": {"x": 2}, "size": 2}
    assert diff_of(before, after) == {
        "before": {"tags": {"x": 1}, "size": 1},
        "after": {"tags": {"x": 2}, "size": 2},
    }


def test_of_the_same_is_empty() -> None:
    assert diff_of({"name": "a"}, {"name": "a"}) == {"before": {}, "after": {}}


def test_shows_creation_and_removal() -> None:
    assert diff_of({}, {"name": "a"}) == {"before": {}, "after": {"name": "a"}}
    assert diff_of({"name": "a"}, {}) == {"before": {"name": "a"}, "after": {}}


def test_an_attribute_that_comes_is_shown_on_one_side() -> None:
    assert diff_of({"name": "a"}, {"name": "a", "family": "b"}) == {"before": {}, "after": {"family": "b"}}


def test_records_are_compared_by_their_fields() -> None:
    assert diff_of(Attributes("a", {"x": 1}), Attributes("a", {"x": 2})) == {
        "before": {"tags": {"x": 1}},
        "after": {"tags": {"x": 2}},
    }


def test_no_record_has_no_attributes() -> None:
    assert diff_of(None, Attributes("a", {})) == {"before": {}, "after": {"name": "a", "tags": {}}}
    assert attributes_of(None) == {}


def test_differences_say_what_is_and_what_should_be() -> None:
    held, wanted = Attributes("a", {"x": 1}), Attributes("b", {"x": 1})
    assert differences(held, wanted) == {"name": "name is 'a', not 'b'"}
    assert differences(held, held) == {}
