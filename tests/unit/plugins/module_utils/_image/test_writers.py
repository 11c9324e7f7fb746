# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.units import GIB, MIB
from ansible_collections.alpine.cloud.plugins.module_utils._core.work_directory import WorkDirectory
from ansible_collections.alpine.cloud.plugins.module_utils._disk.gce_tar import compare_gce_tar, inspect_gce_tar
from ansible_collections.alpine.cloud.plugins.module_utils._disk.qcow2 import read_qcow2_header
from ansible_collections.alpine.cloud.plugins.module_utils._disk.vhd import read_vhd_footer
from ansible_collections.alpine.cloud.plugins.module_utils._image.convert import (
    ConversionRequest,
)
from ansible_collections.alpine.cloud.plugins.module_utils._image.source import identify_source
from ansible_collections.alpine.cloud.plugins.module_utils._image.writers import (
    DiskFormat,
    DiskWriter,
)
from tests.support.partitioned import HYBRID_DISK
from tests.unit.plugins.module_utils._image.conversions import CONTENT, run


@pytest.mark.parametrize("kind", ["raw", "qcow2"])
@pytest.mark.parametrize(("image_format", "disk_type"), [("fixed_vhd", "fixed"), ("dynamic_vhd", "dynamic")])
def test_vhd(raw: Path, qcow2: Path, work_dir: Path, kind: str, image_format: DiskFormat, disk_type: str) -> None:
    result = run(ConversionRequest(str(raw if kind == "raw" else qcow2), image_format, work_dir))
    footer = read_vhd_footer(result["path"])
    assert footer.disk_type == disk_type
    # Whole MiB, and not what cylinders, heads and sectors can express.
    assert footer.current_size == footer.original_size == result["virtual_size"] == 3 * MIB
    copy = work_dir / "copy"
    subprocess.run(["qemu-img", "convert", "-f", "vpc", "-O", "raw", result["path"], copy], check=True)
    assert copy.read_bytes() == CONTENT.ljust(3 * MIB, b"\0")


@pytest.mark.parametrize("kind", ["raw", "qcow2"])
def test_gce_tar(raw: Path, qcow2: Path, work_dir: Path, kind: str) -> None:
    result = run(ConversionRequest(str(raw if kind == "raw" else qcow2), "gce_tar", work_dir))
    assert inspect_gce_tar(result["path"]).size == result["virtual_size"] == GIB
    assert compare_gce_tar(Path(result["path"]), raw)


@pytest.mark.parametrize("kind", ["raw", "qcow2"])
def test_qcow2(raw: Path, qcow2: Path, work_dir: Path, kind: str) -> None:
    result = run(ConversionRequest(str(raw if kind == "raw" else qcow2), "qcow2", work_dir))
    assert read_qcow2_header(result["path"]).virtual_size == result["virtual_size"] == len(CONTENT)
    subprocess.run(["qemu-img", "compare", "-q", "-f", "raw", "-F", "qcow2", raw, result["path"]], check=True)


def test_whole_mib_are_not_rounded(raw: Path, work_dir: Path) -> None:
    raw.write_bytes(HYBRID_DISK)
    assert run(ConversionRequest(str(raw), "fixed_vhd", work_dir))["virtual_size"] == len(HYBRID_DISK)


def writer(src: Path, image_format: DiskFormat, work_dir: Path) -> DiskWriter:
    return DiskWriter(identify_source(src), image_format, WorkDirectory(work_dir, "folder"), verify=True)


@pytest.mark.parametrize(
    ("kind", "image_format", "copies"),
    [
        *(("qcow2", image_format, 1) for image_format in ("fixed_vhd", "dynamic_vhd", "qcow2")),
        ("raw", "fixed_vhd", 1),
        # The raw disk that the tar file is made of, where there is none yet.
        ("qcow2", "gce_tar", 2),
        ("raw", "gce_tar", 1),
    ],
)
def test_the_space_that_is_needed(
    raw: Path, qcow2: Path, work_dir: Path, kind: str, image_format: DiskFormat, copies: int
) -> None:
    src = raw if kind == "raw" else qcow2
    measure = ["qemu-img", "measure", "--output=json", "-f", kind, "-O", "qcow2", str(src)]
    required = json.loads(subprocess.check_output(measure))["required"]
    assert writer(src, image_format, work_dir).needed_space() == copies * required + 16 * MIB


@pytest.mark.parametrize(
    ("image_format", "size", "rounded"),
    [
        ("fixed_vhd", 2 * MIB, 2 * MIB),
        ("fixed_vhd", 2 * MIB + 512, 3 * MIB),
        ("dynamic_vhd", 2 * MIB + 512, 3 * MIB),
        ("gce_tar", 2 * MIB, GIB),
        ("gce_tar", GIB, GIB),
        ("gce_tar", GIB + 512, 2 * GIB),
        ("qcow2", 2 * MIB + 512, 2 * MIB + 512),
    ],
)
def test_sizes_are_rounded_up(raw: Path, work_dir: Path, image_format: DiskFormat, size: int, rounded: int) -> None:
    raw.write_bytes(HYBRID_DISK)
    os.truncate(raw, size)
    assert writer(raw, image_format, work_dir).virtual_size == rounded
