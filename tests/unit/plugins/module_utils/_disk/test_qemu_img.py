# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._core.programs import ProgramError
from ansible_collections.alpine.cloud.plugins.module_utils._disk.qemu_img import qemu_img, qemu_img_json


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A qemu-img that runs what a test writes into it."""
    path = tmp_path / "qemu-img"
    path.write_text("#!/bin/sh\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return path


def test_names_the_packages_when_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError) as caught:
        qemu_img("info", "disk")
    for word in ("qemu-img is not on PATH", "qemu-utils (Debian, Ubuntu)", "qemu-img (Alpine, Fedora)", "Homebrew"):
        assert word in caught.value.message


def test_passes_arguments_as_they_are(stand_in: Path) -> None:
    stand_in.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
    assert qemu_img("convert", "-f", "raw", Path("/a b/$c"), "") == "convert|-f|raw|/a b/$c||"


def test_reads_json(stand_in: Path) -> None:
    stand_in.write_text('#!/bin/sh\n[ "$1 $2 $3" = "measure --output=json disk" ] && echo \'{"required": 5}\'\n')
    assert qemu_img_json("measure", "disk") == {"required": 5}


def test_passes_the_reason_on(stand_in: Path) -> None:
    stand_in.write_text("#!/bin/sh\necho some output\necho 'qemu-img: the reason' >&2\nexit 3\n")
    with pytest.raises(ProgramError, match=r"^qemu-img check failed: qemu-img: the reason$") as caught:
        qemu_img("check", "disk")
    assert caught.value.status == 3
