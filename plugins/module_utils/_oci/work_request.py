# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work requests: why an asynchronous operation has failed, which nothing else tells."""

from __future__ import annotations

from .._core.errors import ProviderError
from .clients import OciClients
from .errors import provider_errors

_NO_REASON = "Oracle Cloud gives no reason; reading it takes the permission to read work requests"


def work_request_of(clients: OciClients, compartment_id: str, resource_id: str) -> str | None:
    """The newest work request for a resource; ``None`` when it is forgotten or forbidden."""
    try:
        with provider_errors("ListWorkRequests", f"find what was done to {resource_id}"):
            requests = clients.work_requests.list_work_requests(compartment_id, resource_id=resource_id).data
    except ProviderError:
        return None
    return str(max(requests, key=lambda request: request.time_accepted).id) if requests else None


def failure_of(clients: OciClients, work_request_id: str | None) -> tuple[str | None, str]:
    """The code and the reasons that a work request gives for its failure."""
    if work_request_id is None:
        return None, _NO_REASON
    try:
        with provider_errors("ListWorkRequestErrors", "read why it failed"):
            errors = clients.work_requests.list_work_request_errors(work_request_id).data
    except ProviderError:
        return None, _NO_REASON
    if not errors:
        return None, _NO_REASON
    return errors[-1].code, "; ".join(error.message for error in errors)
