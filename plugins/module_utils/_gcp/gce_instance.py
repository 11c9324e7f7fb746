# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Compute Engine instance, launched from an image."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._core.diff import attributes_of, diff_of
from .._core.errors import ConflictError, InputError, ProviderError
from .._launch.console import NO_CONSOLE, ConsoleText
from .._launch.public_key import LOGIN
from .clients import GcpClients
from .instance_operations import (
    await_end,
    await_launch,
    check_machine_type,
    delete_disk,
    delete_instance,
    launch,
    set_instance_labels,
)
from .instance_request import GceInstanceRequest
from .instance_state import MACHINE_KEY, GceInstanceAttributes, GceInstanceState, read_disk, read_instance
from .os_login import warn_of_os_login
from .serial_console import SerialConsole

if TYPE_CHECKING:
    from google.cloud.compute_v1 import Disk, Image

Warn = Callable[[str], None]


def ensure_present(clients: GcpClients, request: GceInstanceRequest, *, check_mode: bool, warn: Warn) -> dict[str, Any]:
    """Adopt the instance, or launch it and wait until it runs.

    :param warn: is told when OS Login may make the key moot.
    :raises ConflictError: when there is one of this name that is not ours, is stopped, or is not what is asked for.
    :raises InputError: when image, machine type and architecture do not fit each other.
    :raises ProviderError: when it does not come up, or does not say what is waited for.
    """
    found = _find(clients, request)
    if found is not None and found.ending:
        # Stopped, or deleted: that shows when it has ended.
        if not check_mode:
            await_end(clients, found, request.wait)
        found = None if check_mode else _find(clients, request)
    if found is not None and (found.starting or found.running):
        return _adopt(clients, request, found, check_mode=check_mode, warn=warn)
    if found is not None and found.has_run:
        raise ConflictError(f"Instance {request.name} is {found.status}: start it, or remove it first (state absent)")
    image = _checked_image(clients, request, check_mode)
    wanted = request.wanted()
    check_machine_type(clients, request.zone, wanted.machine_type, request.architecture)
    leftover = None if found is not None else _leftover_disk(clients, request)
    if check_mode or image is None:
        _warn(clients, request, request.os_login_value, warn)
        return _result(request, None, changed=True, before=None, after=wanted)
    if found is not None:
        # It has never run: a launch that failed. Its name is free only when it is gone.
        delete_instance(clients, found, dataclasses.replace(request.wait, enabled=True))
        leftover = _leftover_disk(clients, request)
    if leftover is not None:
        delete_disk(clients, request.zone, leftover, request.wait)
    launched = _launch(clients, request, image)
    instance = _find(clients, request)
    if instance is None:
        # Not waited for, there may be nothing to see yet.
        return _result(request, None, changed=True, before=None, after=wanted)
    # Where another run was faster, it need not be the one that is asked for.
    result = _adopt(clients, request, instance, check_mode=False, warn=warn)
    return {**result, "changed": True, "diff": diff_of(None, instance.managed)} if launched else result


def ensure_absent(clients: GcpClients, request: GceInstanceRequest, *, check_mode: bool) -> dict[str, Any]:
    """Delete the instance, and the disk that was made for it. Its addresses are a part of it.

    :raises ConflictError: when this collection has not launched it.
    """
    found = _find(clients, request)
    deleted = found is not None and (not found.ending if check_mode else _remove(clients, request, found))
    disk = None if found is not None and check_mode else _leftover_disk(clients, request, foreign_is_error=False)
    if disk is not None and not check_mode:
        delete_disk(clients, request.zone, disk, request.wait)
    before = found.managed if found is not None and deleted else None
    gone = _result(request, None, changed=deleted or disk is not None, before=before, after=None)
    return {**gone, "state": "absent"}


def _remove(clients: GcpClients, request: GceInstanceRequest, found: GceInstanceState) -> bool:
    """Delete the instance, also when it is just being stopped; false when somebody else has been deleting it."""
    if found.ending:
        left = await_end(clients, found, request.wait) if request.wait.enabled else None
        if left is None or left.id != found.id:
            return False
        found = left
    delete_instance(clients, found, request.wait)
    return True


def _find(clients: GcpClients, request: GceInstanceRequest) -> GceInstanceState | None:
    found = read_instance(clients, request.zone, request.name)
    if found is not None and not found.ours:
        raise ConflictError(
            f"There is an instance {request.name} in zone {request.zone} that this collection has not launched: it has "
            f"no label {MACHINE_KEY}={request.name}. It is left alone; choose another name"
        )
    return found


