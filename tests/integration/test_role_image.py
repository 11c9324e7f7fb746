# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role alpine_image: what the provider roles are told of an image."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.conftest import RunningSandbox, StartSandbox
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
        "end_of_life": "",
        "tags": {
            "alpine-image": "alpine-3.24.2-x86_64-tiny-r0",
            "alpine-release": "3.24.2",
            "alpine-revision": "0",
        },
        "clouds": ["aws", "azure", "gcp", "oci"],
        "obstacles": {},
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
    assert "name disk.qcow2 does not follow" in refused
    assert "variable alpine_image_name of role alpine_image" in refused
    name = "generic_alpine-3.24.1-x86_64-uefi-cloudinit-metal-r2"
    result = role.succeeds(alpine_image_path=str(renamed), alpine_image_name=name).result
    assert result["name"] == "alpine-3.24.1-x86_64-uefi-cloudinit-metal-r2"
    assert (result["architecture"], result["machine"], result["revision"]) == ("x86_64", "metal", 2)


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


@pytest.fixture
def mirror(start_sandbox: StartSandbox) -> RunningSandbox:
    return start_sandbox("mirror")


@pytest.fixture
def downloading(mirror: RunningSandbox, home: Path, tmp_path: Path) -> Role:
    """The role, for images from the mirror and with a work directory of its own."""
    variables = {"alpine_image_work_dir": str(tmp_path / "work")}
    return Role("alpine_image", home, vars_files=(mirror.vars_file,), variables=variables)


def _downloaded(sandbox: RunningSandbox, since: int) -> int:
    """How many bytes of images the mirror has sent."""
    return sum(request["bytes_out"] for request in sandbox.logged_requests(since) if request["operation"] == "GetFile")


def test_the_newest_image_by_default(downloading: Role, mirror: RunningSandbox, tmp_path: Path) -> None:
    check = downloading.succeeds("--check", alpine_image_clouds=["aws", "oci"])
    assert not list(tmp_path.glob("work/*/dynamic.vhd"))
    start = mirror.mark()
    result = downloading.succeeds(alpine_image_clouds=["aws", "oci"])
    assert result.result == check.result
    image = result.result
    assert image["name"] == "alpine-3.24.2-x86_64-cloudinit-r10"
    assert image["end_of_life"] == "2028-05-01"
    assert image["tags"] == {
        "alpine-image": "alpine-3.24.2-x86_64-cloudinit-r10",
        "alpine-release": "3.24.2",
        "alpine-revision": "10",
        "alpine-end-of-life": "2028-05-01",
    }
    assert set(image["files"]) == {"qcow2", "dynamic_vhd"}
    assert Path(image["path"]).is_relative_to(tmp_path / "work/downloads")
    assert "nothing downloaded, it is in the cache; SHA-512 verified, signature by " in " ".join(result.stdout.split())
    assert _downloaded(mirror, start) == 0


def test_a_request_wins_over_variables(downloading: Role) -> None:
    result = downloading.succeeds(
        alpine_image_request={"release": "3.24.2", "arch": "x86_64", "bootstrap": "tiny", "revision": 0},
        alpine_image_release="3.20",
        alpine_image_bootstrap="cloudinit",
    ).result
    assert result["name"] == "alpine-3.24.2-x86_64-tiny-r0"


def test_only_what_its_clouds_take_is_made(downloading: Role) -> None:
    request = {"release": "3.23.4", "bootstrap": "cloudinit", "firmware": "bios"}
    result = downloading.succeeds(alpine_image_request=request, alpine_image_clouds=["gcp", "oci"]).result
    assert result["name"] == "alpine-3.23.4-x86_64-bios-cloudinit-r0"
    assert list(result["obstacles"]) == ["gcp"]
    assert result["clouds"] == ["aws", "azure", "oci"]
    assert list(result["files"]) == ["qcow2"]


def test_another_mirror_goes_on_where_one_stops(downloading: Role, mirror: RunningSandbox) -> None:
    variables = yaml.safe_load(mirror.vars_file.read_text())
    base = variables["sandbox_mirror_url"]
    start = mirror.mark()
    mirrors = [f"{base}/{condition}alpine" for condition in ("missing/", "corrupt/", "")]
    done = downloading.succeeds(alpine_image_mirror_url=mirrors, alpine_image_request={"bootstrap": "tiny"})
    assert done.result["name"] == "alpine-3.24.2-x86_64-tiny-r0"
    assert "A mirror was passed over" in " ".join(done.stdout.split())
    paths = [request["path"] for request in mirror.logged_requests(start) if request["operation"] == "GetFile"]
    assert [path.split("/")[1] for path in paths] == ["corrupt", "alpine"]


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"alpine_image_request": {"release": "3.9"}}, "Alpine has no branch 3.9"),
        ({"alpine_image_request": {"bootstrap": "ignition"}}, "bootstrap can be"),
        ({"alpine_image_request": {"arch": "riscv64"}}, "value of arch must be one of: x86_64, aarch64"),
        ({"alpine_image_request": {"path": "a.qcow2", "release": "3.24"}}, "mutually exclusive: path|url|release"),
        ({"alpine_image_request": {"relase": "3.24"}}, "relase"),
        ({"alpine_image_request": {"sha512": "0" * 128}}, "is not the image that it should be"),
        ({"alpine_image_request": {"fingerprint": "0" * 40}}, "0000"),
    ],
    ids=["branch", "bootstrap", "architecture", "exclusive", "misspelt", "digest", "fingerprint"],
)
def test_bad_requests_end_before_anything_is_kept(
    downloading: Role, tmp_path: Path, variables: dict[str, Any], words: str
) -> None:
    refused = downloading.fails(alpine_image_clouds=["aws"], **variables)
    assert words in " ".join(refused.split())
    assert "Traceback" not in refused
    assert not list(tmp_path.glob("work/downloads/*/*.qcow2"))


def test_a_local_image_is_verified_by_what_is_given(role: Role, small_disk: SmallDisk) -> None:
    digest = hashlib.sha512(small_disk.qcow2.read_bytes()).hexdigest()
    assert role.succeeds(alpine_image_sha512=digest).result["sha256"] == small_disk.sha256
    assert "is not the image that it should be" in role.fails(alpine_image_sha512="0" * 128)
    assert "The signature of src" in role.fails(alpine_image_sha512=digest, alpine_image_verify_signature="require")


def test_what_is_published_packed_is_unpacked(downloading: Role) -> None:
    variables = {"alpine_image_request": {"release": "3.24", "machine": "metal"}, "alpine_image_clouds": ["oci"]}
    check = downloading.succeeds("--check", **variables)
    result = downloading.succeeds(**variables).result
    assert check.result == result
    assert result["name"] == "alpine-3.24.2-x86_64-cloudinit-metal-r0"
    assert result["end_of_life"] == "2028-05-01"
    assert list(result["files"]) == ["qcow2"]


def test_a_vhd_of_the_users_own(role: Role, small_disk: SmallDisk) -> None:
    result = role.succeeds(
        alpine_image_path=str(small_disk.dynamic_vhd), alpine_image_name=small_disk.qcow2.name
    ).result
    assert result["firmware"] == "hybrid"
    compare = ["qemu-img", "compare", "-f", "raw", "-F", "raw", result["path"], small_disk.raw]
    subprocess.run(compare, check=True)
