# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where the OCI SDK's exceptions become this collection's errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from .._core.dependencies import require
from .._core.errors import ProviderError

_HINTS = {
    "NotAuthenticated": (
        "Check api_user, api_user_fingerprint, api_user_key_file and tenancy, or the profile in config_file_location, "
        "and this machine's clock."
    ),
    "NotAuthorizedOrNotFound": "It does not exist, or a policy is missing that grants access to it.",
    "LimitExceeded": "Delete what is no longer needed, or ask for a higher service limit.",
}
"""By the codes of https://docs.oracle.com/iaas/Content/API/References/apierrors.htm."""


@contextlib.contextmanager
def translated(operation: str, attempt: str) -> Iterator[None]:
    """Turn what the SDK raises inside into a :class:`ProviderError`.

    :param operation: the API's name of the operation, such as ``CreateImage``.
    :param attempt: what is tried, to follow "Could not", such as ``create bucket alpine``.
    :raises ProviderError: with Oracle's own code, status, reason and request id.
    """
    exceptions = require("oci.exceptions", "oci")
    try:
        yield
    except exceptions.ServiceError as error:
        hint = _HINTS.get(error.code)
        reason = " ".join(filter(None, [f"{error.message or 'no reason given'} ({error.status} {error.code}).", hint]))
        raise ProviderError(
            f"Could not {attempt}: {reason}",
            operation=operation,
            code=error.code,
            status=error.status,
            details={"opc_request_id": error.request_id},
        ) from error
    except (exceptions.RequestException, exceptions.ConnectTimeout) as error:
        raise ProviderError(
            f"Could not {attempt}: no answer from Oracle Cloud: {_transport_reason(error)}", operation=operation
        ) from error


def _transport_reason(error: Exception) -> str:
    # The SDK wraps the exception of requests, and appends the endpoint and a paragraph on how to get help.
    inner = error.args[0] if error.args else error
    if isinstance(inner, Exception) and inner.args:
        inner = inner.args[0]
    return str(inner)
