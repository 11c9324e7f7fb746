# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import gzip
import json
import lzma
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.digests import sha256_of
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError, WaitTimeoutError
from ansible_collections.alpine.cloud.plugins.module_utils._core.progress import FILE_VARIABLE
from ansible_collections.alpine.cloud.plugins.module_utils._core.work_directory import WorkDirectory
from ansible_collections.alpine.cloud.plugins.module_utils._image import packing as packing_module
from ansible_collections.alpine.cloud.plugins.module_utils._image.unpack import UnpackRequest
from ansible_collections.alpine.cloud.plugins.module_utils._image.unpack import unpack as unpack_image
from tests.support.partitioned import HYBRID_DISK

NAME = "alpine-3.24.2-x86_64-tiny-r0"
# Behind the disk's own content a hole, data, and a hole at the end.
DISK = HYBRID_DISK + bytes(4 << 20) + b"the end".rjust(512, b"-") + bytes(1 << 20)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    path = tmp_path / "disk.raw"
    path.write_bytes(DISK)
    return path


def _gzip(raw: Path) -> Path:
    path = raw.with_name(f"{NAME}.raw.gz")
    path.write_bytes(gzip.compress(DISK, 1))
    return path


def _xz(raw: Path) -> Path:
    path = raw.with_name(f"{NAME}.raw.xz")
    path.write_bytes(lzma.compress(DISK, preset=0))
    return path


def _tar(raw: Path, *members: str, options: tuple[str, ...] = ("-S", "--format=oldgnu")) -> Path:
    path = raw.with_name(f"{NAME}.raw.tar.gz")
    subprocess.run(["tar", *options, "-C", raw.parent, "-czf", path, *(members or ("disk.raw",))], check=True)
    return path


def _vhd(raw: Path, kind: str) -> Path:
    path = raw.with_name(f"{NAME}.vhd")
    options = f"subformat={kind},force_size=on"
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "vpc", "-o", options, raw, path], check=True)
    return path


def _gzipped_vhd(raw: Path, kind: str, *, missing: int = 0) -> Path:
    """``missing``: bytes at its beginning."""
    vhd = _vhd(raw, kind)
    path = vhd.with_name(f"{vhd.name}.gz")
    path.write_bytes(gzip.compress(vhd.read_bytes()[missing:], 1))
    return path


def unpack(src: Path, *, check_mode: bool = False) -> dict[str, Any]:
    warnings: list[str] = []
    return unpack_image(UnpackRequest(str(src), src.parent / "work"), check_mode=check_mode, warn=warnings.append)


@pytest.mark.parametrize(
    ("make", "packing"),
    [
        (_gzip, "gzip"),
        (_xz, "xz"),
        (_tar, "tar.gz"),
        (lambda raw: _tar(raw, options=("--format=pax",)), "tar.gz"),
        (lambda raw: _vhd(raw, "fixed"), "vhd"),
        (lambda raw: _vhd(raw, "dynamic"), "vhd"),
        (lambda raw: _gzipped_vhd(raw, "fixed"), "gzip"),
        (lambda raw: _gzipped_vhd(raw, "dynamic"), "gzip"),
    ],
    ids=["gzip", "xz", "sparse tar", "pax tar", "fixed VHD", "dynamic VHD", "gzipped VHD", "gzipped dynamic VHD"],
)
def test_the_disk_comes_out_once(raw: Path, make: Callable[[Path], Path], packing: str) -> None:
    src = make(raw)
    path = src.parent / "work" / sha256_of(src) / f"{NAME}.img"
    check = unpack(src, check_mode=True)
    assert (check["path"], check["changed"], path.exists()) == (str(path), True, False)
    real = unpack(src)
    assert (real["path"], real["packing"], real["changed"]) == (str(path), packing, True)
    content = path.read_bytes()
    # A VHD's disk is in whole sectors of its own geometry or MiB.
    assert content[: len(DISK)] == DISK
    assert not any(content[len(DISK) :])
    assert len(content) == len(DISK) if packing != "vhd" and "vhd" not in src.name else len(content) >= len(DISK)
    assert path.stat().st_blocks * 512 < 4 << 20
    after = {"path": str(path), "packing": packing}
    assert real["diff"] == check["diff"] == {"before": {}, "after": after}
    assert unpack(src) == real | {"changed": False, "diff": {"before": {}, "after": {}}}
    assert unpack(src, check_mode=True)["changed"] is False


