# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Compute Engine instance, and the boot disk that belongs to it, as Compute Engine tells them."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from .._core.errors import ProviderError
from .clients import GcpClients, call_options
from .errors import provider_errors

if TYPE_CHECKING:
    from google.cloud.compute_v1 import Disk, Instance

MACHINE_KEY = "alpine-cloud-machine"
"""The label of an instance and its disk that this collection has launched; its value is the instance's name."""

OS_LOGIN_KEY = "enable-oslogin"
"""The metadata key that turns OS Login on and off (https://cloud.google.com/compute/docs/oslogin/set-up-oslogin)."""

# https://cloud.google.com/compute/docs/instances/instance-lifecycle
_STARTING = ("PENDING", "PROVISIONING", "STAGING", "REPAIRING")
_ENDING = ("PENDING_STOP", "STOPPING", "DEPROVISIONING")


@dataclasses.dataclass(frozen=True)
class GceInstanceAttributes:
    """What is managed of an instance, by the names that the module's options and results have."""

    name: str
    zone: str
    image: str
    """Without the API's URL, ``projects/…/global/images/…``; empty as long as it has no disk."""
    machine_type: str
    labels: dict[str, str]


@dataclasses.dataclass(frozen=True)
class GceInstanceState:
    """An instance."""

    id: str
    self_link: str
    status: str
    label_fingerprint: str
    private_address: str | None
    public_address: str | None
    image_id: str
    """Of the very image that its disk was made from; another one may have its name by now."""
    os_login: str | None
    """What the instance's own metadata says of OS Login."""
    has_run: bool
    managed: GceInstanceAttributes

    @classmethod
    def of(cls, instance: Instance, boot_disk: Disk | None) -> GceInstanceState:
        interface = instance.network_interfaces[0] if instance.network_interfaces else None
        public = [config.nat_i_p for config in interface.access_configs if config.nat_i_p] if interface else []
        metadata = {item.key: item.value for item in instance.metadata.items}
        return cls(
            id=str(instance.id),
            self_link=instance.self_link,
            status=instance.status,
            label_fingerprint=instance.label_fingerprint,
            private_address=(interface.network_i_p or None) if interface else None,
            public_address=public[0] if public else None,
            image_id=boot_disk.source_image_id if boot_disk is not None else "",
            os_login=metadata.get(OS_LOGIN_KEY),
            has_run=bool(instance.last_start_timestamp),
            managed=GceInstanceAttributes(
                name=instance.name,
                zone=_last(instance.zone),
                image=without_host(boot_disk.source_image) if boot_disk is not None else "",
                machine_type=_last(instance.machine_type),
                labels=dict(instance.labels),
            ),
        )

    @property
    def ours(self) -> bool:
        """Whether this collection has launched it."""
        return self.managed.labels.get(MACHINE_KEY) == self.managed.name

    @property
    def running(self) -> bool:
        return self.status == "RUNNING"

    @property
    def starting(self) -> bool:
        return self.status in _STARTING

    @property
    def ending(self) -> bool:
        """Whether it is being stopped, or deleted, which looks the same."""
        return self.status in _ENDING


def read_instance(clients: GcpClients, zone: str, name: str) -> GceInstanceState | None:
    """The instance of this name, if there is one."""
    instance = _get_instance(clients, zone, name)
    if instance is None:
        return None
    boot_disks = [_last(disk.source) for disk in instance.disks if disk.boot]
    disk = read_disk(clients, zone, boot_disks[0]) if boot_disks else None
    if disk is None:
        # Both may have gone between the two looks.
        instance = _get_instance(clients, zone, name)
    return None if instance is None else GceInstanceState.of(instance, disk)


def _get_instance(clients: GcpClients, zone: str, name: str) -> Instance | None:
    try:
        with provider_errors("instances.get", f"look for instance {name} in zone {zone}"):
            return clients.instances.get(project=clients.project, zone=zone, instance=name, **call_options())
    except ProviderError as error:
        # A missing project, or an API that is not enabled, is 404 or 403 as well: only the instance may be missing.
        if error.status == 404 and f"instances/{name}" in error.message:
            return None
        raise


def read_disk(clients: GcpClients, zone: str, name: str) -> Disk | None:
    """The disk of this name, if there is one."""
    try:
        with provider_errors("disks.get", f"look for disk {name} in zone {zone}"):
            return clients.disks.get(project=clients.project, zone=zone, disk=name, **call_options())
    except ProviderError as error:
        if error.status == 404 and f"disks/{name}" in error.message:
            return None
        raise


def without_host(link: str) -> str:
    """A link less the API's URL: ``projects/…``."""
    head, found, rest = link.partition("/projects/")
    return f"projects/{rest}" if found else head


def _last(link: str) -> str:
    return link.rpartition("/")[2]
