# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on the root file system: a kernel, its initramfs, busybox, dropbear and an init."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from tests.image._commands import EPOCH, run
from tests.image._modules import modules_in_order
from tests.image._spec import ImageSpec

_FILES = Path(__file__).with_name("files")
# The disks of QEMU and the four clouds (Azure's on Hyper-V, EC2's older ones on Xen), ext4, and QEMU's network.
_MODULES = [
    "virtio_pci", "virtio_blk", "virtio_scsi", "sd_mod", "nvme", "hv_storvsc", "pci_hyperv", "xen_blkfront", "ext4",
    "virtio_net", "af_packet",
]  # fmt: skip
_INITRAMFS_APPLETS = ["cat", "findfs", "insmod", "mount", "poweroff", "sh", "sleep", "switch_root"]
_APPLETS = [
    "base64", "cat", "chmod", "chown", "cp", "grep", "head", "id", "ip", "mkdir", "mount", "nc", "printf", "sed", "sh",
    "sleep", "udhcpc", "uname",
]  # fmt: skip
_LIBRARIES = [
    "ld-linux-*",
    "libc.so.6",
    "libcrypt.so.1",
    "libtomcrypt.so.1",
    "libtommath.so.1",
    "libgmp.so.10",
    "libz.so.1",
]
_ACCOUNTS = {
    "passwd": "root:x:0:0:root:/:/bin/sh\nalpine:x:1000:1000:alpine:/home/alpine:/bin/sh\n",
    "group": "root:x:0:\nalpine:x:1000:\n",
    # Without a password, and not locked, as Alpine's own.
    "shadow": "root:*:::::::\nalpine:*:::::::\n",
    "shells": "/bin/sh\n",
}


def make_root_tree(spec: ImageSpec, tree: Path, *, packages: Path, work: Path) -> None:
    """Lay out the root file system in ``tree``, from what is unpacked in ``packages``.

    :raises ImageError: when a tool fails, or the kernel lacks a driver.
    """
    _lay_busybox(tree, packages, _APPLETS)
    for directory in ("boot", "dev", "etc/dropbear", "home", "proc", "run", "sbin", "sys"):
        (tree / directory).mkdir(parents=True)
    for name in ("start-cloud", "set-address") if spec.variant != "bare" else ():
        _copy_program(_FILES / name, tree / "sbin" / name)
    _copy_program(_FILES / "root-init", tree / "sbin/init")
    _lay_dropbear(tree, packages)
    (tree / "etc/image-name").write_text(f"{spec.name}\n")
    for name, content in _ACCOUNTS.items():
        (tree / "etc" / name).write_text(content)
    (vmlinuz,) = (packages / "boot").glob("vmlinuz-*")
    shutil.copyfile(vmlinuz, tree / "boot/vmlinuz-virt")
    _make_initramfs(tree / "boot/initramfs-virt", packages=packages, tree=work / "initramfs")


def _lay_dropbear(tree: Path, packages: Path) -> None:
    """The SSH server, with the libraries that it needs, in the folder that its loader looks into first."""
    _copy_program(packages / "usr/sbin/dropbear", tree / "sbin/dropbear")
    (loader,) = (path for path in packages.rglob("ld-linux-*.so.*") if not path.is_symlink())
    libraries = loader.parent.relative_to(packages)
    for path in sorted({loader.parent, packages / "usr" / libraries}):
        for pattern in _LIBRARIES:
            for library in path.glob(pattern):
                target = tree / libraries / library.name
                target.parent.mkdir(parents=True, exist_ok=True)
                _copy_program(library, target)
    for link in packages.rglob("ld-linux-*.so.*"):
        if link.is_symlink():
            target = tree / link.relative_to(packages)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(f"/{libraries}/{loader.name}")


def _make_initramfs(archive: Path, *, packages: Path, tree: Path) -> None:
    _lay_busybox(tree, packages, _INITRAMFS_APPLETS)
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


def _lay_busybox(tree: Path, packages: Path, applets: Iterable[str]) -> None:
    (tree / "bin").mkdir(parents=True)
    (busybox,) = packages.glob("**/bin/busybox")
    _copy_program(busybox, tree / "bin/busybox")
    for applet in applets:
        (tree / "bin" / applet).symlink_to("busybox")


def _copy_program(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    target.chmod(0o755)
