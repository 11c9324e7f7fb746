# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._azure.machine_network import (
    MachineAddresses,
    checked_security_group,
    checked_subnet,
)
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError, ProviderError
from tests.unit.plugins.module_utils._azure.machine_case import (
    GROUP,
    INTERFACE,
    NETWORK,
    PUBLIC,
    SUBNET,
    Answer,
    MachineClients,
    refusal,
)

SECURITY_GROUP = f"{GROUP}/Microsoft.Network/networkSecurityGroups/ssh"


def test_ids() -> None:
    assert checked_subnet(SUBNET) == SUBNET
    assert checked_security_group(SECURITY_GROUP) == SECURITY_GROUP
    assert checked_security_group(None) is None
    with pytest.raises(InputError, match="Azure has no default network: make one with `az network vnet create"):
        checked_subnet(None)
    with pytest.raises(InputError, match="is not the resource ID of a subnet"):
        checked_subnet(NETWORK)
    with pytest.raises(InputError, match="az network nsg show"):
        checked_security_group(SUBNET)


def test_a_machine_is_where_its_subnet_is() -> None:
    clients: Any = MachineClients()
    clients.answers[NETWORK] = Answer(
        200, {"location": "West US 2", "properties": {"subnets": [{"id": SUBNET.upper()}]}}
    )
    assert clients.network.region_of(SUBNET) == "westus2"


@pytest.mark.parametrize(
    "answer",
    [
        refusal(404, "ResourceNotFound"),
        Answer(200, {"location": "westeurope", "properties": {"subnets": [{"id": f"{SUBNET}2"}]}}),
    ],
)
def test_a_subnet_that_is_not_there(answer: Answer) -> None:
    clients: Any = MachineClients()
    clients.answers[NETWORK] = answer
    with pytest.raises(InputError, match=f"subnet_id: there is no {SUBNET}: make one"):
        clients.network.region_of(SUBNET)


def _addresses(**answers: Answer | None) -> tuple[MachineAddresses, list[str]]:
    clients: Any = MachineClients()
    warnings: list[str] = []
    for path, answer in {INTERFACE: answers.get("interface"), PUBLIC: answers.get("public")}.items():
        if answer is not None:
            clients.answers[path] = answer
    return clients.network.addresses([INTERFACE, "/never/asked"], warnings.append), warnings


def test_addresses() -> None:
    assert _addresses() == (MachineAddresses("10.0.0.4", "198.51.100.7"), [])


def test_addresses_that_are_not_there_yet() -> None:
    gone, without = refusal(404, "ResourceNotFound"), Answer(200, {"properties": {}})
    assert _addresses(interface=gone) == (MachineAddresses(), [])
    assert _addresses(interface=without) == (MachineAddresses(), [])
    assert _addresses(public=gone) == (MachineAddresses("10.0.0.4"), [])
    assert _addresses(public=without) == (MachineAddresses("10.0.0.4"), [])
    clients: Any = MachineClients()
    assert clients.network.addresses([], [].append) == MachineAddresses()


def test_the_primary_address_is_meant() -> None:
    settings = [{"privateIPAddress": "10.0.0.8"}, {"privateIPAddress": "10.0.0.9", "primary": True}]
    interface = Answer(200, {"properties": {"ipConfigurations": [{"properties": entry} for entry in settings]}})
    assert _addresses(interface=interface)[0] == MachineAddresses("10.0.0.9")


def test_who_may_not_read_addresses_is_told_so() -> None:
    addresses, warnings = _addresses(interface=refusal(403, "AuthorizationFailed"))
    assert addresses == MachineAddresses()
    assert "AuthorizationFailed" in warnings[0]
    assert "The machine's addresses are not in the result." in warnings[0]
    with pytest.raises(ProviderError, match="Cannot look up the machine's network interface"):
        _addresses(interface=refusal(400, "BadRequest"))
