# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A resource below a compute gallery: read, created, updated, deleted and waited for, all in the same way."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from .._core.dependencies import require
from .._core.diff import diff_of
from .._core.errors import ProviderError
from .._core.wait import Wait
from .errors import INPUT_ERRORS, code_of, provider_errors
from .long_running import finish, polling_options

_TRANSIENT = ("Creating", "Updating", "Migrating", "Deleting")
_CONCURRENT = "concurrent request"
"""What Azure says of a request that another one is in the way of, with the code of many other conflicts."""


class GalleryResourceState(Protocol):
    """What the states of a gallery, an image definition and an image version have in common."""

    @property
    def id(self) -> str: ...

    @property
    def provisioning_state(self) -> str: ...

    @property
    def shown(self) -> Mapping[str, Any]:
        """What the diff of a deletion shows."""


S = TypeVar("S", bound=GalleryResourceState)


class _Operations(Protocol):
    """One of the SDK's operation groups, which name their parameters differently."""

    def get(self, *arguments: Any, **options: Any) -> Any: ...

    def begin_create_or_update(self, *arguments: Any, **options: Any) -> Any: ...

    def begin_update(self, *arguments: Any, **options: Any) -> Any: ...

    def begin_delete(self, *arguments: Any, **options: Any) -> Any: ...


def text(value: object) -> str:
    """An enumeration's value, or whatever Azure says where the SDK does not know the value."""
    return str(getattr(value, "value", value))


