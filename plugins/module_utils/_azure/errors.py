# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where exceptions of Azure's SDKs become ours."""

from __future__ import annotations

import http.client
import re
from contextlib import AbstractContextManager

from .._core.errors import InputError, ProviderError
from .._core.origin import translated_errors

# What the Blob service appends to each message.
_STORAGE_TRAILER = re.compile(r"\n(RequestId|Time|ErrorCode|Content):")

INPUT_ERRORS = {
    "ResourceGroupNotFound": (
        "Option resource_group must name one that exists: create it first, for instance with `az group create`."
    ),
    "SubscriptionNotFound": "Option subscription_id must name one that the principal may see.",
    "InvalidSubscriptionId": "Option subscription_id must be the subscription's UUID.",
}
"""Azure's codes for what no module of this collection creates, and what the user is to do."""

_NO_CAPACITY = "Give option size another size, of those that `az vm list-skus` shows, or use another region."
_REMEDIES = {
    "AuthorizationFailed": "Give the principal the role that the collection's README names.",
    "AuthorizationPermissionMismatch": (
        "Give the principal the role Storage Blob Data Contributor on the storage account; being its owner is not "
        "enough."
    ),
    "AuthorizationFailure": (
        "The storage account's firewall keeps this machine out: let its address in under the account's networking, or "
        "run the module where it is let in."
    ),
    "KeyBasedAuthenticationNotPermitted": "Leave account_key out, and sign in.",
    "LinkedAuthorizationFailed": "The principal needs Microsoft.Storage/storageAccounts/listKeys/action as well.",
    "AllocationFailed": _NO_CAPACITY,
    "ZonalAllocationFailed": _NO_CAPACITY,
    "OverconstrainedAllocationRequest": _NO_CAPACITY,
    "SkuNotAvailable": _NO_CAPACITY,
    "QuotaExceeded": "Ask for more quota, or give option size a size of another family.",
}


def remedy_for(code: str | None) -> str:
    """What to do about an error of Azure's, after its reason; empty where nothing is known."""
    return f" {_REMEDIES[code]}" if code in _REMEDIES else ""


def provider_errors(operation: str, attempt: str) -> AbstractContextManager[None]:
    """Translate whatever Azure's SDKs raise.

    Besides their own exceptions (azure.core, azure.identity, azure.storage) those of requests, urllib3, msal, ssl and
    http.client come out of them, ValueError for credentials and addresses that they do not take, and KeyError and the
    like for an answer, also to a poller, that is not what they expect.

    :param operation: Azure's name of the operation, such as ``GalleryImageVersions_CreateOrUpdate``.
    :param attempt: what is being tried, to complete the sentence "Cannot {attempt}".
    :raises ProviderError: with Azure's own code and reason.
    :raises InputError: when Azure says that the subscription or resource group does not exist.
    """
    return translated_errors(lambda error: translated(error, operation, attempt))


def translated(error: Exception, operation: str, attempt: str) -> ProviderError | InputError:
    """What to raise for an SDK's exception; the parameters are those of :func:`provider_errors`."""
    code, reason = code_of(error), _reason_of(error)
    if code in INPUT_ERRORS:
        return InputError(f"Cannot {attempt}: {reason} {INPUT_ERRORS[code]}")
    return ProviderError(
        f"Cannot {attempt}: {f'{code}: ' if code else ''}{reason}{remedy_for(code)}",
        operation=operation,
        code=code,
        status=getattr(error, "status_code", None),
    )


def code_of(error: BaseException) -> str | None:
    """Azure's error code, such as ``ResourceNotFound``, from whichever of its services."""
    storage_code = getattr(error, "error_code", None)
    if storage_code:
        return str(getattr(storage_code, "value", storage_code))
    code: object = getattr(getattr(error, "error", None), "code", None)
    return str(code) if code else None


def _reason_of(error: Exception) -> str:
    reason = getattr(getattr(error, "error", None), "message", None) or getattr(error, "message", None) or str(error)
    if not type(error).__module__.startswith("azure."):
        name = type(error).__name__
        if isinstance(error, (OSError, http.client.HTTPException)) or type(error).__module__.startswith("urllib3."):
            reason = f"{name}: {reason}"
        else:
            reason = f"Azure's library does not understand its settings or the answer ({name}: {reason})"
    reason = _STORAGE_TRAILER.split(str(reason))[0]
    reason = " ".join(reason.split())
    return reason if reason.endswith((".", "!", "?")) else f"{reason}."
