# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._azure.long_running import finish, polling_options
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import (
    ProviderError,
    WaitTimeoutError,
)
from ansible_collections.alpine.cloud.plugins.module_utils._core.wait import Wait
from tests.unit.plugins.module_utils._azure.fakes import NO_WAIT, WAIT, Poller, arm_error, delay

WORDS = {"operation": "Galleries_Delete", "attempt": "delete it", "began": "it to be deleted"}


class Answered(Poller):
    def result(self) -> Any:
        super().result()
        return "the result"


def ended(poller: Any, wait: Wait = WAIT) -> Any:
    return finish(poller, wait, **WORDS)


def test_the_result_is_handed_on() -> None:
    poller = Answered()
    assert ended(poller) == "the result"
    assert poller.waited == WAIT.timeout


def test_without_waiting_nothing_is_asked() -> None:
    poller = Poller(arm_error(409, "Conflict"), done=False)
    assert ended(poller, NO_WAIT) is None
    assert poller.waited is None


def test_azure_says_why_the_operation_failed() -> None:
    with pytest.raises(ProviderError, match=r"Cannot delete it: OperationFailed: No\.") as caught:
        ended(Poller(arm_error(409, "OperationFailed")))
    assert (caught.value.operation, caught.value.code) == ("Galleries_Delete", "OperationFailed")


def test_an_answer_that_the_poller_does_not_understand() -> None:
    with pytest.raises(ProviderError, match=r"Cannot delete it: Azure's library does not understand .*KeyError"):
        ended(Poller(KeyError("status")))


def test_time_is_up() -> None:
    with pytest.raises(WaitTimeoutError, match=r"after 5 seconds \(wait_timeout\) waiting for it to be deleted"):
        ended(Poller(done=False))


def test_how_often_to_ask() -> None:
    assert delay(polling_options(Wait(interval=7))) == 7
    assert delay(polling_options(Wait(interval=7, timeout=6))) == 3, "the last question comes before time is up"
    assert polling_options(NO_WAIT) == {"polling": False}
