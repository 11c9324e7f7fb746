# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._aws.tags import as_dict, as_list, missing_tags, wanted_tags
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError

_SHA256 = "ab" * 32


def test_name_and_identity_are_added() -> None:
    assert wanted_tags({"team": "platform", "year": 2026}, sha256=_SHA256, name="alpine") == {
        "Name": "alpine",
        "source-sha256": _SHA256,
        "team": "platform",
        "year": "2026",
    }
    assert wanted_tags(None, sha256=_SHA256, name="alpine") == {"Name": "alpine", "source-sha256": _SHA256}


def test_users_own_name_wins() -> None:
    assert wanted_tags({"Name": "mine"}, sha256=_SHA256, name="alpine")["Name"] == "mine"


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"aws:project": "x"}, "begins with 'aws:'"),
        ({"AWS:project": "x"}, "begins with 'aws:'"),
        ({"": "x"}, "a key has 1 to 128 characters"),
        ({"k" * 129: "x"}, "a key has 1 to 128 characters"),
        ({"key": "x" * 257}, "a value 256 at most"),
        ({"source-sha256": "cd" * 32}, "source-sha256 is set by the module"),
        ({str(number): "x" for number in range(49)}, "51 tags with the module's own, but EC2 takes 50"),
    ],
)
def test_what_ec2_refuses_is_refused_before(tags: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        wanted_tags(tags, sha256=_SHA256, name="alpine")


def test_as_many_tags_as_ec2_takes() -> None:
    tags = {str(number): "x" * 256 for number in range(47)} | {"k" * 128: ""}
    assert len(wanted_tags(tags, sha256=_SHA256, name="alpine")) == 50


def test_forms_of_requests_and_answers() -> None:
    tags = {"b": "2", "a": "1"}
    assert as_list(tags) == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    assert as_dict(as_list(tags)) == tags
    assert as_dict(None) == as_dict([]) == {}


def test_only_what_differs_is_missing() -> None:
    assert missing_tags({"a": "1", "b": "2", "other": "x"}, {"a": "1", "b": "3", "c": "4"}) == {"b": "3", "c": "4"}
