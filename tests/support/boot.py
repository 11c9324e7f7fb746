# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Booting a disk in QEMU, without changing it, until it tells on the serial console that it has started."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Literal

from tests.image import Arch

Firmware = Literal["bios", "uefi"]
DiskBus = Literal["virtio-blk", "nvme", "virtio-scsi"]

# A processor of its own for aarch64, since that machine's default has 32 bits.
_MACHINES: dict[tuple[Arch, Firmware], list[str]] = {
    ("x86_64", "bios"): ["qemu-system-x86_64", "-machine", "pc"],
    ("x86_64", "uefi"): ["qemu-system-x86_64", "-machine", "q35"],
    ("aarch64", "uefi"): ["qemu-system-aarch64", "-machine", "virt", "-cpu", "cortex-a72"],
}
# The firmware's code, and the variables that it begins with.
_UEFI: dict[Arch, tuple[Path, Path]] = {
    "x86_64": (Path("/usr/share/OVMF/OVMF_CODE_4M.fd"), Path("/usr/share/OVMF/OVMF_VARS_4M.fd")),
    "aarch64": (Path("/usr/share/AAVMF/AAVMF_CODE.fd"), Path("/usr/share/AAVMF/AAVMF_VARS.fd")),
}
_STARTED = re.compile(r"ALPINE-CLOUD-BOOT-OK (?P<image>\S+) firmware=(?P<firmware>\S+) arch=(?P<arch>\S+)\r?\n")
_DEVICES: dict[DiskBus, list[str]] = {
    "virtio-blk": ["-device", "virtio-blk-pci,drive=disk"],
    "nvme": ["-device", "nvme,drive=disk,serial=disk"],
    "virtio-scsi": ["-device", "virtio-scsi-pci", "-device", "scsi-hd,drive=disk"],
}


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
            *_machine_and_firmware(arch, firmware, Path(directory)), "-accel", "tcg", "-m", "256",
            "-nodefaults", "-display", "none", "-nic", "none", "-no-reboot", "-serial", "stdio",
            "-drive", f"file={_escaped(disk)},format={_format(disk)},if=none,id=disk,snapshot=on", *_DEVICES[disk_bus],
        ]  # fmt: skip
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            assert process.stdout
            try:
                yield process.stdout
            finally:
                process.kill()


def _machine_and_firmware(arch: Arch, firmware: Firmware, directory: Path) -> list[str]:
    if (arch, firmware) not in _MACHINES:
        raise ValueError(f"there are no {arch} machines with {firmware}")
    machine = _MACHINES[arch, firmware]
    if firmware == "bios":
        return machine
    code, variables = _UEFI[arch]
    own_variables = directory / variables.name
    shutil.copyfile(variables, own_variables)
    return [
        *machine,
        "-drive", f"if=pflash,format=raw,readonly=on,file={code}",
        "-drive", f"if=pflash,format=raw,file={own_variables}",
    ]  # fmt: skip


def _escaped(path: Path) -> str:
    return str(path).replace(",", ",,")


def _format(disk: Path) -> str:
    with disk.open("rb") as file:
        return "qcow2" if file.read(4) == b"QFI\xfb" else "raw"


def _read(console: IO[bytes], *, until: float) -> Iterator[bytes]:
    while (remaining := until - time.monotonic()) > 0:
        if select.select([console], [], [], remaining)[0]:
            piece = os.read(console.fileno(), 65536)
            if not piece:
                return
            yield piece
