# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Azure's long-running operations, with a bound.

https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from .._core.dependencies import require
from .._core.errors import WaitTimeoutError
from .._core.wait import Wait
from .errors import provider_errors

if TYPE_CHECKING:
    from azure.core.polling import LROPoller

T = TypeVar("T")


def polling_options(wait: Wait) -> dict[str, Any]:
    """What the SDK's ``begin_...`` methods take, so that they ask as often as the user wants, or not at all."""
    if not wait.enabled:
        return {"polling": False}
    arm_polling = require("azure.mgmt.core.polling.arm_polling", "azure-mgmt-core")

    class SteadyPolling(arm_polling.ARMPolling):  # type: ignore[name-defined]
        """The SDK's follows each ``Retry-After``, for image versions a minute, and not ``wait_interval``."""

        def _extract_delay(self) -> float:
            return float(self._timeout)

    # The last question comes before time is up.
    return {"polling": SteadyPolling(min(wait.interval, wait.timeout / 2))}


def finish(poller: LROPoller[T], wait: Wait, *, operation: str, attempt: str, began: str) -> T | None:
    """Wait for an operation.

    :param operation: Azure's name of it, and attempt, are those of :func:`.errors.provider_errors`.
    :param began: what to call it when time is up, to complete the sentence "... waiting for {began}".
    :return: its result, or ``None`` when ``wait`` is off.
    :raises ProviderError: with the reason for which Azure says the operation failed.
    :raises WaitTimeoutError: when it takes longer than ``wait_timeout``.
    """
    if not wait.enabled:
        return None
    with provider_errors(operation, attempt):
        # The poller asks in a thread of its own, a daemon, that ends with the process.
        poller.wait(wait.timeout)
        if not poller.done():
            raise WaitTimeoutError(
                f"Gave up after {wait.timeout:g} seconds (wait_timeout) waiting for {began}. It may still complete: "
                "run the task again to pick it up, or raise wait_timeout."
            )
        return poller.result()
