# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Azure Resource Manager refuses a request."""

from __future__ import annotations

from typing import Any


class ArmError(Exception):
    """An answer of the form ``{"error": {"code", "message", "target"}}``."""

    def __init__(self, status: int, code: str, message: str, target: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.target = target

    def body(self) -> dict[str, Any]:
        return {"error": self.as_error()}

    def as_error(self) -> dict[str, Any]:
        error = {"code": self.code, "message": self.message}
        return error | {"target": self.target} if self.target else error


def invalid_parameter(message: str, target: str | None = None) -> ArmError:
    return ArmError(400, "InvalidParameter", message, target)
