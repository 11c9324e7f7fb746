# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role alpine_image: what the provider roles are told of an image."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.disks import GIB, SmallDisk
from tests.support.role import Role

_FILES = {
    "fixed_vhd": "fixed.vhd",
    "dynamic_vhd": "dynamic.vhd",
    "gce_tar": "disk.raw.tar.gz",
}


@pytest.fixture
def role(home: Path, tmp_path: Path, small_disk: SmallDisk) -> Role:
    """The role, for the small disk and with a work directory of its own."""
    variables = {"alpine_image_path": str(small_disk.qcow2), "alpine_image_work_dir": str(tmp_path / "work")}
    return Role("alpine_image", home, variables=variables)


def test_tells_the_same_before_and_after_converting(role: Role, small_disk: SmallDisk, tmp_path: Path) -> None:
    formats = list(_FILES)
    check = role.succeeds("--check", "--diff", alpine_image_formats=formats)
    assert not (tmp_path / "work").exists()
    real = role.succeeds(alpine_image_formats=formats)
    second = role.succeeds(alpine_image_formats=formats)
    work = tmp_path / "work" / small_disk.sha256
    assert real.result == {
        "name": "alpine-3.24.2-x86_64-tiny-r0",
        "release": "3.24.2",
        "version": "3.24",
        "revision": 0,
        "architecture": "x86_64",
        "firmware": "hybrid",
        "bootstrap": "tiny",
        "machine": "vm",
        "path": str(small_disk.qcow2),
        "sha256": small_disk.sha256,
        "virtual_size": small_disk.raw.stat().st_size,
        "partition_table": "gpt",
        "files": {"qcow2": str(small_disk.qcow2), **{key: str(work / name) for key, name in _FILES.items()}},
    }
    assert check.result == second.result == real.result
    assert check.changed == 1
    assert f'+    "path": "{work / "fixed.vhd"}",' in check.stdout
    assert real.changed == 1
    assert second.changed == 0
    assert all((work / name).stat().st_size for name in _FILES.values())


def test_converts_nothing_unasked(role: Role, small_disk: SmallDisk, tmp_path: Path) -> None:
    done = role.succeeds(alpine_image_formats=["qcow2"])
    assert done.result["files"] == {"qcow2": str(small_disk.qcow2)}
    assert done.changed == 0
    assert not (tmp_path / "work").exists()


def test_a_raw_disk_serves_every_cloud(role: Role, small_disk: SmallDisk, tmp_path: Path) -> None:
    formats = ["gce_tar", "qcow2", "gce_tar"]
    result = role.succeeds(alpine_image_path=str(small_disk.raw), alpine_image_formats=formats).result
    assert result["sha256"] != small_disk.sha256
    assert set(result["files"]) == {"gce_tar", "qcow2"}
    for image_format, file in (("raw", small_disk.raw), ("qcow2", small_disk.qcow2)):
        subprocess.run(
            ["qemu-img", "compare", "-f", image_format, "-F", "qcow2", file, result["files"]["qcow2"]], check=True
        )
    subprocess.run(["tar", "-xzf", result["files"]["gce_tar"], "-C", tmp_path], check=True)
    assert (tmp_path / "disk.raw").stat().st_size == GIB


def test_the_name_can_be_given(role: Role, small_disk: SmallDisk, tmp_path: Path) -> None:
    renamed = tmp_path / "disk.qcow2"
    shutil.copyfile(small_disk.qcow2, renamed)
    refused = role.fails(alpine_image_path=str(renamed))
    assert "name 'disk' does not follow" in refused
    assert "variable alpine_image_name of role alpine_image" in refused
    name = "generic_alpine-3.24.1-aarch64-uefi-cloudinit-metal-r2"
    result = role.succeeds(alpine_image_path=str(renamed), alpine_image_name=name).result
    assert result["name"] == "alpine-3.24.1-aarch64-uefi-cloudinit-metal-r2"
    assert (result["architecture"], result["machine"], result["revision"]) == ("aarch64", "metal", 2)


def test_hosts_that_share_a_work_directory_convert_once(role: Role) -> None:
    done = role.succeeds("--forks=3", hosts="one,two,three,", alpine_image_formats=["gce_tar"])
    assert done.changed == 1
    assert done.stdout.count("changed=0 ") == 2


def test_an_empty_home_will_do(role: Role, small_disk: SmallDisk, home: Path) -> None:
    empty = {"XDG_CACHE_HOME": ""}
    result = role.succeeds(environment=empty, alpine_image_work_dir="", alpine_image_formats=["dynamic_vhd"]).result
    assert result["files"]["dynamic_vhd"] == str(home / ".cache/alpine.cloud" / small_disk.sha256 / "dynamic.vhd")


_UNUSABLE = {"alpine_image_formats": ["fixed_vhd"], "alpine_image_work_dir": "/proc/work"}


@pytest.mark.parametrize(
    ("arguments", "variables", "words"),
    [
        ([], {"alpine_image_path": "/nonexistent/alpine-3.24.2-x86_64-tiny-r0.qcow2"}, "no such file"),
        (["--check"], {"alpine_image_path": "/nonexistent/alpine-3.24.2-x86_64-tiny-r0.qcow2"}, "no such file"),
        ([], {"alpine_image_formats": ["vmdk"]}, "alpine_image_formats"),
        # Linux tells only when something is written that nothing can be written there.
        ([], _UNUSABLE, "work_dir /proc/work cannot be used"),
    ],
)
def test_bad_input_ends_at_once(role: Role, arguments: list[str], variables: dict[str, Any], words: str) -> None:
    refused = role.fails(*arguments, **variables)
    assert words in refused
    assert "Traceback" not in refused


def test_a_full_work_directory_is_told_before_converting(
    role: Role, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    full = tmp_path / "full"
    full.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", full], check=False, capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("a small file system can only be mounted by root")
    request.addfinalizer(lambda: subprocess.run(["umount", full], check=True))
    refused = role.fails(alpine_image_work_dir=str(full), alpine_image_formats=["fixed_vhd"])
    assert re.search(rf"work_dir {full} cannot be used: \d+ MiB are needed there, but \d MiB are free", refused)
    assert not list(full.rglob("*.vhd"))
