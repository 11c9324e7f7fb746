# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A virtual machine as Azure shows it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from .gallery_resource import text
from .image_id import ImageId
from .subscription import normal_region

if TYPE_CHECKING:
    from azure.mgmt.compute.models import VirtualMachine

MACHINE_TAG = "alpine-cloud-machine"
"""The tag that tells a machine of this collection, by its name."""

_TRANSIENT = ("Creating", "Updating", "Migrating")
_TIMED_OUT = "OSProvisioningTimedOut"
# https://learn.microsoft.com/azure/virtual-machines/states-billing
_FAILED = "ProvisioningState/failed/"
_POWER = "PowerState/"


@dataclasses.dataclass(frozen=True)
class VirtualMachineAttributes:
    """The attributes that the module manages, in the words of its options."""

    image: str | None
    size: str
    location: str
    tags: dict[str, str]


@dataclasses.dataclass(frozen=True)
class VirtualMachineState:
    """A virtual machine as Azure shows it, with its instance view."""

    id: str
    provisioning_state: str
    power_state: str | None
    """Such as ``running``; ``None`` where it has no power yet, or never had."""
    failure_code: str | None
    """Why provisioning has failed, in Azure's word."""
    failure: str
    image: ImageId | None
    security_type: str
    interfaces: tuple[str, ...]
    """The ids of its network interfaces, the primary one first."""
    managed: VirtualMachineAttributes

    @classmethod
    def of(cls, machine: VirtualMachine) -> VirtualMachineState:
        """:param machine: read with ``expand="instanceView"``."""
        view, storage, security = machine.instance_view, machine.storage_profile, machine.security_profile
        statuses = [(str(status.code or ""), status.message or "") for status in (view and view.statuses) or ()]
        failures = [(code.removeprefix(_FAILED), said) for code, said in statuses if code.startswith(_FAILED)]
        image = ImageId.of(storage.image_reference if storage else None)
        interfaces = (machine.network_profile and machine.network_profile.network_interfaces) or ()
        return cls(
            id=str(machine.id),
            provisioning_state=text(machine.provisioning_state),
            power_state=next(
                (code.removeprefix(_POWER) for code, _message in statuses if code.startswith(_POWER)), None
            ),
            failure_code=failures[0][0] if failures else None,
            failure=failures[0][1] if failures else "",
            image=image,
            security_type=text((security and security.security_type) or "Standard"),
            interfaces=tuple(str(interface.id) for interface in sorted(interfaces, key=lambda each: not each.primary)),
            managed=VirtualMachineAttributes(
                image=image.id if image else None,
                size=text((machine.hardware_profile and machine.hardware_profile.vm_size) or ""),
                location=normal_region(machine.location),
                tags=dict(machine.tags or {}),
            ),
        )

    @property
    def running(self) -> bool:
        return self.power_state == "running"

    @property
    def deleting(self) -> bool:
        return self.provisioning_state == "Deleting"

    @property
    def in_transit(self) -> bool:
        """Whether an operation on it is under way."""
        return self.provisioning_state in (*_TRANSIENT, "Deleting")

    @property
    def timed_out(self) -> bool:
        """Whether it runs, and has only not told Azure that it does, as Tiny Cloud never tells."""
        return self.provisioning_state == "Failed" and self.failure_code == _TIMED_OUT and self.running

    @property
    def failed(self) -> bool:
        """Whether no part of it is usable."""
        return self.provisioning_state == "Failed" and not self.timed_out

    @property
    def provisioning(self) -> str:
        """As results show it."""
        if self.timed_out:
            return "timed_out"
        return "in_progress" if self.in_transit else self.provisioning_state.lower()

    @property
    def shown(self) -> dict[str, Any]:
        """As results show it."""
        return {
            "id": self.id,
            "state": self.power_state or self.provisioning_state.lower(),
            "running": self.running,
            "provisioning": self.provisioning,
        }
