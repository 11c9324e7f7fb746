# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_image_unpack with what GNU tar and qemu-img have packed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.modules.image.conftest import ImageModule
from tests.support.disks import SmallDisk


@pytest.fixture
def unpack(home: Path, small_disk: SmallDisk, work_dir: Path) -> ImageModule:
    options = {"src": str(small_disk.gce_tar), "work_dir": str(work_dir)}
    return ImageModule("alpine_image_unpack", home, options)


def holds_the_disk(path: str, driver: str, small_disk: SmallDisk) -> bool:
    compare = ["qemu-img", "compare", "-q", "-f", driver, "-F", "raw", path, str(small_disk.raw)]
    return subprocess.run(compare, check=False).returncode == 0


@pytest.mark.parametrize(("kind", "packing"), [("gce_tar", "tar.gz"), ("fixed_vhd", "vhd"), ("dynamic_vhd", "vhd")])
def test_a_disk_is_unpacked_once(
    unpack: ImageModule, small_disk: SmallDisk, work_dir: Path, kind: str, packing: str
) -> None:
    unpack = unpack.with_options(src=str(getattr(small_disk, kind)))
    check = unpack.succeeds(check_mode=True)
    assert not work_dir.exists()
    real = unpack.succeeds()
    assert check.changed
    assert real.changed
    assert check["path"] == real["path"]
    assert check["diff"] == real["diff"]
    assert real["diff"] == {"before": {}, "after": {"path": real["path"], "packing": packing}}
    name = getattr(small_disk, kind).name.removesuffix(".raw.tar.gz").removesuffix(".vhd")
    assert re.fullmatch(rf"{work_dir}/[0-9a-f]{{64}}/{re.escape(name)}\.img", real["path"])
    assert real["packing"] == packing
    assert real["metadata"] is None
    assert holds_the_disk(real["path"], "raw", small_disk)
    for again in (unpack.succeeds(check_mode=True), unpack.succeeds()):
        assert not again.changed
        assert again["path"] == real["path"]
        assert again["diff"] == {"before": {}, "after": {}}


@pytest.mark.parametrize("kind", ["qcow2", "raw"])
def test_what_is_a_disk_already_stays_where_it_is(
    unpack: ImageModule, small_disk: SmallDisk, work_dir: Path, kind: str
) -> None:
    path = str(getattr(small_disk, kind))
    result = unpack.succeeds(src=path)
    assert (result["path"], result["packing"], result.changed) == (path, "none", False)
    assert holds_the_disk(path, kind, small_disk)
    assert not work_dir.exists()


@pytest.mark.parametrize(("name", "reason"), [("missing.gz", "no such file"), (".", "this is no regular file")])
def test_what_is_not_there(unpack: ImageModule, tmp_path: Path, name: str, reason: str) -> None:
    message = unpack.fails(src=f"{tmp_path}/{name}")
    assert message.startswith("src ")
    assert message.endswith(reason)


def test_no_qemu_img(unpack: ImageModule, small_disk: SmallDisk, work_dir: Path) -> None:
    message = unpack.with_environment(PATH="/nowhere").fails(src=str(small_disk.fixed_vhd))
    assert message.startswith("qemu-img is not on PATH")
    assert not list(work_dir.rglob("*.img"))
    # An archive needs none.
    assert unpack.with_environment(PATH="/nowhere").succeeds().changed
