# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files in a mirror's directory, by the page that nginx, Apache, lighttpd or the like make of it."""

from __future__ import annotations

import dataclasses
import datetime
import html.parser
import re
from collections.abc import Mapping
from urllib.parse import unquote, urljoin, urlsplit

# Not by strptime, whose names of months depend on the locale.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = rf"(?P<month>\d\d|{'|'.join(_MONTHS)})"
# 04-Jun-2026 12:34 (nginx), 2026-06-04 12:34 (Apache), 2026-Jun-04 12:34:56 (lighttpd)
_DATE = re.compile(
    rf"\b(?:(?P<day_first>\d\d)-{_MONTH}-(?P<year_last>\d{{4}})"
    rf"|(?P<year>\d{{4}})-{_MONTH.replace('month', 'month_second')}-(?P<day>\d\d))"
    r"[ T]+(?P<time>\d\d:\d\d)(?::\d\d)?(?!\d)"
)
# Rounded ones, such as 106M, are of no use to compare a file with.
_SIZE_IN_BYTES = re.compile(r"\s+(\d+)(?!\S)(?!\s+[kKMGT]i?B?\b)")


@dataclasses.dataclass(frozen=True)
class ListedFile:
    """One file of a listing."""

    url: str
    size: int | None = None
    """In bytes; ``None`` where the page rounds it, or says nothing."""
    modified: str | None = None
    """``YYYY-MM-DDTHH:MM``, in the server's time zone."""


def parse_listing(page: str, url: str) -> Mapping[str, ListedFile]:
    """The files that a listing links to, by their names.

    Whatever leads elsewhere (parent directory, columns to sort by, other servers) is left out, and so are directories.

    :param url: of the page.
    """
    parser = _LinkParser()
    parser.feed(page)
    parser.close()
    files: dict[str, ListedFile] = {}
    for href, text in parser.links:
        name = _file_name(href, url)
        if name is not None:
            files.setdefault(name, _parse_details(urljoin(url, href), text))
    return files


def _file_name(href: str, page_url: str) -> str | None:
    page = urlsplit(page_url)
    try:
        target = urlsplit(urljoin(page_url, href.strip()))
    except ValueError:
        return None
    folder = page.path.rpartition("/")[0] + "/"
    if (target.scheme, target.netloc) != (page.scheme, page.netloc) or target.query or target.fragment:
        return None
    if not target.path.startswith(folder):
        return None
    name = unquote(target.path.removeprefix(folder))
    return name if name and "/" not in name else None


def _parse_details(url: str, text: str) -> ListedFile:
    date = _DATE.search(text)
    # Without a date there is no telling what a number means.
    size = _SIZE_IN_BYTES.match(text, date.end()) if date else None
    return ListedFile(url, int(size[1]) if size else None, _timestamp(date) if date else None)


def _timestamp(match: re.Match[str]) -> str | None:
    year, day = match["year_last"] or match["year"], match["day_first"] or match["day"]
    month = match["month"] or match["month_second"]
    number = _MONTHS.index(month) + 1 if month in _MONTHS else int(month)
    try:
        return f"{datetime.date(int(year), number, int(day)).isoformat()}T{match['time']}"
    except ValueError:
        return None


class _LinkParser(html.parser.HTMLParser):
    """Collects each link together with the text between it and the next one."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self._in_link = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if tag == "a" and href:
            self.links.append((href, ""))
            self._in_link = True
        elif tag in ("td", "tr") and self.links:
            self._append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._in_link = False

    def handle_data(self, data: str) -> None:
        # The link's own text is a name, cut short by some servers.
        if self.links and not self._in_link:
            self._append(data)

    def _append(self, text: str) -> None:
        href, before = self.links[-1]
        self.links[-1] = (href, before + text)