def test_a_disk_is_left_where_it_is(raw: Path) -> None:
    qcow2 = raw.with_suffix(".qcow2")
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, qcow2], check=True)
    # Whatever stands at its end.
    with qcow2.open("ab") as file:
        file.write(b"conectix".ljust(512, b"\0"))
    for path in (raw, qcow2):
        result = unpack(path)
        assert (result["path"], result["packing"], result["changed"]) == (str(path), "none", False)
    assert not (raw.parent / "work").exists()


def test_metadata_is_that_of_the_packed_file(raw: Path) -> None:
    src = _gzip(raw)
    assert unpack(src)["metadata"] is None
    metadata = src.with_name(f"{NAME}.yaml")
    metadata.touch()
    assert unpack(src)["metadata"] == str(metadata)


def refusal(src: Path) -> str:
    with pytest.raises(InputError) as caught:
        unpack(src)
    assert not list(src.parent.glob("work/*/*.img"))
    assert not list(src.parent.glob("work/*/.*.partial"))
    return caught.value.message


@pytest.mark.parametrize("make", [_gzip, _xz, _tar])
@pytest.mark.parametrize("left", [0.3, 0.99])
def test_a_truncated_file(raw: Path, make: Callable[[Path], Path], left: float) -> None:
    src = make(raw)
    os.truncate(src, int(src.stat().st_size * left))
    assert f"src {src} is damaged or incomplete, get the image again: " in refusal(src)


def _with_footer(vhd: Path, fields: dict[int, bytes]) -> None:
    """Change the footer of a fixed VHD, and make its checksum right."""
    content = bytearray(vhd.read_bytes())
    footer = content[-512:]
    for offset, value in {**fields, 64: bytes(4)}.items():
        footer[offset : offset + len(value)] = value
    footer[64:68] = (~sum(footer) & 0xFFFFFFFF).to_bytes(4, "big")
    vhd.write_bytes(content[:-512] + footer)


def test_the_size_of_a_vhd_is_the_one_that_it_says(raw: Path) -> None:
    """Not what its cylinders, heads and sectors make, as others have filled them in."""
    src = _vhd(raw, "fixed")
    _with_footer(src, {28: b"vpc ", 56: (16).to_bytes(2, "big") + bytes([4, 17])})
    assert Path(unpack(src)["path"]).read_bytes()[: len(DISK)] == DISK


def test_a_vhd_that_needs_another_file(raw: Path) -> None:
    src = _vhd(raw, "fixed")
    _with_footer(src, {60: (4).to_bytes(4, "big")})
    assert refusal(src) == f"src {src} is a differencing VHD, which needs another file: merge them first"


