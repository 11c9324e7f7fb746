# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugin of every module with a long step: runs the module and shows how far it is.

Where one host runs in a terminal it draws a bar that vanishes when the task is done; elsewhere, such as in CI or with
several hosts at once, it prints a plain line every 10 percent, once the step has taken a while. Everything goes to
stderr, so that the output of a machine-readable callback stays clean.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils._core.progress import FILE_VARIABLE
from ..module_utils._core.units import MIB

# A worker's stdout is never a terminal: only the parent process, which imports this first, can tell.
_ON_TERMINAL = sys.stdout.isatty() and sys.stderr.isatty()

_POLL_SECONDS = 0.2
_QUIET_SECONDS = 2.0
_LINE_SECONDS = 30.0
_LINE_PERCENT = 10
_BAR_WIDTH = 30
_CLEAR_LINE = "\r\x1b[K"


def describe(report: dict[str, Any], seconds: float) -> str:
    """Such as ``upload  40 %  12.0 of 30.0 MiB, 3.2 MiB/s``."""
    percent = percent_of(report)
    if report["unit"] != "bytes":
        return f"{report['step']} {percent:3d} %"
    done, total = report["done"] / MIB, report["total"] / MIB
    rate = f", {done / seconds:.1f} MiB/s" if seconds > 0 else ""
    return f"{report['step']} {percent:3d} %  {done:.1f} of {total:.1f} MiB{rate}"


def percent_of(report: dict[str, Any]) -> int:
    return 100 if report["total"] <= 0 else min(100, 100 * report["done"] // report["total"])


class ProgressDisplay:
    """Decides what to show of the reports that a module makes.

    :param show: prints a text; called with the text and whether it is a line of its own.
    :param as_bar: draw a bar over and over in the same line.
    """

    def __init__(
        self, show: Callable[[str, bool], None], *, prefix: str, as_bar: bool, clock: Callable[[], float]
    ) -> None:
        self._show = show
        self._prefix = prefix
        self._as_bar = as_bar
        self._clock = clock
        self._step: str | None = None
        self._step_started = 0.0
        self._last_line = 0.0
        self._last_percent = 0
        self._bar_drawn = False

    def report(self, report: dict[str, Any]) -> None:
        now = self._clock()
        if report["step"] != self._step:
            self._step, self._step_started, self._last_line, self._last_percent = report["step"], now, now, 0
        seconds = now - self._step_started
        percent = percent_of(report)
        text = describe(report, seconds)
        if self._as_bar:
            filled = _BAR_WIDTH * percent // 100
            self._show(f"{_CLEAR_LINE}[{'#' * filled}{' ' * (_BAR_WIDTH - filled)}] {text}", False)
            self._bar_drawn = True
        elif seconds >= _QUIET_SECONDS and (
            percent - self._last_percent >= _LINE_PERCENT or now - self._last_line >= _LINE_SECONDS
        ):
            self._last_line, self._last_percent = now, percent
            self._show(f"{self._prefix}: {text}", True)

    def close(self) -> None:
        """Leave no residue."""
        if self._bar_drawn:
            self._show(_CLEAR_LINE, False)


class _Follower:
    """Reads along in the file that the module appends to, in a thread."""

    def __init__(self, path: Path, display: ProgressDisplay) -> None:
        self._path = path
        self._display = display
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_exception: object) -> None:
        self._ended.set()
        self._thread.join()
        self._display.close()

    def _follow(self) -> None:
        with self._path.open(encoding="utf-8") as file:
            partial = ""
            while not self._ended.wait(_POLL_SECONDS):
                lines = (partial + file.read()).split("\n")
                partial = lines.pop()
                if lines:
                    self._display.report(json.loads(lines[-1]))


class ProgressAction(ActionBase):
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        local = self._connection.transport == "local"
        if self._task.async_val or self._task.check_mode or not local or self._play_context.become:
            # Nobody waits, nothing long is done, or the module cannot reach a file of ours.
            result.update(self._execute_module(task_vars=task_vars, wrap_async=bool(self._task.async_val)))
            return result
        alone = len(task_vars.get("ansible_play_hosts_all", [])) <= 1
        host = task_vars.get("inventory_hostname", "localhost")
        progress = ProgressDisplay(
            self._show,
            prefix=f"{host}: {self._task.action.rpartition('.')[2]}",
            as_bar=_ON_TERMINAL and alone,
            clock=time.monotonic,
        )
        # In Ansible's own folder for this run, of which a killed run leaves no more than it does anyway.
        with tempfile.NamedTemporaryFile(prefix="alpine-cloud-progress-", dir=vars(C)["DEFAULT_LOCAL_TMP"]) as file:
            # The task is a copy that the worker owns, so that nothing has to be put back.
            self._task.environment = [*(self._task.environment or []), {FILE_VARIABLE: file.name}]
            with _Follower(Path(file.name), progress):
                result.update(self._execute_module(task_vars=task_vars))
        return result

    @staticmethod
    def _show(text: str, whole_line: bool) -> None:
        Display().display(text, stderr=True, screen_only=True, newline=whole_line)
