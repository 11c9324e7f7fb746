# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._official.releases import (
    Branch,
    ReleasesError,
    parse_releases,
)

_DOCUMENT: dict[str, Any] = {
    "architectures": ["x86_64"],
    "latest_stable": "v3.24",
    "release_branches": [
        {"rel_branch": "edge", "git_branch": "master", "repos": []},
        {
            "rel_branch": "v3.24",
            "eol_date": "2028-05-01",
            "releases": [{"version": "3.24.1", "date": "2026-06-16"}, {"version": "3.24.0"}, {"notes": "?"}],
        },
        {"rel_branch": "v3.23", "eol_date": "2027-11-01T00:00:00Z", "releases": None},
        {"rel_branch": "v3.22", "eol_date": "to be announced"},
    ],
}


def _parse(**changes: Any) -> Any:
    return parse_releases(json.dumps(_DOCUMENT | changes).encode())


def test_knows_the_latest_branch_and_all_branches() -> None:
    releases = _parse()
    assert releases.latest_stable == "3.24"
    assert releases.branches["3.24"] == Branch("2028-05-01", ("3.24.1", "3.24.0"))
    assert releases.branches["edge"] == Branch(None, ())


@pytest.mark.parametrize(
    ("version", "date"),
    [("3.24", "2028-05-01"), ("3.23", "2027-11-01"), ("3.22", None), ("edge", None), ("3.99", None)],
)
def test_tells_ends_of_life_where_known(version: str, date: str | None) -> None:
    assert _parse().end_of_life(version) == date


@pytest.mark.parametrize(
    "text", [b"", b"<html>", b"\xff", b"[]", b"null", b"{}", b'{"latest_stable": "v3.24"}', b'{"release_branches": []}']
)
def test_refuses_another_file(text: bytes) -> None:
    with pytest.raises(ReleasesError, match=r"^this is not Alpine's releases\.json"):
        parse_releases(text)


@pytest.mark.parametrize("latest", ["", "../../etc", "edge", None, 3.24])
def test_refuses_a_latest_branch_that_is_none(latest: object) -> None:
    with pytest.raises(ReleasesError):
        _parse(latest_stable=latest)
