# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.alpine.cloud.plugins.module_utils._official.listing import ListedFile, parse_listing

_URL = "https://mirror.example.com/alpine/v3.24/releases/cloud/"
_NAME = "generic_alpine-3.24.1-x86_64-uefi-cloudinit-r0.qcow2"

_NGINX = f"""<html>
<head><title>Index of /alpine/v3.24/releases/cloud/</title></head>
<body>
<h1>Index of /alpine/v3.24/releases/cloud/</h1><hr><pre><a href="../">../</a>
<a href="old/">old/</a>                                               16-Jun-2026 09:03                   -
<a href="{_NAME}">generic_alpine-3.24.1-x86_64-uefi-cloudinit-r0...&gt;</a> 16-Jun-2026 09:03           183697408
<a href="{_NAME}.asc">generic_alpine-3.24.1-x86_64-uefi-cloudinit-r0...&gt;</a> 16-Jun-2026 09:04                 833
</pre><hr></body>
</html>
"""
_APACHE = f"""<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN">
<html><head><title>Index of /alpine</title></head><body><h1>Index of /alpine</h1>
<table><tr><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=M;O=A">Last modified</a></th></tr>
<tr><td><a href="/alpine/v3.24/releases/">Parent Directory</a></td><td>&nbsp;</td><td align="right">  - </td></tr>
<tr><td><a href="{_NAME}">{_NAME}</a></td><td align="right">2026-06-16 09:03  </td><td align="right">175M</td></tr>
<tr><td><a href="{_NAME}.asc">{_NAME}.asc</a></td><td align="right">2026-06-16 09:04  </td><td>833 </td></tr>
</table></body></html>
"""
_LIGHTTPD = f"""<!DOCTYPE html><html><body><table><tbody>
<tr class="d"><td class="n"><a href="../">..</a>/</td><td class="m">&nbsp;</td><td class="s">- &nbsp;</td></tr>
<tr><td class="n"><a href="{_NAME}">{_NAME}</a></td><td class="m">2026-Jun-16 09:03:59</td><td class="s">175.2M</td>\
<td class="t">application/octet-stream</td></tr>
<tr><td class="n"><a href="{_NAME}.asc">{_NAME}.asc</a></td><td class="m">2026-Jun-16 09:04:00</td>\
<td class="s">833</td><td class="t">application/pgp-signature</td></tr>
</tbody></table></body></html>
"""


@pytest.mark.parametrize(
    ("page", "size"), [(_NGINX, 183697408), (_APACHE, None), (_LIGHTTPD, None)], ids=["nginx", "apache", "lighttpd"]
)
def test_reads_the_pages_of_servers(page: str, size: int | None) -> None:
    assert parse_listing(page, _URL) == {
        _NAME: ListedFile(_URL + _NAME, size, "2026-06-16T09:03"),
        f"{_NAME}.asc": ListedFile(f"{_URL}{_NAME}.asc", 833, "2026-06-16T09:04"),
    }


@pytest.mark.parametrize(
    "href",
    [
        "a.qcow2",
        "./a.qcow2",
        "/alpine/v3.24/releases/cloud/a.qcow2",
        "https://mirror.example.com/alpine/v3.24/releases/cloud/a.qcow2",
        "%61.qcow2",
        " a.qcow2\n",
    ],
)
def test_takes_every_way_to_link_to_a_file(href: str) -> None:
    assert list(parse_listing(f'<A HREF="{href}">a</A>', _URL)) == ["a.qcow2"]


@pytest.mark.parametrize(
    "href",
    [
        "",
        "?C=N;O=D",
        "#top",
        "../a.qcow2",
        "../../cloud.qcow2",
        "sub/a.qcow2",
        "sub%2Fa.qcow2",
        "a/",
        "/a.qcow2",
        "https://evil.example.com/alpine/v3.24/releases/cloud/a.qcow2",
        "//evil.example.com/alpine/v3.24/releases/cloud/a.qcow2",
        "http://mirror.example.com/alpine/v3.24/releases/cloud/a.qcow2",
        "https://[/a.qcow2",
        "javascript:alert(1)",
        "mailto:a@example.com",
    ],
)
def test_leaves_out_what_leads_elsewhere(href: str) -> None:
    assert parse_listing(f'<a href="{href}">a.qcow2</a> 16-Jun-2026 09:03 12', _URL) == {}


@pytest.mark.parametrize(
    "page",
    ["", "plain text", "<html><body>Please log in", '<a name="x">', "<a href>", "<a href='a", "\0<<<>>>&#xFFFFFFF;"],
)
def test_finds_nothing_in_other_pages(page: str) -> None:
    assert parse_listing(page, _URL) == {}


@pytest.mark.parametrize(
    ("details", "size", "modified"),
    [
        ("", None, None),
        ("12345", None, None),
        ("31-Feb-2026 09:03 12345", 12345, None),
        ("16-Jui-2026 09:03 12345", None, None),
        ("16-Jun-2026 09:03 12,345", None, "2026-06-16T09:03"),
        ("2026-06-16T09:03:01 12345", 12345, "2026-06-16T09:03"),
        ("2026-06-16 09:03  1.2G ", None, "2026-06-16T09:03"),
        ("2026-06-16 09:03  175 MiB", None, "2026-06-16T09:03"),
        ("2026-06-16 09:03 - ", None, "2026-06-16T09:03"),
        ("2026-06-16 09:03 0", 0, "2026-06-16T09:03"),
    ],
)
def test_tells_of_details_what_is_sure(details: str, size: int | None, modified: str | None) -> None:
    assert parse_listing(f'<a href="a">a</a> {details}\n', _URL) == {"a": ListedFile(f"{_URL}a", size, modified)}


@given(
    st.dictionaries(
        st.text(
            st.characters(min_codepoint=32, exclude_characters="/\\", exclude_categories=["Cs"]), min_size=1
        ).filter(lambda name: name not in (".", "..")),
        st.tuples(st.integers(0, 1 << 40), st.datetimes(datetime.datetime(1970, 1, 1))),
    )
)
def test_reading_undoes_listing(files: dict[str, tuple[int, datetime.datetime]]) -> None:
    page = "\n".join(
        f'<a href="{quote(name)}">x</a>  {date:%Y}-{date:%m}-{date:%d} {date:%H:%M}  {size}'
        for name, (size, date) in files.items()
    )
    listed = parse_listing(page, _URL)
    assert {name: (file.size, file.modified) for name, file in listed.items()} == {
        name: (size, f"{date:%Y-%m-%dT%H:%M}") for name, (size, date) in files.items()
    }
