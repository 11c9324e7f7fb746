# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.image import _kernel
from tests.image._commands import ImageError
from tests.image._kernel import KernelPackage, find_kernel_package, modules_in_order, unpack_kernel

_PACKAGE = KernelPackage("linux-image-6.1.0-56-cloud-amd64", "6.1.192-2")


def test_the_kernel_is_what_the_metapackage_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    record = (
        "Package: linux-image-cloud-amd64\nVersion: 6.1.192-2\nProvides: wireguard-modules (= 1.0.0)\n"
        "Depends: linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2)\n"
    )
    monkeypatch.setattr(_kernel, "run", lambda *command: subprocess.CompletedProcess(command, 0, record, ""))
    assert find_kernel_package() == _PACKAGE


def test_without_package_lists_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_command: str) -> None:
        raise ImageError("apt-cache failed (100): No packages found")

    monkeypatch.setattr(_kernel, "run", fail)
    with pytest.raises(ImageError, match=r"apt-get update .*No packages found"):
        find_kernel_package()


def test_a_package_is_downloaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = []

    def fake_run(*command: object, cwd: Path | None = None) -> None:
        commands.append(command)
        if cwd:
            cwd.joinpath("linux-image_amd64.deb").write_text("package")

    monkeypatch.setattr(_kernel, "run", fake_run)
    archive = tmp_path / "packages/linux-image-6.1.0-56-cloud-amd64_6.1.192-2.deb"
    for _turn in range(2):
        unpack_kernel(_PACKAGE, cache=tmp_path / "packages", into=tmp_path / "kernel")
    assert commands == [
        ("apt-get", "download", "-qq", "linux-image-6.1.0-56-cloud-amd64=6.1.192-2"),
        ("dpkg-deb", "-x", archive, tmp_path / "kernel"),
        ("dpkg-deb", "-x", archive, tmp_path / "kernel"),
    ]
    assert [path.name for path in archive.parent.iterdir()] == [archive.name]


def _lay_modules(tree: Path, modules: dict[str, str]) -> None:
    tree.mkdir()
    tree.joinpath("modules.builtin").write_text("kernel/fs/ext4/ext4.ko\n")
    for name, depends in modules.items():
        tree.joinpath(f"{name}.ko").write_bytes(b"\x7fELF\0license=GPL\0depends=" + depends.encode() + b"\0name=x\0")


def test_modules_come_after_what_they_need(tmp_path: Path) -> None:
    tree = tmp_path / "modules"
    _lay_modules(tree, {"virtio_blk": "virtio,virtio-ring", "virtio": "virtio_ring", "virtio-ring": "", "unwanted": ""})
    names = [path.name for path in modules_in_order(tree, ["virtio_blk", "virtio", "ext4"])]
    assert names == ["virtio-ring.ko", "virtio.ko", "virtio_blk.ko"]


def test_a_module_that_does_not_exist_is_named(tmp_path: Path) -> None:
    tree = tmp_path / "modules"
    _lay_modules(tree, {"virtio_blk": "virtio"})
    with pytest.raises(ImageError, match="no module virtio"):
        modules_in_order(tree, ["virtio_blk"])
