# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A virtual machine with everything behind it in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from azure.core.rest import HttpRequest
from azure.mgmt.compute import models

from ansible_collections.alpine.cloud.plugins.module_utils._azure.machine_network import MachineNetwork
from ansible_collections.alpine.cloud.plugins.module_utils._azure.virtual_machine import ensure_absent, ensure_present
from ansible_collections.alpine.cloud.plugins.module_utils._azure.virtual_machine_request import AzureVmRequest
from tests.unit.plugins.module_utils._azure.fakes import Clients, Operations

ENDPOINT = "https://arm.example"
GROUP = "/subscriptions/s/resourceGroups/images/providers"
DEFINITION = f"{GROUP}/Microsoft.Compute/galleries/alpine/images/alpine-x86_64-uefi-tiny"
VERSION = f"{DEFINITION}/versions/3.24.2000"
NETWORK = f"{GROUP}/Microsoft.Network/virtualNetworks/net"
SUBNET = f"{NETWORK}/subnets/machines"
INTERFACE = f"{GROUP}/Microsoft.Network/networkInterfaces/alpine-1-nic"
PUBLIC = f"{GROUP}/Microsoft.Network/publicIPAddresses/alpine-1-ip"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f someone@else"
TIMED_OUT = "OSProvisioningTimedOut"

PARAMS: dict[str, Any] = {
    "state": "present",
    "resource_group": "machines",
    "name": "alpine-1",
    "architecture": "x86_64",
    "image": VERSION,
    "size": None,
    "location": None,
    "subnet_id": SUBNET,
    "network_security_group_id": None,
    "public_address": True,
    "ssh_public_key": KEY,
    "user_data": None,
    "console": False,
    "console_pattern": None,
    "tags": None,
    "append_tags": True,
    "wait": True,
    "wait_timeout": 5,
    "wait_interval": 0,
}


