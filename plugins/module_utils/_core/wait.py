# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for a provider's asynchronous operation, with a bound."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .errors import WaitTimeoutError

T = TypeVar("T")

WAIT_ARGUMENT_SPEC: dict[str, Any] = {
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 3600},
    "wait_interval": {"type": "int", "default": 5},
}
"""The options that doc fragment ``alpine.cloud._wait`` documents; seconds."""


@dataclasses.dataclass(frozen=True)
class Wait:
    """Whether, and for how long, a module waits for the provider."""

    enabled: bool = True
    timeout: float = 3600
    """In seconds."""
    interval: float = 5
    """Between two questions, in seconds."""

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Wait:
        return cls(params["wait"], params["wait_timeout"], params["wait_interval"])

    def until(self, check: Callable[[], T | None], *, what: str) -> T:
        """As :func:`wait_until`, whether ``enabled`` or not."""
        return wait_until(check, timeout=self.timeout, interval=self.interval, what=what)


def wait_until(check: Callable[[], T | None], *, timeout: float, interval: float, what: str) -> T:
    """Call ``check`` until it returns something other than ``None``, and return that.

    :param check: asks the provider once; raises when the state is a final failure.
    :param timeout: seconds after which to give up; ``check`` is called at least once.
    :param interval: seconds between two calls.
    :param what: what is being waited for, to complete the sentence "... waiting for {what}".
    :raises WaitTimeoutError: when ``timeout`` has passed.
    """
    deadline = time.monotonic() + timeout
    while True:
        result = check()
        if result is not None:
            return result
        left = deadline - time.monotonic()
        if left <= 0:
            raise WaitTimeoutError(
                f"Gave up after {timeout:g} seconds (wait_timeout) waiting for {what}. "
                "It may still complete: run the task again to pick it up, or raise wait_timeout."
            )
        time.sleep(min(interval, left))