def _leftover_disk(clients: GcpClients, request: GceInstanceRequest, *, foreign_is_error: bool = True) -> Disk | None:
    """The disk of an instance that is gone: somebody may have told it to stay.

    :raises ConflictError: when the disk of this name is not ours, or in use.
    """
    disk = read_disk(clients, request.zone, request.name)
    if disk is None or (disk.labels.get(MACHINE_KEY) == request.name and not disk.users):
        return disk
    # Launched meanwhile, it is no leftover any more, and the launch finds out.
    own = any(user.endswith(f"/zones/{request.zone}/instances/{request.name}") for user in disk.users)
    if foreign_is_error and not own:
        why = "is in use" if disk.users else "this collection has not made"
        raise ConflictError(
            f"There is a disk {request.name} in zone {request.zone} that {why}. It is left alone; choose another name"
        )
    return None


def _checked_image(clients: GcpClients, request: GceInstanceRequest, check_mode: bool) -> Image | None:
    """The image to launch; ``None`` in check mode, where it may not have been imported yet.

    :raises InputError: when it is missing, or of another architecture.
    """
    if request.image is None:
        if check_mode:
            return None
        raise InputError("image is missing: it is the image to launch")
    image = request.image.read(clients)
    if image is None:
        if check_mode:
            return None
        raise InputError(f"image {request.image.path}: there is no such image")
    if image.architecture and image.architecture != request.architecture:
        raise InputError(
            f"architecture is {request.architecture}, but image {request.image.name} is for {image.architecture}: give "
            "option architecture that, or option image another image"
        )
    return image


def _launch(clients: GcpClients, request: GceInstanceRequest, image: Image) -> bool:
    """Launch it; false when another run was faster."""
    api = image.self_link.partition("/projects/")[0]
    link = f"{api}/projects/{clients.project}/zones/{request.zone}/instances/{request.name}"
    try:
        launch(clients, request.zone, request.resource(image), link, request.wait)
    except ProviderError as error:
        if read_instance(clients, request.zone, request.name) is not None:
            if error.status == 409:
                return False
        elif (disk := _leftover_disk(clients, request, foreign_is_error=False)) is not None:
            delete_disk(clients, request.zone, disk, request.wait)
        raise
    return True


def _adopt(
    clients: GcpClients, request: GceInstanceRequest, found: GceInstanceState, *, check_mode: bool, warn: Warn
) -> dict[str, Any]:
    _check_same(clients, request, found)
    if found.starting and request.wait.enabled and not check_mode:
        found = await_launch(clients, found, request.wait)
        _check_same(clients, request, found)
    held = found.managed
    after = dataclasses.replace(held, labels=request.wanted_labels(held.labels))
    if after != held and not check_mode:
        set_instance_labels(clients, found, after.labels, request.wait)
    _warn(clients, request, found.os_login, warn)
    console = _read_console(clients, request)
    return _result(request, found, changed=after != held, before=held, after=after, console=console)


def _check_same(clients: GcpClients, request: GceInstanceRequest, found: GceInstanceState) -> None:
    """:raises ConflictError: when it is not the one that is asked for."""
    held = found.managed
    different = []
    if request.machine_type is not None and request.machine_type != held.machine_type:
        different.append(f"machine_type {held.machine_type}, not {request.machine_type}")
    # Of one that has just been asked for, the disk may be missing yet.
    if request.image is not None and (held.image or not found.starting):
        if request.image.path != held.image:
            different.append(f"image {held.image}, not {request.image.path}")
        else:
            image = request.image.read(clients)
            # Of one that is gone nothing else can be known.
            if image is not None and str(image.id) != found.image_id:
                different.append(f"image {held.image} with the number {found.image_id}, not {image.id}")
    if different:
        raise ConflictError(
            f"Instance {request.name} has {' and '.join(different)}: remove it first (state absent), or choose another "
            "name"
        )


def _warn(clients: GcpClients, request: GceInstanceRequest, of_instance: str | None, warn: Warn) -> None:
    if request.public_key is not None:
        warn_of_os_login(clients, of_instance, warn)


def _read_console(clients: GcpClients, request: GceInstanceRequest) -> ConsoleText | None:
    if not request.console.wanted:
        return None

    def ended() -> str | None:
        current = read_instance(clients, request.zone, request.name)
        if current is None:
            return "gone"
        return None if current.running or current.starting else current.status

    console = SerialConsole(clients, request.zone, request.name)
    return request.console.read(f"Instance {request.name}", console.read, request.wait, ended=ended)


def _result(
    request: GceInstanceRequest,
    instance: GceInstanceState | None,
    *,
    changed: bool,
    before: GceInstanceAttributes | None,
    after: GceInstanceAttributes | None,
    console: ConsoleText | None = None,
) -> dict[str, Any]:
    attributes = after or before or request.wanted()
    return {
        **attributes_of(attributes),
        "changed": changed,
        "id": instance.id if instance else None,
        "state": instance.status if instance else None,
        "running": bool(instance and instance.running),
        "private_address": instance.private_address if instance else None,
        "public_address": instance.public_address if instance else None,
        "user": LOGIN,
        **(NO_CONSOLE if console is None else console.as_result()),
        "diff": diff_of(before, after),
    }
