# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import gzip
import os
import random
import struct
import subprocess
from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._image import source
from ansible_collections.alpine.cloud.plugins.module_utils._image.source import (
    identify_source,
)
from tests.support.partitioned import ext4_disk
from tests.unit.plugins.module_utils._image.conversions import CONTENT, to_qcow2


class TestIdentifying:
    def test_a_qcow2_image(self, qcow2: Path) -> None:
        source = identify_source(qcow2)
        assert (source.path, source.format) == (qcow2, "qcow2")
        assert (source.size, source.virtual_size) == (qcow2.stat().st_size, len(CONTENT))

    @pytest.mark.parametrize("content", [CONTENT, ext4_disk()])
    def test_a_raw_disk(self, raw: Path, content: bytes) -> None:
        raw.write_bytes(content)
        source = identify_source(raw)
        assert (source.format, source.size, source.virtual_size) == ("raw", len(content), len(content))

    def test_goes_by_content_and_not_by_name(self, tmp_path: Path, qcow2: Path) -> None:
        renamed = tmp_path / "disk.img"
        qcow2.rename(renamed)
        assert identify_source(renamed).format == "qcow2"

    def test_makes_the_path_absolute(self, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        # qemu-img would take nbd:disk.raw for the address of a server.
        raw.rename(raw.parent / "nbd:disk.raw")
        monkeypatch.chdir(raw.parent)
        source = identify_source("nbd:disk.raw")
        assert source.path == raw.parent / "nbd:disk.raw"


class TestRefusing:
    def refusal(self, path: Path) -> str:
        with pytest.raises(InputError) as caught:
            identify_source(path)
        assert caught.value.message.startswith(f"src {path}")
        return caught.value.message

    def test_no_such_file(self, tmp_path: Path) -> None:
        assert self.refusal(tmp_path / "disk.qcow2").endswith("disk.qcow2: no such file")

    def test_a_directory(self, tmp_path: Path) -> None:
        assert "directory; give a qcow2 image or a raw disk" in self.refusal(tmp_path)

    def test_a_named_pipe_without_waiting_for_it(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        assert "no regular file" in self.refusal(tmp_path / "pipe")

    def test_what_may_not_be_read(self, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(path: Path, _refusal: object) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        # The tests may run as root, who may read everything.
        monkeypatch.setattr(source, "_open_regular", refuse)
        assert "cannot be read: Permission denied" in self.refusal(raw)

    def test_a_path_through_a_file(self, raw: Path) -> None:
        assert "cannot be read: Not a directory" in self.refusal(raw / "disk.qcow2")

    def test_an_empty_file(self, raw: Path) -> None:
        raw.write_bytes(b"")
        assert "empty (0 bytes)" in self.refusal(raw)

    @pytest.mark.parametrize(
        ("content", "found"),
        [
            (gzip.compress(CONTENT, mtime=0), "compressed by gzip"),
            (b"\xfd7zXZ\0" + CONTENT, "compressed by xz"),
            (b"KDMV" + CONTENT, "a VMDK"),
            (b"vhdxfile" + CONTENT, "a VHDX"),
            (b"conectix" + CONTENT, "a dynamic VHD"),
            (CONTENT + b"conectix".ljust(512, b"\0"), "a fixed VHD"),
            (b"<!DOCTYPE html><title>404", "an HTML page"),
            (b"hello\n", "neither a qcow2 image nor a raw disk"),
            (bytes(1 << 20), "neither a qcow2 image nor a raw disk"),
            (random.Random(4).randbytes(4096), "neither a qcow2 image nor a raw disk"),
        ],
    )
    def test_another_format(self, raw: Path, content: bytes, found: str) -> None:
        raw.write_bytes(content)
        message = self.refusal(raw)
        assert found in message
        assert message.endswith(("give a qcow2 image or a raw disk", "as role alpine_image does"))

    def test_a_raw_disk_of_broken_sectors(self, raw: Path) -> None:
        raw.write_bytes(CONTENT[:-100])
        assert f"whole sectors of 512 bytes, but this file is {len(CONTENT) - 100} bytes" in self.refusal(raw)

    def test_a_backing_file(self, tmp_path: Path, qcow2: Path) -> None:
        overlay = tmp_path / "overlay.qcow2"
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", "/etc/passwd", overlay], check=True
        )
        assert "needs a backing file" in self.refusal(overlay)

    def test_an_external_data_file(self, tmp_path: Path, raw: Path) -> None:
        path = to_qcow2(raw, "-o", f"data_file={tmp_path / 'data'},data_file_raw=on")
        assert "keeps its data in another file" in self.refusal(path)

    @pytest.mark.parametrize(
        ("offset", "value", "reason"),
        [
            (32, struct.pack(">I", 1), "encrypted"),
            (72, struct.pack(">Q", 0b10), "marked as corrupt"),
            (24, struct.pack(">Q", 0), "disk in this qcow2 image is 0 bytes"),
            (4, struct.pack(">I", 9), "version is 9"),
            (40, struct.pack(">Q", 1 << 40), "truncated"),
            (36, struct.pack(">I", 0), "damaged"),
        ],
    )
    def test_a_qcow2_header_with(self, qcow2: Path, offset: int, value: bytes, reason: str) -> None:
        with qcow2.open("r+b") as file:
            file.seek(offset)
            file.write(value)
        assert reason in self.refusal(qcow2)

    @pytest.mark.parametrize("compress", [True, False])
    @pytest.mark.parametrize("left", [0.999, 0.9, 0.5, 0.1, 0.0001])
    def test_a_truncated_qcow2_image(self, raw: Path, compress: bool, left: float) -> None:
        path = to_qcow2(raw, *(["-c"] if compress else []))
        os.truncate(path, int(path.stat().st_size * left) - 512 * (left == 0.999))
        assert "truncated" in self.refusal(path)
