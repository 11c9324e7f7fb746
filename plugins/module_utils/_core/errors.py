# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors that module logic raises, and that :mod:`.module` turns into ``fail_json``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .secrets import all_hidden, hidden


class AlpineCloudError(Exception):
    """An expected failure with a message for the user: what went wrong, which option, what to do.

    Secrets that a library has put into its words are hidden in it.
    """

    def __init__(self, message: str) -> None:
        self.message = hidden(message)
        super().__init__(self.message)


class InputError(AlpineCloudError):
    """What the user gave cannot work. Raised before anything is uploaded or created."""


Refusal = Callable[[str], InputError]
"""Makes the error to raise of a reason alone.

Handed down to what reads a file, which knows the reason, by what knows the user's option. ``InputError`` itself is one.
"""


def refusal_of(subject: str) -> Refusal:
    """One whose messages begin with what is refused, such as ``src disk.qcow2``."""
    return lambda reason: InputError(f"{subject}: {reason}")


class ConflictError(AlpineCloudError):
    """The name is taken by other content, or an immutable attribute differs."""


class WaitTimeoutError(AlpineCloudError):
    """The provider did not reach a final state within ``wait_timeout`` seconds."""


class ProviderError(AlpineCloudError):
    """The provider refused a request, or an asynchronous operation of its ended in failure.

    :param message: what we tried, and the provider's own reason.
    :param operation: the provider's name of the operation, such as ``ImportSnapshot`` or ``images.insert``.
    :param code: the provider's error code, such as ``InvalidAMIName.Duplicate``.
    :param status: the HTTP status, when there was one.
    :param details: anything else the provider said.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str,
        code: str | None = None,
        status: int | None = None,
        details: Any = None,
    ) -> None:
        super().__init__(message)
        self.operation = operation
        self.code = code
        self.status = status
        self.details = all_hidden(details)

    def as_result(self) -> dict[str, Any]:
        """The ``failure`` of a module's result."""
        return {"operation": self.operation, "code": self.code, "status": self.status, "details": self.details}
