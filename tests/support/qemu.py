# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""QEMU's machines: the hardware that the clouds' machines have, as far as a disk can tell."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Literal

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
_DEVICES: dict[DiskBus, list[str]] = {
    "virtio-blk": ["-device", "virtio-blk-pci,drive=disk,bootindex=0"],
    "nvme": ["-device", "nvme,drive=disk,serial=disk,bootindex=0"],
    "virtio-scsi": ["-device", "virtio-scsi-pci", "-device", "scsi-hd,drive=disk,bootindex=0"],
}


def machine_command(disk: Path, *, arch: Arch, firmware: Firmware, disk_bus: DiskBus, directory: Path) -> list[str]:
    """The command of a machine that boots ``disk``, raw or qcow2, without changing it. Console and network are open.

    :param directory: where the machine keeps its firmware's variables.
    :raises ValueError: when machines of the architecture have no such firmware.
    """
    return [
        *_machine_and_firmware(arch, firmware, directory), "-accel", "tcg", "-m", "256",
        # From the disk or not at all: no cloud's machine looks for another boot loader in its network.
        "-nodefaults", "-display", "none", "-no-reboot", "-boot", "strict=on",
        "-drive", f"file={_escaped(disk)},format={_format(disk)},if=none,id=disk,snapshot=on", *_DEVICES[disk_bus],
    ]  # fmt: skip


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
