# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import random
import struct
import subprocess
from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._disk.qcow2 import (
    Qcow2Header,
    find_content_end,
    parse_qcow2_header,
    read_qcow2_header,
)

MIB = 1 << 20
CLUSTER = 1 << 16


def header_bytes(
    *,
    version: int = 3,
    backing_offset: int = 0,
    cluster_bits: int = 16,
    virtual_size: int = MIB,
    encryption: int = 0,
    l1_entries: int = 1,
    l1_offset: int = 3 * CLUSTER,
    incompatible: int = 0,
) -> bytes:
    header = struct.pack(
        ">4sIQIIQIIQQIIQ", b"QFI\xfb", version, backing_offset, 0, cluster_bits, virtual_size, encryption, l1_entries,
        l1_offset, CLUSTER, 1, 7, 0,
    )  # fmt: skip
    return header + (struct.pack(">QQQII", incompatible, 0, 0, 4, 104) if version == 3 else b"")


def image(*options: str, path: Path, compress: bool = False) -> Path:
    """8 MiB, with two clusters of data near the end, one of them of zeros and data."""
    raw = path.with_suffix(".raw")
    with raw.open("wb") as file:
        file.truncate(8 * MIB)
        file.seek(7 * MIB)
        file.write(random.Random(2).randbytes(CLUSTER + 5000))
    arguments = ["-c"] if compress else []
    subprocess.run(["qemu-img", "convert", *arguments, *options, "-f", "raw", "-O", "qcow2", raw, path], check=True)
    return path


class TestHeader:
    @pytest.mark.parametrize(("compat", "version"), [("0.10", 2), ("1.1", 3)])
    def test_reads_what_qemu_img_writes(self, tmp_path: Path, compat: str, version: int) -> None:
        header = read_qcow2_header(image("-o", f"compat={compat},cluster_size=32k", path=tmp_path / "disk.qcow2"))
        assert (header.version, header.virtual_size, header.cluster_bits) == (version, 8 * MIB, 15)
        assert header.cluster_size == 32 << 10
        assert not (header.backing_file or header.external_data_file or header.encrypted or header.corrupt)
        assert header.snapshots == 0

    def test_notices_a_backing_file(self, tmp_path: Path) -> None:
        base = image(path=tmp_path / "base.qcow2")
        overlay = tmp_path / "overlay.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, overlay], check=True)
        assert read_qcow2_header(overlay).backing_file

    def test_notices_an_external_data_file(self, tmp_path: Path) -> None:
        path = image("-o", f"data_file={tmp_path / 'data'}", path=tmp_path / "disk.qcow2")
        assert read_qcow2_header(path).external_data_file

    @pytest.mark.parametrize("method", [1, 2])
    def test_notices_encryption(self, method: int) -> None:
        assert parse_qcow2_header(header_bytes(encryption=method)).encrypted

    def test_notices_extended_entries(self, tmp_path: Path) -> None:
        path = image("-o", "extended_l2=on,cluster_size=64k", path=tmp_path / "disk.qcow2")
        assert read_qcow2_header(path).extended_l2_entries

    def test_notices_the_mark_of_corruption(self) -> None:
        assert parse_qcow2_header(header_bytes(incompatible=0b10)).corrupt
        assert not parse_qcow2_header(header_bytes(incompatible=0b01)).corrupt

    def test_parses_every_field(self) -> None:
        assert parse_qcow2_header(header_bytes(encryption=2, backing_offset=200)) == Qcow2Header(
            version=3,
            virtual_size=MIB,
            cluster_bits=16,
            backing_file=True,
            external_data_file=False,
            encrypted=True,
            corrupt=False,
            snapshots=7,
            l1_table_offset=3 * CLUSTER,
            l1_entries=1,
            refcount_table_offset=CLUSTER,
            refcount_table_clusters=1,
            extended_l2_entries=False,
        )

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"", "not a qcow2 image"),
            (bytes(104), "not a qcow2 image"),
            (b"QFI\xfb", "truncated"),
            (header_bytes()[:100], "truncated"),
            (header_bytes(version=2)[:71], "truncated"),
            (header_bytes(version=1).ljust(104, b"\0"), "version is 1"),
            (header_bytes(version=4).ljust(104, b"\0"), "version is 4"),
            (header_bytes(incompatible=1 << 5), "features that are not known here: 0x20"),
            (header_bytes(cluster_bits=8), "damaged"),
            (header_bytes(cluster_bits=22), "damaged"),
        ],
    )
    def test_refuses_a_bad_header(self, data: bytes, reason: str) -> None:
        with pytest.raises(InputError, match=reason):
            parse_qcow2_header(data)

    def test_names_the_file(self, tmp_path: Path) -> None:
        path = tmp_path / "disk.qcow2"
        path.write_bytes(b"text")
        with pytest.raises(InputError, match=f"^src {path}: this is not a qcow2 image"):
            read_qcow2_header(path)
        with pytest.raises(InputError, match="No such file"):
            read_qcow2_header(tmp_path / "missing")


