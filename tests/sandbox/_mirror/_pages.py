# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A directory's page, as different servers make it."""

from __future__ import annotations

import dataclasses
import datetime
import html
from collections.abc import Callable, Sequence
from urllib.parse import quote


@dataclasses.dataclass(frozen=True)
class Entry:
    """A file, or a directory, whose name then ends with a slash."""

    name: str
    size: int | None
    modified: datetime.datetime


def nginx(path: str, entries: Sequence[Entry]) -> str:
    """As ngx_http_autoindex_module: names cut to 50 characters, sizes in bytes. Alpine's own mirror looks so."""
    longest = 50
    lines = [
        f"<html>\r\n<head><title>Index of {path}</title></head>\r\n<body>\r\n<h1>Index of {path}</h1><hr><pre>"
        '<a href="../">../</a>'
    ]
    for entry in entries:
        shown = entry.name if len(entry.name) <= longest else f"{entry.name[: longest - 3]}..>"
        size = "-" if entry.size is None else str(entry.size)
        padding = " " * (longest + 1 - len(shown))
        date = entry.modified.strftime("%d-%b-%Y %H:%M")
        lines.append(f'<a href="{quote(entry.name)}">{html.escape(shown)}</a>{padding}{date} {size:>19}')
    return "\r\n".join([*lines, "</pre><hr></body>\r\n</html>\r\n"])


def apache(path: str, entries: Sequence[Entry]) -> str:
    """As mod_autoindex with HTMLTable: columns to sort by, rounded sizes."""
    columns = [("N", "Name"), ("M", "Last modified"), ("S", "Size"), ("D", "Description")]
    head = "".join(f'<th><a href="?C={key};O=A">{title}</a></th>' for key, title in columns)
    parent = path.rstrip("/").rpartition("/")[0] + "/"
    rows = [f'<tr><td valign="top">&nbsp;</td><td><a href="{parent}">Parent Directory</a></td><td>&nbsp;</td></tr>']
    for entry in entries:
        rows.append(
            f'<tr><td valign="top"><img src="/icons/unknown.gif" alt="[   ]"></td><td><a href="{quote(entry.name)}">'
            f'{html.escape(entry.name)}</a></td><td align="right">{entry.modified:%Y-%m-%d %H:%M}  </td>'
            f'<td align="right">{_rounded(entry.size)}</td><td>&nbsp;</td></tr>'
        )
    body = "\n".join(rows)
    return (
        '<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">\n'
        f"<html>\n<head><title>Index of {path}</title></head>\n<body>\n<h1>Index of {path}</h1>\n"
        f'<table>\n<tr><th valign="top">&nbsp;</th>{head}</tr>\n{body}\n</table>\n'
        "<address>Apache Server</address>\n</body></html>\n"
    )


def lighttpd(path: str, entries: Sequence[Entry]) -> str:
    """As mod_dirlisting: links to the same directory, months by name, types."""
    parent = '<td class="n"><a href="../">..</a>/</td><td class="m">&nbsp;</td><td class="s">- &nbsp;</td>'
    rows = [f'<tr class="d">{parent}</tr>']
    for entry in entries:
        rows.append(
            f'<tr><td class="n"><a href="{path}{quote(entry.name)}">{html.escape(entry.name)}</a></td>'
            f'<td class="m">{entry.modified:%Y-%b-%d %H:%M:%S}</td><td class="s">{_rounded(entry.size)}</td>'
            '<td class="t">application/octet-stream</td></tr>'
        )
    body = "\n".join(rows)
    return (
        f"<!DOCTYPE html>\n<html>\n<head>\n<title>Index of {path}</title>\n</head>\n<body>\n<h2>Index of {path}</h2>\n"
        f'<div class="list">\n<table>\n<tbody>\n{body}\n</tbody>\n</table>\n</div>\n</body>\n</html>\n'
    )


PageMaker = Callable[[str, Sequence[Entry]], str]


def _rounded(size: float | None) -> str:
    if size is None:
        return "-"
    if size < 1000:
        return str(size)
    size, unit = (size / 1024, "K") if size < 1000 * 1024 else (size / 1024**2, "M")
    return f"{size:.1f}{unit}" if size < 10 else f"{size:.0f}{unit}"
