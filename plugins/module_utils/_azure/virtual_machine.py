# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A virtual machine, launched from an image version and removed with all that was made for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from .._core.diff import attributes_of, diff_of
from .._core.errors import InputError
from .._launch.console import NO_CONSOLE
from .._launch.public_key import LOGIN
from .clients import AzureClients
from .machine_network import MachineAddresses
from .machine_size import DEFAULT_SIZES, find_size
from .subscription import normal_region
from .virtual_machine_request import AzureVmRequest
from .virtual_machine_resource import VirtualMachineResource
from .virtual_machine_state import VirtualMachineAttributes

Warn = Callable[[str], None]


def ensure_present(clients: AzureClients, request: AzureVmRequest, *, check_mode: bool, warn: Warn) -> dict[str, Any]:
    """Launch the machine unless it is there, and bring its tags to what is wanted.

    :param warn: is told what is no failure, such as provisioning that has timed out.
    :raises ConflictError: when a machine of that name is not ours, or not the one that is asked for.
    :raises ProviderError: when Azure does not launch it, or its console does not say what is waited for.
    """
    machine = VirtualMachineResource(clients, request)
    found = machine.get() if check_mode else machine.settled()
    if found is not None:
        request.check_ours(found)
    # One that failed, or is being deleted, is as good as gone.
    existing = None if found is None or found.failed or found.deleting else found
    if existing is not None:
        request.check_same(existing)
        before = existing.managed
        wanted = dataclasses.replace(before, tags=request.wanted_tags(before.tags))
        if before != wanted and not check_mode:
            existing = machine.update_tags(wanted.tags)
    else:
        before = None
        wanted, body = _planned(clients, request)
        if not check_mode:
            if found is not None:
                machine.delete(must_end=True)
            existing = machine.launch(body)
    result = {
        "changed": before != wanted,
        "name": request.name,
        "user": LOGIN,
        **attributes_of(wanted),
        "diff": diff_of(before, wanted),
    }
    if existing is None:
        return {**_NOT_THERE, **result}
    console = machine.console(existing)
    existing = (None if check_mode else machine.get()) or existing
    if existing.timed_out:
        warn(
            f"{request.what} runs, but has not told Azure so (OSProvisioningTimedOut): Azure shows its provisioning as "
            "failed. Alpine's images with Tiny Cloud never tell, and are usable all the same."
        )
    addresses = clients.network.addresses(existing.interfaces, warn)
    return {**result, **existing.shown, **addresses.as_result(), **console}


def ensure_absent(clients: AzureClients, request: AzureVmRequest, *, check_mode: bool) -> dict[str, Any]:
    """Remove the machine, with its disk, network interface and public address.

    :raises ConflictError: when this collection has not launched it.
    """
    machine = VirtualMachineResource(clients, request)
    found = machine.get()
    gone = {**_NOT_THERE, "name": request.name, "state": "absent", "user": LOGIN}
    if found is None:
        return {**gone, "changed": False}
    request.check_ours(found)
    if not check_mode:
        machine.delete()
        if not request.wait.enabled:
            gone["state"] = "deleting"
    return {**gone, "changed": True, "id": found.id, "diff": diff_of(found.managed, None)}


_NOT_THERE: dict[str, Any] = {
    "id": None,
    "state": None,
    "running": False,
    "provisioning": None,
    **MachineAddresses().as_result(),
    **NO_CONSOLE,
}


def _planned(clients: AzureClients, request: AzureVmRequest) -> tuple[VirtualMachineAttributes, dict[str, Any]]:
    """What to launch, and the request for it.

    :raises InputError: when image, size and network do not fit each other.
    """
    image = request.wanted_image.needs(clients.compute, clients.arm_endpoint)
    if image is not None and image.architecture != request.architecture:
        raise InputError(
            f"architecture is {request.architecture}, but the image is of {image.architecture}: give option "
            "architecture that, or option image another image"
        )
    location = clients.network.region_of(request.subnet_id)
    if request.location is not None and normal_region(request.location) != location:
        raise InputError(
            f"location: subnet_id is in {location}, not in {request.location}, and a machine must be where its subnet "
            "is: give option subnet_id a subnet there, or leave location out"
        )
    if image is not None and image.regions is not None and location not in image.regions:
        raise InputError(
            f"image is in {', '.join(image.regions)}, not in {location}, where subnet_id is: add that to "
            "target_regions of alpine_azure_gallery_version, or give option subnet_id a subnet there"
        )
    name = request.size or DEFAULT_SIZES[request.architecture]
    size = find_size(clients.compute, name, location)
    controller = None
    if size is not None:
        size.check(request.architecture, image, location)
        controller = size.disk_controller(image)
    wanted = VirtualMachineAttributes(
        image=request.wanted_image.id,
        size=size.name if size is not None else name,
        location=location,
        tags=request.wanted_tags(None),
    )
    plain = image is None or image.plain
    return wanted, request.create_body(wanted, disk_controller=controller, plain_image=plain)
