# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role alpine_image: what the provider roles are told of an image."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.disks import GIB, SmallDisk
from tests.support.playbook import run_playbook

Run = Callable[..., subprocess.CompletedProcess[str]]

_FILES = {
    "fixed_vhd": "fixed.vhd",
    "dynamic_vhd": "dynamic.vhd",
    "gce_tar": "disk.raw.tar.gz",
}


@pytest.fixture
def run(home: Path, tmp_path: Path) -> Run:
    """Run the role: ``run(path, "--check", alpine_image_formats=[...])``; asserts nothing."""
    playbook = home / "role.yml"
    play = {
        "hosts": "all",
        "connection": "local",
        "gather_facts": False,
        "tasks": [
            {"ansible.builtin.include_role": {"name": "alpine.cloud.alpine_image"}},
            {"ansible.builtin.debug": {"msg": "RESULT {{ alpine_image_result | to_json }}"}},
        ],
    }
    playbook.write_text(yaml.safe_dump([play]))

    def run_role(
        path: Path | str, *arguments: str, hosts: str = "localhost,", environment: dict[str, str] | None = None,
        **variables: Any,
    ) -> subprocess.CompletedProcess[str]:  # fmt: skip
        return run_playbook(
            playbook,
            "--inventory",
            hosts,
            *arguments,
            home=home,
            variables={
                "ansible_python_interpreter": "{{ ansible_playbook_python }}",
                "alpine_image_path": str(path),
                "alpine_image_work_dir": str(tmp_path / "work"),
                **variables,
            },
            environment=environment,
        )

    return run_role


def _result(completed: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert completed.returncode == 0, completed.stdout
    found = re.search(r'"msg": ("RESULT .*")$', completed.stdout, re.MULTILINE)
    assert found, completed.stdout
    result: dict[str, Any] = json.loads(json.loads(found[1]).removeprefix("RESULT "))
    return result


def test_tells_the_same_before_and_after_converting(run: Run, small_disk: SmallDisk, tmp_path: Path) -> None:
    formats = list(_FILES)
    check = run(small_disk.qcow2, "--check", "--diff", alpine_image_formats=formats)
    assert not (tmp_path / "work").exists()
    real = run(small_disk.qcow2, alpine_image_formats=formats)
    second = run(small_disk.qcow2, alpine_image_formats=formats)
    work = tmp_path / "work" / small_disk.sha256
    assert _result(real) == {
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
    assert _result(check) == _result(second) == _result(real)
    assert "changed=1 " in check.stdout
    assert f'+    "path": "{work / "fixed.vhd"}",' in check.stdout
    assert "changed=1 " in real.stdout
    assert "changed=0 " in second.stdout
    assert all((work / name).stat().st_size for name in _FILES.values())


def test_converts_nothing_unasked(run: Run, small_disk: SmallDisk, tmp_path: Path) -> None:
    completed = run(small_disk.qcow2, alpine_image_formats=["qcow2"])
    assert _result(completed)["files"] == {"qcow2": str(small_disk.qcow2)}
    assert "changed=0 " in completed.stdout
    assert not (tmp_path / "work").exists()


def test_a_raw_disk_serves_every_cloud(run: Run, small_disk: SmallDisk, tmp_path: Path) -> None:
    result = _result(run(small_disk.raw, alpine_image_formats=["gce_tar", "qcow2", "gce_tar"]))
    assert result["sha256"] != small_disk.sha256
    assert set(result["files"]) == {"gce_tar", "qcow2"}
    for image_format, file in (("raw", small_disk.raw), ("qcow2", small_disk.qcow2)):
        subprocess.run(
            ["qemu-img", "compare", "-f", image_format, "-F", "qcow2", file, result["files"]["qcow2"]], check=True
        )
    subprocess.run(["tar", "-xzf", result["files"]["gce_tar"], "-C", tmp_path], check=True)
    assert (tmp_path / "disk.raw").stat().st_size == GIB


def test_the_name_can_be_given(run: Run, small_disk: SmallDisk, tmp_path: Path) -> None:
    renamed = tmp_path / "disk.qcow2"
    shutil.copyfile(small_disk.qcow2, renamed)
    refused = run(renamed)
    assert refused.returncode != 0
    assert "name 'disk' does not follow" in refused.stdout
    assert "variable alpine_image_name of role alpine_image" in refused.stdout
    result = _result(run(renamed, alpine_image_name="generic_alpine-3.24.1-aarch64-uefi-cloudinit-metal-r2"))
    assert result["name"] == "alpine-3.24.1-aarch64-uefi-cloudinit-metal-r2"
    assert (result["architecture"], result["machine"], result["revision"]) == ("aarch64", "metal", 2)


def test_hosts_that_share_a_work_directory_convert_once(run: Run, small_disk: SmallDisk) -> None:
    completed = run(small_disk.qcow2, "--forks=3", hosts="one,two,three,", alpine_image_formats=["gce_tar"])
    assert completed.returncode == 0, completed.stdout
    assert completed.stdout.count("changed=1 ") == 1
    assert completed.stdout.count("changed=0 ") == 2


def test_an_empty_home_will_do(run: Run, small_disk: SmallDisk, home: Path) -> None:
    result = _result(run(small_disk.qcow2, alpine_image_work_dir="", alpine_image_formats=["dynamic_vhd"],
                         environment={"XDG_CACHE_HOME": ""}))  # fmt: skip
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
def test_bad_input_ends_at_once(
    run: Run, small_disk: SmallDisk, arguments: list[str], variables: dict[str, Any], words: str
) -> None:
    refused = run(small_disk.qcow2, *arguments, **variables)
    assert refused.returncode != 0
    assert words in refused.stdout
    assert "Traceback" not in refused.stdout


def test_a_full_work_directory_is_told_before_converting(
    run: Run, small_disk: SmallDisk, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    full = tmp_path / "full"
    full.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", full], check=False, capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("a small file system can only be mounted by root")
    request.addfinalizer(lambda: subprocess.run(["umount", full], check=True))
    refused = run(small_disk.qcow2, alpine_image_work_dir=str(full), alpine_image_formats=["fixed_vhd"])
    assert refused.returncode != 0
    assert re.search(rf"work_dir {full} cannot be used: \d+ MiB are needed there, but \d MiB are free", refused.stdout)
    assert not list(full.rglob("*.vhd"))
