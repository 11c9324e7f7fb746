# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where exceptions of Google's SDKs become ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .._core.dependencies import require
from .._core.errors import ProviderError

_QUERY = re.compile(r"\?[^\s)'\"]*")


def without_queries(text: str) -> str:
    """``text`` less the query part of its URLs: upload ids and signatures stand there."""
    return _QUERY.sub("", text)


@contextmanager
def provider_errors(operation: str, attempt: str) -> Iterator[None]:
    """Translate what Google's SDKs raise.

    :param operation: Google's name of the method, such as ``images.insert``.
    :param attempt: what is being tried, to complete the sentence "Google Cloud could not {attempt}: ...".
    :raises ProviderError: for any refusal, failed transport or failed sign-in.
    """
    api = require("google.api_core.exceptions", "google-api-core")
    auth = require("google.auth.exceptions", "google-auth")
    requests = require("requests", "requests")
    try:
        yield
    except api.RetryError as error:
        cause = error.cause or error
        raise _translated(cause, operation, f"{attempt} in several attempts") from error
    except (api.GoogleAPIError, auth.GoogleAuthError, requests.RequestException) as error:
        raise _translated(error, operation, attempt) from error


def _translated(error: BaseException, operation: str, attempt: str) -> ProviderError:
    auth = require("google.auth.exceptions", "google-auth")
    answer = _answered(error)
    details = [_plain(item) for item in answer.get("errors", [])]
    reason = answer.get("message") or getattr(error, "message", None) or str(error)
    if isinstance(error, auth.GoogleAuthError):
        # TransportError(cause) or RefreshError(message, answer): the answer repeats the message.
        what = (
            "the server that gives access tokens cannot be reached"
            if isinstance(error, auth.TransportError)
            else "the credentials of auth_kind get no access token"
        )
        reason = f"{what}: {error.args[0] if error.args else error}"
    status = getattr(error, "code", None)
    return ProviderError(
        f"Google Cloud could not {attempt}: {without_queries(str(reason))}",
        operation=operation,
        code=details[0].get("reason") if details else None,
        status=int(status) if isinstance(status, int) else None,
        details=details or None,
    )


def _answered(error: BaseException) -> dict[str, Any]:
    """The ``error`` of Google's JSON answer; empty when there is no such answer."""
    response = getattr(error, "response", None)
    try:
        found = response.json()["error"] if response is not None else {}
    except (ValueError, KeyError, TypeError):
        found = {}
    return found if isinstance(found, dict) else {}


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    return {key: without_queries(value) if isinstance(value, str) else value for key, value in item.items()}
