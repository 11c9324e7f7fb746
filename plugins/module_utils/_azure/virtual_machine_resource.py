# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One virtual machine in Azure."""

from __future__ import annotations

import dataclasses
from typing import Any

from .._core.dependencies import require
from .._core.errors import ProviderError
from .._launch.console import NO_CONSOLE, last_lines, plain_text
from .clients import AzureClients
from .errors import INPUT_ERRORS, code_of, provider_errors, remedy_for
from .long_running import finish, polling_options
from .virtual_machine_request import AzureVmRequest
from .virtual_machine_state import VirtualMachineState

_CREATE = "VirtualMachines_CreateOrUpdate"
_LINES_IN_MESSAGE = 12
# https://github.com/Azure/azure-cli/issues/31195
_STANDARD_REFUSED = (
    "The image can do Trusted Launch, whose Secure Boot lets no Alpine boot: give option image a version in a "
    "definition without feature SecurityType, or register the subscription for security type Standard, with `az "
    "feature register --namespace Microsoft.Compute --name UseStandardSecurityType`."
)


class VirtualMachineResource:
    """The machine of a request: read, launched, updated, deleted and listened to."""

    def __init__(self, clients: AzureClients, request: AzureVmRequest) -> None:
        self._clients = clients
        self._request = request
        self._path = (request.resource_group, request.name)

    @property
    def _operations(self) -> Any:
        return self._clients.compute.virtual_machines

    def get(self) -> VirtualMachineState | None:
        """Its state; ``None`` when it does not exist.

        :raises InputError: when the resource group or the subscription does not exist.
        """
        exceptions = require("azure.core.exceptions", "azure-core")
        with provider_errors("VirtualMachines_Get", f"look up {self._request.what}"):
            try:
                machine = self._operations.get(*self._path, expand="instanceView")
            except exceptions.ResourceNotFoundError as error:
                if code_of(error) in INPUT_ERRORS:
                    raise
                return None
        return VirtualMachineState.of(machine)

    def settled(self) -> VirtualMachineState | None:
        """As ``get``, but not before an operation that is under way has ended, unless waiting is off.

        Provisioning that nobody reports the end of takes Azure 20 minutes and more, so that a machine that runs, and is
        to say something on its console, is not waited for any longer: that will tell.

        :raises WaitTimeoutError: when it takes longer than ``wait_timeout``.
        """
        wait = self._request.wait
        if not wait.enabled:
            return self.get()

        def check() -> tuple[VirtualMachineState | None] | None:
            state = self.get()
            if state is None or not state.in_transit:
                return (state,)
            listens = self._request.console.pattern is not None
            return (state,) if listens and state.running and not state.deleting else None

        (state,) = wait.until(check, what=f"{self._request.what} to settle")
        return state

    def launch(self, body: dict[str, Any]) -> VirtualMachineState:
        """Launch it, or join in when it is being launched already, be it by a request of ours whose answer got lost.

        :raises ConflictError: when someone else has taken the name meanwhile.
        :raises ProviderError: with Azure's reason, when it refuses or fails.
        """
        core = require("azure.core", "azure-core")
        attempt = f"launch {self._request.what}"
        try:
            with provider_errors(_CREATE, attempt):
                # Never onto a machine that is there.
                self._operations.begin_create_or_update(
                    *self._path, body, match_condition=core.MatchConditions.IfMissing, polling=False
                )
        except ProviderError as error:
            if error.status == 400 and "securityProfile.securityType" in error.message:
                raise ProviderError(
                    f"{error.message} {_STANDARD_REFUSED}", operation=_CREATE, code=error.code, status=error.status
                ) from error
            if error.status not in (409, 412) or (found := self.get()) is None:
                raise
            self._request.check_ours(found)
        return self._usable(attempt)

    def update_tags(self, tags: dict[str, str]) -> VirtualMachineState:
        """:raises ProviderError: with Azure's reason, when it refuses or fails."""
        attempt = f"update {self._request.what}"
        with provider_errors("VirtualMachines_Update", attempt):
            self._operations.begin_update(*self._path, {"tags": tags}, polling=False)
        return self._usable(attempt)

    def _usable(self, attempt: str) -> VirtualMachineState:
        """The machine, once it has settled.

        :raises ProviderError: when it is not usable then, in Azure's words.
        """
        state = self.settled()
        if state is None:
            raise ProviderError(f"Cannot {attempt}: it is gone.", operation=_CREATE)
        if state.failed or state.deleting:
            code = state.failure_code or state.provisioning_state
            reason = state.failure or "Azure keeps the reason in the resource group's activity log."
            raise ProviderError(
                f"Cannot {attempt}: {code}: {reason}{remedy_for(code)}{self._last_words(state)}",
                operation=_CREATE,
                code=code,
            )
        self._request.check_ours(state)
        self._request.check_same(state)
        if state.security_type != "Standard":
            raise ProviderError(
                f"{self._request.what} has security type {state.security_type}, whose Secure Boot lets no Alpine boot: "
                "make an image definition without feature SecurityType, and remove the machine with state=absent.",
                operation=_CREATE,
                code=state.security_type,
            )
        return state

    def _last_words(self, state: VirtualMachineState) -> str:
        """What to say of the console of a machine that had power, and has ended; empty of others."""
        if state.power_state in (None, "running"):
            return ""
        said = last_lines(plain_text(self._clients.serial_log(*self._path).read()), _LINES_IN_MESSAGE)
        ended = f" The machine does not run (it is {state.power_state})."
        return (
            f"{ended} The last lines on its console:\n{said}" if said else f"{ended} There is nothing on its console."
        )

    def delete(self, *, must_end: bool = False) -> None:
        """Delete it, with its disk, interface and address, or join in when that is under way.

        :param must_end: wait even when waiting is off.
        :raises ProviderError: with Azure's reason, when it refuses or fails.
        """
        request, operation = self._request, "VirtualMachines_Delete"
        attempt = f"delete {request.what}"
        wait = dataclasses.replace(request.wait, enabled=request.wait.enabled or must_end)
        try:
            with provider_errors(operation, attempt):
                poller = self._operations.begin_delete(*self._path, **polling_options(wait))
            finish(poller, wait, operation=operation, attempt=attempt, began=f"{request.what} to be deleted")
        except ProviderError as error:
            # Gone, or going, by a request of ours whose answer got lost, or by someone else.
            found = self.get()
            if found is not None and not (error.status == 409 and found.deleting):
                raise
        if wait.enabled:
            wait.until(self._is_gone, what=f"{request.what} to be gone")

    def _is_gone(self) -> bool | None:
        state = self.get()
        if state is not None and state.failed:
            raise ProviderError(
                f"Cannot delete {self._request.what}: {state.failure_code}: {state.failure}",
                operation="VirtualMachines_Delete",
                code=state.failure_code,
            )
        return True if state is None else None

    def console(self, state: VirtualMachineState) -> dict[str, Any]:
        """What the result says of the console.

        :raises ProviderError: when it does not say what is waited for.
        """
        request = self._request
        if not request.console.wanted:
            return NO_CONSOLE
        log = self._clients.serial_log(*self._path)

        def read() -> bytes:
            try:
                return log.read()
            except ProviderError as error:
                # Azure may refuse as long as the machine is being made.
                now = self.get() if error.status == 409 else None
                if now is not None and now.in_transit:
                    return b""
                raise

        def ended() -> str | None:
            now = self.get()
            if now is None:
                return "gone"
            return None if now.running or now.power_state is None else now.power_state

        return request.console.read(request.what, read, request.wait, ended=ended).as_result()
