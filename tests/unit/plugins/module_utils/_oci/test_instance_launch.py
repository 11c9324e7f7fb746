# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import ProviderError
from ansible_collections.alpine.cloud.plugins.module_utils._oci.instance_launch import (
    launch_instance,
    out_of_capacity,
    terminate_instance,
)
from ansible_collections.alpine.cloud.plugins.module_utils._oci.instance_request import OciInstanceRequest
from ansible_collections.alpine.cloud.plugins.module_utils._oci.instance_shape import LaunchShape
from ansible_collections.alpine.cloud.plugins.module_utils._oci.instance_state import read_instance
from tests.support.oci_instances import DOMAINS, INSTANCE, instance, options
from tests.support.scripted_oci import Call, ScriptedOracle, error

SHAPE = LaunchShape("VM.Standard.E4.Flex", 1.0, 1.0, flexible=True)
ONE = f"/instances/{INSTANCE}"
NONE = Call("GET", "/instances", [])


def _launch(oracle: ScriptedOracle, **given: Any) -> tuple[str, str, bool]:
    request = OciInstanceRequest.from_params(options(oracle, **given))
    launched, own = launch_instance(oracle.connection(), request, SHAPE, DOMAINS)
    return launched.id, launched.state, own


def _tokens(oracle: ScriptedOracle) -> list[str]:
    return [token for token in oracle.retry_tokens if token]


def test_an_instance_is_launched_and_waited_for(oracle: ScriptedOracle) -> None:
    oracle.expect(
        NONE,
        Call("POST", "/instances", instance("PROVISIONING")),
        Call("GET", ONE, instance("PROVISIONING")),
        Call("GET", ONE, instance()),
    )
    assert _launch(oracle) == (INSTANCE, "RUNNING", True)


def test_another_run_that_was_faster_is_joined(oracle: ScriptedOracle) -> None:
    oracle.expect(
        NONE,
        error("POST", "/instances", 409, "InvalidatedRetryToken"),
        Call("GET", "/instances", [instance("PROVISIONING")]),
    )
    assert _launch(oracle) == (INSTANCE, "PROVISIONING", False)


def test_a_token_of_an_instance_that_is_forgotten_is_not_used_again(oracle: ScriptedOracle) -> None:
    oracle.expect(
        NONE,
        error("POST", "/instances", 409, "InvalidatedRetryToken"),
        NONE,
        # Ended, or no longer ours.
        Call("POST", "/instances", instance("TERMINATED")),
        Call("POST", "/instances", instance(freeformTags={})),
        Call("POST", "/instances", instance()),
    )
    assert _launch(oracle, wait=False) == (INSTANCE, "RUNNING", True)
    assert len(set(_tokens(oracle))) == 4


@pytest.mark.parametrize(
    "full",
    [
        error("POST", "/instances", 500, "InternalError", "Out of host capacity."),
        error("POST", "/instances", 404, "NotAuthorizedOrNotFound", "shape VM.Standard.E4.Flex not found"),
    ],
)
def test_the_next_domain_is_tried_where_there_is_no_room(oracle: ScriptedOracle, full: Call) -> None:
    oracle.expect(NONE, full, NONE, Call("POST", "/instances", instance()))
    assert _launch(oracle, wait=False)[2]
    assert len(set(_tokens(oracle))) == 2


def test_no_room_in_any_domain_is_told(oracle: ScriptedOracle) -> None:
    full = error("POST", "/instances", 500, "InternalError", "Out of host capacity.")
    oracle.expect(NONE, full, NONE, full)
    with pytest.raises(ProviderError, match=r"no room for shape VM\.Standard\.E4\.Flex in AD-1, AD-2 \(.*capacity"):
        _launch(oracle)


def test_another_error_is_not_taken_for_a_lack_of_room(oracle: ScriptedOracle) -> None:
    oracle.expect(NONE, error("POST", "/instances", 404, "NotAuthorizedOrNotFound", "Authorization failed."))
    with pytest.raises(ProviderError, match="Authorization failed"):
        _launch(oracle)


def test_a_launch_that_is_given_up_later_tells_why(oracle: ScriptedOracle) -> None:
    oracle.expect(
        NONE,
        Call("POST", "/instances", instance("PROVISIONING"), headers={"opc-work-request-id": "WR"}),
        Call("GET", ONE, instance("TERMINATED")),
        Call(
            "GET",
            "/workRequests/WR/errors",
            [{"code": "InternalError", "message": "It burns.", "timestamp": "2026-01-01T00:00:00Z"}],
        ),
    )
    with pytest.raises(ProviderError, match=r"has not come up, it is TERMINATED: It burns\.") as raised:
        _launch(oracle)
    assert raised.value.code == "InternalError"


def test_capacity_is_told_by_words() -> None:
    assert out_of_capacity(ProviderError("Out of host capacity.", operation="x", status=500))
    assert not out_of_capacity(ProviderError("Internal error.", operation="x", status=500))
    assert not out_of_capacity(ProviderError("image not found", operation="x", status=404))


def test_an_instance_goes_with_its_boot_volume(oracle: ScriptedOracle) -> None:
    clients = oracle.connection()
    oracle.expect(
        Call("GET", ONE, instance()),
        Call("DELETE", ONE, None, query={"preserveBootVolume": "false"}),
        error("DELETE", ONE, 404, "NotAuthorizedOrNotFound"),
        error("GET", ONE, 404, "NotAuthorizedOrNotFound"),
    )
    found = read_instance(clients, INSTANCE)
    assert found is not None
    terminate_instance(clients, found)
    # Somebody else was faster.
    terminate_instance(clients, found)
    assert read_instance(clients, INSTANCE) is None
