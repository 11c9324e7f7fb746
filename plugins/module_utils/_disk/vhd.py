# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The footer of a VHD, by the Virtual Hard Disk Image Format Specification 1.0 (Microsoft, 2006)."""

from __future__ import annotations

import dataclasses
import os
import struct
from pathlib import Path
from typing import Literal

from .._core.errors import InputError, Refusal, refusal_of

VHD_MAGIC = b"conectix"
"""The first bytes of a footer (the "cookie"), and so of every dynamic VHD."""

FOOTER_SIZE = 512
"""Bytes, at the end of every VHD; a dynamic one has a copy at its start."""

# Cookie, features, format version, data offset, time stamp, creator application, version and host operating system,
# original size, current size, geometry, disk type, checksum, unique id, saved state; the rest is reserved.
_FOOTER = struct.Struct(">8sIIQI4sI4sQQIII16sB")
_CHECKSUM = slice(64, 68)
_DISK_TYPES: dict[int, Literal["fixed", "dynamic", "differencing"]] = {2: "fixed", 3: "dynamic", 4: "differencing"}


@dataclasses.dataclass(frozen=True)
class VhdFooter:
    """What a VHD says of itself. Sizes in bytes."""

    disk_type: Literal["fixed", "dynamic", "differencing"]
    current_size: int
    """Of the disk that a guest sees."""
    original_size: int
    data_offset: int
    creator: str
    """The creator application's four letters, such as ``qem2``."""
    unique_id: bytes


def parse_vhd_footer(data: bytes, refusal: Refusal = InputError) -> VhdFooter:
    """Read a footer.

    :param data: the footer's 512 bytes.
    :param refusal: makes the errors.
    :raises InputError: when it is none, or its checksum is wrong.
    """
    if len(data) != FOOTER_SIZE or not data.startswith(VHD_MAGIC):
        raise refusal("this is not a VHD: its last 512 bytes are not a footer that begins with 'conectix'")
    fields = _FOOTER.unpack_from(data)
    # One's complement of the sum of all bytes but the checksum's own.
    expected = ~(sum(data) - sum(data[_CHECKSUM])) & 0xFFFFFFFF
    if fields[12] != expected:
        raise refusal(f"the checksum of this VHD's footer is {fields[12]:#010x}, not {expected:#010x}")
    disk_type = _DISK_TYPES.get(fields[11])
    if disk_type is None:
        raise refusal(f"the disk type in this VHD's footer is {fields[11]}, neither fixed, dynamic nor differencing")
    return VhdFooter(
        disk_type=disk_type,
        current_size=fields[9],
        original_size=fields[8],
        data_offset=fields[3],
        creator=fields[5].decode("ascii", "replace").rstrip(" \0"),
        unique_id=fields[13],
    )


def read_vhd_footer(path: str | os.PathLike[str], refusal: Refusal | None = None) -> VhdFooter:
    """Read the footer of the VHD at ``path``, and check that a fixed one is as long as the footer says.

    :param refusal: makes the errors; by default they name ``path`` as the option ``src``.
    :raises InputError: when it is no VHD or a truncated one, or cannot be read.
    """
    refusal = refusal or refusal_of(f"src {path}")
    try:
        with Path(path).open("rb") as file:
            length = file.seek(0, os.SEEK_END)
            file.seek(max(0, length - FOOTER_SIZE))
            footer = parse_vhd_footer(file.read(), refusal)
    except OSError as error:
        raise refusal(f"{error.strerror}") from error
    if footer.disk_type == "fixed" and length != footer.current_size + FOOTER_SIZE:
        raise refusal(
            f"a fixed VHD of {footer.current_size} bytes is {footer.current_size + FOOTER_SIZE} bytes long "
            f"with its footer, but this file is {length}: it is damaged or incomplete"
        )
    return footer
