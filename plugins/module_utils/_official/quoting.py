# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Quoting in messages what a server has sent instead of what was asked for."""

from __future__ import annotations

_SHOWN_BYTES = 40


def beginning_of(content: bytes) -> str:
    """How ``content`` begins, in quotation marks: a proxy's HTML page is known at sight."""
    return repr(content[:_SHOWN_BYTES].decode("utf-8", "replace").strip())
