# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an instance prints on its serial console, which Oracle Cloud gives as snapshots that stay until deleted."""

from __future__ import annotations

from .._core.dependencies import require
from .._core.errors import ProviderError
from .._core.wait import Wait
from .clients import OciClients
from .errors import provider_errors
from .instance_state import MACHINE_KEY, OciInstanceState, read_instance

# The service keeps the last MiB.
_CHUNK = 1 << 20
_PENDING = ("REQUESTED", "GETTING-HISTORY")


class ConsoleHistory:
    """Captures, reads and deletes, each time that it is read."""

    def __init__(self, clients: OciClients, instance: OciInstanceState, wait: Wait) -> None:
        self._clients = clients
        self._instance = instance
        self._wait = wait
        self._text = b""

    def read(self) -> bytes:
        """The last MiB that it has printed, as far as it was read in time."""
        current = read_instance(self._clients, self._instance.id)
        # Of one that does not run there is none to capture.
        if current is None or not current.running:
            return self._text
        name = self._instance.managed.name
        models = require("oci.core.models", "oci")
        details = models.CaptureConsoleHistoryDetails(
            instance_id=self._instance.id, display_name=name, freeform_tags={MACHINE_KEY: name}
        )
        try:
            with provider_errors("CaptureConsoleHistory", f"capture the console of instance {name}"):
                history_id = self._clients.compute.capture_console_history(details).data.id
        except ProviderError as error:
            # It has stopped meanwhile.
            if error.code == "IncorrectState":
                return self._text
            raise
        try:
            self._wait.until(lambda: self._captured(history_id), what=f"the console of instance {name}")
            self._text = self._content(history_id)
        finally:
            _delete(self._clients, history_id)
        return self._text

    def _captured(self, history_id: str) -> bool | None:
        name = self._instance.managed.name
        with provider_errors("GetConsoleHistory", f"read the console of instance {name}"):
            state = self._clients.compute.get_console_history(history_id).data.lifecycle_state
        if state in _PENDING:
            return None
        if state == "SUCCEEDED":
            return True
        raise ProviderError(
            f"Could not capture the console of instance {name}: it is {state}",
            operation="CaptureConsoleHistory",
            code=state,
        )

    def _content(self, history_id: str) -> bytes:
        content, left = b"", 1
        while left:
            with provider_errors(
                "GetConsoleHistoryContent", f"read the console of instance {self._instance.managed.name}"
            ):
                response = self._clients.compute.get_console_history_content(
                    history_id, offset=len(content), length=_CHUNK
                )
                content += response.data
                left = int(response.headers.get("opc-bytes-remaining") or 0) if response.data else 0
        return content


def left_histories(clients: OciClients, compartment_id: str, name: str) -> list[str]:
    """The snapshots that a run has taken of an instance of this name, and not deleted."""
    pagination = require("oci.pagination", "oci")
    with provider_errors("ListConsoleHistories", f"look for what was captured of instance {name}"):
        histories = pagination.list_call_get_all_results(clients.compute.list_console_histories, compartment_id).data
        return [history.id for history in histories if (history.freeform_tags or {}).get(MACHINE_KEY) == name]


def delete_histories(clients: OciClients, history_ids: list[str]) -> None:
    for history_id in history_ids:
        _delete(clients, history_id)


def _delete(clients: OciClients, history_id: str) -> None:
    try:
        with provider_errors("DeleteConsoleHistory", f"delete the console history {history_id}"):
            clients.compute.delete_console_history(history_id)
    except ProviderError as error:
        if error.status != 404:
            raise
