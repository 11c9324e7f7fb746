# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._core.identity import (
    IDENTITY_KEY,
    checked_sha256,
    identity_label,
)

DIGEST = "0123456789abcdef" * 4


@pytest.mark.parametrize("value", [DIGEST, DIGEST.upper(), f" {DIGEST}\n"])
def test_a_digest_is_normalized(value: str) -> None:
    assert checked_sha256(value) == DIGEST


@pytest.mark.parametrize("value", ["", "abc", DIGEST[:-1], DIGEST + "0", "g" * 64, f"sha256:{DIGEST}", f"{DIGEST} -"])
def test_something_else_is_refused(value: str) -> None:
    with pytest.raises(InputError, match="source_sha256 must be a SHA-256 as 64 hexadecimal digits, got"):
        checked_sha256(value)


def test_names_the_option_it_is_told() -> None:
    with pytest.raises(InputError, match=r"^digest must be"):
        checked_sha256("", option="digest")


def test_a_label_is_as_long_as_google_allows() -> None:
    assert identity_label(DIGEST) == DIGEST[:63]
    # https://cloud.google.com/compute/docs/labeling-resources#requirements
    assert re.fullmatch(r"[a-z0-9_-]{1,63}", identity_label(DIGEST))
    assert re.fullmatch(r"[a-z][a-z0-9_-]{0,62}", IDENTITY_KEY)
