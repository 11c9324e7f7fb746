# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Compute Engine is asked about images, and the operations that its answers begin."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._core.errors import InputError, ProviderError
from .._core.progress import Progress
from .._core.wait import Wait
from .clients import GcpClients, call_options
from .errors import provider_errors, without_queries
from .operation_outcome import check_outcome

if TYPE_CHECKING:
    from google.cloud.compute_v1 import Image, Operation

# https://cloud.google.com/compute/docs/images/create-custom#selecting_image_storage_location
_MULTI_REGIONS = ("us", "eu", "asia")


def get_image(clients: GcpClients, name: str) -> Image | None:
    """The image of this name, if there is one."""
    try:
        with provider_errors("images.get", f"look for image {name} in project {clients.project}"):
            return clients.images.get(project=clients.project, image=name, **call_options())
    except ProviderError as error:
        # A missing project, or an API that is not enabled, is 404 or 403 as well: only the image may be missing.
        if error.status == 404 and f"images/{name}" in error.message:
            return None
        raise


def insert_image(clients: GcpClients, resource: Mapping[str, Any], wait: Wait) -> None:
    """Ask for an image, and wait for it unless ``wait`` says otherwise.

    :param resource: the request's ``imageResource``, in the SDK's words.
    :raises ProviderError: also when the import fails after the request was accepted.
    """
    attempt = f"import image {resource['name']} from {without_queries(resource['raw_disk']['source'])}"
    with provider_errors("images.insert", attempt):
        operation = clients.images.insert_unary(
            {"project": clients.project, "image_resource": resource, "request_id": _request_id()}, **call_options()
        )
    if wait.enabled:
        _finish(clients, operation, wait, "images.insert", attempt)


def await_import(clients: GcpClients, name: str, image_id: str, wait: Wait) -> None:
    """Wait for an image that an earlier run has asked for.

    :raises ProviderError: when its import fails, as long as Compute Engine remembers the operation.
    """
    with provider_errors("globalOperations.list", f"look for the operation that makes image {name}"):
        found = clients.operations.list(
            {"project": clients.project, "filter": f'(targetId = "{image_id}") (operationType = "insert")'},
            **call_options(),
        )
        operation = next(iter(found), None)
    if operation is not None:
        _finish(clients, operation, wait, "images.insert", f"import image {name}")
        return

    def no_longer_pending() -> bool | None:
        image = get_image(clients, name)
        return None if image is not None and image.status == "PENDING" else True

    wait.until(no_longer_pending, what=f"image {name}")


def delete_image(clients: GcpClients, name: str, image_id: str, wait: Wait) -> None:
    """Delete the image and wait until it is gone; that it is gone already is fine.

    :param image_id: by which it is deleted, so that another run's new image of the same name stays.
    """
    attempt = f"delete image {name}"
    try:
        with provider_errors("images.delete", attempt):
            operation = clients.images.delete_unary(
                {"project": clients.project, "image": image_id, "request_id": _request_id()}, **call_options()
            )
    except ProviderError as error:
        now = get_image(clients, name)
        if now is not None and str(now.id) == image_id and now.status != "DELETING":
            raise
        if now is not None and str(now.id) == image_id:
            await_deletion(clients, name, image_id, wait)
        elif error.status not in (400, 404):
            raise
        return
    _finish(clients, operation, wait, "images.delete", attempt)


def await_deletion(clients: GcpClients, name: str, image_id: str, wait: Wait) -> None:
    """Wait for a deletion that somebody else has begun."""

    def gone() -> bool | None:
        now = get_image(clients, name)
        return True if now is None or str(now.id) != image_id else None

    wait.until(gone, what=f"the deletion of image {name}")


def patch_image(clients: GcpClients, name: str, attributes: Mapping[str, str], wait: Wait) -> None:
    """Change ``family`` and ``description``, the attributes that images.patch can change."""
    attempt = f"change {' and '.join(attributes)} of image {name}"
    with provider_errors("images.patch", attempt):
        operation = clients.images.patch_unary(
            {
                "project": clients.project,
                "image": name,
                "image_resource": dict(attributes),
                "request_id": _request_id(),
            },
            **call_options(),
        )
    _finish(clients, operation, wait, "images.patch", attempt)


def set_image_labels(clients: GcpClients, name: str, labels: Mapping[str, str], fingerprint: str, wait: Wait) -> None:
    """Replace all labels, provided that nobody else has changed them since ``fingerprint`` was read."""
    attempt = f"set the labels of image {name}"
    try:
        with provider_errors("images.setLabels", attempt):
            operation = clients.images.set_labels_unary(
                {
                    "project": clients.project,
                    "resource": name,
                    "global_set_labels_request_resource": {"labels": dict(labels), "label_fingerprint": fingerprint},
                },
                **call_options(),
            )
    except ProviderError as error:
        # There is no requestId here: our own first attempt, whose answer got lost, may have been faster.
        now = get_image(clients, name) if error.status == 412 else None
        if now is None or dict(now.labels) != dict(labels):
            raise
        return
    _finish(clients, operation, wait, "images.setLabels", attempt)


def check_location(clients: GcpClients, name: str) -> None:
    """:raises InputError: when ``name`` is neither a region nor a multi-region."""
    if name in _MULTI_REGIONS:
        return
    try:
        with provider_errors("regions.get", f"look for region {name}"):
            clients.regions.get(project=clients.project, region=name, **call_options())
    except ProviderError as error:
        if error.status == 404 and f"regions/{name}" in error.message:
            raise InputError(
                f"storage_locations: there is no region {name}; the multi-regions are {', '.join(_MULTI_REGIONS)}"
            ) from error
        raise


def _finish(clients: GcpClients, begun: Operation, wait: Wait, method: str, attempt: str) -> None:
    """Wait for the operation: Compute Engine answers 200, and tells of failures only in there."""
    progress = Progress("import", 100, "percent") if method == "images.insert" else None

    def done() -> Operation | None:
        with provider_errors("globalOperations.get", f"ask how far it is to {attempt}"):
            operation = clients.operations.get(project=clients.project, operation=begun.name, **call_options())
        if progress:
            progress.update(operation.progress)
        return operation if operation.status.name == "DONE" else None

    operation = wait.until(done, what=f"Google Cloud to {attempt} (operation {begun.name})")
    check_outcome(operation, method, attempt)


def _request_id() -> str:
    """Makes a retried write the same write (https://cloud.google.com/compute/docs/reference/rest/v1/images/insert)."""
    return str(uuid.uuid4())
