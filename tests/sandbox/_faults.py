# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that are ordered while the sandbox runs, and the book that says when each one is due."""

from __future__ import annotations

import dataclasses
import fnmatch
import threading
from typing import Any

DROPS = ("before", "after", "during")
HOLDS = ("request", "answer", "operation")


@dataclasses.dataclass
class Fault:
    """One order: from the ``nth`` matching request on, ``count`` times.

    :param operation: a shell pattern over the provider's operation name, such as ``Put*``.
    :param service: a shell pattern over the service, such as ``s3``.
    :param status: answer with this HTTP status instead of acting.
    :param drop: close the connection ``before`` or ``after`` the service has acted, or ``during`` its answer, halfway
        through the body.
    :param delay: seconds to wait before acting.
    :param fail: the reason with which an asynchronous operation is to end in failure.
    :param hold: until the faults are cleared, keep back the ``request`` before the service acts, its ``answer``, or the
        end of the asynchronous ``operation`` that it begins. A request whose client is gone by then never arrives.
    """

    operation: str = "*"
    service: str = "*"
    nth: int = 1
    count: int = 1
    status: int | None = None
    drop: str | None = None
    delay: float | None = None
    fail: str | None = None
    hold: str | None = None
    seen: int = 0

    def __post_init__(self) -> None:
        kinds = [self.status, self.drop, self.delay, self.fail, self.hold]
        if sum(kind is not None for kind in kinds) != 1:
            raise ValueError("a fault is exactly one of status, drop, delay, fail, hold")
        if self.drop not in (None, *DROPS):
            raise ValueError(f"drop is one of {', '.join(DROPS)}, not {self.drop!r}")
        if self.hold not in (None, *HOLDS):
            raise ValueError(f"hold is one of {', '.join(HOLDS)}, not {self.hold!r}")
        if self.nth < 1 or self.count < 1:
            raise ValueError("nth and count are at least 1")

    def due(self, service: str, operation: str) -> bool:
        """Count a request if it matches, and tell whether this fault strikes it."""
        if not (fnmatch.fnmatchcase(service, self.service) and fnmatch.fnmatchcase(operation, self.operation)):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.count


class FaultBook:
    """The faults ordered of one cloud."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._cleared = threading.Event()
        self._lock = threading.Lock()

    def order(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        """Withdraw all faults, and let go what they hold."""
        with self._lock:
            self._faults.clear()
            self._cleared.set()
            self._cleared = threading.Event()

    def listing(self) -> list[dict[str, Any]]:
        with self._lock:
            return [dataclasses.asdict(fault) for fault in self._faults]

    def take_request_faults(self, service: str, operation: str) -> list[Fault]:
        """The faults that strike this request."""
        with self._lock:
            faults = [fault for fault in self._faults if fault.fail is None and fault.hold is None]
            return [fault for fault in faults if fault.due(service, operation)]

    def take_failure(self, service: str, operation: str) -> str | None:
        """The reason with which the asynchronous operation that now starts must end, or ``None``."""
        with self._lock:
            for fault in self._faults:
                if fault.fail is not None and fault.due(service, operation):
                    return fault.fail
        return None

    def take_hold(self, service: str, operation: str, what: str = "operation") -> threading.Event:
        """What a request, its answer, or the asynchronous operation that now starts, has to wait for."""
        with self._lock:
            for fault in self._faults:
                if fault.hold == what and fault.due(service, operation):
                    return self._cleared
        free = threading.Event()
        free.set()
        return free
