# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._disk.vhd import parse_vhd_footer, read_vhd_footer

MIB = 1 << 20


def footer(*, size: int = MIB, disk_type: int = 2, cookie: bytes = b"conectix", checksum: int | None = None) -> bytes:
    data = bytearray(512)
    data[:8] = cookie
    struct.pack_into(">IIQI4sI4sQQIII16s", data, 8, 2, 0x10000, 2**64 - 1, 0, b"own ", 0, b"test", size // 2, size,
                     0, disk_type, 0, b"u" * 16)  # fmt: skip
    data[64:68] = struct.pack(">I", ~sum(data) & 0xFFFFFFFF if checksum is None else checksum)
    return bytes(data)


@pytest.fixture(scope="module", params=["fixed", "dynamic"])
def qemu_vhd(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("vhd") / f"{request.param}.vhd"
    options = f"subformat={request.param},force_size=on"
    subprocess.run(["qemu-img", "create", "-q", "-f", "vpc", "-o", options, path, "5M"], check=True)
    return path


def test_reads_what_qemu_img_writes(qemu_vhd: Path) -> None:
    result = read_vhd_footer(qemu_vhd)
    assert result.disk_type == qemu_vhd.stem
    assert result.current_size == result.original_size == 5 * MIB
    assert result.creator == "qem2"


def test_parses_every_field() -> None:
    result = parse_vhd_footer(footer())
    assert (result.disk_type, result.current_size, result.original_size) == ("fixed", MIB, MIB // 2)
    assert (result.data_offset, result.creator, result.unique_id) == (2**64 - 1, "own", b"u" * 16)


@pytest.mark.parametrize(("number", "name"), [(2, "fixed"), (3, "dynamic"), (4, "differencing")])
def test_tells_the_disk_types_apart(number: int, name: str) -> None:
    assert parse_vhd_footer(footer(disk_type=number)).disk_type == name


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a VHD"),
        (bytes(512), "not a VHD"),
        (footer()[:511], "not a VHD"),
        (footer() + b"\0", "not a VHD"),
        (footer(cookie=b"cxsparse"), "not a VHD"),
        (footer(checksum=1), "checksum of this VHD's footer is 0x00000001"),
        (footer(disk_type=0), "disk type in this VHD's footer is 0"),
    ],
)
def test_refuses_a_bad_footer(data: bytes, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        parse_vhd_footer(data)


def test_one_wrong_bit_is_noticed() -> None:
    data = bytearray(footer())
    data[48] ^= 1
    with pytest.raises(InputError, match="checksum"):
        parse_vhd_footer(bytes(data))


@pytest.mark.parametrize("difference", [-512, 512, 1])
def test_refuses_a_fixed_vhd_of_another_length(tmp_path: Path, difference: int) -> None:
    path = tmp_path / "disk.vhd"
    path.write_bytes(bytes(MIB + difference) + footer(size=MIB))
    with pytest.raises(InputError, match=rf"src {path}: .* {MIB + 512} bytes long .* {MIB + 512 + difference}"):
        read_vhd_footer(path)


@pytest.mark.parametrize("content", [b"", b"short", bytes(4096)])
def test_names_the_file_that_is_no_vhd(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "disk.vhd"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"^src {path}: this is not a VHD"):
        read_vhd_footer(path)


def test_explains_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_vhd_footer(tmp_path / "missing.vhd")
    with pytest.raises(InputError, match="directory"):
        read_vhd_footer(tmp_path)
