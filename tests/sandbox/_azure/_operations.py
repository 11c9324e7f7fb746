# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asynchronous operations of the resource manager, as polled through the Azure-AsyncOperation header."""

from __future__ import annotations

import datetime
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from tests.sandbox._azure._errors import ArmError


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat()


class Operations:
    """Runs each operation in a thread of its own and remembers how it ended."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        """How long an operation takes at least."""
        self._states: dict[str, dict[str, Any]] = {}
        self._retry_after: dict[str, dict[str, str]] = {}
        self._stopped = threading.Event()

    def stop(self) -> None:
        self._stopped.set()

    def pause(self, seconds: float) -> None:
        """Let time pass inside an operation.

        :raises ArmError: when the sandbox stops meanwhile.
        """
        if self._stopped.wait(seconds):
            raise ArmError(503, "ServiceUnavailable", "The service is shutting down.")

    def start(
        self,
        work: Callable[[], None],
        *,
        held: threading.Event,
        succeeded: Callable[[], None],
        failed: Callable[[ArmError], None],
        retry_after: int | None = None,
    ) -> str:
        """Run ``work`` and return the operation's id.

        :param held: waited for first.
        :param succeeded: called when ``work`` has returned and the time that an operation takes has passed.
        :param failed: called when ``work`` has raised.
        :param retry_after: how many seconds the service asks to be left alone between two questions.
        """
        name = str(uuid.uuid4())
        state: dict[str, Any] = {"name": name, "startTime": _now(), "status": "InProgress"}
        self._states[name] = state
        self._retry_after[name] = {"Retry-After": str(retry_after)} if retry_after else {}
        began = time.monotonic()

        def run() -> None:
            held.wait()
            try:
                try:
                    work()
                except ArmError:
                    raise
                except Exception as error:
                    raise ArmError(500, "InternalExecutionError", repr(error)) from error
                finally:
                    self.pause(max(0.0, self.seconds - (time.monotonic() - began)))
            except ArmError as error:
                failed(error)
                state.update(status="Failed", error=error.as_error(), endTime=_now())
            else:
                succeeded()
                state.update(status="Succeeded", endTime=_now())

        threading.Thread(target=run, name=f"operation-{name}", daemon=True).start()
        return name

    def state(self, name: str) -> dict[str, Any]:
        """:raises ArmError: when there is no such operation."""
        try:
            return dict(self._states[name])
        except KeyError:
            raise ArmError(404, "NotFound", f"The operation '{name}' was not found.") from None

    def headers(self, name: str) -> dict[str, str]:
        """What stands on the answer that has started an operation, and on those that say it has not ended."""
        return self._retry_after[name] if self._states[name]["status"] == "InProgress" else {}
