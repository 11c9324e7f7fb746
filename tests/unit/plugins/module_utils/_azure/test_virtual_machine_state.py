# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from azure.mgmt.compute import models

from ansible_collections.alpine.cloud.plugins.module_utils._azure.virtual_machine_state import VirtualMachineState
from tests.unit.plugins.module_utils._azure.machine_case import INTERFACE, VERSION, machine


def _state(*arguments: Any, **options: Any) -> VirtualMachineState:
    return VirtualMachineState.of(models.VirtualMachine(machine(*arguments, **options)))


def test_what_azure_shows() -> None:
    state = _state()
    assert (state.managed.image, state.managed.size, state.managed.location) == (
        VERSION, "Standard_B2ats_v2", "westeurope",
    )  # fmt: skip
    assert state.managed.tags == {"alpine-cloud-machine": "alpine-1"}
    assert state.interfaces == (INTERFACE,)
    assert (state.failure_code, state.failure) == ("OSProvisioningTimedOut", "It did not finish.")
    assert state.security_type == "Standard"


@pytest.mark.parametrize(
    ("provisioning", "power", "failure", "shown", "timed_out", "failed"),
    [
        ("Succeeded", "running", None, ("running", True, "succeeded"), False, False),
        ("Succeeded", "deallocated", None, ("deallocated", False, "succeeded"), False, False),
        ("Creating", None, None, ("creating", False, "in_progress"), False, False),
        ("Creating", "running", None, ("running", True, "in_progress"), False, False),
        ("Deleting", "running", None, ("running", True, "in_progress"), False, False),
        ("Failed", "running", "OSProvisioningTimedOut", ("running", True, "timed_out"), True, False),
        ("Failed", "stopped", "OSProvisioningTimedOut", ("stopped", False, "failed"), False, True),
        ("Failed", "running", "OSProvisioningClientError", ("running", True, "failed"), False, True),
        ("Failed", None, "AllocationFailed", ("failed", False, "failed"), False, True),
    ],
)
def test_states(
    provisioning: str,
    power: str | None,
    failure: str | None,
    shown: tuple[str, bool, str],
    timed_out: bool,
    failed: bool,
) -> None:
    state = _state(provisioning, power, failure=failure)
    assert (state.shown["state"], state.shown["running"], state.shown["provisioning"]) == shown
    assert (state.timed_out, state.failed) == (timed_out, failed)


def test_the_primary_interface_comes_first() -> None:
    interfaces = [
        {"id": "/second", "properties": {"primary": False}},
        {"id": "/first", "properties": {"primary": True}},
    ]
    assert _state(networkProfile={"networkInterfaces": interfaces}).interfaces == ("/first", "/second")


def test_what_is_missing() -> None:
    bare = models.VirtualMachine({"id": "/x", "location": "eastus", "properties": {"provisioningState": "Creating"}})
    state = VirtualMachineState.of(bare)
    assert (state.image, state.interfaces, state.power_state, state.managed.size) == (None, (), None, "")


def test_the_security_type() -> None:
    assert _state(securityProfile={"securityType": "TrustedLaunch"}).security_type == "TrustedLaunch"
    assert _state(securityProfile={"encryptionAtHost": True}).security_type == "Standard"
