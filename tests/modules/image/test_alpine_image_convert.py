# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_image_convert with the real qemu-img: what it makes, once, and what it refuses."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.modules.image.conftest import ImageModule
from tests.support.disks import GIB, MIB, SmallDisk

FORMATS = [
    ("fixed_vhd", "fixed.vhd", 16 * MIB),
    ("dynamic_vhd", "dynamic.vhd", 16 * MIB),
    ("gce_tar", "disk.raw.tar.gz", GIB),
    ("qcow2", "disk.qcow2", 16 * MIB),
]


@pytest.fixture
def convert(home: Path, small_disk: SmallDisk, work_dir: Path) -> ImageModule:
    options = {"src": str(small_disk.qcow2), "format": "fixed_vhd", "work_dir": str(work_dir)}
    return ImageModule("alpine_image_convert", home, options)


def holds_the_disk(path: Path, small_disk: SmallDisk) -> bool:
    """Compare by tools that share nothing with the module but qemu-img."""
    driver = "qcow2" if path.suffix == ".qcow2" else "vpc"
    disk = path
    if path.name.endswith(".tar.gz"):
        assert subprocess.check_output(["tar", "-tzf", path], text=True) == "disk.raw\n"
        subprocess.run(["tar", "-C", path.parent, "-xzf", path], check=True)
        driver, disk = "raw", path.with_name("disk.raw")
    command = ["qemu-img", "compare", "-q", "-f", "qcow2", "-F", driver, str(small_disk.qcow2), str(disk)]
    return subprocess.run(command, check=False).returncode == 0


@pytest.mark.parametrize(("image_format", "file_name", "virtual_size"), FORMATS)
def test_check_mode_foresees_what_is_done_once(
    convert: ImageModule, small_disk: SmallDisk, work_dir: Path, image_format: str, file_name: str, virtual_size: int
) -> None:
    convert = convert.with_options(format=image_format)
    path = work_dir / small_disk.sha256 / file_name
    after = {"path": str(path), "format": image_format, "virtual_size": virtual_size}

    check = convert.succeeds(check_mode=True)
    assert check.changed
    assert check["size"] is None
    assert check["diff"] == {"before": {}, "after": after}
    assert not work_dir.exists()

    real = convert.succeeds()
    made = path.stat()
    assert real.changed
    assert {key: real[key] for key in after} == after
    assert (real["size"], real["source_sha256"]) == (made.st_size, small_disk.sha256)
    assert real["diff"] == check["diff"]
    assert holds_the_disk(path, small_disk)

    for again in (convert.succeeds(check_mode=True), convert.succeeds(source_sha256=small_disk.sha256)):
        assert not again.changed
        assert {key: again[key] for key in (*after, "size")} == {**after, "size": real["size"]}
        assert again["diff"] == {"before": {}, "after": {}}
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (made.st_ino, made.st_mtime_ns)


def test_a_source_that_an_earlier_step_would_have_made(
    convert: ImageModule, small_disk: SmallDisk, work_dir: Path
) -> None:
    convert = convert.with_options(src="/nonexistent/image.qcow2")
    known = convert.succeeds(check_mode=True, source_sha256=small_disk.sha256.upper())
    assert known.changed
    assert known["path"] == str(work_dir / small_disk.sha256 / "fixed.vhd")
    assert known["virtual_size"] is None
    assert len(known.warnings) == 1
    unknown = convert.succeeds(check_mode=True)
    assert (unknown["path"], unknown["source_sha256"]) == (None, None)


def test_files_are_where_the_users_other_caches_are(
    convert: ImageModule, small_disk: SmallDisk, tmp_path: Path
) -> None:
    convert = convert.with_options(format="dynamic_vhd", work_dir=None)
    folder = f"alpine.cloud/{small_disk.sha256}"
    home = tmp_path / "another"
    in_home = convert.with_environment(HOME=str(home), XDG_CACHE_HOME="").succeeds
    home.mkdir()
    assert in_home()["path"] == f"{home}/.cache/{folder}/dynamic.vhd"
    in_cache = convert.with_environment(XDG_CACHE_HOME=str(tmp_path / "cache")).succeeds()
    assert in_cache["path"] == f"{tmp_path}/cache/{folder}/dynamic.vhd"


def test_what_is_damaged_or_half_written_is_made_again(
    convert: ImageModule, small_disk: SmallDisk, work_dir: Path
) -> None:
    path = Path(convert.succeeds()["path"])
    os.truncate(path, 1_000_000)
    path.with_name(".fixed.vhd.0123456789abcdef.partial").write_text("half")
    repaired = convert.succeeds()
    assert repaired.changed
    assert holds_the_disk(path, small_disk)
    assert not list(work_dir.rglob(".*.partial"))


