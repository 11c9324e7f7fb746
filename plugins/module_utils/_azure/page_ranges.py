# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ranges of a page blob: which of a file's are not zero, and which of them the blob holds.

Limits: https://learn.microsoft.com/rest/api/storageservices/put-page
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from .._core.units import KIB, MIB

MAX_PUT = 4 * MIB
"""Bytes; the most that Put Page takes."""
BLOCK = 64 * KIB
"""Bytes; the unit in which zeros are looked for."""

_ZEROS = bytes(BLOCK)


def nonzero_ranges(file: BinaryIO, consume: Callable[[bytes], object]) -> Iterator[tuple[int, int]]:
    """Half-open byte ranges of at most ``MAX_PUT`` bytes that hold all that is not zero.

    :param file: at its start; its length is a multiple of 512.
    :param consume: gets the whole content in order, such as a hash's ``update``.
    """
    start: int | None = None
    offset = 0
    while chunk := file.read(MAX_PUT):
        consume(chunk)
        for index in range(0, len(chunk), BLOCK):
            block = chunk[index : index + BLOCK]
            position = offset + index
            if block == _ZEROS[: len(block)]:
                if start is not None:
                    yield start, position
                    start = None
            elif start is None:
                start = position
            elif position - start == MAX_PUT:
                yield start, position
                start = position
        offset += len(chunk)
    if start is not None:
        yield start, offset


def covered(first: int, last: int, present: Iterable[tuple[int, int]]) -> bool:
    """Whether the half-open range lies in ``present``, sorted half-open ranges of which some may touch."""
    position = first
    for start, end in present:
        if start <= position < end:
            position = end
    return position >= last
