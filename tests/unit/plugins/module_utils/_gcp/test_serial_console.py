# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from google.api_core import exceptions as api
from google.cloud import compute_v1 as compute

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import ProviderError
from ansible_collections.alpine.cloud.plugins.module_utils._gcp.serial_console import SerialConsole
from tests.support.fake_instances import NAME, ZONE, FakeInstances


class _Answer:
    """Of requests, as far as the SDK's exceptions look at it."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def json(self) -> dict[str, Any]:
        return {"error": {"message": "It is not ready", "errors": [{"reason": self._reason, "message": "x"}]}}


def _output(contents: str, start: int, following: int) -> Any:
    return compute.SerialPortOutput(contents=contents, start=start, next_=following)


def _starts(cloud: FakeInstances) -> list[tuple[int, int]]:
    return [(request.port, request.start) for request in cloud.requests]


def test_it_is_read_on_from_where_it_was_read_to() -> None:
    cloud = FakeInstances()
    console = SerialConsole(cloud.clients, ZONE, NAME)
    cloud.serial = [_output("one\n", 0, 4), _output("", 4, 4), _output("two\n", 4, 8)]
    assert [console.read(), console.read(), console.read()] == ["one\n", "one\n", "one\ntwo\n"]
    assert _starts(cloud) == [(1, 0), (1, 4), (1, 4)]


def test_what_was_not_kept_is_told() -> None:
    cloud = FakeInstances()
    console = SerialConsole(cloud.clients, ZONE, NAME)
    cloud.serial = [_output("one\n", 0, 4), _output("two\n", 1048580, 1048584)]
    console.read()
    assert console.read() == "one\n\n(1048576 bytes have not been kept by Google Cloud)\ntwo\n"


@pytest.mark.parametrize(
    "error",
    [
        api.BadRequest("not ready", response=_Answer("resourceNotReady")),
        api.NotFound("gone"),
        api.ServiceUnavailable("TIMEOUT"),
    ],
)
def test_a_machine_that_has_ended_has_said_what_it_has_said(error: Exception) -> None:
    cloud = FakeInstances()
    console = SerialConsole(cloud.clients, ZONE, NAME)
    cloud.serial = [_output("one\n", 0, 4), error]
    console.read()
    assert console.read() == "one\n"


def test_another_refusal_is_told() -> None:
    cloud = FakeInstances()
    cloud.serial = [api.Forbidden("Required 'compute.instances.getSerialPortOutput' permission")]
    with pytest.raises(ProviderError, match=f"could not read the console of instance {NAME}: Required"):
        SerialConsole(cloud.clients, ZONE, NAME).read()
