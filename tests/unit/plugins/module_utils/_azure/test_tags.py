# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._azure.tags import checked_tags, merged_tags
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError


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


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"": "x"}, "a name has 1 to 512 characters"),
        ({"n" * 513: "x"}, "a name has 1 to 512 characters"),
        *(({f"a{sign}b": "x"}, "none of <>%&") for sign in "<>%&\\?/"),
        ({"n": "x" * 257}, "a value has 256 characters at most, but that of 'n' 257"),
        ({"team": "a", "Team": "b"}, "'team' and 'Team' are the same to Azure"),
        ({str(number): "x" for number in range(50)}, "51 tags with the module's own, but Azure takes 50"),
        ({"own": "x"}, "'own' is set by the module, from name"),
    ],
)
def test_what_azure_refuses_is_refused_before(tags: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        checked_tags(tags, {"own": "name"})


def test_what_azure_takes() -> None:
    assert checked_tags(None) is None
    tags = {str(number): "x" * 256 for number in range(49)} | {"n" * 512: 1}
    assert checked_tags(tags) == tags
