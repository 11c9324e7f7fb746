# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls that import, find, change and delete custom images."""

from __future__ import annotations

import uuid
from typing import Any

from .._core.dependencies import require
from .._core.errors import ProviderError
from .._core.progress import Progress
from .._core.wait import Wait
from .clients import OciClients
from .custom_image_state import CustomImageState
from .errors import provider_errors
from .work_request import failure_of


def images_of_name(clients: OciClients, compartment_id: str, name: str) -> list[CustomImageState]:
    """The images of this display name that are, or are becoming, usable; oldest first. Names are not unique."""
    pagination = require("oci.pagination", "oci")
    with provider_errors("ListImages", f"list images called {name}"):
        images = pagination.list_call_get_all_results(
            clients.compute.list_images, compartment_id, display_name=name
        ).data
        states = [CustomImageState.of(image) for image in images if image.compartment_id == compartment_id]
    # Platform images stand in every list, in no compartment.
    return sorted((state for state in states if state.in_flight or state.usable), key=lambda state: state.created)


def read_image(clients: OciClients, image_id: str) -> CustomImageState:
    """:raises ProviderError: also when there is no such image."""
    with provider_errors("GetImage", f"read image {image_id}"):
        return CustomImageState.of(clients.compute.get_image(image_id).data)


def get_image(clients: OciClients, image_id: str) -> CustomImageState | None:
    """The same, but ``None`` when there is no such image."""
    try:
        return read_image(clients, image_id)
    except ProviderError as error:
        if error.status == 404:
            return None
        raise


def create_image(clients: OciClients, name: str, details: Any) -> tuple[CustomImageState, str | None]:
    """Begin an import.

    :param details: the SDK's CreateImageDetails.
    :return: the image, and the id of its work request.
    """
    with provider_errors("CreateImage", f"import image {name}"):
        response = clients.compute.create_image(details, opc_retry_token=uuid.uuid4().hex)
        return CustomImageState.of(response.data), response.headers.get("opc-work-request-id")


def update_image(clients: OciClients, image_id: str, updates: dict[str, Any]) -> CustomImageState:
    """:param updates: fields of UpdateImageDetails."""
    models = require("oci.core.models", "oci")
    with provider_errors("UpdateImage", f"update image {image_id}"):
        updated = clients.compute.update_image(image_id, models.UpdateImageDetails(**updates)).data
        return CustomImageState.of(updated)


def delete_image(clients: OciClients, image_id: str) -> None:
    with provider_errors("DeleteImage", f"delete image {image_id}"):
        clients.compute.delete_image(image_id)


def await_deletion(clients: OciClients, image_id: str, wait: Wait) -> None:
    def check() -> bool | None:
        current = get_image(clients, image_id)
        return True if current is None or current.lifecycle_state == "DELETED" else None

    wait.until(check, what=f"image {image_id} to be deleted")


def await_import(
    clients: OciClients, image: CustomImageState, work_request_id: str | None, wait: Wait
) -> CustomImageState:
    """Follow an import to its end.

    :raises ProviderError: when it failed, with the reason that only the work request knows.
    """
    progress = Progress("import", 100, "percent")

    def check() -> CustomImageState | None:
        percent, failed = _work_request(clients, work_request_id)
        if percent is not None:
            progress.update(percent)
        current = get_image(clients, image.id)
        if current is None or current.ended or failed:
            state = current.lifecycle_state if current is not None else "DELETED"
            raise _import_error(clients, image, work_request_id, state)
        return current if current.usable else None

    return wait.until(check, what=f"the import of image {image.managed.name}")


def _work_request(clients: OciClients, work_request_id: str | None) -> tuple[int | None, bool]:
    """How far it is, in percent, and whether it has failed; it may be forgotten or forbidden."""
    if work_request_id is None:
        return None, False
    try:
        with provider_errors("GetWorkRequest", "follow the import"):
            request = clients.work_requests.get_work_request(work_request_id).data
    except ProviderError as error:
        if error.status == 404:
            return None, False
        raise
    return int(request.percent_complete or 0), request.status in ("FAILED", "CANCELED")


def _import_error(
    clients: OciClients, image: CustomImageState, work_request_id: str | None, state: str
) -> ProviderError:
    code, reason = failure_of(clients, work_request_id)
    return ProviderError(
        f"The import of image {image.managed.name} failed, and the image is {state}: {reason}",
        operation="CreateImage",
        code=code,
        details={"image_id": image.id, "work_request_id": work_request_id},
    )
