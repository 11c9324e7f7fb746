# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._core.programs import ProgramError
from ansible_collections.alpine.cloud.plugins.module_utils._image.guest_view import guest_view
from ansible_collections.alpine.cloud.plugins.module_utils._image.source import identify_source
from tests.unit.plugins.module_utils._image.conversions import CONTENT


class TestGuestView:
    @pytest.mark.parametrize(
        ("offset", "length"),
        [
            (0, 512),
            (0, 64 * 1024),
            (510, 2),
            (65_000, 2000),
            (1 << 20, 300_000),
            (len(CONTENT) - 10, 10),
            (len(CONTENT) - 10, 1000),
            (len(CONTENT), 10),
        ],
    )
    @pytest.mark.parametrize("kind", ["raw", "qcow2"])
    def test_reads_what_a_guest_reads(self, raw: Path, qcow2: Path, kind: str, offset: int, length: int) -> None:
        with guest_view(identify_source(raw if kind == "raw" else qcow2)) as read:
            assert read(offset, length) == CONTENT[offset : offset + length]
            assert read(offset, length) == CONTENT[offset : offset + length]

    def test_takes_any_file_name(self, qcow2: Path) -> None:
        odd = qcow2.rename(qcow2.parent / "a,b=c :d'\".qcow2")
        with guest_view(identify_source(odd)) as read:
            assert read(0, len(CONTENT)) == CONTENT

    def test_leaves_nothing_behind(self, qcow2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = tmp_path / "temporary"
        folder.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(folder))
        with guest_view(identify_source(qcow2)) as read:
            read(0, 512)
            assert list(folder.iterdir())
        assert not list(folder.iterdir())

    def test_says_what_cannot_be_read(self, qcow2: Path) -> None:
        source = identify_source(qcow2)
        qcow2.write_bytes(b"")
        with guest_view(source) as read, pytest.raises(ProgramError, match="qemu-img convert failed"):
            read(0, 512)

    def test_says_that_there_is_no_room_for_what_is_read(
        self, qcow2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stand_in = tmp_path / "bin" / "qemu-img"
        stand_in.parent.mkdir()
        stand_in.write_text("#!/bin/sh\necho 'qemu-img: error: No space left on device' >&2\nexit 1\n")
        stand_in.chmod(0o755)
        monkeypatch.setenv("PATH", str(stand_in.parent), prepend=os.pathsep)
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        with guest_view(identify_source(qcow2)) as read, pytest.raises(InputError) as caught:
            read(0, 512)
        assert caught.value.message.startswith(f"no space is left in {tmp_path}, ")
        assert "TMPDIR" in caught.value.message
