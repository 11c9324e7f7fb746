# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual machines: created from image versions, read, tagged and deleted."""

from __future__ import annotations

import dataclasses
import re
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.sandbox._azure import _machine_rules as rules
from tests.sandbox._azure._errors import ArmError, invalid_parameter
from tests.sandbox._azure._galleries import Galleries
from tests.sandbox._azure._machine_images import find_image
from tests.sandbox._azure._metadata import Metadata
from tests.sandbox._azure._models import validate
from tests.sandbox._azure._networks import Networks
from tests.sandbox._azure._operations import Operations
from tests.sandbox._azure._virtual_machine import VirtualMachine
from tests.sandbox._faults import FaultBook

if TYPE_CHECKING:
    from tests.sandbox._machines import Hardware, MachineRoom

NETWORK_API_VERSIONS = ("2020-11-01", "2022-11-01")
"""Those that a virtual machine can have its interface made by."""
_FIXED = ("storageProfile", "osProfile", "networkProfile", "hardwareProfile", "securityProfile", "userData")
_POLL_SECONDS = 0.05
# By the firmware's chassis asset tag, an image tells that it is in Azure.
_SMBIOS = (
    "type=1,manufacturer=Microsoft Corporation,product=Virtual Machine",
    "type=3,manufacturer=Microsoft Corporation,asset=7783-7084-3265-9085-8269-3286-77",
)
_CODED = re.compile(r"(?P<code>[A-Z]\w+): (?P<message>.+)", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class _Plan:
    """What a machine is made of."""

    hardware: Hardware
    disk: Path
    interface: dict[str, Any]


class VirtualMachines:
    """The virtual machines of one resource group."""

    def __init__(
        self,
        *,
        group_id: str,
        operations: Operations,
        faults: FaultBook,
        galleries: Galleries,
        networks: Networks,
        room: MachineRoom,
    ) -> None:
        self._group_id = group_id
        self._operations = operations
        self._faults = faults
        self._galleries = galleries
        self._networks = networks
        self._room = room
        self._machines: dict[str, VirtualMachine] = {}
        self._disks: dict[str, str] = {}
        """The ids of the disks that there are, by their names in lower case."""
        self._lock = threading.RLock()

    # -- reading

    def get(self, name: str) -> VirtualMachine:
        """:raises ArmError: ResourceNotFound."""
        try:
            return self._machines[name.lower()]
        except KeyError:
            raise ArmError(
                404,
                "ResourceNotFound",
                f"The Resource 'Microsoft.Compute/virtualMachines/{name}' under resource group "
                f"'{self._group_id.rpartition('/')[2]}' was not found. For more details please go to "
                "https://aka.ms/ARMResourceNotFoundFix",
            ) from None

    def listing(self) -> list[VirtualMachine]:
        return list(self._machines.values())

    def holdings(self) -> dict[str, list[str]]:
        """The ids of all that machines are made of, by what it is."""
        return {
            "virtualMachines": [machine.id for machine in self._machines.values()],
            "disks": list(self._disks.values()),
            "networkInterfaces": [interface.id for interface in self._networks.interfaces.values()],
            "publicIPAddresses": [address.id for address in self._networks.public_addresses.values()],
        }

    def serial_log(self, path: str) -> bytes:
        """:raises LookupError: when there is none of that path, or nothing in it yet."""
        for machine in self.listing():
            if machine.log_path == path and machine.machine is not None and (log := machine.machine.console()):
                return log
        raise LookupError(path)

    # -- writing: each returns the id of the operation that it started

    def put(self, name: str, body: Any, *, if_none_match: str | None) -> tuple[VirtualMachine, bool]:
        """Create or replace; the second value tells whether it was created."""
        with self._lock:
            checked = validate("VirtualMachine", body, target="virtualMachine")
            checked["location"] = rules.check_location(checked["location"])
            existing = self._machines.get(name.lower())
            if if_none_match not in (None, "*"):
                raise ArmError(400, "InvalidHeaderValue", "The only value of If-None-Match is '*'.")
            if existing is not None:
                if if_none_match:
                    raise ArmError(
                        412, "PreconditionFailed", f"The resource {existing.id} exists, and If-None-Match is '*'."
                    )
                self._check_unchanged(existing, checked)
                self._update(existing, checked)
                return existing, False
            rules.check_name(name)
            machine_id = f"{self._group_id}/providers/Microsoft.Compute/virtualMachines/{name}"
            machine, plan = self._planned(name, machine_id, checked)
            self._machines[name.lower()] = machine
            self._create(machine, plan)
            return machine, True

    def patch(self, name: str, body: Any) -> VirtualMachine:
        with self._lock:
            machine = self.get(name)
            checked = validate("VirtualMachineUpdate", body, target="virtualMachine", partial=True)
            self._check_unchanged(machine, checked)
            self._update(machine, checked)
            return machine

    def delete(self, name: str) -> str | None:
        """The operation's id, or ``None`` when there was nothing to delete."""
        with self._lock:
            machine = self._machines.get(name.lower())
            if machine is None:
                return None
            if machine.state == "Deleting":
                return machine.operation
            reason = self._faults.take_failure("compute", "VirtualMachines_Delete")
            held = self._faults.take_hold("compute", "VirtualMachines_Delete")
            machine.state = "Deleting"

            def work() -> None:
                if reason:
                    raise _coded(reason)
                if machine.machine:
                    machine.machine.discard()

            def succeeded() -> None:
                with self._lock:
                    self._forget(machine)

            def failed(error: ArmError) -> None:
                machine.state, machine.failure = "Failed", error

            machine.operation = self._operations.start(work, held=held, succeeded=succeeded, failed=failed)
            return machine.operation

    def delete_disk(self, name: str) -> bool:
        """Whether there was one.

        :raises ArmError: when it is a machine's.
        """
        for machine in self.listing():
            if machine.disk is not None and machine.disk.lower() == name.lower():
                raise ArmError(409, "OperationNotAllowed", f"Disk {machine.disk} is attached to VM {machine.id}.")
        return self._disks.pop(name.lower(), None) is not None

    # -- rules

    def _planned(self, name: str, machine_id: str, body: dict[str, Any]) -> tuple[VirtualMachine, _Plan]:
        """:raises ArmError: when Azure would create no such machine."""
        from tests.sandbox._machines import Hardware

        properties, location = body.get("properties") or {}, body["location"]
        if "storageProfile" not in properties:
            raise invalid_parameter("Required parameter 'storageProfile' is missing (null).", "storageProfile")
        reference = properties["storageProfile"].get("imageReference") or {}
        definition, disk = find_image(self._galleries, self._group_id, reference, location)
        size = rules.size_of(properties, location)
        controller = rules.controller_of(properties, size, definition)
        rules.check_profiles(properties)
        security_type = rules.security_type_of(properties, definition)
        interface = rules.interface_of(properties, NETWORK_API_VERSIONS)
        settings = interface["properties"]
        self._networks.check_references(
            subnet_id=(settings["ipConfigurations"][0]["properties"].get("subnet") or {}).get("id"),
            security_group_id=(settings.get("networkSecurityGroup") or {}).get("id"),
            location=location,
            by=machine_id,
        )
        hardware = Hardware(
            arch="aarch64" if size.architecture == "Arm64" else "x86_64",
            firmware="uefi" if rules.firmware_of(definition) == "uefi" else "bios",
            # Hyper-V's own SCSI controller is on no bus that QEMU has.
            disk_bus="nvme" if controller == "NVMe" else "virtio-scsi",
            smbios=_SMBIOS,
        )
        user_data = properties.pop("userData", None)
        machine = VirtualMachine(name, machine_id, body, security_type, user_data)
        return machine, _Plan(hardware, disk, interface)

    @staticmethod
    def _check_unchanged(machine: VirtualMachine, body: dict[str, Any]) -> None:
        if not machine.settled:
            raise ArmError(
                409,
                "Conflict",
                "The request failed due to conflict with a concurrent request. To resolve it, please refer to "
                "https://aka.ms/activitylog to get more details on the conflicting requests.",
            )
        properties = body.get("properties") or {}
        for name in _FIXED:
            if name in properties and properties[name] != machine.body["properties"].get(name):
                raise ArmError(409, "PropertyChangeNotAllowed", f"Changing property '{name}' is not allowed.", name)

    # -- operations

    def _update(self, machine: VirtualMachine, body: dict[str, Any]) -> None:
        before = machine.state
        if "tags" in body:
            machine.body["tags"] = body["tags"]
        machine.state = "Updating"
        reason = self._faults.take_failure("compute", "VirtualMachines_Update")
        held = self._faults.take_hold("compute", "VirtualMachines_Update")

        def work() -> None:
            if reason:
                raise _coded(reason)

        def succeeded() -> None:
            machine.state = before

        def failed(error: ArmError) -> None:
            machine.state, machine.failure = "Failed", error

        machine.operation = self._operations.start(work, held=held, succeeded=succeeded, failed=failed)

    def _create(self, machine: VirtualMachine, plan: _Plan) -> None:
        reason = self._faults.take_failure("compute", "VirtualMachines_CreateOrUpdate")
        held = self._faults.take_hold("compute", "VirtualMachines_CreateOrUpdate")
        # The answer names the interface already.
        interface = self._networks.create_interface(
            plan.interface, location=machine.body["location"], machine_id=machine.id
        )
        machine.interface = interface

        def work() -> None:
            # Capacity is looked for when there is a network already.
            if reason:
                raise _coded(reason)
            with self._lock:
                if machine.state != "Creating":
                    raise _preempted()
                machine.disk = f"{machine.name}_OsDisk_1_{uuid.uuid4().hex}"
                self._disks[machine.disk.lower()] = machine.disk_id
                machine.machine, address = self._room.launch(plan.hardware, plan.disk, Metadata(machine.metadata))
                if interface.public:
                    interface.public.address = address
            while not (machine.machine.running or machine.machine.ended):
                self._operations.pause(_POLL_SECONDS)
            # The wire server, where a system says that it is ready, is out of a guest's reach here.
            raise ArmError(
                409,
                "OSProvisioningTimedOut",
                f"OS Provisioning for VM '{machine.name}' did not finish in the allotted time. The VM may still finish "
                "provisioning successfully. Please check provisioning state later. For details on how to check current "
                "provisioning state of Linux VMs, refer to https://aka.ms/LinuxVMLifecycle.",
            )

        def succeeded() -> None:
            machine.state = "Succeeded"

        def failed(error: ArmError) -> None:
            with self._lock:
                if machine.state == "Creating":
                    machine.state, machine.failure = "Failed", error

        machine.operation = self._operations.start(work, held=held, succeeded=succeeded, failed=failed)

    def _forget(self, machine: VirtualMachine) -> None:
        """What was made to go with it goes, and the rest stays."""
        if machine.interface:
            self._networks.release(machine.interface)
        option = machine.body["properties"]["storageProfile"]["osDisk"].get("deleteOption")
        if machine.disk and option == "Delete":
            del self._disks[machine.disk.lower()]
        del self._machines[machine.name.lower()]


def _coded(reason: str) -> ArmError:
    """An ordered failure, which may begin with Azure's code, as in ``AllocationFailed: …``."""
    match = _CODED.fullmatch(reason)
    return ArmError(409, match["code"], match["message"]) if match else ArmError(409, "OperationFailed", reason)


def _preempted() -> ArmError:
    return ArmError(409, "OperationPreempted", "The operation execution has been preempted by a more recent operation.")
