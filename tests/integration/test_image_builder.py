# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bootable test image, as it comes from its builder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._image.inspect import InspectionRequest, inspect_image
from tests.image import AARCH64, HYBRID, KINDS, ImageSpec, build_image
from tests.support.paths import BUILD, REPOSITORY

_MIB = 1 << 20


def _output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout


_UEFI, _BIOS = ImageSpec("uefi"), ImageSpec("bios")


def _name(value: object) -> str | None:
    return f"{value.arch}-{value.firmware}" if isinstance(value, ImageSpec) else None


@pytest.fixture
def raw(spec: ImageSpec, tmp_path: Path) -> Path:
    """The raw disk of the image that the test is parametrized with."""
    raw = tmp_path / "disk.raw"
    _output("qemu-img", "convert", "-O", "raw", build_image(spec, tmp_path), raw)
    return raw


@pytest.mark.parametrize("spec", [HYBRID, AARCH64], ids=_name)
def test_it_is_a_compressed_qcow2_of_whole_mib_but_not_gib(spec: ImageSpec, tmp_path: Path) -> None:
    image = build_image(spec, tmp_path)
    info = json.loads(_output("qemu-img", "info", "--output=json", image))
    assert info["format"] == "qcow2"
    assert info["format-specific"]["data"]["compat"] == "1.1"
    assert info["virtual-size"] % _MIB == 0
    assert info["virtual-size"] % (1024 * _MIB) != 0
    assert json.loads(_output("qemu-img", "check", "--output=json", image))["compressed-clusters"] > 100


@pytest.mark.parametrize(
    ("spec", "partitions"),
    [
        (HYBRID, {"1": "EF00", "2": "8300", "4": "EF02"}),
        (_UEFI, {"1": "EF00", "2": "8300"}),
        (AARCH64, {"1": "EF00", "2": "8300"}),
    ],
    ids=_name,
)
def test_partitions_are_alpines(raw: Path, partitions: dict[str, str]) -> None:
    assert "No problems found" in _output("sgdisk", "--verify", raw)
    rows = [line.split() for line in _output("sgdisk", "--print", raw).splitlines() if line.startswith("   ")]
    assert {row[0]: row[5] for row in rows} == partitions


@pytest.mark.parametrize(
    ("spec", "boot_code"), [(HYBRID, True), (_UEFI, False), (_BIOS, True), (AARCH64, False)], ids=_name
)
def test_boot_code_is_where_bios_boots(raw: Path, boot_code: bool) -> None:
    with raw.open("rb") as file:
        assert any(file.read(440)) == boot_code


@pytest.mark.parametrize(("spec", "start"), [(HYBRID, 2), (_UEFI, 2), (_BIOS, 0), (AARCH64, 2)], ids=_name)
def test_the_root_file_system_is_sound(raw: Path, start: int) -> None:
    root = raw.with_name("root.raw")
    _output(
        "dd", f"if={raw}", f"of={root}", "bs=1M", f"skip={start}", f"count={109 - start - (start > 0)}", "conv=sparse"
    )
    _output("e2fsck", "-f", "-n", root)
    assert _output("e2label", root).strip() == "/"


@pytest.mark.parametrize("spec", KINDS, ids=_name)
def test_the_collection_sees_what_was_built(spec: ImageSpec, tmp_path: Path) -> None:
    request = InspectionRequest(str(build_image(spec, tmp_path)))
    facts = inspect_image(request, warn=pytest.fail).as_result()
    assert facts["firmware"] == spec.firmware
    assert facts["partition_table"] == ("none" if spec.firmware == "bios" else "gpt")
    assert [loader["architecture"] for loader in facts["efi_loaders"]] == [spec.arch] * (spec.firmware != "bios")
    assert facts["root_file_system"] == "ext4"
    assert facts["image"]["architecture"] == spec.arch
    assert facts["image"]["bootstrap"] == "tiny"


@pytest.mark.parametrize("spec", [HYBRID, AARCH64], ids=_name)
def test_a_rebuild_is_the_same_to_the_bit(spec: ImageSpec, tmp_path: Path) -> None:
    first = build_image(spec, tmp_path / "first")
    # Only the downloaded packages are shared.
    other_cache = tmp_path / "cache"
    other_cache.mkdir()
    for shared in ("apt", "packages"):
        (other_cache / shared).symlink_to(BUILD / "cache" / shared)
    again = build_image(spec, tmp_path / "again", cache=other_cache)
    assert again.read_bytes() == first.read_bytes()


def test_the_command_prints_where_the_image_is(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.image", "build", "--output", str(tmp_path)]
    result = subprocess.run(command, cwd=REPOSITORY, check=True, text=True, stdout=subprocess.PIPE)
    image = tmp_path / "alpine-3.24.2-x86_64-tiny-r0.qcow2"
    assert result.stdout == f"{image}\n"
    assert image.is_file()
