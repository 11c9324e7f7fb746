# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import hashlib
import os
import random
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._core.programs import Program, ProgramError
from ansible_collections.alpine.cloud.plugins.module_utils._disk.gce_tar import compare_gce_tar, inspect_gce_tar
from ansible_collections.alpine.cloud.plugins.module_utils._disk.qcow2 import read_qcow2_header
from ansible_collections.alpine.cloud.plugins.module_utils._disk.vhd import read_vhd_footer
from ansible_collections.alpine.cloud.plugins.module_utils._image import convert as convert_module
from ansible_collections.alpine.cloud.plugins.module_utils._image import writers
from ansible_collections.alpine.cloud.plugins.module_utils._image.convert import (
    ConversionRequest,
    convert,
)
from ansible_collections.alpine.cloud.plugins.module_utils._image.writers import (
    FILE_NAMES,
    ConversionError,
    DiskFormat,
)
from tests.support.partitioned import HYBRID_DISK

MIB = 1 << 20
GIB = 1 << 30
# 2.5 MiB, so that every format but qcow2 has to round.
CONTENT = HYBRID_DISK + random.Random(5).randbytes(MIB // 2)


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    path = tmp_path / "disk.raw"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def qcow2(raw: Path) -> Path:
    path = raw.with_suffix(".qcow2")
    subprocess.run(["qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", raw, path], check=True)
    return path


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    return tmp_path / "work"


def no_warning(message: str) -> None:
    pytest.fail(f"unexpected warning: {message}")


def run(request: ConversionRequest, *, check_mode: bool = False) -> dict[str, Any]:
    return convert(request, check_mode=check_mode, warn=no_warning)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A qemu-img before the real one, that runs what a test writes into it; $REAL is the real one."""
    folder = tmp_path / "bin"
    folder.mkdir()
    path = folder / "qemu-img"
    path.write_text('#!/bin/sh\nexec "$REAL" "$@"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("REAL", subprocess.check_output(["which", "qemu-img"], text=True).strip())
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return path


class TestContent:
    @pytest.mark.parametrize("kind", ["raw", "qcow2"])
    @pytest.mark.parametrize(("image_format", "disk_type"), [("fixed_vhd", "fixed"), ("dynamic_vhd", "dynamic")])
    def test_vhd(
        self, raw: Path, qcow2: Path, work_dir: Path, kind: str, image_format: DiskFormat, disk_type: str
    ) -> None:
        result = run(ConversionRequest(str(raw if kind == "raw" else qcow2), image_format, work_dir))
        footer = read_vhd_footer(result["path"])
        assert footer.disk_type == disk_type
        # Whole MiB, and not what cylinders, heads and sectors can express.
        assert footer.current_size == footer.original_size == result["virtual_size"] == 3 * MIB
        copy = work_dir / "copy"
        subprocess.run(["qemu-img", "convert", "-f", "vpc", "-O", "raw", result["path"], copy], check=True)
        assert copy.read_bytes() == CONTENT.ljust(3 * MIB, b"\0")

    @pytest.mark.parametrize("kind", ["raw", "qcow2"])
    def test_gce_tar(self, raw: Path, qcow2: Path, work_dir: Path, kind: str) -> None:
        result = run(ConversionRequest(str(raw if kind == "raw" else qcow2), "gce_tar", work_dir))
        assert inspect_gce_tar(result["path"]).size == result["virtual_size"] == GIB
        assert compare_gce_tar(Path(result["path"]), raw)

    @pytest.mark.parametrize("kind", ["raw", "qcow2"])
    def test_qcow2(self, raw: Path, qcow2: Path, work_dir: Path, kind: str) -> None:
        result = run(ConversionRequest(str(raw if kind == "raw" else qcow2), "qcow2", work_dir))
        assert read_qcow2_header(result["path"]).virtual_size == result["virtual_size"] == len(CONTENT)
        subprocess.run(["qemu-img", "compare", "-q", "-f", "raw", "-F", "qcow2", raw, result["path"]], check=True)

    def test_whole_mib_are_not_rounded(self, raw: Path, work_dir: Path) -> None:
        raw.write_bytes(HYBRID_DISK)
        assert run(ConversionRequest(str(raw), "fixed_vhd", work_dir))["virtual_size"] == len(HYBRID_DISK)


class TestResult:
    @pytest.mark.parametrize("image_format", FILE_NAMES)
    def test_second_run_finds_what_the_first_has_made(
        self, qcow2: Path, work_dir: Path, image_format: DiskFormat
    ) -> None:
        request = ConversionRequest(str(qcow2), image_format, work_dir)
        foreseen = run(request, check_mode=True)
        assert not work_dir.exists()
        first = run(request)
        before = {path: path.stat().st_mtime_ns for path in work_dir.rglob("*")}
        second = run(request)
        third = run(request, check_mode=True)
        path = work_dir / sha256(qcow2) / FILE_NAMES[image_format]
        after = {"path": str(path), "format": image_format, "virtual_size": first["virtual_size"]}
        assert first == {
            **after,
            "size": path.stat().st_size,
            "source_sha256": sha256(qcow2),
            "changed": True,
            "diff": {"before": {}, "after": after},
        }
        assert foreseen == first | {"size": None}
        assert second == third == first | {"changed": False, "diff": {"before": {}, "after": {}}}
        assert before == {path: path.stat().st_mtime_ns for path in work_dir.rglob("*")}

    def test_other_content_under_the_same_name_is_converted_again(self, raw: Path, work_dir: Path) -> None:
        first = run(ConversionRequest(str(raw), "fixed_vhd", work_dir))
        raw.write_bytes(HYBRID_DISK)
        second = run(ConversionRequest(str(raw), "fixed_vhd", work_dir))
        assert second["changed"]
        assert first["path"] != second["path"]
        assert Path(first["path"]).exists()

    def test_a_damaged_file_is_converted_again(self, raw: Path, work_dir: Path) -> None:
        request = ConversionRequest(str(raw), "fixed_vhd", work_dir)
        path = Path(run(request)["path"])
        os.truncate(path, 1000)
        assert run(request)["changed"]
        assert read_vhd_footer(path).current_size == 3 * MIB

    def test_what_another_run_has_made_meanwhile_is_used(
        self, raw: Path, work_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        request = ConversionRequest(str(raw), "fixed_vhd", work_dir)
        results: list[dict[str, Any]] = []

        def meanwhile(_program: Program) -> str:
            # Called behind the first look and before the lock.
            monkeypatch.undo()
            results.append(run(request))
            return ""

        monkeypatch.setattr(Program, "find", meanwhile)
        assert not run(request)["changed"]
        assert [result["changed"] for result in results] == [True]


class TestDigest:
    def test_a_known_one_is_not_computed_again(
        self, raw: Path, work_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        request = ConversionRequest(str(raw), "fixed_vhd", work_dir, source_sha256=sha256(raw))
        run(request)
        monkeypatch.setattr(convert_module, "sha256_of", lambda _path: pytest.fail("computed"))
        result = run(request)
        assert not result["changed"]
        assert result["source_sha256"] == sha256(raw)

    def test_a_wrong_one_is_refused_before_anything_is_kept_under_it(self, raw: Path, work_dir: Path) -> None:
        with pytest.raises(InputError, match="does not have the SHA-256 that source_sha256 says"):
            run(ConversionRequest(str(raw), "fixed_vhd", work_dir, source_sha256="0" * 64))
        assert not list(work_dir.rglob("fixed.vhd"))

    def test_something_else_is_refused(self, raw: Path, work_dir: Path) -> None:
        with pytest.raises(InputError, match="source_sha256 must be a SHA-256"):
            ConversionRequest.from_params({**params(raw), "source_sha256": "abc"})

    def test_is_taken_in_any_case(self, raw: Path) -> None:
        request = ConversionRequest.from_params({**params(raw), "source_sha256": "A" * 64})
        assert request.source_sha256 == "a" * 64


def params(src: Path) -> dict[str, Any]:
    """The module's, with defaults."""
    return {
        "src": str(src),
        "format": "gce_tar",
        "work_dir": None,
        "source_sha256": None,
        "verify": True,
        "wait_timeout": 3600,
    }


class TestRequest:
    def test_has_all_options(self, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(raw.parent)
        given = {**params(raw), "work_dir": "work", "source_sha256": "b" * 64, "verify": False, "wait_timeout": 7}
        assert ConversionRequest.from_params(given) == ConversionRequest(
            str(raw), "gce_tar", raw.parent / "work", source_sha256="b" * 64, verify=False, wait_timeout=7
        )

    def test_has_a_work_directory_by_default(self, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
        assert ConversionRequest.from_params(params(raw)).work_dir == Path("/cache/alpine.cloud")


class TestCheckMode:
    def test_a_source_that_an_earlier_step_would_have_made(self, tmp_path: Path, work_dir: Path) -> None:
        warnings: list[str] = []
        request = ConversionRequest(str(tmp_path / "missing"), "gce_tar", work_dir)
        result = convert(request, check_mode=True, warn=warnings.append)
        assert (result["changed"], result["path"], result["virtual_size"]) == (True, None, None)
        assert len(warnings) == 1
        known = dataclasses.replace(request, source_sha256="a" * 64)
        assert convert(known, check_mode=True, warn=warnings.append)["path"] == str(
            work_dir / ("a" * 64) / "disk.raw.tar.gz"
        )

    def test_tells_that_the_work_directory_cannot_be_used(self, raw: Path) -> None:
        with pytest.raises(InputError, match=r"^work_dir"):
            run(ConversionRequest(str(raw), "fixed_vhd", raw / "work"), check_mode=True)

    def test_tells_that_there_is_no_qemu_img(self, raw: Path, work_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nowhere")
        with pytest.raises(InputError, match="qemu-img is not on PATH"):
            run(ConversionRequest(str(raw), "fixed_vhd", work_dir), check_mode=True)


class TestFailing:
    """Whatever fails, nothing is left that the next run would trust."""

    def nothing_kept(self, work_dir: Path) -> bool:
        return all(path.is_dir() or path.suffix == ".lock" for path in work_dir.rglob("*"))

    def test_no_such_file(self, tmp_path: Path, work_dir: Path) -> None:
        with pytest.raises(InputError, match=f"^src {tmp_path / 'missing'}: no such file"):
            run(ConversionRequest(str(tmp_path / "missing"), "fixed_vhd", work_dir))
        assert not work_dir.exists()

    def test_a_truncated_disk(self, raw: Path, work_dir: Path) -> None:
        os.truncate(raw, MIB)
        with pytest.raises(InputError, match=f"^src {raw}: partition 3 ends at byte .*, but the disk at {MIB}: "):
            run(ConversionRequest(str(raw), "fixed_vhd", work_dir))
        assert self.nothing_kept(work_dir)

    def test_a_damaged_image(self, qcow2: Path, work_dir: Path, stand_in: Path) -> None:
        stand_in.write_text('#!/bin/sh\n[ "$1" = check ] && echo "ERROR: refcount" >&2 && exit 2\nexec "$REAL" "$@"\n')
        with pytest.raises(InputError, match=r"is damaged, get the image again: .*ERROR: refcount"):
            run(ConversionRequest(str(qcow2), "fixed_vhd", work_dir))
        assert self.nothing_kept(work_dir)

    @pytest.mark.parametrize("image_format", FILE_NAMES)
    def test_a_disk_that_comes_out_different(
        self, qcow2: Path, work_dir: Path, image_format: DiskFormat, monkeypatch: pytest.MonkeyPatch, stand_in: Path
    ) -> None:
        # The converter writes one byte that is not the source's: into the raw disk that the tar file is made of, too.
        stand_in.write_text(
            '#!/bin/sh\n"$REAL" "$@" || exit\n'
            '[ "$1" = convert ] && [ "$2" != --image-opts ] || exit 0\n'
            'for file in "$@"; do :; done\n'
            'case "$*" in *"-O vpc"*) format=vpc;; *"-O qcow2"*) format=qcow2;; *) format=raw;; esac\n'
            'exec qemu-io -f $format -c "write -P 85 4096 512" "$file" >/dev/null\n'
        )
        with pytest.raises(ConversionError, match=f"converted to {image_format} differs from that of src {qcow2}"):
            run(ConversionRequest(str(qcow2), image_format, work_dir))
        assert self.nothing_kept(work_dir)

    def test_a_tar_file_that_comes_out_different(
        self, raw: Path, work_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(writers, "write_gce_tar", lambda _raw, target: target.write_bytes(b""))
        monkeypatch.setattr(writers, "compare_gce_tar", lambda target, _raw: target.stat().st_size > 0)
        with pytest.raises(ConversionError, match="converted to gce_tar differs"):
            run(ConversionRequest(str(raw), "gce_tar", work_dir))
        assert self.nothing_kept(work_dir)

    def test_verification_can_be_left_out(self, qcow2: Path, work_dir: Path, stand_in: Path) -> None:
        stand_in.write_text('#!/bin/sh\n[ "$1" = compare ] && exit 1\nexec "$REAL" "$@"\n')
        request = ConversionRequest(str(qcow2), "fixed_vhd", work_dir)
        with pytest.raises(ConversionError):
            run(request)
        assert run(dataclasses.replace(request, verify=False))["changed"]

    def test_a_comparison_that_fails_is_no_difference(self, qcow2: Path, work_dir: Path, stand_in: Path) -> None:
        stand_in.write_text('#!/bin/sh\n[ "$1" = compare ] && echo broken >&2 && exit 2\nexec "$REAL" "$@"\n')
        with pytest.raises(ProgramError, match="qemu-img compare failed: broken"):
            run(ConversionRequest(str(qcow2), "fixed_vhd", work_dir))
        assert self.nothing_kept(work_dir)

    def test_qemu_img_has_the_last_word(self, qcow2: Path, work_dir: Path, stand_in: Path) -> None:
        stand_in.write_text(
            '#!/bin/sh\n[ "$1 $2" = "convert -c" ] && echo "qemu-img: reason" >&2 && exit 1\nexec "$REAL" "$@"\n'
        )
        with pytest.raises(ProgramError, match="qemu-img convert failed: qemu-img: reason"):
            run(ConversionRequest(str(qcow2), "qcow2", work_dir))

    def test_a_directory_that_fills_up(self, raw: Path, work_dir: Path, stand_in: Path) -> None:
        stand_in.write_text(
            '#!/bin/sh\n[ "$1" = convert ] && echo "error while writing: No space left on device" >&2 && exit 1\n'
            'exec "$REAL" "$@"\n'
        )
        with pytest.raises(InputError, match=f"^work_dir {work_dir} cannot be used: it is full"):
            run(ConversionRequest(str(raw), "fixed_vhd", work_dir))
        assert self.nothing_kept(work_dir)

    @pytest.mark.parametrize(
        ("image_format", "copies"), [("fixed_vhd", 1), ("dynamic_vhd", 1), ("qcow2", 1), ("gce_tar", 2)]
    )
    def test_a_directory_that_is_too_small_from_the_start(
        self, qcow2: Path, work_dir: Path, monkeypatch: pytest.MonkeyPatch, image_format: DiskFormat, copies: int
    ) -> None:
        free = 0
        monkeypatch.setattr("shutil.disk_usage", lambda _path: type("Usage", (), {"free": free}))
        with pytest.raises(InputError, match=r"^work_dir .*: \d+ MiB are needed there, but 0 MiB are free"):
            run(ConversionRequest(str(qcow2), image_format, work_dir))
        # Room for the content as often as it is written, and some to spare; the holes take none.
        free = copies * MIB + 16 * MIB
        assert run(ConversionRequest(str(qcow2), image_format, work_dir))["changed"]

    def test_a_source_that_changes_meanwhile(self, raw: Path, work_dir: Path, stand_in: Path) -> None:
        stand_in.write_text(f'#!/bin/sh\n[ "$1" = compare ] && touch -d @1 {raw}\nexec "$REAL" "$@"\n')
        with pytest.raises(InputError, match=f"^src {raw} changed while it was read"):
            run(ConversionRequest(str(raw), "fixed_vhd", work_dir))
        assert self.nothing_kept(work_dir)
