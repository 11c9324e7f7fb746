# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run make targets, all of them even when some fail, and sum up.

``python -m tests.tools.steps integration lint-ruff unit``: two at a time, in this order, each with its output kept
together. A step that leaves a process behind has failed; when this is interrupted or ended, so are the steps with all
that they have started, be it a daemon that left its step's process group.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import contextlib
import ctypes
import dataclasses
import functools
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

_JOBS = 2
# prctl(2)
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_SECONDS_TO_END = 10


@dataclasses.dataclass(frozen=True)
class Outcome:
    step: str
    code: int
    seconds: float
    cpu_seconds: float
    left: tuple[str, ...] = ()
    """The commands of the processes that it left behind."""

    @property
    def failed(self) -> bool:
        return bool(self.code or self.left)


_printing = threading.Lock()
_groups: set[int] = set()
"""The process groups of the steps that run."""


def _say(*lines: str) -> None:
    with _printing:
        print(*lines, sep="\n", flush=True)


def _run(step: str) -> Outcome:
    _say(f"=== {step} …")
    start = time.monotonic()
    # A jobserver of the make above is not for this one.
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS")}
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            # Should this be killed, the step is told to end, too.
            ["setpriv", "--pdeathsig", "TERM", "make", "--no-print-directory", step],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        _groups.add(process.pid)
        # wait4 and not wait(): it tells the CPU time of the step with all its children.
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        _groups.discard(process.pid)
        outcome = Outcome(
            step,
            process.returncode,
            time.monotonic() - start,
            usage.ru_utime + usage.ru_stime,
            left=_end(functools.partial(_processes, group=process.pid)),
        )
        output.seek(0)
        text = output.read().decode(errors="replace").rstrip()
    _say(*([text] if text else []), f"=== {step}: {_verdict(outcome)}, {outcome.seconds:.0f} s")
    return outcome


def _processes(*, group: int | None = None, parent: int | None = None) -> list[int]:
    """The processes that have not ended, of a process group or of a parent."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, its_parent, its_group = stat.read_text().rpartition(")")[2].split()[:3]
            if state != "Z" and (int(its_group) == group or int(its_parent) == parent):
                found.append(int(stat.parent.name))
    return found


def _strays() -> list[int]:
    """The daemons that steps have started: orphans become children of this process."""
    return [process for process in _processes(parent=os.getpid()) if process not in _groups]


def _gone(processes: Callable[[], list[int]], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while processes():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _end(processes: Callable[[], list[int]]) -> tuple[str, ...]:
    """End processes, and return the commands of those that did not end by themselves within a moment."""
    if _gone(processes, 1):
        return ()
    left = tuple(map(_command, processes()))
    for number, seconds in ((signal.SIGTERM, _SECONDS_TO_END), (signal.SIGKILL, 1)):
        for process in processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)
        if _gone(processes, seconds):
            break
    return left


def _command(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text(errors="replace").replace("\0", " ").strip()
    except OSError:
        return str(process)


def _verdict(outcome: Outcome) -> str:
    if outcome.code:
        return f"FAILED ({outcome.code})"
    return f"FAILED: it left behind: {'; '.join(outcome.left)}" if outcome.left else "ok"


def _give_up(number: int, _frame: FrameType | None) -> NoReturn:
    """End the steps as whoever ended this would have them end, and wait for that."""
    for group in tuple(_groups):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)
    for group in tuple(_groups):
        _end(functools.partial(_processes, group=group))
    _end(_strays)
    os._exit(128 + number)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--began", type=float, help="when the whole began, in seconds since the epoch; now if left out")
    parser.add_argument("steps", nargs="+", metavar="STEP")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _give_up)
    libc = ctypes.CDLL(None)
    # Should the make above be killed, nobody waits for this any more.
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    began = arguments.began or time.time()
    # Set-up ran in the shell that has become this process.
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    setup = Outcome("setup", 0, time.time() - began, usage.ru_utime + usage.ru_stime)

    with concurrent.futures.ThreadPoolExecutor(_JOBS) as pool:
        outcomes = list(pool.map(_run, arguments.steps))

    daemons = _end(_strays)

    print("\nStep                      seconds   CPU s")
    for outcome in [*([setup] if arguments.began else []), *outcomes]:
        print(f"{outcome.step:24} {outcome.seconds:8.1f} {outcome.cpu_seconds:8.1f}  {_verdict(outcome)}")
    cpu_seconds = setup.cpu_seconds + sum(outcome.cpu_seconds for outcome in outcomes)
    print(f"{'all':24} {time.time() - began:8.1f} {cpu_seconds:8.1f}")
    failed = [outcome.step for outcome in outcomes if outcome.failed]
    if failed:
        print(f"Failed: {', '.join(failed)}. One alone: make {failed[0]}")
    if daemons:
        print(f"Failed: some step left daemons behind: {'; '.join(daemons)}")
    if failed or daemons:
        return 1
    print("Everything passed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
