# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of Compute Engine in one zone, and the ids by which a repeated request is the same request."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from .._core.wait import Wait
from .clients import GcpClients, call_options
from .errors import provider_errors
from .operation_outcome import check_outcome

if TYPE_CHECKING:
    from google.cloud.compute_v1 import Operation


def finish(clients: GcpClients, zone: str, begun: Operation, wait: Wait, *, method: str, attempt: str) -> None:
    """Wait for an operation.

    :param method: what began it, such as ``instances.insert``.
    :param attempt: completes the sentence "Google Cloud could not {attempt}: ...".
    :raises ProviderError: when it fails.
    """

    def done() -> Operation | None:
        with provider_errors("zoneOperations.get", f"ask how far it is to {attempt}"):
            operation = clients.zone_operations.get(
                project=clients.project, zone=zone, operation=begun.name, **call_options()
            )
        return operation if operation.status.name == "DONE" else None

    operation = wait.until(done, what=f"Google Cloud to {attempt} (operation {begun.name})")
    check_outcome(operation, method, attempt)


def launch_of(clients: GcpClients, zone: str, instance_id: str) -> Operation | None:
    """The operation that makes an instance, as long as Compute Engine remembers it."""
    found = _operations(clients, zone, f'(targetId = "{instance_id}") (operationType = "insert")')
    return found[0] if found else None


def request_id(clients: GcpClients, zone: str, target_link: str, request: str) -> str:
    """The same for all who ask for the same before it has been done or has failed, so that it is done once.

    Compute Engine takes a request of the same id for the same one for an hour and more, also when what it has made is
    gone already (https://cloud.google.com/compute/docs/reference/rest/v1/instances/insert), so what has been done to
    the target until now goes into the id.

    :param target_link: of what is asked for, whether it is there or not.
    :param request: all else that the request says.
    """
    done = sorted(
        operation.name for operation in _operations(clients, zone, f'(targetLink = "{target_link}") (status = "DONE")')
    )
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "\n".join([target_link, request, *done])))


def _operations(clients: GcpClients, zone: str, condition: str) -> list[Operation]:
    with provider_errors("zoneOperations.list", f"list the operations in zone {zone}"):
        return list(
            clients.zone_operations.list(
                {"project": clients.project, "zone": zone, "filter": condition}, **call_options()
            )
        )
