# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run make targets, all of them even when some fail, and sum up.

``steps.py lint-ruff lint-mypy unit --alone integration``: two at a time, each with its output kept together; then, one
by one and writing straight through, those that want the machine for themselves.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import dataclasses
import os
import subprocess
import sys
import tempfile
import threading
import time

_JOBS = 2


@dataclasses.dataclass(frozen=True)
class Outcome:
    step: str
    code: int
    seconds: float
    cpu_seconds: float


_printing = threading.Lock()


def _say(*lines: str) -> None:
    with _printing:
        print(*lines, sep="\n", flush=True)


def _run(step: str, *, capture: bool) -> Outcome:
    _say(f"=== {step} …")
    start = time.monotonic()
    # A jobserver of the make above is not for this one.
    environment = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS")}
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            ["make", "--no-print-directory", step],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output if capture else None,
            stderr=subprocess.STDOUT if capture else None,
        )
        # wait4 and not wait(): it tells the CPU time of the step with all its children.
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        outcome = Outcome(step, process.returncode, time.monotonic() - start, usage.ru_utime + usage.ru_stime)
        output.seek(0)
        text = output.read().decode(errors="replace").rstrip()
    _say(*([text] if text else []), f"=== {step}: {_verdict(outcome)}, {outcome.seconds:.0f} s")
    return outcome


def _verdict(outcome: Outcome) -> str:
    return f"FAILED ({outcome.code})" if outcome.code else "ok"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--began", type=float, help="when the whole began, in seconds since the epoch; now if left out")
    parser.add_argument("--alone", nargs="+", default=[], metavar="STEP")
    parser.add_argument("steps", nargs="+", metavar="STEP")
    arguments = parser.parse_args()
    began = arguments.began or time.time()
    setup_seconds = time.time() - began

    with concurrent.futures.ThreadPoolExecutor(_JOBS) as pool:
        outcomes = list(pool.map(lambda step: _run(step, capture=True), arguments.steps))
    outcomes += [_run(step, capture=False) for step in arguments.alone]

    print("\nStep                      seconds   CPU s")
    if arguments.began:
        print(f"{'setup':24} {setup_seconds:8.1f}        -  ok")
    for outcome in outcomes:
        print(f"{outcome.step:24} {outcome.seconds:8.1f} {outcome.cpu_seconds:8.1f}  {_verdict(outcome)}")
    print(f"{'all':24} {time.time() - began:8.1f}")
    failed = [outcome.step for outcome in outcomes if outcome.code]
    if failed:
        print(f"Failed: {', '.join(failed)}. One alone: make {failed[0]}")
        return 1
    print("Everything passed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
