# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the image import sees when it reads a blob: the VHD footer, at the end of the blob.

Layout: "Virtual Hard Disk Image Format Specification", Microsoft, 2006, "Hard Disk Footer Format".
"""

from __future__ import annotations

import struct

FOOTER_BYTES = 512
MIB = 1 << 20
_FIXED = 2
_DYNAMIC = 3


class UnsupportedDiskError(Exception):
    """The import fails with this message."""


def check_fixed_vhd(footer: bytes, *, blob_length: int, name: str, url: str) -> int:
    """Return the guest-visible size of the disk.

    :param footer: the last 512 bytes of the blob.
    :raises UnsupportedDiskError: when Azure would refuse the blob.
    """
    disk = f"disk '{name}' with blob {url}"
    if footer[:8] != b"conectix":
        raise UnsupportedDiskError(
            f"The specified cookie value in VHD footer indicates that {disk} is not a supported VHD. "
            "Disk is expected to have cookie value 'conectix'."
        )
    size, _geometry, disk_type, checksum = struct.unpack_from(">Q4sII", footer, 48)
    if disk_type == _DYNAMIC:
        raise UnsupportedDiskError(f"The {disk} is of Dynamic VHD type. Please retry with fixed VHD type.")
    if disk_type != _FIXED:
        raise UnsupportedDiskError(f"The {disk} is of VHD type {disk_type}. Please retry with fixed VHD type.")
    if checksum != ~(sum(footer[:64]) + sum(footer[68:])) & 0xFFFFFFFF:
        raise UnsupportedDiskError(f"The VHD footer checksum of {disk} is invalid.")
    if blob_length != size + FOOTER_BYTES:
        raise UnsupportedDiskError(
            f"The {disk} has a size of {blob_length} bytes, but its VHD footer states a virtual size of {size} bytes."
        )
    if size % MIB:
        raise UnsupportedDiskError(
            f"The {disk} has an unsupported virtual size of {size} bytes. The size must be a whole number (in MBs)."
        )
    if size < MIB:
        raise UnsupportedDiskError(f"The {disk} has a virtual size of {size} bytes. The minimum is 1 MB.")
    return int(size)
