# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import stat
import time
from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.programs import (
    Program,
    ProgramError,
    UnusableProgramError,
)

TOOL = Program("tool", "toolbox (Debian) or tool (Alpine)")


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tool that runs what a test writes into it."""
    path = tmp_path / "tool"
    path.write_text("#!/bin/sh\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return path


class TestFind:
    def test_names_the_packages_when_there_is_none(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        for call in (TOOL.find, TOOL.run, lambda: TOOL.output("info")):
            with pytest.raises(UnusableProgramError) as caught:
                call()
            assert caught.value.message == (
                "tool is not on PATH where this module runs: install the package toolbox (Debian) or tool (Alpine)"
            )

    def test_looks_on_the_path(self, stand_in: Path) -> None:
        assert TOOL.find() == str(stand_in)


class TestRun:
    def test_passes_arguments_as_they_are(self, stand_in: Path) -> None:
        stand_in.write_text('#!/bin/sh\nprintf "%s|" "$@"\n')
        assert TOOL.run("-f", Path("/a b/$c"), "", "*").stdout == "-f|/a b/$c||*|"

    def test_tells_status_and_both_outputs_apart(self, stand_in: Path) -> None:
        stand_in.write_text("#!/bin/sh\necho out\necho err >&2\nexit 3\n")
        completed = TOOL.run()
        assert (completed.status, completed.stdout, completed.stderr) == (3, "out\n", "err\n")

    def test_a_signal_is_a_negative_status(self, stand_in: Path) -> None:
        stand_in.write_text("#!/bin/sh\nkill -KILL $$\n")
        assert TOOL.run().status == -9

    def test_gives_it_what_it_reads(self, stand_in: Path) -> None:
        stand_in.write_text("#!/bin/sh\nexec od -An -tx1\n")
        assert TOOL.run(stdin=b"\x00\xff").stdout.split() == ["00", "ff"]

    def test_there_is_nothing_to_read_by_default(self, stand_in: Path) -> None:
        stand_in.write_text("#!/bin/sh\nexec wc -c\n")
        assert TOOL.run(timeout=20).stdout.strip() == "0"

    def test_output_that_is_no_text_does_no_harm(self, stand_in: Path) -> None:
        stand_in.write_text("#!/bin/sh\nprintf 'a\\377\\303\\244'\n")
        assert TOOL.run().stdout == "a\N{REPLACEMENT CHARACTER}ä"

    def test_the_language_is_set_and_other_variables_stay(
        self, stand_in: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
        monkeypatch.setenv("KEPT", "kept")
        stand_in.write_text("#!/bin/sh\necho $LC_ALL $KEPT $MORE\n")
        assert TOOL.run(variables={"MORE": "more", "LC_ALL": "fr_FR"}).stdout == "C kept more\n"

    def test_is_ended_when_time_is_up(self, stand_in: Path) -> None:
        stand_in.write_text("#!/bin/sh\nexec sleep 60\n")
        begin = time.monotonic()
        with pytest.raises(ProgramError, match=r"^tool took longer than 0\.1 seconds and was ended$") as caught:
            TOOL.run(timeout=0.1)
        assert time.monotonic() - begin < 30
        assert caught.value.status is None

    def test_what_cannot_be_started_is_named(self, stand_in: Path) -> None:
        stand_in.write_bytes(b"\x7fELF of another processor")
        with pytest.raises(UnusableProgramError) as caught:
            TOOL.run()
        assert caught.value.message == f"tool ({stand_in}) cannot be started: Exec format error"


class TestOutput:
    def test_is_what_it_prints(self, stand_in: Path) -> None:
        stand_in.write_text('#!/bin/sh\necho warning >&2\nprintf "%s|" "$@"\n')
        assert TOOL.output("info", "-x", Path("a")) == "info|-x|a|"

    def test_passes_the_reason_on(self, stand_in: Path) -> None:
        stand_in.write_text("#!/bin/sh\necho some output\necho 'tool: the reason' >&2\nexit 3\n")
        with pytest.raises(ProgramError, match=r"^tool check failed: tool: the reason$") as caught:
            TOOL.output("check", "disk")
        assert (caught.value.status, caught.value.no_space) == (3, False)

    def test_takes_the_output_where_that_is_all(self, stand_in: Path) -> None:
        stand_in.write_text("#!/bin/sh\necho some output\nexit 1\n")
        with pytest.raises(ProgramError, match=r"^tool check failed: some output$"):
            TOOL.output("check", "disk")

    def test_has_some_reason_at_least(self, stand_in: Path) -> None:
        stand_in.write_text("#!/bin/sh\nexit 7\n")
        with pytest.raises(ProgramError, match="exit status 7"):
            TOOL.output("check", "disk")

    def test_a_long_reason_is_cut(self, stand_in: Path) -> None:
        stand_in.write_text("#!/bin/sh\nseq 100000 >&2\nexit 1\n")
        with pytest.raises(ProgramError) as caught:
            TOOL.output("check", "disk")
        assert caught.value.message.startswith("tool check failed: 1\n2\n")
        assert len(caught.value.message) < 1100

    def test_tells_that_a_file_system_is_full(self, stand_in: Path) -> None:
        stand_in.write_text("#!/bin/sh\necho 'tool: error while writing: No space left on device' >&2\nexit 1\n")
        with pytest.raises(ProgramError) as caught:
            TOOL.output("convert")
        assert caught.value.no_space

    def test_is_ended_when_time_is_up(self, stand_in: Path) -> None:
        stand_in.write_text("#!/bin/sh\nexec sleep 60\n")
        with pytest.raises(ProgramError, match="tool took longer"):
            TOOL.output("check", timeout=0.1)
