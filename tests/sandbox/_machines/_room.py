# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machines of one cloud: a few run at a time, each has a public address, none outlives the cloud."""

from __future__ import annotations

import itertools
import queue
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from tests.sandbox._machines._machine import Hardware, Machine

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_AT_ONCE = 4
_POLL_SECONDS = 0.1


class MachineRoom:
    """Powers machines on, in the order in which they are asked for.

    :param directory: of the sandbox's own, for the machines' files.
    :param addresses: where the port of each public address is written, for whoever wants to reach it by SSH; shared by
        all clouds.
    :param network: the first three numbers of the public addresses, such as ``203.0.113``.
    """

    def __init__(self, directory: Path, addresses: Path, network: str) -> None:
        self._directory = directory
        self._addresses = addresses
        self._network = network
        self._numbers = itertools.count(1)
        self._waiting: queue.SimpleQueue[tuple[Machine, str]] = queue.SimpleQueue()
        self._machines: list[Machine] = []
        self._stopped = threading.Event()
        # A machine ends with the thread that has started it, so that is this one, and not that of a request.
        threading.Thread(target=self._start_machines, daemon=True).start()

    def launch(self, hardware: Hardware, disk: Path, metadata: WSGIApplication) -> tuple[Machine, str]:
        """Have a machine powered on as soon as there is room; returns it with its public address."""
        number = next(self._numbers)
        machine = Machine(hardware, disk, metadata, self._directory / str(number))
        address = f"{self._network}.{number % 254 + 1}"
        self._waiting.put((machine, address))
        return machine, address

    def stop(self) -> None:
        self._stopped.set()
        for machine in self._machines:
            machine.power_off()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _start_machines(self) -> None:
        while not self._stopped.is_set():
            machine, address = self._waiting.get()
            while sum(other.running for other in self._machines) >= _AT_ONCE:
                if self._stopped.wait(_POLL_SECONDS):
                    return
            self._machines = [other for other in self._machines if not other.ended] + [machine]
            machine.power_on()
            if machine.running:
                self._addresses.mkdir(parents=True, exist_ok=True)
                (self._addresses / address).write_text(str(machine.ssh_port))
        # Stopped between two machines.
        for machine in self._machines:
            machine.power_off()
