# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writing a gzip file (RFC 1952) on all processors, as pigz does: one member, in blocks compressed independently."""

from __future__ import annotations

import collections
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import BinaryIO

from .._core.units import MIB

GZIP_MAGIC = b"\x1f\x8b"
"""The first bytes of every gzip file."""

_BLOCK = MIB
# Deflate, no flags, no time stamp (the same content gives the same file), no extra flags, unknown system.
_HEADER = GZIP_MAGIC + b"\x08\x00" + bytes(4) + b"\x00\xff"


def write_gzip(file: BinaryIO, pieces: Iterable[bytes], *, level: int) -> None:
    """Compress ``pieces``, one after the other, to ``file``.

    :param level: from 1 (fast) to 9.
    """
    workers = os.cpu_count() or 1
    checksum = length = 0
    pending: collections.deque[Future[bytes]] = collections.deque()
    file.write(_HEADER)
    with ThreadPoolExecutor(workers) as pool:
        for block in _regroup(pieces, _BLOCK):
            checksum = zlib.crc32(block, checksum)
            length += len(block)
            pending.append(pool.submit(_deflate, block, level))
            # Bounds the memory in use.
            if len(pending) > 2 * workers:
                file.write(pending.popleft().result())
        for result in pending:
            file.write(result.result())
    # An empty last block.
    file.write(zlib.compressobj(wbits=-zlib.MAX_WBITS).flush())
    file.write(struct.pack("<II", checksum, length & 0xFFFF_FFFF))


def _deflate(block: bytes, level: int) -> bytes:
    # zlib lets other threads run meanwhile. The flush ends at a byte's end, so that the next block can follow.
    compressor = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    return compressor.compress(block) + compressor.flush(zlib.Z_SYNC_FLUSH)


def _regroup(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    buffer = bytearray()
    for piece in pieces:
        buffer += piece
        while len(buffer) >= size:
            yield bytes(buffer[:size])
            del buffer[:size]
    if buffer:
        yield bytes(buffer)
