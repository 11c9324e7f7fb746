# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError, WaitTimeoutError
from ansible_collections.alpine.cloud.plugins.module_utils._core.programs import Program
from ansible_collections.alpine.cloud.plugins.module_utils._core.units import MIB
from ansible_collections.alpine.cloud.plugins.module_utils._core.work_directory import WorkDirectory
from ansible_collections.alpine.cloud.plugins.module_utils._disk.vhd import read_vhd_footer
from ansible_collections.alpine.cloud.plugins.module_utils._image import convert as convert_module
from ansible_collections.alpine.cloud.plugins.module_utils._image.convert import (
    ConversionRequest,
    convert,
)
from ansible_collections.alpine.cloud.plugins.module_utils._image.writers import (
    FILE_NAMES,
    DiskFormat,
)
from tests.support.partitioned import HYBRID_DISK
from tests.unit.plugins.module_utils._image.conversions import run, sha256


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
        request = ConversionRequest(str(raw), "fixed_vhd", work_dir, wait_timeout=0)
        results: list[dict[str, Any]] = []

        def meanwhile(_program: Program) -> str:
            # Called behind the first look and before the lock.
            monkeypatch.undo()
            results.append(run(request))
            return ""

        monkeypatch.setattr(Program, "find", meanwhile)
        assert not run(request)["changed"]
        assert [result["changed"] for result in results] == [True]

    def test_what_is_recorded_without_its_size_is_converted_again(self, raw: Path, work_dir: Path) -> None:
        request = ConversionRequest(str(raw), "fixed_vhd", work_dir)
        run(request)
        with WorkDirectory(work_dir, sha256(raw)).locked("fixed.vhd", timeout=0):
            WorkDirectory(work_dir, sha256(raw)).record("fixed.vhd")
        again = run(request)
        assert (again["changed"], again["virtual_size"]) == (True, 3 * MIB)

    def test_waits_no_longer_than_it_may_for_another_run(
        self, raw: Path, work_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail(f"waits {seconds} seconds"))
        request = ConversionRequest(str(raw), "fixed_vhd", work_dir, wait_timeout=0)
        with (
            WorkDirectory(work_dir, sha256(raw)).locked("fixed.vhd", timeout=0),
            pytest.raises(WaitTimeoutError, match=r"0 seconds \(wait_timeout\) waiting for another run that writes"),
        ):
            run(request)


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
