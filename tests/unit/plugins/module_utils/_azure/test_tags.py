# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._azure.tags import merged_tags


@pytest.mark.parametrize(
    ("current", "wanted", "append", "result"),
    [
        (None, None, True, {}),
        ({"a": "1"}, None, False, {"a": "1"}),
        ({"a": "1"}, {"b": 2}, True, {"a": "1", "b": "2"}),
        ({"a": "1"}, {"a": "3"}, True, {"a": "3"}),
        ({"a": "1"}, {"b": True}, False, {"b": "True"}),
        ({"a": "1"}, {}, False, {}),
    ],
)
def test_merged_tags(
    current: dict[str, str] | None, wanted: dict[str, Any] | None, append: bool, result: dict[str, str]
) -> None:
    assert merged_tags(current, wanted, append=append) == result


def test_what_is_there_is_not_changed_itself() -> None:
    current = {"a": "1"}
    merged_tags(current, None, append=True)["b"] = "2"
    assert current == {"a": "1"}
