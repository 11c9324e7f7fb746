# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core import progress as progress_module
from ansible_collections.alpine.cloud.plugins.module_utils._core.progress import FILE_VARIABLE, Progress


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "progress"
    monkeypatch.setenv(FILE_VARIABLE, str(path))
    return path


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_sums_up_what_advances(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_module, "_SECONDS_BETWEEN_LINES", 0)
    progress = Progress("upload", 100)
    progress.advance(30)
    progress.advance(70)
    assert [report["done"] for report in _read(reports)] == [30, 100]
    assert _read(reports)[0] == {"step": "upload", "done": 30, "total": 100, "unit": "bytes"}


def test_update_says_the_whole(reports: Path) -> None:
    progress = Progress("import", 100, unit="percent")
    progress.update(60)
    assert _read(reports) == [{"step": "import", "done": 60, "total": 100, "unit": "percent"}]


def test_keeps_quiet_between_two_lines_but_always_tells_the_end(reports: Path) -> None:
    progress = Progress("upload", 10)
    for _number in range(10):
        progress.advance(1)
    assert [report["done"] for report in _read(reports)] == [1, 10]


def test_writes_nothing_where_nobody_follows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FILE_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    Progress("upload", 10).advance(10)
    assert list(tmp_path.iterdir()) == []
