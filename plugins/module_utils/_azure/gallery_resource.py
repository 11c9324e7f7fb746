# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A resource below a compute gallery: read, created, updated, deleted and waited for, all in the same way."""

from __future__ import annotations

import dataclasses
from typing import Any

from .._core.errors import ProviderError
from .._core.wait import wait_until
from .arm import Wait, finish, get_or_none
from .errors import translated

_TRANSIENT = ("Creating", "Updating", "Migrating", "Deleting")


def text(value: Any) -> str:
    """An enumeration's value, or whatever Azure says where the SDK does not know the value."""
    return str(getattr(value, "value", value))


class GalleryResource:
    """A gallery, an image definition, or an image version.

    :param operations: the SDK's operation group, such as ``client.galleries``.
    :param kind: Azure's name of it in operations, such as ``Galleries``.
    :param path: resource group, gallery, and so on down to its own name.
    :param what: what to call it in messages, such as ``gallery alpine``.
    """

    def __init__(self, operations: Any, *, kind: str, path: tuple[str, ...], what: str, wait: Wait) -> None:
        self._operations = operations
        self._kind = kind
        self._path = path
        self._wait = wait
        self.what = what

    def get(self, **options: Any) -> Any | None:
        """The SDK's model, or ``None``.

        :raises InputError: when the resource group or the subscription does not exist.
        """
        return get_or_none(
            self._operations.get, *self._path, operation=f"{self._kind}_Get", what=f"look up {self.what}", **options
        )

    def settled(self, **options: Any) -> Any | None:
        """As ``get``, but not before an operation that is under way has ended, unless waiting is off.

        :raises WaitTimeoutError: when it takes longer than ``wait_timeout``.
        """
        if not self._wait.enabled:
            return self.get(**options)

        def check() -> tuple[Any | None] | None:
            resource = self.get(**options)
            if resource is not None and text(resource.provisioning_state) in _TRANSIENT:
                return None
            return (resource,)

        (resource,) = wait_until(
            check, timeout=self._wait.timeout, interval=self._wait.interval, what=f"{self.what} to settle"
        )
        return resource

    def create(self, body: dict[str, Any]) -> None:
        """Create it, or join in when someone is creating it right now, be it our own request whose answer got lost.

        :raises ProviderError: with Azure's reason, when the operation fails.
        """
        operation, what = f"{self._kind}_CreateOrUpdate", f"create {self.what}"
        try:
            with translated(operation, what):
                poller = self._operations.begin_create_or_update(*self._path, body, **_polling(self._wait))
        except ProviderError as error:
            if error.status != 409 or self.get() is None:
                raise
            resource = self.settled()
            if resource is None or text(resource.provisioning_state) not in ("Creating", "Updating", "Succeeded"):
                raise
            return
        finish(poller, self._wait, operation=operation, what=what, began=f"{self.what} to be created")

    def update(self, body: dict[str, Any]) -> None:
        operation, what = f"{self._kind}_Update", f"update {self.what}"
        with translated(operation, what):
            poller = self._operations.begin_update(*self._path, body, **_polling(self._wait))
        finish(poller, self._wait, operation=operation, what=what, began=f"{self.what} to be updated")

    def delete(self, *, must_end: bool = False) -> None:
        """:param must_end: wait even when waiting is off."""
        operation, what = f"{self._kind}_Delete", f"delete {self.what}"
        wait = dataclasses.replace(self._wait, enabled=self._wait.enabled or must_end)
        with translated(operation, what):
            poller = self._operations.begin_delete(*self._path, **_polling(wait))
        finish(poller, wait, operation=operation, what=what, began=f"{self.what} to be deleted")

    def read_back(self, **options: Any) -> Any:
        """What there is now.

        :raises ProviderError: when it is gone, or failed.
        """
        resource = self.get(**options)
        state = "gone" if resource is None else text(resource.provisioning_state)
        if state not in ("Succeeded", *(() if self._wait.enabled else _TRANSIENT)):
            raise ProviderError(
                f"Cannot create {self.what}: its provisioning state is {state}. Azure keeps the reason in the "
                "resource group's activity log.",
                operation=f"{self._kind}_Get",
                code=state,
            )
        return resource


def _polling(wait: Wait) -> dict[str, Any]:
    return {"polling_interval": wait.interval} if wait.enabled else {"polling": False}
