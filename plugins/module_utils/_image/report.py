# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run tells people of its imports: what an image is called, what landed where, and what failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

_HEADINGS = ("IMAGE", "CLOUD", "REGION", "FIRMWARE", "STATUS", "SECONDS", "ID")
_NOTHING = "-"

Record = Mapping[str, Any]
"""The outcome of one import, as the manifest has it: what a role for a cloud has set; or ``image``, ``cloud`` and
``error`` with its ``step`` and ``message``."""


def image_title(request: Mapping[str, Any]) -> str:
    """What to call an image until its name is known.

    :param request: an entry of ``alpine_images``.
    """
    if request.get("name"):
        return str(request["name"])
    urls = request.get("url") or []
    file = request.get("path") or (urls if isinstance(urls, str) else next(iter(urls), None))
    if file:
        return PurePath(str(file)).stem
    wishes = " ".join(f"{key}={value}" for key, value in request.items())
    return f"alpine {wishes or 'latest'}"


def report_table(records: Sequence[Record], check_mode: bool) -> list[str]:
    """A line for each import, below a line of headings."""
    rows = [_HEADINGS, *(_row(record, check_mode) for record in records)]
    # The last column is as wide as it is.
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    return [
        "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]) for row in rows
    ]


def _row(record: Record, check_mode: bool) -> tuple[str, ...]:
    error = record.get("error")
    if error is not None:
        status = "failed"
    elif not record["changed"]:
        status = "unchanged"
    else:
        status = "would change" if check_mode else "changed"
    return (
        str(record["image"]),
        str(record["cloud"]),
        str(record.get("region") or _NOTHING),
        str(record.get("firmware") or _NOTHING),
        status,
        str(record.get("seconds") or _NOTHING),
        str(record.get("id") or _NOTHING) if error is None else f'step "{error["step"]}"',
    )


def report_failures(records: Sequence[Record]) -> str:
    """How many imports failed, and why; nothing when none has."""
    failed = [record for record in records if record.get("error") is not None]
    if not failed:
        return ""
    reasons = "; ".join(
        f'{record["cloud"]}, {record["image"]}, step "{record["error"]["step"]}": {record["error"]["message"]}'
        for record in failed
    )
    return f"{len(failed)} of {len(records)} imports failed: {reasons}"
