# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A virtual machine as a resource: what Azure shows of it, and what it tells itself."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import uuid
from typing import TYPE_CHECKING, Any

from tests.sandbox._azure._errors import ArmError
from tests.sandbox._azure._networks import Interface

if TYPE_CHECKING:
    from tests.sandbox._machines import Machine


@dataclasses.dataclass
class VirtualMachine:
    name: str
    id: str
    body: dict[str, Any]
    """As it was asked for, without user data."""
    security_type: str
    user_data: str | None
    state: str = "Creating"
    failure: ArmError | None = None
    operation: str = ""
    """The id of the operation that is under way, or was the last one."""
    machine: Machine | None = None
    interface: Interface | None = None
    disk: str | None = None
    """The name of its disk, once it has one."""
    vm_id: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))
    created: str = dataclasses.field(default_factory=lambda: datetime.datetime.now(datetime.UTC).isoformat())

    @property
    def settled(self) -> bool:
        return self.state in ("Succeeded", "Failed")

    @property
    def log_path(self) -> str:
        """Of the blob with its serial log."""
        return f"/bootdiagnostics-{self.name.lower()}-{self.vm_id}/{self.name}.{self.vm_id}.serialconsole.log"

    @property
    def disk_id(self) -> str:
        return f"{self.id.partition('/virtualMachines/')[0]}/disks/{self.disk}"

    def rendered(self, expand: str | None) -> dict[str, Any]:
        properties = copy.deepcopy(self.body["properties"])
        # In place of the configuration, what it has made.
        interfaces = []
        if self.interface:
            options = {"primary": True, "deleteOption": self.interface.delete_option}
            interfaces = [{"id": self.interface.id, "properties": options}]
        properties["networkProfile"] = {"networkInterfaces": interfaces}
        disk = properties["storageProfile"]["osDisk"]
        if self.disk:
            disk["name"] = self.disk
            disk["managedDisk"] = {**(disk.get("managedDisk") or {}), "id": self.disk_id}
        properties["securityProfile"] = {"securityType": self.security_type}
        properties["osProfile"].pop("adminPassword", None)
        properties["osProfile"].pop("customData", None)
        properties |= {"vmId": self.vm_id, "provisioningState": self.state, "timeCreated": self.created}
        if expand == "instanceView":
            properties["instanceView"] = self.instance_view()
        elif expand == "userData" and self.user_data is not None:
            properties["userData"] = self.user_data
        return {
            "name": self.name,
            "id": self.id,
            "type": "Microsoft.Compute/virtualMachines",
            "location": self.body["location"],
            "tags": self.body.get("tags") or {},
            "etag": f'"{self.operation}"',
            "properties": properties,
        }

    def instance_view(self) -> dict[str, Any]:
        statuses: list[dict[str, Any]] = []
        if self.failure is not None:
            statuses.append(
                {
                    "code": f"ProvisioningState/failed/{self.failure.code}",
                    "level": "Error",
                    "displayStatus": "Provisioning failed",
                    "message": self.failure.message,
                }
            )
        else:
            word = self.state.lower()
            statuses.append({"code": f"ProvisioningState/{word}", "level": "Info", "displayStatus": self.state})
        if self.machine is not None:
            word = "running" if self.machine.running else "stopped" if self.machine.ended else "starting"
            statuses.append({"code": f"PowerState/{word}", "level": "Info", "displayStatus": f"VM {word}"})
        return {"statuses": statuses}

    def metadata(self) -> dict[str, Any]:
        """What its metadata service tells it."""
        properties = self.body["properties"]
        system = properties["osProfile"]
        linux = system.get("linuxConfiguration") or {}
        address = self.interface.private_address if self.interface else ""
        return {
            "compute": {
                "azEnvironment": "AzurePublicCloud",
                "location": self.body["location"],
                "name": self.name,
                "osProfile": {
                    "adminUsername": system["adminUsername"],
                    "computerName": system["computerName"],
                    "disablePasswordAuthentication": str(linux.get("disablePasswordAuthentication", False)).lower(),
                },
                "osType": "Linux",
                "publicKeys": copy.deepcopy((linux.get("ssh") or {}).get("publicKeys") or []),
                "resourceGroupName": self.id.split("/")[4],
                "resourceId": self.id,
                "subscriptionId": self.id.split("/")[2],
                "tags": ";".join(f"{key}:{value}" for key, value in (self.body.get("tags") or {}).items()),
                "userData": self.user_data or "",
                "vmId": self.vm_id,
                "vmSize": properties["hardwareProfile"]["vmSize"],
            },
            "network": {
                "interface": [
                    {
                        # A public address of SKU Standard is not told here.
                        "ipv4": {
                            "ipAddress": [{"privateIpAddress": address, "publicIpAddress": ""}],
                            "subnet": [{"address": "10.0.0.0", "prefix": "24"}],
                        }
                    }
                ]
            },
        }
