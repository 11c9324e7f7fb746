# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One machine, from its power-on to its end."""

from __future__ import annotations

import dataclasses
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from werkzeug.serving import BaseWSGIServer, make_server

from tests.image import Arch
from tests.sandbox._https import QuietHandler
from tests.support.qemu import DiskBus, Firmware, machine_command

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_PIPE = Path(__file__).with_name("_pipe.py")
_METADATA = "169.254.169.254"


@dataclasses.dataclass(frozen=True)
class Hardware:
    """What a cloud gives a machine, as far as QEMU has it."""

    arch: Arch
    firmware: Firmware
    disk_bus: DiskBus
    smbios: tuple[str, ...] = ()
    """Arguments of QEMU's ``-smbios``: by what they say an image tells in which cloud it is."""


class Machine:
    """A machine that boots a copy of a disk. It reaches its metadata service and nothing else.

    :param disk: stays as it is; it may be deleted once the machine has started.
    :param metadata: the application that answers at 169.254.169.254.
    :param directory: for the machine alone.
    """

    def __init__(self, hardware: Hardware, disk: Path, metadata: WSGIApplication, directory: Path) -> None:
        self._hardware = hardware
        self._disk = disk
        self._metadata = metadata
        self._directory = directory
        self._console = directory / "console"
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._ended = False
        directory.mkdir(parents=True)
        self._console.touch()
        self.ssh_port = 0
        """On 127.0.0.1: is forwarded to the machine's port 22."""

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def ended(self) -> bool:
        """Whether it was powered off, by itself or by the cloud; it may not have been powered on before."""
        return self._ended or (self._process is not None and self._process.poll() is not None)

    def console(self) -> bytes:
        """All that has come over its first serial port."""
        return self._console.read_bytes()

    def power_on(self) -> None:
        """Start it, unless it was powered off already. To be called from a thread that outlives the machine."""
        with self._lock:
            if self._ended:
                return
            server = make_server("127.0.0.1", 0, self._metadata, threaded=True, request_handler=QuietHandler)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.ssh_port = _free_port()
            hardware = self._hardware
            command = machine_command(
                self._disk,
                arch=hardware.arch,
                firmware=hardware.firmware,
                disk_bus=hardware.disk_bus,
                directory=self._directory,
            )
            for smbios in hardware.smbios:
                command += ["-smbios", smbios]
            network = (
                "user,id=net,net=169.254.0.0/16,restrict=on"
                f",guestfwd=tcp:{_METADATA}:80-cmd:{sys.executable} -I -S {_PIPE} {server.server_port}"
                f",hostfwd=tcp:127.0.0.1:{self.ssh_port}-:22"
            )
            command += [
                "-serial", f"file:{self._console}", "-device", "virtio-rng-pci",
                "-netdev", network, "-device", "virtio-net-pci,netdev=net,romfile=",
            ]  # fmt: skip
            with (self._directory / "qemu.log").open("wb") as log:
                self._process = subprocess.Popen(
                    # PDEATHSIG follows the thread that has started it.
                    ["setpriv", "--pdeathsig", "KILL", *command],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={"TMPDIR": str(self._directory), "PATH": "/usr/bin:/bin"},
                )
            threading.Thread(target=self._await_end, args=(server,), daemon=True).start()

    def _await_end(self, server: BaseWSGIServer) -> None:
        assert self._process is not None
        self._process.wait()
        server.shutdown()
        server.server_close()

    def power_off(self) -> None:
        with self._lock:
            self._ended = True
            if self._process is not None:
                self._process.kill()
                self._process.wait()

    def discard(self) -> None:
        """Power it off, and forget all that it has left."""
        self.power_off()
        shutil.rmtree(self._directory, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