class TestContentEnd:
    @pytest.mark.parametrize("compress", [False, True])
    @pytest.mark.parametrize(
        "options", ["compat=0.10", "compat=1.1", "cluster_size=512", "cluster_size=2M", "extended_l2=on"]
    )
    def test_whole_images_are_whole(self, tmp_path: Path, options: str, compress: bool) -> None:
        path = image("-o", options, path=tmp_path / "disk.qcow2", compress=compress)
        with path.open("rb") as file:
            end = find_content_end(file, read_qcow2_header(path))
        assert end.file_offset <= path.stat().st_size
        assert end.guest_offset is not None
        assert 7 * MIB - 2 * MIB < end.guest_offset < 8 * MIB

    @pytest.mark.parametrize("compress", [False, True])
    @pytest.mark.parametrize("cut", [512, 4096, CLUSTER - 1, CLUSTER, 2 * CLUSTER])
    def test_truncation_is_noticed_from_one_sector_on(self, tmp_path: Path, compress: bool, cut: int) -> None:
        path = image(path=tmp_path / "disk.qcow2", compress=compress)
        header = read_qcow2_header(path)
        content = path.read_bytes()
        with path.open("rb") as file:
            assert find_content_end(file, header).file_offset > len(content) - cut

    def test_an_image_without_data_ends_with_its_tables(self, tmp_path: Path) -> None:
        path = tmp_path / "disk.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "1G"], check=True)
        with path.open("rb") as file:
            end = find_content_end(file, read_qcow2_header(path))
        assert end.guest_offset is None
        assert end.file_offset <= path.stat().st_size

    def test_the_last_cluster_may_be_shorter(self) -> None:
        # The disk ends 1000 bytes into it.
        l2_offset, data_offset = 4 * CLUSTER, 5 * CLUSTER
        file = io.BytesIO(bytes(5 * CLUSTER))
        header = parse_qcow2_header(header_bytes(virtual_size=CLUSTER + 1000))
        file.seek(header.l1_table_offset)
        file.write(struct.pack(">Q", l2_offset | 1 << 63))
        file.seek(l2_offset + 8)
        file.write(struct.pack(">Q", data_offset | 1 << 63))
        end = find_content_end(file, header)
        assert (end.file_offset, end.guest_offset) == (data_offset + 1000, CLUSTER)

    @pytest.mark.parametrize("l1_entries", [0, 1 << 31])
    def test_refuses_an_impossible_table(self, l1_entries: int) -> None:
        header = parse_qcow2_header(header_bytes(l1_entries=l1_entries))
        with pytest.raises(InputError, match="damaged: its L1 table"):
            find_content_end(io.BytesIO(bytes(8 * CLUSTER)), header)

    def test_refuses_a_table_behind_the_end(self) -> None:
        header = parse_qcow2_header(header_bytes(l1_offset=9 * CLUSTER))
        with pytest.raises(InputError, match=f"table at byte {9 * CLUSTER} is behind the end"):
            find_content_end(io.BytesIO(bytes(8 * CLUSTER)), header)
