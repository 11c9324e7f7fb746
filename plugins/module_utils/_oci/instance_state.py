# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Oracle Cloud says of an instance that this collection has launched."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import TYPE_CHECKING

from .._core.dependencies import require
from .._core.errors import ProviderError
from .clients import OciClients
from .errors import provider_errors

if TYPE_CHECKING:
    from oci.core.models import Instance

MACHINE_KEY = "alpine-cloud-machine"
"""The freeform tag of an instance that this collection has launched; its value is the instance's name."""

# https://docs.oracle.com/iaas/api/#/en/iaas/latest/datatypes/Instance
_STARTING = ("PROVISIONING", "STARTING")
_RUNNING = ("RUNNING", "CREATING_IMAGE")
_ENDED = ("TERMINATING", "TERMINATED")


@dataclasses.dataclass(frozen=True)
class OciInstanceAttributes:
    """What is managed of an instance, by the names that the module's options and results have."""

    name: str
    image_id: str
    shape: str
    ocpus: float | None
    memory_in_gbs: float | None
    freeform_tags: dict[str, str]


@dataclasses.dataclass(frozen=True)
class OciInstanceState:
    """An instance as Oracle Cloud tells it."""

    id: str
    state: str
    created: datetime
    compartment_id: str
    availability_domain: str
    managed: OciInstanceAttributes

    @classmethod
    def of(cls, instance: Instance) -> OciInstanceState:
        config, source = instance.shape_config, instance.source_details
        return cls(
            id=instance.id,
            state=instance.lifecycle_state,
            created=instance.time_created,
            compartment_id=instance.compartment_id,
            availability_domain=instance.availability_domain,
            managed=OciInstanceAttributes(
                name=instance.display_name,
                # Of one that was launched from a boot volume there is none.
                image_id=getattr(source, "image_id", None) or instance.image_id or "",
                shape=instance.shape,
                ocpus=config.ocpus if config else None,
                memory_in_gbs=config.memory_in_gbs if config else None,
                freeform_tags=dict(instance.freeform_tags or {}),
            ),
        )

    @property
    def starting(self) -> bool:
        return self.state in _STARTING

    @property
    def running(self) -> bool:
        return self.state in _RUNNING

    @property
    def ended(self) -> bool:
        """Whether it is being terminated, or was; it stays in the lists for hours."""
        return self.state in _ENDED

    @property
    def gone(self) -> bool:
        return self.state == "TERMINATED"


@dataclasses.dataclass(frozen=True)
class InstanceAddresses:
    """IPv4 addresses of an instance's first network interface."""

    private: str | None = None
    public: str | None = None


def instances_of(clients: OciClients, compartment_id: str, name: str) -> list[OciInstanceState]:
    """The instances that this collection has launched by this name, also those that have ended; oldest first."""
    pagination = require("oci.pagination", "oci")
    with provider_errors("ListInstances", f"look for the instance {name}"):
        listed = pagination.list_call_get_all_results(
            clients.compute.list_instances, compartment_id, display_name=name
        ).data
        found = [OciInstanceState.of(instance) for instance in listed]
    # Display names are not unique: the tag says which are ours.
    ours = [instance for instance in found if instance.managed.freeform_tags.get(MACHINE_KEY) == name]
    return sorted(ours, key=lambda instance: (instance.created, instance.id))


def read_instance(clients: OciClients, instance_id: str) -> OciInstanceState | None:
    """The instance; ``None`` when Oracle Cloud does not know it any more."""
    try:
        with provider_errors("GetInstance", f"read instance {instance_id}"):
            return OciInstanceState.of(clients.compute.get_instance(instance_id).data)
    except ProviderError as error:
        if error.status == 404:
            return None
        raise


def addresses_of(clients: OciClients, instance: OciInstanceState) -> InstanceAddresses:
    """The addresses of an instance, as far as it has them already."""
    pagination = require("oci.pagination", "oci")
    attempt = f"look up the addresses of instance {instance.managed.name}"
    with provider_errors("ListVnicAttachments", attempt):
        attachments = pagination.list_call_get_all_results(
            clients.compute.list_vnic_attachments, instance.compartment_id, instance_id=instance.id
        ).data
        attached = [attachment for attachment in attachments if attachment.lifecycle_state == "ATTACHED"]
    for attachment in attached:
        with provider_errors("GetVnic", attempt):
            vnic = clients.virtual_network.get_vnic(attachment.vnic_id).data
            if vnic.is_primary:
                return InstanceAddresses(vnic.private_ip, vnic.public_ip)
    return InstanceAddresses()
