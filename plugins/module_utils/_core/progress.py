# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a module's long step is, told to the action plugin that shows it.

Ansible streams nothing of what a module prints, so the action plugin names a file in an environment variable, the
module appends a JSON object a line to it, and the action plugin reads along. Without the variable, nothing is written.
"""

from __future__ import annotations

import json
import os
import threading
import time
from typing import Literal

FILE_VARIABLE = "ALPINE_CLOUD_PROGRESS_FILE"

_SECONDS_BETWEEN_LINES = 0.2

Unit = Literal["bytes", "percent"]


class Progress:
    """One step's progress; may be used by several threads.

    :param step: what is being done, as a noun such as ``upload``.
    :param total: how much there is to do, in ``unit``.
    """

    def __init__(self, step: str, total: int, unit: Unit = "bytes") -> None:
        self._step = step
        self._total = total
        self._unit = unit
        self._done = 0
        self._last_line = 0.0
        self._lock = threading.Lock()
        self._path = os.environ.get(FILE_VARIABLE)

    def advance(self, amount: int) -> None:
        """Add ``amount`` to what is done; an SDK's callback of bytes sent."""
        with self._lock:
            self._done += amount
            self._report()

    def update(self, done: int) -> None:
        """Say how much is done in all."""
        with self._lock:
            self._done = done
            self._report()

    def _report(self) -> None:
        now = time.monotonic()
        if self._path is None or (now - self._last_line < _SECONDS_BETWEEN_LINES and self._done < self._total):
            return
        self._last_line = now
        line = json.dumps({"step": self._step, "done": self._done, "total": self._total, "unit": self._unit})
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(line + "\n")
