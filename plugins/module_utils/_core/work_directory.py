# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The work directory: files by what they are made from, written whole or not at all, kept for later runs.

<work_dir>/<sha256>/fixed.vhd            a file converted from the image with this SHA-256
<work_dir>/<sha256>/fixed.vhd.json       its record: only a file that agrees with it is used again
<work_dir>/<sha256>/fixed.vhd.lock       held by the run that writes the file
<work_dir>/<sha256>/.fixed.vhd.*.partial what a run is writing, or a killed one has left
<work_dir>/downloads/<sha512>/<name>     a downloaded file with this SHA-512; likewise
<work_dir>/keys/<fingerprint>.asc        a key that signatures are checked with; likewise
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import secrets
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from .errors import InputError
from .no_space import is_no_space
from .programs import ProgramError
from .units import MIB
from .wait import wait_until

_LOCK_INTERVAL = 0.2
_RECORD_VERSION = 1
"""To be raised when files are written differently, so that those of earlier versions are not used any more."""


@dataclasses.dataclass(frozen=True)
class KeptFile:
    """A complete file."""

    path: Path
    size: int
    """In bytes."""
    facts: dict[str, Any]
    """What was recorded about it, as JSON has it."""


def default_work_dir() -> Path:
    """``alpine.cloud`` in the user's cache directory, by the XDG Base Directory Specification."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # Relative ones are to be ignored.
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "alpine.cloud"


def chosen_work_dir(option: str | None) -> Path:
    """The one that the option ``work_dir`` names, or else :func:`default_work_dir`."""
    return Path(option).absolute() if option else default_work_dir()


class WorkDirectory:
    """A folder in the work directory.

    :param root: the work directory; made when something is written.
    :param folder: a path in it, such as the SHA-256 of the image that the files are made from.
    """

    def __init__(self, root: Path, folder: str) -> None:
        self.root = root
        self.folder = root / folder

    def kept(self, file_name: str) -> KeptFile | None:
        """The file that an earlier run has completed, if it still is as that left it."""
        path = self.folder / file_name
        try:
            record = json.loads(_record_of(path).read_text(encoding="utf-8"))
            status = path.stat()
            if (record.pop("version"), record.pop("size"), record.pop("mtime_ns")) != (
                _RECORD_VERSION,
                status.st_size,
                status.st_mtime_ns,
            ):
                return None
            return KeptFile(path, status.st_size, record)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def check_writable(self) -> None:
        """Tell early, without writing, whether files could be written.

        :raises InputError: when they could not; names the option ``work_dir``.
        """
        nearest = self.folder
        while not nearest.exists() and nearest != nearest.parent:
            nearest = nearest.parent
        if not nearest.is_dir():
            raise self.unusable(f"{nearest} is not a directory")
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise self.unusable(f"{nearest} is not writable")

    def check_space(self, needed: int) -> None:
        """Make sure that there is room for ``needed`` bytes.

        :raises InputError: when there is not; names the option ``work_dir``.
        """
        free = shutil.disk_usage(self.folder).free
        if free < needed:
            raise self.unusable(f"{-(-needed // MIB)} MiB are needed there, but {free // MIB} MiB are free")

    @contextlib.contextmanager
    def locked(self, file_name: str, timeout: float) -> Iterator[None]:
        """Be the only run that writes ``file_name``; what killed runs have left of it is removed.

        :param timeout: how long to wait for another run that writes it, in seconds.
        :raises WaitTimeoutError: when that takes longer.
        :raises InputError: when nothing can be written in the work directory; also from within the context, where a
            program says that there is no space left.
        """
        lock = self.folder / f"{file_name}.lock"
        with self._explaining_failures():
            self.folder.mkdir(parents=True, exist_ok=True)
            # Never removed: another run may be waiting for it.
            with lock.open("ab") as handle, _cleaning_up_when_terminated():
                wait_until(
                    lambda: _try_lock(handle.fileno()),
                    timeout=timeout,
                    interval=_LOCK_INTERVAL,
                    what=f"another run that writes {self.folder / file_name}",
                )
                for stale in self.folder.glob(f".{file_name}.*.partial"):
                    stale.unlink(missing_ok=True)
                yield

    @contextlib.contextmanager
    def partial(self, file_name: str) -> Iterator[Path]:
        """The path of a file to write on the way to ``file_name``, removed in the end. Needs the lock."""
        # Not by tempfile, which makes files that only their owner can read.
        path = self.folder / f".{file_name}.{secrets.token_hex(8)}.partial"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def keep(self, partial: Path, file_name: str, **facts: Any) -> KeptFile:
        """Make ``partial`` the complete ``file_name``, and record that it is. Needs the lock.

        :param facts: what to record about it; all that JSON can hold.
        """
        # In this order a killed run leaves a file without a record, or an old record that does not fit the file.
        _replace(partial, self.folder / file_name)
        return self.record(file_name, **facts)

    def record(self, file_name: str, **facts: Any) -> KeptFile:
        """Record that ``file_name`` is complete, in place of an older record. Needs the lock."""
        path = self.folder / file_name
        status = path.stat()
        record = {"version": _RECORD_VERSION, "size": status.st_size, "mtime_ns": status.st_mtime_ns, **facts}
        with self.partial(file_name) as partial_record:
            partial_record.write_text(json.dumps(record) + "\n", encoding="utf-8")
            _replace(partial_record, _record_of(path))
        return KeptFile(path, status.st_size, facts)

    @contextlib.contextmanager
    def _explaining_failures(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if is_no_space(error):
                raise self._full() from error
            place = Path(error.filename or self.folder)
            if not place.is_relative_to(self.root):
                raise InputError(f"{place}: {error.strerror}") from error
            raise self.unusable(f"{place}: {error.strerror}") from error
        except ProgramError as error:
            if error.no_space:
                raise self._full() from error
            raise

    def _full(self) -> InputError:
        return self.unusable("it is full")

    def unusable(self, reason: str) -> InputError:
        """What to raise when nothing can be written here."""
        return InputError(
            f"work_dir {self.root} cannot be used: {reason}. Make room, or give another directory in option work_dir "
            "(variable alpine_image_work_dir of role alpine_image)"
        )


def _record_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _replace(partial: Path, path: Path) -> None:
    """Move ``partial`` to ``path`` so that after a power cut either the old or the whole new file is there."""
    _sync(partial)
    partial.replace(path)
    _sync(path.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool | None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return None
    return True


@contextlib.contextmanager
def _cleaning_up_when_terminated() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP, which would end Python at once, into an exception that lets ``finally`` run."""

    def terminate(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    numbers = (signal.SIGTERM, signal.SIGHUP)
    previous = [signal.signal(number, terminate) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, previous, strict=True):
            signal.signal(number, handler)
