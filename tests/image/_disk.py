# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making the raw disk: partitions, file systems, boot loaders; without root, loop devices or mounts."""

from __future__ import annotations

import os
import struct
from pathlib import Path

from tests.image._commands import ImageError, run
from tests.image._platform import PLATFORMS
from tests.image._spec import ImageSpec

_MIB = 1 << 20
_SECTOR = 512
_BLOCK = 4096
# Whole MiB, as Alpine's images are, and no rounder than that.
_SIZE = 109 * _MIB
# Alpine's order of partitions: BIOS boot (4) and ESP (1), 512 KiB each, then the root (2).
_BIOS_BOOT = 512 * 1024
_ESP = _MIB
_ESP_SIZE = 512 * 1024
_ROOT = 2 * _MIB

_DISK_GUID = "a1b1e000-0000-4000-8000-000000000000"
_PARTITION_GUID = "a1b1e000-0000-4000-8000-00000000000{number}"
_ROOT_UUID = "a1b1e000-0000-4000-8000-00000000000f"
ROOT_LABEL = "/"

_GRUB_CONFIG = """\
{platform.grub_terminal}
search.fs_uuid {root} root
linux /boot/vmlinuz-virt root=LABEL={label} console={platform.console} {options}
{initrd}
boot
"""
_GRUB_MODULES = ["ext2", "linux", "part_gpt", "search_fs_uuid", "serial", "terminal"]

# Where GRUB's boot sector keeps the address of the core image, and the test of the boot drive that its installer
# switches off on hard disks (grub-core/boot/i386/pc/boot.S, include/grub/i386/pc/boot.h).
_BOOT_CORE_SECTOR = 0x5C
_BOOT_DRIVE_CHECK = 0x66
_BOOT_CODE_END = 0x1B8
# Where the core image's first sector keeps the list of the others (grub-core/boot/i386/pc/diskboot.S).
_CORE_BLOCK_LIST = _SECTOR - 12
_CORE_SEGMENT = 0x820


