# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.unit.plugins.module_utils._image.conversions import CONTENT, to_qcow2


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    path = tmp_path / "disk.raw"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def qcow2(raw: Path) -> Path:
    return to_qcow2(raw, "-c")


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    return tmp_path / "work"


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A qemu-img before the real one, that runs what a test writes into it; $REAL is the real one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    path = folder / "qemu-img"
    path.write_text('#!/bin/sh\nexec "$REAL" "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("REAL", subprocess.check_output(["which", "qemu-img"], text=True).strip())
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return path
