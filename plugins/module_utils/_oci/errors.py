# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where the OCI SDK's exceptions become this collection's errors."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from .._core.credentials import tells_of_untrusted
from .._core.dependencies import require
from .._core.errors import ProviderError
from .._core.origin import translated_errors

_HINTS = {
    "NotAuthenticated": (
        "Check api_user, api_user_fingerprint, api_user_key_file and tenancy, or the profile in config_file_location, "
        "this machine's clock, and that the tenancy is subscribed to the region. With auth_type security_token, run "
        "`oci session refresh`."
    ),
    "BucketNotFound": (
        "There is no such bucket in this namespace, or a policy is missing that grants access to it (read buckets)."
    ),
    "NotAuthorizedOrNotFound": "It does not exist, or a policy is missing that grants access to it.",
    "LimitExceeded": "Delete what is no longer needed, or ask for a higher service limit.",
}
"""By the codes of https://docs.oracle.com/iaas/Content/API/References/apierrors.htm."""

# Answered to a principal that has no user: https://github.com/oracle/oci-cli/issues/384
_UNREADABLE_SOURCE = "to import image from does not exist"
_SOURCE_HINT = (
    "With auth_type instance_principal or resource_principal, and for federated users, Oracle's import cannot read it: "
    "import with the API key of a user."
)

# There is no code of its own for it: it is 500 InternalError "Out of host capacity." or the same in a work request.
_NO_CAPACITY = ("out of host capacity", "out of capacity")


def tells_of_no_capacity(message: str) -> bool:
    """Whether a message says that there is no room for an instance where it was to be launched."""
    return any(words in message.lower() for words in _NO_CAPACITY)


BUSY = ("IncorrectState", "LockConflict", "ExternalServerIncorrectState", "ConcurrentObjectUpdate")
"""The codes of 409 that pass by themselves, while something else is under way; ``Conflict`` stays."""


def is_busy(error: ProviderError) -> bool:
    return error.status == 409 and error.code in BUSY


@contextlib.contextmanager
def gone_is_fine(is_gone: Callable[[], bool]) -> Iterator[None]:
    """Take the 404 of a deletion for its success where nothing is left.

    It is the answer to a retry whose forerunner's answer got lost, but also to whoever lacks the right to delete.

    :param is_gone: looks whether it is.
    """
    try:
        yield
    except ProviderError as error:
        if error.status != 404 or not is_gone():
            raise


def provider_errors(operation: str, attempt: str) -> AbstractContextManager[None]:
    """Translate whatever Oracle's SDK raises.

    Besides its own exceptions those of requests and urllib3, of which it brings copies, of http.client and ssl come out
    of it, and ValueError, KeyError and the like for an answer or a value that it does not expect.

    :param operation: the API's name of the operation, such as ``CreateImage``.
    :param attempt: what is tried, to follow "Could not", such as ``create bucket alpine``.
    :raises ProviderError: with Oracle's own code, status, reason and request id.
    """
    return translated_errors(lambda error: _translated(error, operation, attempt))


def _translated(error: Exception, operation: str, attempt: str) -> ProviderError:
    exceptions = require("oci.exceptions", "oci")
    if isinstance(error, exceptions.ServiceError):
        hint = _SOURCE_HINT if _UNREADABLE_SOURCE in (error.message or "") else _HINTS.get(error.code)
        reason = " ".join(filter(None, [f"{error.message or 'no reason given'} ({error.status} {error.code}).", hint]))
        return ProviderError(
            f"Could not {attempt}: {reason}",
            operation=operation,
            code=error.code,
            status=error.status,
            details={"opc_request_id": error.request_id},
        )
    if isinstance(error, (exceptions.RequestException, exceptions.ConnectTimeout, OSError, http.client.HTTPException)):
        remedy = "; a private authority's certificate goes into ca_file" if tells_of_untrusted(error) else ""
        return ProviderError(
            f"Could not {attempt}: no answer from Oracle Cloud: {_transport_reason(error)}{remedy}", operation=operation
        )
    return ProviderError(
        f"Could not {attempt}: Oracle's library does not understand the answer ({type(error).__name__}: {error})",
        operation=operation,
        code=type(error).__name__,
    )


def _transport_reason(error: Exception) -> str:
    # The SDK wraps the exception of requests, and appends the endpoint and a paragraph on how to get help.
    inner = error.args[0] if error.args else error
    if isinstance(inner, Exception) and inner.args:
        inner = inner.args[0]
    return str(inner)
