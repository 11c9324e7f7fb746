# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._official.http import FetchError
from ansible_collections.alpine.cloud.plugins.module_utils._official.mirrors import (
    MirrorsError,
    file_name_of,
    sibling_of,
    try_each,
)


def refuse(url: str) -> str:
    raise FetchError(url, "HTTP status 404 (Not Found)" if "a.example" in url else "connection refused", status=404)


class TestTryingEach:
    def test_the_first_that_succeeds_counts(self) -> None:
        tried: list[str] = []

        def read(url: str) -> str:
            tried.append(url)
            return refuse(url) if url == "http://a.example/x" else url.upper()

        urls = ["http://a.example/x", "http://b.example/x", "http://c.example/x"]
        assert try_each(urls, read) == "HTTP://B.EXAMPLE/X"
        assert tried == urls[:2]

    def test_the_message_says_why_each_has_failed(self) -> None:
        with pytest.raises(MirrorsError) as caught:
            try_each(["http://a.example/x", "http://b.example/x"], refuse)
        assert caught.value.message == (
            "http://a.example/x: HTTP status 404 (Not Found); http://b.example/x: connection refused"
        )
        assert [str(error) for error in caught.value.errors] == caught.value.message.split("; ")

    @pytest.mark.parametrize(
        ("statuses", "not_found"), [([404], True), ([404, 410], True), ([404, 503], False), ([None], False)]
    )
    def test_not_found_is_when_all_say_so(self, statuses: list[int | None], not_found: bool) -> None:
        assert MirrorsError([FetchError("http://a/", "", status=status) for status in statuses]).not_found is not_found

    def test_other_errors_end_it(self) -> None:
        def fail(url: str) -> str:
            raise InputError(url)

        with pytest.raises(InputError, match=r"^first$"):
            try_each(["first", "second"], fail)
        with pytest.raises(MirrorsError, match=r"^first; second$"):
            try_each(["first", "second"], fail, (InputError,))


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://a.example/v3.24/image.qcow2", "image.qcow2"),
        ("http://a.example/image%20a.qcow2?token=x/y#z", "image a.qcow2"),
        ("http://a.example", ""),
        ("http://a.example/folder/", ""),
    ],
)
def test_the_file_name_is_the_last_part_of_the_path(url: str, name: str) -> None:
    assert file_name_of(url) == name


def test_what_is_next_to_a_file_has_the_same_query() -> None:
    assert sibling_of("http://a.example/b/c.qcow2?token=1", ".asc") == "http://a.example/b/c.qcow2.asc?token=1"
