# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core import work_directory
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError, WaitTimeoutError
from ansible_collections.alpine.cloud.plugins.module_utils._core.programs import ProgramError
from ansible_collections.alpine.cloud.plugins.module_utils._core.work_directory import (
    KeptFile,
    WorkDirectory,
    chosen_work_dir,
    default_work_dir,
)

SHA256 = "ab" * 32
FILE = "fixed.vhd"


@pytest.fixture
def work(tmp_path: Path) -> WorkDirectory:
    return WorkDirectory(tmp_path / "work", SHA256)


def write(work: WorkDirectory, content: bytes = b"converted") -> KeptFile:
    with work.locked(FILE, timeout=0), work.partial(FILE) as partial:
        partial.write_bytes(content)
        return work.keep(partial, FILE, virtual_size=7)


def names(work: WorkDirectory) -> set[str]:
    return {path.name for path in work.folder.iterdir()}


def _shown(path: Path) -> str:
    """A file's name, without what is different each time."""
    return re.sub(r"[0-9a-f]{16}(?=\.partial$)", "*", path.name)


class TestKeeping:
    def test_what_is_kept_is_found(self, work: WorkDirectory) -> None:
        kept = write(work)
        assert kept == KeptFile(work.root / SHA256 / FILE, len(b"converted"), {"virtual_size": 7})
        assert kept.path.read_bytes() == b"converted"
        assert WorkDirectory(work.root, SHA256).kept(FILE) == kept

    def test_nothing_else_is_left_than_file_record_and_lock(self, work: WorkDirectory) -> None:
        write(work)
        assert names(work) == {FILE, f"{FILE}.json", f"{FILE}.lock"}

    def test_others_may_read_it(self, work: WorkDirectory) -> None:
        before = os.umask(0o022)
        try:
            mode = write(work).path.stat().st_mode
        finally:
            os.umask(before)
        assert stat.S_IMODE(mode) == 0o644

    def test_other_content_is_not_found(self, work: WorkDirectory) -> None:
        write(work)
        assert WorkDirectory(work.root, "cd" * 32).kept(FILE) is None
        assert work.kept("dynamic.vhd") is None

    def test_a_file_without_record_is_not_trusted(self, work: WorkDirectory) -> None:
        write(work)
        (work.folder / f"{FILE}.json").unlink()
        assert work.kept(FILE) is None

    def test_a_record_without_file_is_not_trusted(self, work: WorkDirectory) -> None:
        write(work).path.unlink()
        assert work.kept(FILE) is None

    def test_a_file_of_another_length_is_not_trusted(self, work: WorkDirectory) -> None:
        path = write(work).path
        status = path.stat()
        path.write_bytes(b"convert")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert work.kept(FILE) is None

    def test_a_file_that_was_written_to_is_not_trusted(self, work: WorkDirectory) -> None:
        path = write(work).path
        path.write_bytes(b"CONVERTED")
        os.utime(path, ns=(0, 1))
        assert work.kept(FILE) is None

    @pytest.mark.parametrize("record", ["", "{", "[]", "null", "{}", '{"version": 1}'])
    def test_a_damaged_record_is_not_trusted(self, work: WorkDirectory, record: str) -> None:
        write(work)
        (work.folder / f"{FILE}.json").write_text(record)
        assert work.kept(FILE) is None

    def test_files_of_an_earlier_version_are_not_trusted(self, work: WorkDirectory) -> None:
        write(work)
        record = work.folder / f"{FILE}.json"
        content = json.loads(record.read_text())
        status = (work.folder / FILE).stat()
        assert content == {"version": 1, "size": 9, "mtime_ns": status.st_mtime_ns, "virtual_size": 7}
        record.write_text(json.dumps(content | {"version": 0}))
        assert work.kept(FILE) is None

    def test_each_step_is_on_the_disk_before_the_next(
        self, work: WorkDirectory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        steps: list[str] = []
        fsync, replace = os.fsync, Path.replace

        def noting_fsync(descriptor: int) -> None:
            steps.append(f"sync {_shown(Path(f'/proc/self/fd/{descriptor}').readlink())}")
            fsync(descriptor)

        def noting_replace(path: Path, target: Path) -> Path:
            steps.append(f"{_shown(path)} becomes {_shown(target)}")
            return replace(path, target)

        monkeypatch.setattr("os.fsync", noting_fsync)
        monkeypatch.setattr(Path, "replace", noting_replace)
        write(work)
        partial, folder = f".{FILE}.*.partial", SHA256
        assert steps == [
            *(f"sync {partial}", f"{partial} becomes {FILE}", f"sync {folder}"),
            *(f"sync {partial}", f"{partial} becomes {FILE}.json", f"sync {folder}"),
        ]

    def test_the_old_record_does_not_speak_for_a_new_file(
        self, work: WorkDirectory, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(work, b"old content")

        def killed(path: Path) -> Path:
            raise KeyboardInterrupt

        # Killed between the file and its record.
        monkeypatch.setattr(work_directory, "_record_of", killed)
        with pytest.raises(KeyboardInterrupt):
            write(work, b"new content, other length")
        monkeypatch.undo()
        assert (work.folder / FILE).read_bytes() == b"new content, other length"
        assert work.kept(FILE) is None


class TestFailing:
    def test_a_failure_leaves_what_was_there(self, work: WorkDirectory) -> None:
        kept = write(work)
        with pytest.raises(ZeroDivisionError), work.locked(FILE, timeout=0), work.partial(FILE) as partial:
            partial.write_bytes(b"half")
            raise ZeroDivisionError
        assert work.kept(FILE) == kept
        assert names(work) == {FILE, f"{FILE}.json", f"{FILE}.lock"}

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
    def test_a_terminated_run_cleans_up(self, work: WorkDirectory, number: signal.Signals) -> None:
        assert _run_until_killed(work, number) == set()
        write(work)

    def test_what_a_killed_run_leaves_is_removed_by_the_next(self, work: WorkDirectory) -> None:
        left = _run_until_killed(work, signal.SIGKILL)
        assert len(left) == 1
        assert work.kept(FILE) is None
        write(work)
        assert names(work) == {FILE, f"{FILE}.json", f"{FILE}.lock"}

    def test_what_another_run_is_writing_stays(self, work: WorkDirectory) -> None:
        work.folder.mkdir(parents=True)
        other = work.folder / ".dynamic.vhd.0123.partial"
        other.touch()
        write(work)
        assert other.exists()

    def test_handlers_are_put_back(self, work: WorkDirectory) -> None:
        before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP)
        write(work)
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGHUP)) == before


