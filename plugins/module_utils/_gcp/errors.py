# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where exceptions of Google's SDKs become ours."""

from __future__ import annotations

import http.client
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from .._core.credentials import tells_of_untrusted
from .._core.dependencies import require
from .._core.errors import ProviderError
from .._core.origin import translated_errors

DATA_CORRUPTION = "DataCorruption"
"""The ``code`` of a ProviderError when Cloud Storage received other bytes than were sent."""

_QUERY = re.compile(r"\?[^\s)'\"]*")


def without_queries(text: str) -> str:
    """``text`` less the query part of its URLs: upload ids and signatures stand there."""
    return _QUERY.sub("", text)


def provider_errors(operation: str, attempt: str) -> AbstractContextManager[None]:
    """Translate whatever Google's SDKs raise.

    Besides their own exceptions (google.api_core, google.auth, google.cloud.storage) those of requests, urllib3,
    http.client and ssl come out of them, and ValueError, KeyError and the like for an answer that is not what they
    expect.

    :param operation: Google's name of the method, such as ``images.insert``.
    :param attempt: what is being tried, to complete the sentence "Google Cloud could not {attempt}: ...".
    :raises ProviderError: for any refusal, failed transport or failed sign-in.
    """
    return translated_errors(lambda error: _translated(error, operation, attempt))


def _translated(error: BaseException, operation: str, attempt: str) -> ProviderError:
    api = require("google.api_core.exceptions", "google-api-core")
    if isinstance(error, api.RetryError) and error.cause is not None:
        return _translated(error.cause, operation, f"{attempt} in several attempts")
    answer = _answered(error)
    details = [_plain(item) for item in answer.get("errors", [])]
    code = details[0].get("reason") if details else None
    if type(error).__name__ == DATA_CORRUPTION:
        code = DATA_CORRUPTION
    reason = without_queries(_reason(error, answer))
    if tells_of_untrusted(error):
        reason += "; a private authority's certificate goes into ca_file"
    return ProviderError(
        f"Google Cloud could not {attempt}: {reason}",
        operation=operation,
        code=code,
        status=_status(error),
        details=details or None,
    )


def _reason(error: BaseException, answer: Mapping[str, Any]) -> str:
    api = require("google.api_core.exceptions", "google-api-core")
    auth = require("google.auth.exceptions", "google-auth")
    urllib3 = require("urllib3", "urllib3")
    if isinstance(error, auth.GoogleAuthError):
        if "must specify refresh_token" in str(error):
            # What Google's library says of a token that it was given alone, and that Google does not take any more.
            return "access_token is not valid, or not any more: get a new one, as by `gcloud auth print-access-token`"
        # TransportError(cause) or RefreshError(message, answer): the answer repeats the message.
        what = (
            "the server that gives access tokens cannot be reached"
            if isinstance(error, auth.TransportError)
            else "the credentials of auth_kind get no access token"
        )
        return f"{what}: {error.args[0] if error.args else error}"
    if answer.get("message"):
        return str(answer["message"])
    if isinstance(error, api.GoogleAPIError):
        return getattr(error, "message", None) or str(error)
    if isinstance(error, (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError)):
        return str(error) or type(error).__name__
    if hasattr(error, "response"):
        # InvalidResponse("Request failed with status code", 503, "Expected one of", 200)
        return " ".join(str(word) for word in error.args)
    return f"Google's library does not understand the answer ({type(error).__name__}: {error})"


def _status(error: BaseException) -> int | None:
    """The HTTP status: ``code`` of what google.api_core raises, that of the answer with the others."""
    status = getattr(error, "code", None) or getattr(getattr(error, "response", None), "status_code", None)
    return int(status) if isinstance(status, int) else None


def _answered(error: BaseException) -> dict[str, Any]:
    """The ``error`` of Google's JSON answer; empty when there is no such answer."""
    response = getattr(error, "response", None)
    try:
        found = response.json()["error"] if response is not None else {}
    except (ValueError, KeyError, TypeError):
        found = {}
    return found if isinstance(found, dict) else {}


def _plain(item: Mapping[str, Any]) -> dict[str, Any]:
    return {key: without_queries(value) if isinstance(value, str) else value for key, value in item.items()}