def make_disk(spec: ImageSpec, disk: Path, *, packages: Path, root_tree: Path, work: Path) -> None:
    """Make ``disk``, a bootable raw disk with ``root_tree`` as its root file system.

    :param packages: where GRUB's are unpacked.
    :param work: for files in between.
    :raises ImageError: when a tool is missing or fails.
    """
    with disk.open("xb") as file:
        file.truncate(_SIZE)
    platform = PLATFORMS[spec.arch]
    config = work / "grub.cfg"
    config.write_text(
        _GRUB_CONFIG.format(
            platform=platform,
            root=_ROOT_UUID,
            label=ROOT_LABEL,
            options="panic=-1" if spec.variant == "bare" else "quiet panic=-1",
            initrd="" if spec.variant == "rootless" else "initrd /boot/initramfs-virt",
        )
    )
    grub = _Grub(packages, config)
    if spec.firmware == "bios":
        core = grub.make_image("i386-pc", ["biosdisk"], root_tree / "boot/core.img")
        _make_root(disk, 0, _SIZE, root_tree)
        _write_bios_boot(disk, grub.boot_sector, core, _place_of_file(disk, "/boot/core.img", core.stat().st_size))
        return
    _partition(spec, disk)
    _make_root(disk, _ROOT, _SIZE - _ROOT - _MIB, root_tree)
    _make_esp(disk, grub.make_image(platform.efi_target, [], work / platform.efi_loader))
    if spec.firmware == "hybrid":
        core = grub.make_image("i386-pc", ["biosdisk"], work / "core.img")
        if core.stat().st_size > _ESP - _BIOS_BOOT:
            raise ImageError("GRUB's core image does not fit into the BIOS boot partition")
        _write_bios_boot(disk, grub.boot_sector, core, _BIOS_BOOT // _SECTOR)


class _Grub:
    def __init__(self, packages: Path, config: Path) -> None:
        self._targets = packages / "usr/lib/grub"
        self._config = config

    @property
    def boot_sector(self) -> bytes:
        return (self._targets / "i386-pc/boot.img").read_bytes()

    def make_image(self, target: str, drivers: list[str], output: Path) -> Path:
        """Make the image that the firmware starts, with the configuration and all modules that this takes."""
        run(
            "grub-mkimage", "-d", self._targets / target, "-O", target, "-o", output, "-p", "", "-c", self._config,
            *drivers, *_GRUB_MODULES,
        )  # fmt: skip
        return output


def _partition(spec: ImageSpec, disk: Path) -> None:
    partitions = [
        (1, _ESP, _ESP_SIZE, "ef00", "esp"),
        (2, _ROOT, _SIZE - _ROOT - _MIB, "8300", "root"),
    ]
    if spec.firmware == "hybrid":
        partitions.insert(0, (4, _BIOS_BOOT, _ESP - _BIOS_BOOT, "ef02", "bios"))
    arguments = ["--set-alignment=1", f"--disk-guid={_DISK_GUID}"]
    for number, start, size, kind, name in partitions:
        arguments += [
            f"--new={number}:{start // _SECTOR}:{(start + size) // _SECTOR - 1}",
            f"--typecode={number}:{kind}",
            f"--change-name={number}:{name}",
            f"--partition-guid={number}:{_PARTITION_GUID.format(number=number)}",
        ]
    run("sgdisk", *arguments, disk)


def _make_root(disk: Path, start: int, size: int, tree: Path) -> None:
    run(
        "mkfs.ext4", "-q", "-F", "-b", str(_BLOCK), "-m", "0", "-N", "128", "-L", ROOT_LABEL, "-U", _ROOT_UUID,
        # GRUB reads no metadata_csum_seed; a journal is of no use to a root that is never written.
        "-O", "^has_journal,^metadata_csum_seed,^orphan_file,^resize_inode",
        "-E", f"offset={start},hash_seed={_ROOT_UUID},root_owner=0:0",
        disk, str(size // _BLOCK),
    )  # fmt: skip
    # debugfs rather than mkfs.ext4 -d: that would take over the builder's user ids and inode change times.
    script = []
    for path in sorted(tree.rglob("*")):
        name = f"/{path.relative_to(tree)}"
        if path.is_symlink():
            script.append(f"symlink {name} {path.readlink()}")
        elif path.is_dir():
            script.append(f"mkdir {name}")
        else:
            mode = 0o100755 if os.access(path, os.X_OK) else 0o100644
            script += [f"write {path} {name}", f"set_inode_field {name} mode 0{mode:o}"]
    commands = disk.with_name("debugfs")
    commands.write_text("\n".join([*script, ""]))
    complaints = run("debugfs", "-w", "-f", commands, f"{disk}?offset={start}").stderr.splitlines()
    # It always ends with 0 and says its version first.
    if len(complaints) > 1:
        raise ImageError("debugfs failed: " + "\n".join(complaints))


def _place_of_file(disk: Path, name: str, size: int) -> int:
    """The first sector of a file in the file system that fills the disk.

    :raises ImageError: when the file lies in several pieces.
    """
    blocks = [int(block) for block in run("debugfs", "-R", f"blocks {name}", disk).stdout.split()]
    if blocks != list(range(blocks[0], blocks[0] + -(-size // _BLOCK))):
        raise ImageError(f"{name} lies in several pieces")
    return blocks[0] * _BLOCK // _SECTOR


def _make_esp(disk: Path, loader: Path) -> None:
    esp = f"{disk}@@{_ESP}"
    run(
        "mformat",
        "-i",
        esp,
        "-T",
        str(_ESP_SIZE // _SECTOR),
        "-h",
        "2",
        "-s",
        "32",
        "-N",
        "a1b1e000",
        "-v",
        "ESP",
        "::",
    )
    run("mmd", "-i", esp, "::/EFI", "::/EFI/boot")
    run("mcopy", "-i", esp, loader, f"::/EFI/boot/{loader.name}")


def _write_bios_boot(disk: Path, boot_sector: bytes, core_file: Path, sector: int) -> None:
    """Write GRUB's boot sector and, from ``sector`` on, its core image: what ``grub-bios-setup`` does to a device."""
    boot = bytearray(boot_sector)
    struct.pack_into("<Q", boot, _BOOT_CORE_SECTOR, sector)
    boot[_BOOT_DRIVE_CHECK : _BOOT_DRIVE_CHECK + 2] = b"\x90\x90"
    core = bytearray(core_file.read_bytes())
    core.extend(bytes(-len(core) % _SECTOR))
    struct.pack_into("<QHH", core, _CORE_BLOCK_LIST, sector + 1, len(core) // _SECTOR - 1, _CORE_SEGMENT)
    with disk.open("r+b") as file:
        # Between the code and the signature stands the partition table, which is not GRUB's.
        file.write(boot[:_BOOT_CODE_END])
        file.seek(_SECTOR - 2)
        file.write(boot[_SECTOR - 2 :])
        file.seek(sector * _SECTOR)
        file.write(core)
