# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls that import, find, change and delete custom images."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from .._core.dependencies import require
from .._core.errors import ProviderError
from .._core.progress import Progress
from .._core.wait import Wait
from .clients import OciClients
from .custom_image_state import CustomImageState
from .errors import gone_is_fine, is_busy, provider_errors
from .work_request import failure_of

_TOKENS = 10
"""Imports of one image in a day that may end before their end; Oracle Cloud remembers a retry token for that long."""
_UNDER_WAY = ("ACCEPTED", "IN_PROGRESS")


def images_of_name(clients: OciClients, compartment_id: str, name: str) -> list[CustomImageState]:
    """The images of this display name, oldest first, those included that have ended. Names are not unique."""
    pagination = require("oci.pagination", "oci")
    with provider_errors("ListImages", f"list images called {name}"):
        images = pagination.list_call_get_all_results(
            clients.compute.list_images, compartment_id, display_name=name
        ).data
        states = [CustomImageState.of(image) for image in images if image.compartment_id == compartment_id]
    # Platform images stand in every list, in no compartment.
    return sorted(states, key=lambda state: (state.created, state.id))


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


def create_image(
    clients: OciClients, name: str, details: Any, ended: Iterable[str]
) -> tuple[CustomImageState, str | None]:
    """Begin an import, or join the one that another run has begun with the same request.

    :param details: the SDK's CreateImageDetails.
    :param ended: the ids of what earlier imports have left.
    :return: the image, and the id of its work request.
    """
    for attempt in range(_TOKENS):
        token = _retry_token(clients, details, ended, attempt)
        try:
            with provider_errors("CreateImage", f"import image {name}"):
                response = clients.compute.create_image(details, opc_retry_token=token)
                image = CustomImageState.of(response.data)
        except ProviderError as error:
            # The image that the token stands for has been deleted since.
            if error.code != "InvalidatedRetryToken":
                raise
            continue
        if not image.ended:
            return image, response.headers.get("opc-work-request-id")
    raise ProviderError(
        f"Could not import image {name}: its last {_TOKENS} imports of today have been deleted, and Oracle Cloud "
        "remembers them. Choose another name",
        operation="CreateImage",
    )


def _retry_token(clients: OciClients, details: Any, ended: Iterable[str], attempt: int) -> str:
    """The same for all runs that ask for the same after the same failures, so that one image comes of them."""
    body = clients.compute.base_client.sanitize_for_serialization(details)
    return hashlib.sha256(json.dumps([body, sorted(ended), attempt], sort_keys=True).encode()).hexdigest()


def update_image(clients: OciClients, image_id: str, updates: dict[str, Any]) -> CustomImageState:
    """:param updates: fields of UpdateImageDetails."""
    models = require("oci.core.models", "oci")
    with provider_errors("UpdateImage", f"update image {image_id}"):
        updated = clients.compute.update_image(image_id, models.UpdateImageDetails(**updates)).data
        return CustomImageState.of(updated)


def delete_image(clients: OciClients, image_id: str, wait: Wait) -> None:
    """Delete it as soon as what is under way with it lets that happen; that it is gone already is fine."""

    def check() -> bool | None:
        try:
            with (
                gone_is_fine(lambda: _is_gone(clients, image_id)),
                provider_errors("DeleteImage", f"delete image {image_id}"),
            ):
                clients.compute.delete_image(image_id)
        except ProviderError as error:
            if is_busy(error):
                return None
            raise
        return True

    wait.until(check, what=f"image {image_id} to be free to be deleted")


def await_deletion(clients: OciClients, image_id: str, wait: Wait) -> None:
    wait.until(lambda: _is_gone(clients, image_id) or None, what=f"image {image_id} to be deleted")


def _is_gone(clients: OciClients, image_id: str) -> bool:
    current = get_image(clients, image_id)
    return current is None or current.lifecycle_state == "DELETED"


def await_import(
    clients: OciClients, image: CustomImageState, work_request_id: str | None, wait: Wait
) -> CustomImageState:
    """Follow an import to its end.

    :raises ProviderError: when it failed, with the reason that only the work request knows.
    """
    progress = Progress("import", 100, "percent")

    def check() -> CustomImageState | None:
        percent, status = _work_request(clients, work_request_id)
        if percent is not None:
            progress.update(percent)
        current = get_image(clients, image.id)
        if current is None and status in _UNDER_WAY:
            # Not visible yet.
            return None
        if current is None or current.ended or status in ("FAILED", "CANCELED"):
            state = current.lifecycle_state if current is not None else "DELETED"
            raise _import_error(clients, image, work_request_id, state)
        return current if current.usable else None

    return wait.until(check, what=f"the import of image {image.managed.name}")


def _work_request(clients: OciClients, work_request_id: str | None) -> tuple[int | None, str | None]:
    """How far it is, in percent, and its status; it may be forgotten or forbidden."""
    if work_request_id is None:
        return None, None
    try:
        with provider_errors("GetWorkRequest", "follow the import"):
            request = clients.work_requests.get_work_request(work_request_id).data
    except ProviderError as error:
        if error.status == 404:
            return None, None
        raise
    return int(request.percent_complete or 0), request.status


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
