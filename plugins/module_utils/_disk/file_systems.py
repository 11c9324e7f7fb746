# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which file system a partition has, by its superblock."""

from __future__ import annotations

import struct

HEAD_SIZE = (64 << 10) + 72
"""As many of a partition's first bytes tell: the magic of Btrfs stands last."""

# Where each has its magic, and what that is. FAT has none of its own but for this text, which all that make one write.
_MAGICS = (
    (0, b"XFSB", "xfs"),
    (0, b"hsqs", "squashfs"),
    (0x10040, b"_BHRfS_M", "btrfs"),
    (1024, b"\x10\x20\xf5\xf2", "f2fs"),
    (4086, b"SWAPSPACE2", "swap"),
    (0, b"LUKS\xba\xbe", "luks"),
    (54, b"FAT12   ", "vfat"),
    (54, b"FAT16   ", "vfat"),
    (82, b"FAT32   ", "vfat"),
)
# The ext superblock: magic, compatible and incompatible features.
_EXT_SUPERBLOCK = struct.Struct("<56xH34xII")
_EXT_OFFSET = 1024
_EXT_MAGIC = 0xEF53
_EXT_HAS_JOURNAL = 0x4
# Extents, 64 bit, flex_bg: ext4 knows them, ext3 does not.
_EXT4_FEATURES = 0x40 | 0x80 | 0x200


def file_system_of(head: bytes) -> str | None:
    """The file system, by the name that ``mount`` has for it, such as ``ext4``; ``None`` where none is known.

    :param head: the first ``HEAD_SIZE`` bytes, or fewer of a small partition.
    """
    features = _ext_features(head)
    if features is not None:
        compatible, incompatible = features
        if incompatible & _EXT4_FEATURES:
            return "ext4"
        return "ext3" if compatible & _EXT_HAS_JOURNAL else "ext2"
    return next((name for offset, magic, name in _MAGICS if head[offset : offset + len(magic)] == magic), None)


def has_ext_superblock(head: bytes) -> bool:
    """Whether ext2, ext3 or ext4 begins like this."""
    return _ext_features(head) is not None


def _ext_features(head: bytes) -> tuple[int, int] | None:
    """Compatible and incompatible ones."""
    if len(head) < _EXT_OFFSET + _EXT_SUPERBLOCK.size:
        return None
    magic, compatible, incompatible = _EXT_SUPERBLOCK.unpack_from(head, _EXT_OFFSET)
    return (compatible, incompatible) if magic == _EXT_MAGIC else None
