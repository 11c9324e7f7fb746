# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The changes to moto are not made to nothing."""

from __future__ import annotations

import sys
import types

import pytest

from tests.sandbox._aws._moto import MotoChangedError, check_operations, prepare, replace


def test_what_is_replaced_is_there() -> None:
    module = types.ModuleType("urls")
    with pytest.raises(MotoChangedError, match="urls has no url_paths any more"):
        replace(module, "url_paths", {})
    module.url_paths = {}  # type: ignore[attr-defined]
    replace(module, "url_paths", {"/": "x"})
    assert vars(module)["url_paths"] == {"/": "x"}


class _Base:
    def describe_snapshots(self) -> None: ...


class _Response(_Base):
    limit = 3

    def describe_snapshots(self) -> None: ...

    def import_snapshot(self) -> None: ...

    def _helper(self) -> None: ...


def test_operations_are_those_that_moto_calls() -> None:
    check_operations(_Response, _Base, added=frozenset({"import_snapshot"}))
    with pytest.raises(MotoChangedError, match="_Base has no import_snapshot any more"):
        check_operations(_Response, _Base)


def test_settings_come_before_moto(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "moto", types.ModuleType("moto"))
    with pytest.raises(MotoChangedError, match="before it was told its settings"):
        prepare()
