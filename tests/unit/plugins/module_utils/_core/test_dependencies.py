# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.dependencies import MissingLibraryError, require
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import AlpineCloudError


def test_imports_what_is_there() -> None:
    assert require("json", "json") is json


def test_names_the_distribution_that_is_missing() -> None:
    with pytest.raises(MissingLibraryError) as caught:
        require("no_such_sdk.blob", "no-such-sdk-blob")
    assert isinstance(caught.value, AlpineCloudError)
    assert "(no-such-sdk-blob)" in caught.value.message
    assert sys.executable in caught.value.message
    assert "No module named 'no_such_sdk'" in caught.value.message
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_says_what_is_wrong_with_a_library_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_sdk.py").write_text("import missing_part_of_it\n")
    # As when two libraries are not of the same time.
    (tmp_path / "odd_sdk.py").write_text("from json import missing_name\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingLibraryError, match="missing_part_of_it"):
        require("broken_sdk", "broken-sdk")
    with pytest.raises(MissingLibraryError, match="missing_name"):
        require("odd_sdk", "odd-sdk")


def test_imports_when_called_and_not_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "late_sdk.py").write_text("loaded = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "late_sdk" not in sys.modules
    assert require("late_sdk", "late-sdk").loaded
