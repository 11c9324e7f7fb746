# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from tests.support.compare import assert_same_disk

_MIB = 1 << 20


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A compressed qcow2 of 8 MiB, most of it zero."""
    raw = tmp_path / "exported.raw"
    with raw.open("wb") as file:
        file.truncate(8 * _MIB)
        file.seek(3 * _MIB)
        file.write(random.Random(0).randbytes(_MIB))
    qcow2 = tmp_path / "source.qcow2"
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", raw, qcow2], check=True)
    return qcow2


@pytest.fixture
def exported(source: Path) -> Path:
    return source.with_name("exported.raw")


def _overwrite(disk: Path, offset: int) -> None:
    with disk.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1) or b"\0"
        file.seek(offset)
        file.write(bytes([byte[0] ^ 1]))


@pytest.mark.parametrize("padded", [False, True])
def test_the_same_content_passes(source: Path, exported: Path, padded: bool) -> None:
    assert_same_disk(source, exported, padded=padded)


def test_padding_with_zeros_passes(source: Path, exported: Path) -> None:
    os.truncate(exported, 9 * _MIB)
    assert_same_disk(source, exported, padded=True)


def test_a_raw_source_passes(exported: Path, tmp_path: Path) -> None:
    assert_same_disk(exported, exported, padded=False)


@pytest.mark.parametrize("offset", [0, 3 * _MIB + 5 * 512 + 17, 8 * _MIB - 1, 8 * _MIB, 9 * _MIB - 1])
def test_one_bit_is_found_where_it_is(source: Path, exported: Path, offset: int) -> None:
    os.truncate(exported, 9 * _MIB)
    _overwrite(exported, offset)
    with pytest.raises(AssertionError, match=f"offset {offset // 512 * 512}!"):
        assert_same_disk(source, exported, padded=True)


@pytest.mark.parametrize(("size", "padded"), [(9 * _MIB, False), (7 * _MIB, False), (7 * _MIB, True)])
def test_another_size_is_refused(source: Path, exported: Path, size: int, padded: bool) -> None:
    os.truncate(exported, size)
    with pytest.raises(AssertionError, match=f"{size} bytes"):
        assert_same_disk(source, exported, padded=padded)
