# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._launch.user_data import checked_user_data, in_base64


@pytest.mark.parametrize("text", [None, "", "#!/bin/sh\n", "é" * 8])
def test_what_fits_passes(text: str | None) -> None:
    assert checked_user_data(text, limit=16, cloud="EC2") == text


@pytest.mark.parametrize("text", ["a" * 17, "é" * 9])
def test_bytes_are_counted_and_not_characters(text: str) -> None:
    with pytest.raises(InputError, match=f"user_data has {len(text.encode())} bytes, but EC2 takes 16"):
        checked_user_data(text, limit=16, cloud="EC2")


def test_the_limit_may_be_of_the_encoded_form() -> None:
    assert checked_user_data("a" * 12, limit=16, cloud="OCI", encoded=True) == "a" * 12
    with pytest.raises(InputError, match="user_data has 20 bytes in base64, but OCI takes 16"):
        checked_user_data("a" * 13, limit=16, cloud="OCI", encoded=True)


def test_base64_is_of_utf_8() -> None:
    assert in_base64("é\n") == "w6kK"