def _ends(process: int) -> bool:
    """Whether it does within seconds; who has inherited it may not have looked at its end yet."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_a_terminated_run_leaves_nothing(convert: ImageModule, work_dir: Path, tmp_path: Path) -> None:
    """Neither a file that the next run would trust, nor a qemu-img that goes on without it."""
    stand_in, started = tmp_path / "bin/qemu-img", tmp_path / "started"
    stand_in.parent.mkdir()
    # Says its process id, and takes its time, where the real one would write the VHD.
    stand_in.write_text(
        f'#!/bin/sh\ncase "$*" in *--target-is-zero*) echo $$ > {started}; exec sleep 600;; esac\n'
        f'exec {shutil.which("qemu-img")} "$@"\n'
    )
    stand_in.chmod(0o755)
    os.mkfifo(started)
    pipe = os.open(started, os.O_RDONLY | os.O_NONBLOCK)
    run = convert.with_environment(PATH=f"{stand_in.parent}:{os.environ['PATH']}").start()
    try:
        assert select.select([pipe], [], [], 60)[0]
        process = int(os.read(pipe, 100))
    finally:
        os.close(pipe)
        run.send(signal.SIGTERM)
    assert run.ended() == 128 + signal.SIGTERM
    assert {file.name for file in work_dir.rglob("*") if file.is_file()} == {"fixed.vhd.lock"}
    assert _ends(process)
    assert convert.succeeds().changed


def _empty(folder: Path, _good: Path) -> Path:
    path = folder / "empty.qcow2"
    path.touch()
    return path


def _truncated(folder: Path, good: Path) -> Path:
    path = folder / "truncated.qcow2"
    path.write_bytes(good.read_bytes()[:1_000_000])
    return path


def _backing(folder: Path, _good: Path) -> Path:
    path = folder / "backing.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", "/etc/hostname", path], check=True)
    return path


class TestRefusing:
    """Each refusal explains itself, names the option, and leaves nothing."""

    @pytest.fixture(autouse=True)
    def _nothing_is_left(self, work_dir: Path) -> Iterator[None]:
        yield
        assert not [path for path in work_dir.rglob("*") if path.is_file() and path.suffix != ".lock"]

    @pytest.mark.parametrize(
        ("make", "reason"),
        [
            (lambda folder, _good: folder / "missing.qcow2", "no such file"),
            (_empty, "the file is empty (0 bytes)"),
            (_truncated, "this qcow2 image is truncated"),
            (_backing, "needs a backing file"),
        ],
        ids=["missing", "empty", "truncated", "backing"],
    )
    def test_src(
        self,
        convert: ImageModule,
        small_disk: SmallDisk,
        tmp_path: Path,
        make: Callable[[Path, Path], Path],
        reason: str,
    ) -> None:
        src = make(tmp_path, small_disk.qcow2)
        message = convert.fails(src=str(src))
        assert message.startswith(f"src {src}: ")
        assert reason in message

    def test_a_wrong_digest(self, convert: ImageModule, small_disk: SmallDisk) -> None:
        message = convert.fails(source_sha256="0" * 64)
        assert message.startswith(f"src {small_disk.qcow2} does not have the SHA-256 that source_sha256 says")

    @pytest.mark.parametrize("check_mode", [True, False])
    def test_what_is_no_digest(self, convert: ImageModule, check_mode: bool) -> None:
        message = convert.fails(check_mode=check_mode, src="/nonexistent/image.qcow2", source_sha256="abc")
        assert message.startswith("source_sha256 must be a SHA-256")

    @pytest.mark.parametrize("check_mode", [True, False])
    def test_a_work_directory_that_is_a_file(self, convert: ImageModule, tmp_path: Path, check_mode: bool) -> None:
        (tmp_path / "file").touch()
        message = convert.fails(check_mode=check_mode, work_dir=str(tmp_path / "file"))
        assert message.startswith(f"work_dir {tmp_path / 'file'} cannot be used: ")
        assert "is not a directory" in message

    def test_a_work_directory_where_nobody_may_write(self, convert: ImageModule) -> None:
        message = convert.fails(work_dir="/proc/alpine.cloud")
        assert message.startswith("work_dir /proc/alpine.cloud cannot be used: ")

    def test_no_qemu_img(self, convert: ImageModule) -> None:
        message = convert.with_environment(PATH="/nowhere").fails()
        assert message.startswith("qemu-img is not on PATH where this module runs")
        assert "qemu-utils (Debian, Ubuntu)" in message

    def test_another_format(self, convert: ImageModule) -> None:
        message = convert.fails(format="vmdk")
        assert message.startswith("value of format ")
        assert "fixed_vhd, dynamic_vhd, gce_tar" in message
