# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on the root file system: a kernel, its initramfs, busybox and an init."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

from tests.image._commands import EPOCH, run
from tests.image._modules import modules_in_order
from tests.image._spec import ImageSpec

_FILES = Path(__file__).with_name("files")
# The disks of QEMU and the four clouds (Azure's on Hyper-V, EC2's older ones on Xen), and ext4.
_MODULES = [
    "virtio_pci", "virtio_blk", "virtio_scsi", "sd_mod", "nvme", "hv_storvsc", "pci_hyperv", "xen_blkfront", "ext4",
]  # fmt: skip
_APPLETS = ["cat", "findfs", "insmod", "mount", "poweroff", "sh", "sleep", "switch_root", "uname"]


def make_root_tree(spec: ImageSpec, tree: Path, *, packages: Path, work: Path) -> None:
    """Lay out the root file system in ``tree``, from what is unpacked in ``packages``: the kernel and busybox.

    :raises ImageError: when a tool fails, or the kernel lacks a driver.
    """
    _lay_busybox(tree, packages)
    for directory in ("boot", "dev", "etc", "proc", "sbin", "sys"):
        (tree / directory).mkdir()
    _copy_program(_FILES / "root-init", tree / "sbin/init")
    (tree / "etc/image-name").write_text(f"{spec.name}\n")
    (vmlinuz,) = (packages / "boot").glob("vmlinuz-*")
    shutil.copyfile(vmlinuz, tree / "boot/vmlinuz-virt")
    _make_initramfs(tree / "boot/initramfs-virt", packages=packages, tree=work / "initramfs")


def _make_initramfs(archive: Path, *, packages: Path, tree: Path) -> None:
    _lay_busybox(tree, packages)
    for directory in ("dev", "lib/modules", "proc", "root", "sys"):
        (tree / directory).mkdir(parents=True)
    _copy_program(_FILES / "initramfs-init", tree / "init")
    modules = modules_in_order(packages, _MODULES)
    for module in modules:
        shutil.copyfile(module, tree / "lib/modules" / module.name)
    (tree / "lib/modules/order").write_text("".join(f"{module.name}\n" for module in modules))
    paths = sorted(tree.rglob("*"))
    for path in paths:
        if not path.is_symlink():
            path.chmod(0o755 if os.access(path, os.X_OK) else 0o644)  # whatever the builder's umask
        os.utime(path, (EPOCH, EPOCH), follow_symlinks=False)
    names = "".join(f"{path.relative_to(tree)}\0" for path in paths)
    cpio = tree.with_suffix(".cpio")
    run("cpio", "-o", "-0", "-H", "newc", "-R", "0:0", "--reproducible", "-O", cpio, cwd=tree, stdin=names)
    archive.write_bytes(gzip.compress(cpio.read_bytes(), mtime=0))


def _lay_busybox(tree: Path, packages: Path) -> None:
    (tree / "bin").mkdir(parents=True)
    (busybox,) = packages.glob("**/bin/busybox")
    _copy_program(busybox, tree / "bin/busybox")
    for applet in _APPLETS:
        (tree / "bin" / applet).symlink_to("busybox")


def _copy_program(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    target.chmod(0o755)
