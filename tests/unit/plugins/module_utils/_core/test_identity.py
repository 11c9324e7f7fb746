# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import ConflictError, InputError
from ansible_collections.alpine.cloud.plugins.module_utils._core.identity import (
    IDENTITY_KEY,
    checked_sha256,
    identity_label,
    refuse_other_content,
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


@pytest.mark.parametrize(("held", "wanted"), [(DIGEST, DIGEST), (DIGEST, None), (None, None)])
def test_what_carries_the_digest_or_is_named_without_one_may_be_removed(held: str | None, wanted: str | None) -> None:
    refuse_other_content("s3://b/k", held=held, wanted=wanted)


@pytest.mark.parametrize(("held", "said"), [("f" * 64, f"source-sha256 {'f' * 64}"), (None, "no source-sha256")])
def test_other_content_is_not_removed(held: str | None, said: str) -> None:
    with pytest.raises(ConflictError) as caught:
        refuse_other_content("s3://b/k", held=held, wanted=DIGEST)
    assert str(caught.value).startswith(f"s3://b/k carries {said}, not {DIGEST}, and is not removed.")
