# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import random
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._azure.page_ranges import BLOCK
from ansible_collections.alpine.cloud.plugins.module_utils._azure.page_upload import sequence_number
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import ConflictError, ProviderError
from ansible_collections.alpine.cloud.plugins.module_utils._core.units import MIB
from tests.unit.plugins.module_utils._azure.fakes import OTHER_SHA256, SHA256, StoredBlob, storage_error
from tests.unit.plugins.module_utils._azure.page_blob_case import Case, interrupted


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def test_sequence_numbers_differ_and_fit() -> None:
    assert sequence_number(SHA256) != sequence_number(OTHER_SHA256)
    assert 0 <= sequence_number("f" * 64) < 2**53


def test_many_threads_make_the_same_blob(tmp_path: Path) -> None:
    case = Case(tmp_path, random.Random(2).randbytes(17 * MIB), threads=8)
    assert case.present()["uploaded_bytes"] == len(case.file)
    assert case.stored.content() == case.file


def test_interrupted_upload_is_resumed(case: Case) -> None:
    sent = interrupted(case)
    # The file may have been converted anew, with another footer.
    case.write_file(stamp=5)
    check = case.present(check_mode=True)
    result = case.present()
    assert (check["resumed"], result["resumed"]) == (True, True)
    assert result["uploaded_bytes"] == 3 * BLOCK + 512 - sent
    assert "create_page_blob" not in case.writes[case.writes.index("upload_page") :]
    assert case.stored.content() == case.file
    assert case.stored.content_md5 == hashlib.md5(case.file, usedforsecurity=False).digest()
    assert result["diff"]["before"] == {"state": "unfinished", "source_sha256": None}


def test_the_footer_is_written_even_when_it_is_there(case: Case) -> None:
    case.blob.failures["set_http_headers"] = [storage_error(403, "AuthenticationFailed")]
    with pytest.raises(ProviderError):
        case.present()
    case.write_file(stamp=5)
    assert case.present()["uploaded_bytes"] == 512
    assert case.stored.content() == case.file


def test_unfinished_upload_of_other_content_is_replaced(case: Case) -> None:
    case.blob.stored = StoredBlob(4096, {"unfinished_source_sha256": OTHER_SHA256}, 7, pages={0: b"y" * 512})
    result = case.present()
    assert (result["changed"], result["resumed"]) == (True, False)
    assert case.stored.content() == case.file


def test_unfinished_upload_of_another_size_is_replaced(case: Case) -> None:
    case.blob.stored = StoredBlob(4096, {"unfinished_source_sha256": SHA256}, sequence_number(SHA256))
    assert case.present()["resumed"] is False
    assert case.stored.content() == case.file


def test_another_upload_that_takes_the_blob_over_stops_this_one(case: Case) -> None:
    def taken_over(*_arguments: Any, **_options: Any) -> None:
        case.stored.page_blob_sequence_number = sequence_number(OTHER_SHA256)
        raise storage_error(412, "SequenceNumberConditionNotMet")

    case.blob.upload_page = taken_over  # type: ignore[method-assign]
    with pytest.raises(ConflictError, match="was replaced by another upload"):
        case.present()
    assert "set_blob_metadata" not in case.writes


def test_another_upload_that_takes_the_blob_over_at_the_end(case: Case) -> None:
    original = case.blob.set_http_headers

    def taken_over(settings: Any, **options: Any) -> dict[str, Any]:
        answer = original(settings, **options)
        case.blob.stored = StoredBlob(len(case.file), {}, sequence_number(OTHER_SHA256), etag="x")
        return answer

    case.blob.set_http_headers = taken_over  # type: ignore[method-assign]
    with pytest.raises(ConflictError, match="was replaced by another upload"):
        case.present()
    assert case.stored.metadata == {}


@pytest.mark.parametrize(
    ("call", "code", "status"),
    [
        ("create_page_blob", "BlobAlreadyExists", 409),
        ("set_http_headers", "ConditionNotMet", 412),
        ("set_blob_metadata", "ConditionNotMet", 412),
    ],
)
def test_answers_that_got_lost(case: Case, call: str, code: str, status: int) -> None:
    """The SDK repeats a request, whose condition then meets what the first attempt has changed."""
    case.blob.failures[call] = [storage_error(status, code)]
    assert case.present()["changed"] is True
    assert case.stored.content() == case.file
    assert case.stored.metadata == {"source_sha256": SHA256}


def test_who_was_faster_to_create(case: Case) -> None:
    def create(*_arguments: Any, **_options: Any) -> None:
        case.blob.stored = StoredBlob(512, {"unfinished_source_sha256": OTHER_SHA256}, 1)
        raise storage_error(409, "BlobAlreadyExists")

    case.blob.create_page_blob = create  # type: ignore[method-assign]
    with pytest.raises(ConflictError, match="was replaced by another upload"):
        case.present()
