# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Booting a disk in QEMU, without changing it, until it tells on the serial console that it has started."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from tests.image import Arch
from tests.support.qemu import DiskBus, Firmware, machine_command

_STARTED = re.compile(r"ALPINE-CLOUD-BOOT-OK (?P<image>\S+) firmware=(?P<firmware>\S+) arch=(?P<arch>\S+)\r?\n")


@dataclasses.dataclass(frozen=True)
class BootLog:
    """What the system of ``tests.image`` told when it had started."""

    image: str
    firmware: str
    arch: str
    serial: str
    """All that came over the serial console until then."""
    seconds: float


def boot(
    disk: Path,
    *,
    arch: Arch = "x86_64",
    firmware: Firmware,
    disk_bus: DiskBus = "virtio-blk",
    timeout: float = 180,
) -> BootLog:
    """Boot a raw or qcow2 disk and return as soon as its system has started.

    What the guest writes is thrown away, and it has no network. ``timeout`` is in seconds.

    :raises AssertionError: when it has not started in time, or has ended before; with the serial log.
    :raises ValueError: when machines of the architecture have no such firmware.
    """
    began = time.monotonic()
    serial = ""
    with _machine(disk, arch, firmware, disk_bus) as console:
        for piece in _read(console, until=began + timeout):
            serial += piece.decode(errors="replace")
            if started := _STARTED.search(serial):
                return BootLog(**started.groupdict(), serial=serial, seconds=time.monotonic() - began)
    raise AssertionError(
        f"{disk} ({arch}, {firmware}, {disk_bus}) has not started, {time.monotonic() - began:.0f} seconds of "
        f"{timeout:.0f} after power-on; its serial console:\n{serial}"
    )


@contextlib.contextmanager
def _machine(disk: Path, arch: Arch, firmware: Firmware, disk_bus: DiskBus) -> Iterator[IO[bytes]]:
    """A machine that runs as long as the context; gives its serial console, where QEMU's own complaints appear too."""
    with tempfile.TemporaryDirectory(prefix="alpine-boot-") as directory:
        command = [
            *machine_command(disk, arch=arch, firmware=firmware, disk_bus=disk_bus, directory=Path(directory)),
            "-nic", "none", "-serial", "stdio",
        ]  # fmt: skip
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            assert process.stdout
            try:
                yield process.stdout
            finally:
                process.kill()


def _read(console: IO[bytes], *, until: float) -> Iterator[bytes]:
    while (remaining := until - time.monotonic()) > 0:
        if select.select([console], [], [], remaining)[0]:
            piece = os.read(console.fileno(), 65536)
            if not piece:
                return
            yield piece
