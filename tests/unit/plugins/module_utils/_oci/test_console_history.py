# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import ProviderError
from ansible_collections.alpine.cloud.plugins.module_utils._core.wait import Wait
from ansible_collections.alpine.cloud.plugins.module_utils._oci.console_history import (
    ConsoleHistory,
    left_histories,
)
from ansible_collections.alpine.cloud.plugins.module_utils._oci.instance_state import read_instance
from tests.support.oci_instances import INSTANCE, NAME, instance
from tests.support.scripted_oci import COMPARTMENT, Call, ScriptedOracle, error

ONE = f"/instances/{INSTANCE}"
ALL = "/instanceConsoleHistories"
HISTORY = f"{ALL}/H"


def _history(state: str, **fields: Any) -> dict[str, Any]:
    return {"id": "H", "instanceId": INSTANCE, "lifecycleState": state, **fields}


def _console(oracle: ScriptedOracle) -> ConsoleHistory:
    clients = oracle.connection()
    oracle.expect(Call("GET", ONE, instance()))
    found = read_instance(clients, INSTANCE)
    assert found is not None
    return ConsoleHistory(clients, found, Wait(timeout=5, interval=0))


def _captured(*left: tuple[bytes, str]) -> list[Call]:
    return [
        Call("GET", ONE, instance()),
        Call(
            "POST",
            ALL,
            _history("REQUESTED"),
            body={"instanceId": INSTANCE, "displayName": NAME, "freeformTags": {"alpine-cloud-machine": NAME}},
        ),
        Call("GET", HISTORY, _history("GETTING-HISTORY")),
        Call("GET", HISTORY, _history("SUCCEEDED")),
        *(Call("GET", f"{HISTORY}/data", content=part, headers={"opc-bytes-remaining": more}) for part, more in left),
        Call("DELETE", HISTORY),
    ]


def test_what_was_captured_is_read_to_its_end_and_deleted(oracle: ScriptedOracle) -> None:
    console = _console(oracle)
    oracle.expect(*_captured((b"first ", "6"), (b"second", "0")))
    assert console.read() == b"first second"


def test_of_a_machine_that_does_not_run_the_last_text_stays(oracle: ScriptedOracle) -> None:
    console = _console(oracle)
    oracle.expect(*_captured((b"said", "0")), Call("GET", ONE, instance("STOPPED")))
    assert console.read() == b"said"
    assert console.read() == b"said"


def test_a_machine_that_stops_before_it_is_captured_is_no_error(oracle: ScriptedOracle) -> None:
    console = _console(oracle)
    oracle.expect(Call("GET", ONE, instance()), error("POST", ALL, 409, "IncorrectState"))
    assert console.read() == b""


def test_what_was_captured_is_deleted_when_it_fails(oracle: ScriptedOracle) -> None:
    console = _console(oracle)
    oracle.expect(
        Call("GET", ONE, instance()),
        Call("POST", ALL, _history("REQUESTED")),
        Call("GET", HISTORY, _history("FAILED")),
        # Somebody else has deleted it.
        error("DELETE", HISTORY, 404, "NotAuthorizedOrNotFound"),
    )
    with pytest.raises(ProviderError, match="Could not capture the console of instance alpine-1: it is FAILED"):
        console.read()


def test_only_what_this_collection_has_captured_counts_as_left(oracle: ScriptedOracle) -> None:
    ours = _history("SUCCEEDED", freeformTags={"alpine-cloud-machine": NAME})
    foreign = [_history("SUCCEEDED", id="F", freeformTags=tags) for tags in ({}, {"alpine-cloud-machine": "other"})]
    oracle.expect(Call("GET", ALL, [*foreign, ours]))
    assert left_histories(oracle.connection(), COMPARTMENT, NAME) == ["H"]
