# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._oci.names import (
    checked_bucket_name,
    checked_display_name,
    checked_freeform_tags,
)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ({"a b": "x"}, "no blanks and no periods, unlike 'a b'"),
        ({"a.b": "x"}, "no blanks and no periods, unlike 'a.b'"),
        ({"": "x"}, "a key has 1 to 100 characters"),
        ({"k" * 101: "x"}, "a key has 1 to 100 characters"),
        ({"k": "x" * 257}, "a value has 256 characters at most, but that of 'k' 257"),
        ({str(number): "x" for number in range(10)}, "11 tags with the module's own, but Oracle Cloud takes 10"),
    ],
)
def test_what_oracle_cloud_refuses_is_refused_before(tags: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        checked_freeform_tags(tags, {"own": "x"})


def test_what_oracle_cloud_takes() -> None:
    tags = {str(number): number for number in range(8)} | {"k" * 100: "x" * 256}
    assert len(checked_freeform_tags(tags, {"own": "x"})) == 10
    assert checked_freeform_tags({"own": "y"}, {"own": "x"}) == {"own": "x"}
    assert checked_display_name("n" * 255) == "n" * 255
    assert checked_bucket_name("Images_1.a-b") == "Images_1.a-b"


@pytest.mark.parametrize("name", ["", "n" * 256])
def test_names_have_a_longest_length(name: str) -> None:
    with pytest.raises(InputError, match=f"name has {len(name)} characters, but Oracle Cloud takes 1 to 255"):
        checked_display_name(name)


@pytest.mark.parametrize("name", ["", "a/b", "a b", "b" * 257])
def test_what_is_no_name_of_a_bucket_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="is not a bucket's name"):
        checked_bucket_name(name)
