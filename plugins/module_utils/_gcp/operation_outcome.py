# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an operation of Compute Engine has ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._core.errors import ProviderError
from .errors import without_queries

if TYPE_CHECKING:
    from google.cloud.compute_v1 import Operation


def check_outcome(operation: Operation, method: str, attempt: str) -> None:
    """Look into an operation that is DONE: Compute Engine answers 200, and tells of failures only in there.

    :param method: what began it, such as ``images.insert``.
    :param attempt: completes the sentence "Google Cloud could not {attempt}: ...".
    :raises ProviderError: when it has failed.
    """
    errors = [{"code": error.code, "message": without_queries(error.message)} for error in operation.error.errors]
    if not errors and not operation.http_error_status_code:
        return
    reason = "; ".join(error["message"] for error in errors) or operation.http_error_message
    raise ProviderError(
        f"Google Cloud could not {attempt}: {reason}",
        operation=method,
        code=errors[0]["code"] if errors else None,
        status=operation.http_error_status_code or None,
        details=errors or None,
    )
