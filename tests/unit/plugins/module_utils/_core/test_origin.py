# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import (
    AlpineCloudError,
    InputError,
    ProviderError,
)
from ansible_collections.alpine.cloud.plugins.module_utils._core.identity import checked_sha256
from ansible_collections.alpine.cloud.plugins.module_utils._core.origin import (
    raised_by_collection,
    translated_errors,
)


def _raised(act: Callable[[], Any]) -> Exception:
    with pytest.raises(Exception) as caught:
        act()
    return caught.value


def test_what_the_collection_raises_is_its_own() -> None:
    not_a_digest: Any = None
    assert raised_by_collection(_raised(lambda: checked_sha256("ab")))
    assert raised_by_collection(_raised(lambda: checked_sha256(not_a_digest)))


def test_what_a_library_raises_is_not() -> None:
    assert not raised_by_collection(_raised(lambda: json.loads("{")))


def test_an_error_that_was_never_raised_is_nobodys() -> None:
    assert not raised_by_collection(ValueError())


def _translate(error: Exception) -> AlpineCloudError:
    return ProviderError(f"translated: {error}", operation="Try")


def test_only_what_a_library_raises_is_translated() -> None:
    with pytest.raises(ProviderError, match=r"^translated: Expecting") as caught, translated_errors(_translate):
        json.loads("{")
    assert isinstance(caught.value.__cause__, ValueError)

    not_a_digest: Any = None
    with pytest.raises(InputError), translated_errors(_translate):
        checked_sha256("ab")
    with pytest.raises(AttributeError), translated_errors(_translate):
        checked_sha256(not_a_digest)
    with pytest.raises(KeyboardInterrupt), translated_errors(_translate):
        raise KeyboardInterrupt