class GalleryResource(Generic[S]):
    """A gallery, an image definition, or an image version.

    :param operations: the SDK's operation group, such as ``client.galleries``.
    :param state_of: makes the state of the SDK's model.
    :param kind: Azure's name of it in operations, such as ``Galleries``.
    :param path: resource group, gallery, and so on down to its own name.
    :param what: what to call it in messages, such as ``gallery alpine``.
    :param expand: what Azure shows only when it is asked to.
    :param children: lists what is in it, which must be gone before it; takes the path.
    """

    def __init__(
        self,
        operations: _Operations,
        state_of: Callable[[Any], S],
        *,
        kind: str,
        path: tuple[str, ...],
        what: str,
        wait: Wait,
        expand: str | None = None,
        children: Callable[..., Iterable[Any]] | None = None,
    ) -> None:
        self._operations = operations
        self._state_of = state_of
        self._kind = kind
        self._path = path
        self._wait = wait
        self._options = {"expand": expand} if expand else {}
        self._children = children
        self.what = what

    def get(self) -> S | None:
        """Its state; ``None`` when it, or what it belongs to, does not exist.

        :raises InputError: when the resource group or the subscription does not exist.
        """
        exceptions = require("azure.core.exceptions", "azure-core")
        with provider_errors(f"{self._kind}_Get", f"look up {self.what}"):
            try:
                model = self._operations.get(*self._path, **self._options)
            except exceptions.ResourceNotFoundError as error:
                if code_of(error) in INPUT_ERRORS:
                    raise
                return None
        return self._state_of(model)

    def found(self, *, check_mode: bool) -> S | None:
        """What there is to begin with: in check mode at once, otherwise as :meth:`settled`.

        What is being deleted is as good as gone.
        """
        state = self.get() if check_mode else self.settled()
        return None if state is not None and state.provisioning_state == "Deleting" else state

    def settled(self) -> S | None:
        """As ``get``, but not before an operation that is under way has ended, unless waiting is off.

        :raises WaitTimeoutError: when it takes longer than ``wait_timeout``.
        """
        if not self._wait.enabled:
            return self.get()

        def check() -> tuple[S | None] | None:
            state = self.get()
            return None if state is not None and state.provisioning_state in _TRANSIENT else (state,)

        (state,) = self._wait.until(check, what=f"{self.what} to settle")
        return state

    def create(self, body: dict[str, Any]) -> bool:
        """Create it, or join in when someone is creating it right now, be it our own request whose answer got lost.

        :return: whether it is ours; otherwise what there is may be different.
        :raises ProviderError: with Azure's reason, when the operation fails.
        """
        operation, attempt = f"{self._kind}_CreateOrUpdate", f"create {self.what}"

        def begin() -> tuple[Any] | None:
            try:
                with provider_errors(operation, attempt):
                    options = polling_options(self._wait)
                    return (self._operations.begin_create_or_update(*self._path, body, **options),)
            except ProviderError as error:
                if error.status != 409:
                    raise
                state = self.settled()
                if state is not None and state.provisioning_state in ("Creating", "Updating", "Succeeded"):
                    return (None,)
                # What it belongs to is being changed, or it was being deleted.
                if state is None and self._can_wait_out(error):
                    return None
                raise

        (poller,) = self._wait.until(begin, what=f"what hinders {self.what} from being created")
        if poller is None:
            return False
        finish(poller, self._wait, operation=operation, attempt=attempt, began=f"{self.what} to be created")
        return True

    def update(self, body: dict[str, Any]) -> None:
        """:raises ProviderError: with Azure's reason, when the operation fails."""
        operation, attempt = f"{self._kind}_Update", f"update {self.what}"

        def begin() -> tuple[Any] | None:
            try:
                with provider_errors(operation, attempt):
                    return (self._operations.begin_update(*self._path, body, **polling_options(self._wait)),)
            except ProviderError as error:
                if not self._can_wait_out(error):
                    raise
                self.settled()
                return None

        (poller,) = self._wait.until(begin, what=f"what hinders {self.what} from being updated")
        finish(poller, self._wait, operation=operation, attempt=attempt, began=f"{self.what} to be updated")

    def delete(self, *, must_end: bool = False) -> None:
        """Delete it, or join in when that is under way.

        :param must_end: wait even when waiting is off.
        :raises ProviderError: with Azure's reason, when it refuses or fails.
        """
        operation, attempt = f"{self._kind}_Delete", f"delete {self.what}"
        wait = dataclasses.replace(self._wait, enabled=self._wait.enabled or must_end)

        def begin() -> tuple[Any] | None:
            try:
                with provider_errors(operation, attempt):
                    return (self._operations.begin_delete(*self._path, **polling_options(wait)),)
            except ProviderError as error:
                # Gone, or going, by a request of ours whose answer got lost, or by someone else.
                state = self.get()
                if state is None or state.provisioning_state == "Deleting":
                    return (None,)
                if wait.enabled and error.status == 409 and (_CONCURRENT in error.message or self._is_being_emptied()):
                    return None
                raise

        (poller,) = wait.until(begin, what=f"what hinders {self.what} from being deleted")
        if poller is not None:
            try:
                finish(poller, wait, operation=operation, attempt=attempt, began=f"{self.what} to be deleted")
            except ProviderError:
                if self.get() is not None:
                    raise
        if wait.enabled:
            wait.until(self._is_gone, what=f"{self.what} to be gone")

    def _can_wait_out(self, error: ProviderError) -> bool:
        """Whether Azure refuses only for as long as another request is under way."""
        return self._wait.enabled and error.status == 409 and _CONCURRENT in error.message

    def _is_being_emptied(self) -> bool:
        """Whether Azure has not noticed yet that nothing is left in it, or the last of it is just going."""
        if self._children is None:
            return False
        with provider_errors(f"{self._kind}_List", f"list what is in {self.what}"):
            return all(text(child.provisioning_state) == "Deleting" for child in self._children(*self._path))

    def _is_gone(self) -> bool | None:
        state = self.get()
        if state is not None and state.provisioning_state == "Failed":
            raise ProviderError(
                f"Cannot delete {self.what}: its provisioning state is Failed. Azure keeps the reason in the resource "
                "group's activity log.",
                operation=f"{self._kind}_Delete",
                code=state.provisioning_state,
            )
        # What is there and is not being deleted, somebody has made anew.
        return None if state is not None and state.provisioning_state == "Deleting" else True

    def read_back(self) -> S:
        """What there is now, once nobody is changing it.

        :raises ProviderError: when it is gone, or failed.
        """
        state = self.settled()
        if state is not None and state.provisioning_state in ("Succeeded", *(() if self._wait.enabled else _TRANSIENT)):
            return state
        told = "gone" if state is None else state.provisioning_state
        raise ProviderError(
            f"Cannot create {self.what}: its provisioning state is {told}. Azure keeps the reason in the resource "
            "group's activity log.",
            operation=f"{self._kind}_Get",
            code=told,
        )

    def ensure_absent(self, *, check_mode: bool, check: Callable[[S], None] = lambda _state: None) -> dict[str, Any]:
        """Delete it; the result is that of all modules of galleries.

        :param check: raises when what there is must not be deleted.
        """
        name = self._path[-1]
        state = self.found(check_mode=check_mode)
        if state is None:
            return {"changed": False, "name": name}
        check(state)
        if not check_mode:
            self.delete()
        return {"changed": True, "id": state.id, "name": name, "diff": diff_of(state.shown, None)}


def as_read(model: Any) -> dict[str, Any]:
    """What Azure says of a resource, as far as a request may say it: what an update begins with."""
    read: dict[str, Any] = model.as_dict(exclude_readonly=True)
    return read
