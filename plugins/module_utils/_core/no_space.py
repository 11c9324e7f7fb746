# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Telling that a file system is full, or a user's quota of it, from other failures to write."""

from __future__ import annotations

import errno
import os

_NUMBERS = (errno.ENOSPC, errno.EDQUOT)


def is_no_space(error: OSError) -> bool:
    """Whether the error of a system call says so."""
    return error.errno in _NUMBERS


def tells_no_space(words: str) -> bool:
    """Whether a program says so, that was run with ``LC_ALL=C``: all quote the C library."""
    return any(os.strerror(number) in words for number in _NUMBERS)
