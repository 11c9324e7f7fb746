# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading resources that azure-mgmt-compute has no client for, through its own pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._core.dependencies import require
from .errors import INPUT_ERRORS, code_of, provider_errors, translated

if TYPE_CHECKING:
    from azure.mgmt.compute import ComputeManagementClient


def read_resource(
    client: ComputeManagementClient, url: str, api_version: str, *, absent: int, operation: str, attempt: str
) -> dict[str, Any] | None:
    """The answer, or ``None`` where its status is ``absent``.

    :param client: lends its credentials, time-outs and retries.
    :param operation: Azure's name of it, and attempt, are those of :func:`.errors.provider_errors`.
    :raises InputError: when the resource group or the subscription does not exist.
    """
    rest = require("azure.core.rest", "azure-core")
    core = require("azure.mgmt.core.exceptions", "azure-mgmt-core")
    exceptions = require("azure.core.exceptions", "azure-core")
    with provider_errors(operation, attempt):
        response = client.send_request(rest.HttpRequest("GET", url, params={"api-version": api_version}))
        if response.status_code == 200:
            answer: dict[str, Any] = response.json()
            return answer
        error = exceptions.HttpResponseError(response=response, error_format=core.ARMErrorFormat)
    # A missing resource group or subscription is another mistake than a missing resource.
    if response.status_code == absent and code_of(error) not in INPUT_ERRORS:
        return None
    raise translated(error, operation, attempt) from error
