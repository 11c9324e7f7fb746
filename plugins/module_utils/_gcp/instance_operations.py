# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Compute Engine is asked to do to an instance and its disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._core.errors import InputError, ProviderError
from .._core.wait import Wait
from .clients import GcpClients, call_options
from .errors import provider_errors
from .instance_state import GceInstanceState, read_instance
from .zone_operations import finish, launch_of, request_id

if TYPE_CHECKING:
    from google.cloud.compute_v1 import Disk

# Of capacity, by https://cloud.google.com/compute/docs/troubleshooting/troubleshooting-resource-availability, and of
# quotas.
_SHORT_OF = ("RESOURCE_POOL_EXHAUSTED", "does not have enough resources", "QUOTA_EXCEEDED", "Quota '")
_ELSEWHERE = "Choose another zone or machine_type, or try again later."
_NO_NETWORK = "Set network or subnetwork: without them an instance is in the network default, which has to exist."


def check_machine_type(clients: GcpClients, zone: str, name: str, architecture: str) -> None:
    """Compare a machine type with the architecture, in Compute Engine's word, that it is to have.

    :raises InputError: when the zone has no such type, or it is of another architecture.
    """
    try:
        with provider_errors("machineTypes.get", f"look for machine type {name} in zone {zone}"):
            found = clients.machine_types.get(project=clients.project, zone=zone, machine_type=name, **call_options())
    except ProviderError as error:
        if error.status == 404 and f"machineTypes/{name}" in error.message:
            raise InputError(
                f"machine_type {name}: zone {zone} has no such type; choose another one, or another zone"
            ) from error
        raise
    # Older versions of the SDK do not know the field.
    held = getattr(found, "architecture", "")
    if held and held != architecture:
        raise InputError(
            f"machine_type {name} is for {held}, but architecture is {architecture}: choose a type of the image's "
            "architecture"
        )


def launch(clients: GcpClients, zone: str, resource: Mapping[str, Any], target_link: str, wait: Wait) -> None:
    """Ask for an instance, and wait for it unless ``wait`` says otherwise.

    :param resource: the request's ``instanceResource``, in the SDK's words.
    :param target_link: the link that the instance will have.
    :raises ProviderError: also when the launch fails after the request was accepted; with status 409 when somebody was
        faster.
    """
    name = resource["name"]
    attempt = f"launch instance {name} in zone {zone}"
    token = request_id(clients, zone, target_link, json.dumps(resource, sort_keys=True))
    try:
        with provider_errors("instances.insert", attempt):
            operation = clients.instances.insert_unary(
                {"project": clients.project, "zone": zone, "instance_resource": resource, "request_id": token},
                **call_options(),
            )
        if wait.enabled:
            finish(clients, zone, operation, wait, method="instances.insert", attempt=attempt)
    except ProviderError as error:
        [interface] = resource["network_interfaces"]
        named = interface.keys() & {"network", "subnetwork"}
        raise _with_advice(error, default_network=not named) from error


def await_launch(clients: GcpClients, instance: GceInstanceState, wait: Wait) -> GceInstanceState:
    """Wait until an instance runs that somebody has asked for.

    :raises ProviderError: when it does not come up.
    """
    name, zone = instance.managed.name, instance.managed.zone
    attempt = f"launch instance {name} in zone {zone}"
    operation = launch_of(clients, zone, instance.id)
    if operation is not None:
        try:
            finish(clients, zone, operation, wait, method="instances.insert", attempt=attempt)
        except ProviderError as error:
            raise _with_advice(error) from error

    def settled() -> GceInstanceState | None:
        current = read_instance(clients, zone, name)
        if current is not None and current.starting:
            return None
        if current is not None and current.running:
            return current
        raise ProviderError(
            f"Instance {name} has not come up: it is {current.status if current else 'gone'}. Look at its console, or "
            "remove it (state absent) and run this again",
            operation="instances.get",
            code=current.status if current else None,
        )

    return wait.until(settled, what=f"instance {name} to run")


def delete_instance(clients: GcpClients, instance: GceInstanceState, wait: Wait) -> None:
    """Delete an instance, with the disks that are to go with it, and wait until it is gone unless told otherwise."""
    name, zone = instance.managed.name, instance.managed.zone
    attempt = f"delete instance {name}"
    token = request_id(clients, zone, instance.self_link, f"delete {instance.id}")
    try:
        with provider_errors("instances.delete", attempt):
            operation = clients.instances.delete_unary(
                # By its number: another one may have its name by the time the request arrives.
                {"project": clients.project, "zone": zone, "instance": instance.id, "request_id": token},
                **call_options(),
            )
    except ProviderError as error:
        if error.status == 404 and f"instances/{instance.id}" in error.message:
            return
        # Somebody else was faster, and it is going.
        if error.code != "resourceNotReady":
            raise
        if wait.enabled:
            await_end(clients, instance, wait)
        return
    if wait.enabled:
        finish(clients, zone, operation, wait, method="instances.delete", attempt=attempt)


def await_end(clients: GcpClients, instance: GceInstanceState, wait: Wait) -> GceInstanceState | None:
    """Wait until an instance that is being stopped or deleted is; ``None`` when it is gone."""
    name, zone = instance.managed.name, instance.managed.zone

    def ended() -> tuple[GceInstanceState | None] | None:
        current = read_instance(clients, zone, name)
        if current is not None and current.id == instance.id and current.ending:
            return None
        return (current,)

    return wait.until(ended, what=f"the end of instance {name}")[0]


def delete_disk(clients: GcpClients, zone: str, disk: Disk, wait: Wait) -> None:
    """Delete a disk that no instance has any more."""
    attempt = f"delete disk {disk.name}"
    token = request_id(clients, zone, disk.self_link, f"delete {disk.id}")
    try:
        with provider_errors("disks.delete", attempt):
            operation = clients.disks.delete_unary(
                {"project": clients.project, "zone": zone, "disk": disk.name, "request_id": token}, **call_options()
            )
    except ProviderError as error:
        if error.status == 404 and f"disks/{disk.name}" in error.message:
            return
        raise
    finish(clients, zone, operation, wait, method="disks.delete", attempt=attempt)


def set_instance_labels(clients: GcpClients, instance: GceInstanceState, labels: Mapping[str, str], wait: Wait) -> None:
    """Replace all labels, provided that nobody else has changed them since the instance was read."""
    name, zone = instance.managed.name, instance.managed.zone
    attempt = f"set the labels of instance {name}"
    wanted = {"labels": dict(labels), "label_fingerprint": instance.label_fingerprint}
    try:
        with provider_errors("instances.setLabels", attempt):
            operation = clients.instances.set_labels_unary(
                {
                    "project": clients.project,
                    "zone": zone,
                    "instance": name,
                    "instances_set_labels_request_resource": wanted,
                },
                **call_options(),
            )
    except ProviderError as error:
        # Our own first attempt, whose answer got lost, may have been faster.
        now = read_instance(clients, zone, name) if error.status == 412 else None
        if now is None or now.managed.labels != dict(labels):
            raise
        return
    finish(clients, zone, operation, wait, method="instances.setLabels", attempt=attempt)


def _with_advice(error: ProviderError, *, default_network: bool = False) -> ProviderError:
    """The same error, with what to do about it where that is known."""
    if any(words in f"{error.code} {error.message}" for words in _SHORT_OF):
        advice = _ELSEWHERE
    elif default_network and "network" in error.message:
        advice = _NO_NETWORK
    else:
        return error
    return ProviderError(
        f"{error.message.rstrip('.')}. {advice}",
        operation=error.operation,
        code=error.code,
        status=error.status,
        details=error.details,
    )
