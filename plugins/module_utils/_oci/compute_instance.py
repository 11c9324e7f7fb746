# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An instance in Oracle Cloud, launched from a custom image."""

from __future__ import annotations

import dataclasses
from typing import Any

from .._core.diff import diff_of
from .._core.errors import ConflictError, InputError
from .._launch.console import NO_CONSOLE, ConsoleText
from .._launch.public_key import LOGIN
from .clients import OciClients
from .console_history import ConsoleHistory, delete_histories, left_histories
from .image_import import get_image
from .image_shapes import offered_shapes, shapes_of_image
from .instance_launch import (
    await_end,
    await_running,
    launch_domains,
    launch_instance,
    set_instance_tags,
    terminate_instance,
)
from .instance_request import OciInstanceRequest
from .instance_shape import LaunchShape, launch_shape, unchecked_shape
from .instance_state import (
    InstanceAddresses,
    OciInstanceAttributes,
    OciInstanceState,
    addresses_of,
    instances_of,
    read_instance,
)


def ensure_present(clients: OciClients, request: OciInstanceRequest, *, check_mode: bool) -> dict[str, Any]:
    """Adopt the instance, or launch it and wait until it runs.

    :raises ConflictError: when there is one of this name that is stopped, or is not what is asked for.
    :raises InputError: when image, shape, subnet and architecture do not fit each other.
    :raises ProviderError: when it does not come up, or does not say what is waited for.
    """
    known = instances_of(clients, request.compartment_id, request.name)
    found = next((instance for instance in known if not instance.ended), None)
    if found is not None:
        return _adopt(clients, request, found, check_mode=check_mode)
    shape = _checked_shape(clients, request, check_mode)
    domains = launch_domains(clients, request)
    if check_mode:
        after = request.wanted(shape.name, shape.ocpus, shape.memory_in_gbs)
        return _result(clients, request, None, changed=True, before=None, after=after)
    instance, launched = launch_instance(clients, request, shape, domains)
    if not launched:
        return _adopt(clients, request, instance, check_mode=False)
    return _result(
        clients,
        request,
        instance,
        changed=True,
        before=None,
        after=instance.managed,
        console=_read_console(clients, request, instance),
    )


def ensure_absent(clients: OciClients, request: OciInstanceRequest, *, check_mode: bool) -> dict[str, Any]:
    """Terminate the instances of this name, with their boot volumes, and delete what was captured of their consoles."""
    known = instances_of(clients, request.compartment_id, request.name)
    doomed = [instance for instance in known if not instance.ended]
    histories = left_histories(clients, request.compartment_id, request.name)
    if not check_mode:
        for instance in doomed:
            terminate_instance(clients, instance)
        delete_histories(clients, histories)
        if request.wait.enabled:
            for instance in known:
                if not instance.gone:
                    await_end(clients, request, instance)
    before = doomed[0].managed if doomed else None
    return _result(clients, request, None, changed=bool(doomed or histories), before=before, after=None)


def _checked_shape(clients: OciClients, request: OciInstanceRequest, check_mode: bool) -> LaunchShape:
    """:raises InputError: when there is no image to launch, or none that can be launched so."""
    image = None if request.image_id is None else get_image(clients, request.image_id)
    if request.image_id is None or image is None or not image.usable:
        if check_mode and (request.image_id is None or image is None or image.in_flight):
            # It may not have been imported yet.
            return unchecked_shape(request)
        if request.image_id is None:
            raise InputError("image_id is missing: it is the image to launch")
        state = f"it is {image.lifecycle_state}" if image is not None else "there is no such image"
        raise InputError(f"image_id {request.image_id}: {state}")
    compatible = {entry.name: entry for entry in shapes_of_image(clients, request.image_id)}
    return launch_shape(request, compatible, offered_shapes(clients, request.compartment_id))


def _adopt(
    clients: OciClients, request: OciInstanceRequest, found: OciInstanceState, *, check_mode: bool
) -> dict[str, Any]:
    different = request.differences(found)
    if different:
        raise ConflictError(
            f"Instance {request.name} ({found.id}) has {'; '.join(different)}: remove it first (state absent), or "
            "choose another name"
        )
    if not (found.running or found.starting):
        raise ConflictError(
            f"Instance {request.name} ({found.id}) is {found.state}: start it, or remove it first (state absent)"
        )
    held = found.managed
    after = dataclasses.replace(held, freeform_tags={**held.freeform_tags, **request.freeform_tags})
    if request.wait.enabled and found.starting and not check_mode:
        found = await_running(clients, request, found)
    if after != held and not check_mode:
        set_instance_tags(clients, found, after.freeform_tags)
    # What is captured is a resource, so nothing is in check mode.
    console = None if check_mode else _read_console(clients, request, found)
    return _result(clients, request, found, changed=after != held, before=held, after=after, console=console)


def _read_console(clients: OciClients, request: OciInstanceRequest, instance: OciInstanceState) -> ConsoleText | None:
    if not request.console.wanted:
        return None
    history = ConsoleHistory(clients, instance, request.wait)

    def ended() -> str | None:
        current = read_instance(clients, instance.id)
        if current is None:
            return "gone"
        return None if current.running or current.starting else current.state

    return request.console.read(f"Instance {request.name}", history.read, request.wait, ended=ended)


def _result(
    clients: OciClients,
    request: OciInstanceRequest,
    instance: OciInstanceState | None,
    *,
    changed: bool,
    before: OciInstanceAttributes | None,
    after: OciInstanceAttributes | None,
    console: ConsoleText | None = None,
) -> dict[str, Any]:
    addresses = addresses_of(clients, instance) if instance is not None else InstanceAddresses()
    shown = after or before
    return {
        "changed": changed,
        "id": instance.id if instance else None,
        "name": request.name,
        # What is not launched yet has no state of Oracle Cloud's.
        "state": (instance.state if instance else None) if after else "absent",
        "running": instance is not None and instance.running,
        "private_address": addresses.private,
        "public_address": addresses.public,
        "user": LOGIN,
        "image_id": shown.image_id if shown else request.image_id,
        "shape": shown.shape if shown else request.shape,
        "ocpus": shown.ocpus if shown else request.ocpus,
        "memory_in_gbs": shown.memory_in_gbs if shown else request.memory_in_gbs,
        "region": clients.region,
        "availability_domain": instance.availability_domain if instance else request.availability_domain,
        "freeform_tags": shown.freeform_tags if shown else {},
        **(console.as_result() if console else NO_CONSOLE),
        "diff": diff_of(before, after),
    }