def test_a_work_directory_that_fills_up(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    src = _vhd(raw, "dynamic")
    stand_in = raw.parent / "bin/qemu-img"
    stand_in.parent.mkdir()
    stand_in.write_text("#!/bin/sh\necho 'qemu-img: error while writing: No space left on device' >&2\nexit 1\n")
    stand_in.chmod(0o755)
    monkeypatch.setenv("PATH", str(stand_in.parent), prepend=os.pathsep)
    assert refusal(src).startswith(f"work_dir {raw.parent / 'work'} cannot be used: it is full")


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_work_directory_that_cannot_be_used(raw: Path, check_mode: bool) -> None:
    src = _gzip(raw)
    (raw.parent / "work").touch()
    with pytest.raises(InputError, match=f"^work_dir {raw.parent / 'work'} cannot be used: .* is not a directory"):
        unpack(src, check_mode=check_mode)


def test_what_another_run_has_made_meanwhile_is_used(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    src = _gzip(raw)

    def meanwhile(work: WorkDirectory) -> None:
        # Called behind the first look and before the lock.
        monkeypatch.undo()
        assert unpack(src)["changed"]
        monkeypatch.setattr(packing_module, "_write_sparse", lambda *_arguments: pytest.fail("unpacked again"))

    monkeypatch.setattr(WorkDirectory, "check_writable", meanwhile)
    assert not unpack(src)["changed"]


def test_waits_no_longer_than_it_may_for_another_run(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail(f"waits {seconds} seconds"))
    src = _gzip(raw)
    params = {"src": str(src), "work_dir": str(raw.parent / "work"), "wait_timeout": 0}
    with (
        WorkDirectory(raw.parent / "work", sha256_of(src)).locked(f"{NAME}.img", timeout=0),
        pytest.raises(WaitTimeoutError, match=r"0 seconds \(wait_timeout\) waiting for another run that writes"),
    ):
        unpack_image(UnpackRequest.from_params(params), check_mode=False, warn=pytest.fail)


def test_progress_is_told(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = raw.parent / "progress"
    monkeypatch.setenv(FILE_VARIABLE, str(log))
    src = _xz(raw)
    unpack(src)
    last = json.loads(log.read_text().splitlines()[-1])
    assert last == {"step": "unpacking", "done": src.stat().st_size, "total": src.stat().st_size, "unit": "bytes"}


def test_an_archive_that_claims_too_much_is_not_read(raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing_module, "LARGEST_DISK", 1 << 20)
    monkeypatch.setattr(packing_module, "_write_sparse", lambda *_arguments: pytest.fail("written"))
    assert "which no image of Alpine does" in refusal(_tar(raw))


def test_a_truncated_vhd(raw: Path) -> None:
    src = _vhd(raw, "dynamic")
    os.truncate(src, src.stat().st_size - 512)
    assert "this is not a VHD: its last 512 bytes are not a footer" in refusal(src)


def test_a_packed_vhd_that_is_truncated(raw: Path) -> None:
    src = _gzipped_vhd(raw, "fixed", missing=1024)
    assert refusal(src).startswith(f"src {src}: a fixed VHD of ")


def test_an_archive_of_several_files(raw: Path) -> None:
    raw.with_name("readme").touch()
    assert "must hold a disk as its only file, but holds more" in refusal(_tar(raw, "disk.raw", "readme"))


def test_an_archive_of_something_else(raw: Path) -> None:
    raw.with_name("link").symlink_to("/etc/passwd")
    assert "must hold a disk as its only file, but begins with" in refusal(_tar(raw, "link"))
    with tarfile.open(raw.with_name("empty.tar.gz"), "w:gz"):
        pass
    # An archive without files has no header to know it by.
    assert "something in it that is no disk" in refusal(raw.with_name("empty.tar.gz"))


def test_something_that_is_no_disk(raw: Path) -> None:
    src = raw.with_name("readme.gz")
    src.write_bytes(gzip.compress(b"hello"))
    assert refusal(src).startswith(f"src {src} is gzip with something in it that is no disk: this is neither a qcow2")


@pytest.mark.parametrize("make", [_gzip, _xz, _tar, lambda raw: _vhd(raw, "dynamic")])
def test_more_than_any_image_has(raw: Path, make: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing_module, "LARGEST_DISK", 1 << 20)
    assert "which no image of Alpine does" in refusal(make(raw))


def test_what_is_not_there(tmp_path: Path) -> None:
    assert refusal(tmp_path / "disk.gz").endswith("disk.gz: no such file")
    assert refusal(tmp_path).endswith("this is no regular file")
    warnings: list[str] = []
    request = UnpackRequest(str(tmp_path / "disk.gz"), tmp_path / "work")
    result = unpack_image(request, check_mode=True, warn=warnings.append)
    assert result["changed"] is True
    assert len(warnings) == 1
