# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from tests.image._commands import ImageError
from tests.image._modules import modules_in_order


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