class Answer:
    """What the SDK needs of a response."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        self.status_code = status
        self.reason = "Reason"
        self.content_type = "application/json"
        self._body = body

    def json(self) -> dict[str, Any]:
        return self._body

    def text(self) -> str:
        return json.dumps(self._body)

    def body(self) -> bytes:
        return self.text().encode()


def refusal(status: int, code: str) -> Answer:
    return Answer(status, {"error": {"code": code, "message": "No."}})


def definition(**changes: Any) -> dict[str, Any]:
    """An image definition, as Azure shows it."""
    properties = {
        "osType": "Linux",
        "osState": "Generalized",
        "hyperVGeneration": "V2",
        "architecture": "x64",
        "identifier": {"publisher": "p", "offer": "o", "sku": "s"},
        "features": [{"name": "DiskControllerTypes", "value": "SCSI, NVMe"}],
        "provisioningState": "Succeeded",
        **changes,
    }
    return {"id": DEFINITION, "location": "westeurope", "properties": properties}


def sku(name: str = "Standard_B2ats_v2", *, restricted: bool = False, **changes: str) -> models.ResourceSku:
    """A size, as Azure tells it."""
    told = {"CpuArchitectureType": "x64", "HyperVGenerations": "V1,V2", "DiskControllerTypes": "SCSI", **changes}
    restrictions = [{"type": "Location", "values": ["westeurope"], "reasonCode": "NotAvailableForSubscription"}]
    return models.ResourceSku(
        {
            "resourceType": "virtualMachines",
            "name": name,
            "capabilities": [{"name": key, "value": value} for key, value in told.items() if value],
            "restrictions": restrictions if restricted else [],
        }
    )


def machine(
    provisioning: str = "Failed",
    power: str | None = "running",
    *,
    failure: str | None = TIMED_OUT,
    tags: dict[str, str] | None = None,
    **properties: Any,
) -> dict[str, Any]:
    """A machine with its instance view, as Azure shows it: one that runs and has not told so."""
    statuses = []
    if provisioning == "Failed":
        statuses.append({"code": f"ProvisioningState/failed/{failure}", "message": "It did not finish."})
    else:
        statuses.append({"code": f"ProvisioningState/{provisioning.lower()}"})
    if power is not None:
        statuses.append({"code": f"PowerState/{power}"})
    return {
        "id": f"{GROUP}/Microsoft.Compute/virtualMachines/alpine-1",
        "name": "alpine-1",
        "location": "westeurope",
        "tags": {"alpine-cloud-machine": "alpine-1"} if tags is None else tags,
        "properties": {
            "provisioningState": provisioning,
            "hardwareProfile": {"vmSize": "Standard_B2ats_v2"},
            "storageProfile": {"imageReference": {"id": VERSION}, "osDisk": {"createOption": "FromImage"}},
            "networkProfile": {"networkInterfaces": [{"id": INTERFACE, "properties": {"primary": True}}]},
            "instanceView": {"statuses": statuses},
            **properties,
        },
    }


class Skus:
    """The operation group of sizes."""

    def __init__(self) -> None:
        self.answer: list[models.ResourceSku] = [sku()]
        self.error: Exception | None = None
        self.filters: list[str] = []

    def list(self, *, filter: str) -> Iterator[models.ResourceSku]:
        self.filters.append(filter)
        if self.error is not None:
            error: Exception = self.error
            raise error
        yield models.ResourceSku({"resourceType": "disks", "name": "Standard_B2ats_v2"})
        yield from self.answer


class Log:
    """The serial log, with what is read of it one time after the other."""

    def __init__(self) -> None:
        self.reads: list[bytes | Exception] = []

    def read(self) -> bytes:
        found = self.reads.pop(0) if len(self.reads) > 1 else self.reads[0]
        if isinstance(found, Exception):
            raise found
        return found


class MachineClients(Clients):
    """An ``AzureClients`` for machines; ``answers`` are what Resource Manager answers, by the path."""

    def __init__(self) -> None:
        super().__init__()
        self.compute: Any = self.compute
        self.compute.virtual_machines = Operations(models.VirtualMachine)
        self.compute.resource_skus = Skus()
        self.compute.send_request = self._send
        self.arm_endpoint = ENDPOINT
        self.network = MachineNetwork(self.compute, ENDPOINT)
        self.log = Log()
        self.logs: list[tuple[str, str]] = []
        regions = {"publishingProfile": {"targetRegions": [{"name": "West Europe"}]}, "provisioningState": "Succeeded"}
        address = {"privateIPAddress": "10.0.0.4", "primary": True, "publicIPAddress": {"id": PUBLIC}}
        self.answers: dict[str, Answer] = {
            DEFINITION: Answer(200, definition()),
            VERSION: Answer(200, {"id": VERSION, "location": "westeurope", "properties": regions}),
            NETWORK: Answer(200, {"location": "westeurope", "properties": {"subnets": [{"id": SUBNET}]}}),
            INTERFACE: Answer(200, {"properties": {"ipConfigurations": [{"properties": address}]}}),
            PUBLIC: Answer(200, {"properties": {"ipAddress": "198.51.100.7"}}),
        }

    def _send(self, request: HttpRequest) -> Answer:
        path = request.url.removeprefix(ENDPOINT).partition("?")[0]
        return self.answers.get(path) or refusal(404, "ResourceNotFound")

    def serial_log(self, resource_group: str, name: str) -> Log:
        self.logs.append((resource_group, name))
        return self.log


class MachineCase:
    """One machine, as it is and as it is to be."""

    def __init__(self, existing: dict[str, Any] | None = None, **options: Any) -> None:
        self.clients: Any = MachineClients()
        self.operations = self.clients.compute.virtual_machines
        self.operations.resource = existing
        self.warnings: list[str] = []
        self.request = AzureVmRequest.from_params({**PARAMS, **options})

    def launched_as(self, **shown: Any) -> None:
        """What Azure makes of a machine that is created: ``machine`` of these arguments."""
        created = machine(**shown)
        self.operations.created = created["properties"]

    def present(self, *, check_mode: bool = False) -> dict[str, Any]:
        return ensure_present(self.clients, self.request, check_mode=check_mode, warn=self.warnings.append)

    def absent(self, *, check_mode: bool = False) -> dict[str, Any]:
        return ensure_absent(self.clients, self.request, check_mode=check_mode)
