# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import gzip
import io
import random
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.alpine.cloud.plugins.module_utils._disk.gzip import write_gzip


def compressed(*pieces: bytes, level: int = 1) -> bytes:
    file = io.BytesIO()
    write_gzip(file, pieces, level=level)
    return file.getvalue()


@given(st.lists(st.binary(max_size=100)))
def test_gzip_reads_it_back(pieces: list[bytes]) -> None:
    assert gzip.decompress(compressed(*pieces)) == b"".join(pieces)


@pytest.mark.parametrize("level", [1, 6, 9])
def test_is_one_member_however_many_blocks(level: int) -> None:
    content = random.Random(0).randbytes(1 << 20) + bytes(7 << 20) + b"end"
    decompressor = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    assert decompressor.decompress(compressed(content, level=level)) == content
    assert decompressor.eof
    assert decompressor.unused_data == b""


def test_keeps_the_order_of_many_blocks() -> None:
    pieces = [bytes([number]) * (300 << 10) for number in range(64)]
    assert gzip.decompress(compressed(*pieces)) == b"".join(pieces)


def test_same_content_gives_same_file() -> None:
    assert compressed(b"one", b"two") == compressed(b"onetwo")


def test_passes_on_what_stops_the_source() -> None:
    def pieces() -> Iterator[bytes]:
        yield bytes(3 << 20)
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        write_gzip(io.BytesIO(), pieces(), level=1)
