# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import bz2
import gzip
import io
import lzma
import subprocess
import zipfile
from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._disk.formats import FileFormat, format_of
from tests.support.partitioned import HYBRID_DISK, ext4_disk

FOOTER = b"conectix".ljust(512, b"\0")


def _zip(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("disk.raw", content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (gzip.compress(b"disk", mtime=0), FileFormat.GZIP),
        (lzma.compress(b"disk"), FileFormat.XZ),
        (bz2.compress(b"disk"), FileFormat.BZIP2),
        (b"\x28\xb5\x2f\xfd\x24\x00", FileFormat.ZSTD),
        (_zip(b"disk"), FileFormat.ZIP),
        (b"# Disk DescriptorFile\nversion=1", FileFormat.VMDK),
        (b"<<< Oracle VM VirtualBox Disk Image >>>", FileFormat.VDI),
        (b"<!DOCTYPE html>", FileFormat.HTML),
        (b"<html><head>", FileFormat.HTML),
        (FOOTER + HYBRID_DISK + FOOTER, FileFormat.DYNAMIC_VHD),
        (HYBRID_DISK + FOOTER, FileFormat.FIXED_VHD),
        (FOOTER, FileFormat.DYNAMIC_VHD),
        # Not where a footer stands.
        (HYBRID_DISK + FOOTER + bytes(512), None),
        (HYBRID_DISK, None),
        (ext4_disk(), None),
        (b"", None),
        (b"hello", None),
    ],
)
def test_by_content(content: bytes, expected: FileFormat | None) -> None:
    file = io.BytesIO(content)
    file.seek(0, io.SEEK_END)
    assert format_of(file) is expected


@pytest.mark.parametrize(
    ("driver", "expected"),
    [
        ("qcow2", FileFormat.QCOW2),
        ("vmdk", FileFormat.VMDK),
        ("vhdx", FileFormat.VHDX),
        ("vdi", FileFormat.VDI),
        ("vpc", FileFormat.DYNAMIC_VHD),
    ],
)
def test_what_qemu_img_makes(tmp_path: Path, driver: str, expected: FileFormat) -> None:
    path = tmp_path / "disk"
    subprocess.run(["qemu-img", "create", "-q", "-f", driver, path, "1M"], check=True)
    with path.open("rb") as file:
        assert format_of(file) is expected


def test_a_qcow2_image_may_end_in_anything() -> None:
    assert format_of(io.BytesIO(b"QFI\xfb" + bytes(4096) + FOOTER)) is FileFormat.QCOW2
