# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.digests import (
    CHUNK_SIZE,
    chunks_of,
    md5_of,
    new_md5,
    sha256_of,
)


def test_a_sha256_is_lower_case_hexadecimal(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    # FIPS 180-4, example of SHA-256.
    assert sha256_of(tmp_path / "file") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_md5(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    # RFC 1321, A.5.
    expected = "900150983cd24fb0d6963f7d28e17f72"
    assert md5_of(tmp_path / "file").hex() == expected
    assert new_md5(b"abc").hexdigest() == expected
    piecewise = new_md5()
    piecewise.update(b"ab")
    piecewise.update(b"c")
    assert piecewise.hexdigest() == expected


class TestChunks:
    @pytest.mark.parametrize(
        ("length", "sizes"),
        [
            (None, [CHUNK_SIZE, CHUNK_SIZE, 5]),
            (2 * CHUNK_SIZE + 5, [CHUNK_SIZE, CHUNK_SIZE, 5]),
            (CHUNK_SIZE + 1, [CHUNK_SIZE, 1]),
            (CHUNK_SIZE, [CHUNK_SIZE]),
            (3 * CHUNK_SIZE, [CHUNK_SIZE, CHUNK_SIZE, 5]),
            (0, []),
        ],
    )
    def test_are_all_of_it_or_so_much(self, length: int | None, sizes: list[int]) -> None:
        content = bytes(range(256)) * (2 * CHUNK_SIZE // 256) + b"12345"
        chunks = list(chunks_of(io.BytesIO(content), length))
        assert [len(chunk) for chunk in chunks] == sizes
        assert b"".join(chunks) == content[:length]

    def test_begin_where_the_file_stands(self) -> None:
        file = io.BytesIO(b"0123456789")
        file.seek(4)
        assert list(chunks_of(file, 3)) == [b"456"]
        assert file.tell() == 7
