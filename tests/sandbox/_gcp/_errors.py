# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors as Google's JSON APIs answer them."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

_REASONS = {
    400: "invalid",
    401: "authError",
    403: "forbidden",
    404: "notFound",
    409: "conflict",
    412: "conditionNotMet",
    429: "rateLimitExceeded",
    500: "backendError",
    502: "backendError",
    503: "backendError",
    504: "backendError",
}


class GoogleError(Exception):
    """An answer with an error status."""

    def __init__(self, status: int, message: str, *, reason: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.error = {"message": message, "domain": "global", "reason": reason or _REASONS[status], **details}

    def body(self) -> bytes:
        return json.dumps(
            {"error": {"code": self.status, "message": self.message, "errors": [self.error]}}, indent=2
        ).encode()


def invalid_value(field: str, value: object, why: str) -> GoogleError:
    """How Compute Engine refuses a field's value."""
    return GoogleError(400, f"Invalid value for field '{field}': '{value}'. {why}", reason="invalid")


def ordered_error(_operation: object, status: int) -> tuple[str, bytes]:
    """The body of an ordered fault."""
    reason = _REASONS.get(status, "backendError")
    error = GoogleError(status, f"{HTTPStatus(status).phrase}: ordered fault.", reason=reason)
    return "application/json; charset=UTF-8", error.body()