def _run_until_killed(work: WorkDirectory, number: signal.Signals) -> set[str]:
    """Start a run, end it by a signal while it writes, and return the partial files that it leaves."""
    program = f"""
import signal, sys
from pathlib import Path
from ansible_collections.alpine.cloud.plugins.module_utils._core.work_directory import WorkDirectory
# It is ignored in what a script has put in the background, this test run for one.
signal.signal(signal.SIGINT, signal.default_int_handler)
work = WorkDirectory(Path({str(work.root)!r}), {SHA256!r})
with work.locked({FILE!r}, timeout=0), work.partial({FILE!r}) as partial:
    partial.write_bytes(b"half")
    print("writing", flush=True)
    sys.stdin.read()
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment,
    ) as run:  # fmt: skip
        assert run.stdout is not None
        assert run.stdout.readline() == b"writing\n"
        assert [path for path in work.folder.iterdir() if path.suffix == ".partial"]
        run.send_signal(number)
        run.wait(timeout=30)
    assert run.returncode != 0
    return {path.name for path in work.folder.iterdir() if path.suffix == ".partial"}


class TestLocking:
    @pytest.fixture
    def other_run(self, work: WorkDirectory) -> Iterator[int]:
        """Holds the lock."""
        work.folder.mkdir(parents=True)
        descriptor = os.open(work.folder / f"{FILE}.lock", os.O_CREAT | os.O_WRONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
        os.close(descriptor)

    def test_one_run_at_a_time_writes_a_file(self, work: WorkDirectory, other_run: int) -> None:
        with pytest.raises(WaitTimeoutError, match=rf"0 seconds \(wait_timeout\) waiting for another run .*{FILE}"):
            write(work)

    def test_waits_until_the_other_has_ended(
        self, work: WorkDirectory, other_run: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waits: list[float] = []

        def end_other_run(seconds: float) -> None:
            waits.append(seconds)
            if len(waits) == 3:
                fcntl.flock(other_run, fcntl.LOCK_UN)

        monkeypatch.setattr("time.sleep", end_other_run)
        with work.locked(FILE, timeout=60):
            assert len(waits) == 3

    def test_runs_of_the_same_kind_exclude_each_other(self, work: WorkDirectory) -> None:
        with work.locked(FILE, timeout=0), pytest.raises(WaitTimeoutError), work.locked(FILE, timeout=0):
            pytest.fail("both have the lock")

    def test_partial_files_of_one_run_do_not_meet(self, work: WorkDirectory) -> None:
        with work.locked(FILE, timeout=0), work.partial(FILE) as one, work.partial(FILE) as other:
            assert one != other

    def test_other_files_are_not_locked(self, work: WorkDirectory, other_run: int) -> None:
        with work.locked("dynamic.vhd", timeout=0):
            pass

    def test_the_lock_ends_with_a_failure(self, work: WorkDirectory) -> None:
        with pytest.raises(ZeroDivisionError), work.locked(FILE, timeout=0):
            raise ZeroDivisionError
        write(work)


class TestUnusable:
    def refusal(self, work: WorkDirectory) -> str:
        with pytest.raises(InputError) as caught:
            write(work)
        assert caught.value.message.startswith(f"work_dir {work.root} cannot be used: ")
        assert "option work_dir (variable alpine_image_work_dir" in caught.value.message
        return caught.value.message

    def test_below_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        work = WorkDirectory(tmp_path / "file" / "work", SHA256)
        assert "Not a directory" in self.refusal(work)
        with pytest.raises(InputError, match=r"work_dir .* is not a directory"):
            work.check_writable()

    def test_where_nobody_may_write(self) -> None:
        assert "/proc" in self.refusal(WorkDirectory(Path("/proc/alpine.cloud"), SHA256))

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
    def test_full(self, work: WorkDirectory, number: int) -> None:
        with pytest.raises(InputError) as caught, work.locked(FILE, timeout=0):
            raise OSError(number, os.strerror(number))
        assert caught.value.message.startswith(f"work_dir {work.root} cannot be used: it is full. Make room")

    def test_full_for_a_program(self, work: WorkDirectory) -> None:
        with pytest.raises(InputError) as caught, work.locked(FILE, timeout=0):
            raise ProgramError("qemu-img convert failed: reason", status=1, no_space=True)
        assert caught.value.message.startswith(f"work_dir {work.root} cannot be used: it is full. Make room")

    def test_another_failure_of_a_program_is_not_blamed_on_it(self, work: WorkDirectory) -> None:
        with pytest.raises(ProgramError, match=r"^qemu-img convert failed: reason$"), work.locked(FILE, timeout=0):
            raise ProgramError("qemu-img convert failed: reason", status=1)

    def test_another_files_error_is_not_blamed_on_it(self, work: WorkDirectory) -> None:
        with pytest.raises(InputError, match=r"^/images/disk: Input/output error"), work.locked(FILE, timeout=0):
            raise OSError(errno.EIO, os.strerror(errno.EIO), "/images/disk")

    def test_its_own_files_error_is(self, work: WorkDirectory) -> None:
        path = work.folder / FILE
        with pytest.raises(InputError, match=f"^work_dir {work.root} .*{path}: Input"), work.locked(FILE, timeout=0):
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    def test_too_small(self, work: WorkDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
        usage = type("Usage", (), {"free": 5 << 20})
        monkeypatch.setattr("shutil.disk_usage", lambda _path: usage)
        work.folder.mkdir(parents=True)
        work.check_space(5 << 20)
        with pytest.raises(InputError, match=f"work_dir {work.root} .*: 6 MiB are needed there, but 5 MiB are free"):
            work.check_space((5 << 20) + 1)

    def test_writable_is_told_without_writing(self, work: WorkDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
        work.check_writable()
        assert not work.root.exists()
        asked: list[Path] = []

        # The tests may run as root, who may write everywhere.
        def refuse(path: Path, mode: int) -> bool:
            asked.append(path)
            return False

        monkeypatch.setattr("os.access", refuse)
        with pytest.raises(
            InputError, match=f"work_dir {work.root} cannot be used: {work.root.parent} is not writable"
        ):
            work.check_writable()
        assert asked == [work.root.parent]


class TestDefault:
    def test_is_not_asked_where_the_user_has_chosen(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
        monkeypatch.chdir(tmp_path)
        assert chosen_work_dir("work") == tmp_path / "work"
        assert chosen_work_dir("/work") == Path("/work")
        assert chosen_work_dir("") == chosen_work_dir(None) == Path("/cache/alpine.cloud")

    def test_is_in_the_cache_directory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
        assert default_work_dir() == Path("/cache/alpine.cloud")

    @pytest.mark.parametrize("value", [None, "", "relative"])
    def test_is_in_the_home_directory_otherwise(self, value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HOME", "/home/me")
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        if value is not None:
            monkeypatch.setenv("XDG_CACHE_HOME", value)
        assert default_work_dir() == Path("/home/me/.cache/alpine.cloud")
