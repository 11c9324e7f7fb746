# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an instance prints on its first serial port."""

from __future__ import annotations

from .._core.errors import ProviderError
from .clients import GcpClients, call_options
from .errors import provider_errors

_PORT = 1


class SerialConsole:
    """Reads on from where it has read to: Compute Engine keeps the last MiB, and only while the instance runs.

    :param name: of the instance.
    """

    def __init__(self, clients: GcpClients, zone: str, name: str) -> None:
        self._clients = clients
        self._zone = zone
        self._name = name
        self._next = 0
        self._text = ""

    def read(self) -> str:
        """All that it has printed, as far as it was read in time."""
        try:
            with provider_errors("instances.getSerialPortOutput", f"read the console of instance {self._name}"):
                output = self._clients.instances.get_serial_port_output(
                    {
                        "project": self._clients.project,
                        "zone": self._zone,
                        "instance": self._name,
                        "port": _PORT,
                        "start": self._next,
                    },
                    **call_options(),
                )
        except ProviderError as error:
            # It is not up yet, or has ended: 503 is what one that is just ending is told.
            if error.code == "resourceNotReady" or error.status in (404, 503):
                return self._text
            raise
        if output.start > self._next:
            self._text += f"\n({output.start - self._next} bytes have not been kept by Google Cloud)\n"
        self._text += output.contents
        self._next = output.next_
        return self._text
