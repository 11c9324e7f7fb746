# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._azure.page_ranges import BLOCK
from ansible_collections.alpine.cloud.plugins.module_utils._azure.page_upload import sequence_number
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import ConflictError, ProviderError
from ansible_collections.alpine.cloud.plugins.module_utils._core.progress import FILE_VARIABLE
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


def test_only_what_was_looked_at_is_replaced(case: Case) -> None:
    case.blob.stored = StoredBlob(4096, {"unfinished_source_sha256": OTHER_SHA256}, 7)
    original = case.blob.create_page_blob

    def create(size: int, **options: Any) -> None:
        case.stored.etag = "changed by another upload"
        original(size, **options)

    case.blob.create_page_blob = create  # type: ignore[method-assign]
    with pytest.raises(ConflictError, match="was replaced by another upload"):
        case.present()
    assert case.stored.metadata == {"unfinished_source_sha256": OTHER_SHA256}


def test_unfinished_upload_of_another_size_is_replaced(case: Case) -> None:
    case.blob.stored = StoredBlob(4096, {"unfinished_source_sha256": SHA256}, sequence_number(SHA256))
    assert case.present()["resumed"] is False
    assert case.stored.content() == case.file


def test_another_upload_that_takes_the_blob_over_stops_this_one(case: Case) -> None:
    original = case.blob.upload_page

    def taken_over(data: bytes, **options: Any) -> None:
        original(data, **options)
        case.stored.page_blob_sequence_number = sequence_number(OTHER_SHA256)

    case.blob.upload_page = taken_over  # type: ignore[method-assign]
    with pytest.raises(ConflictError, match="was replaced by another upload"):
        case.present()
    assert len(case.stored.pages) == 1, "no page of one is mixed with those of the other"
    assert "set_blob_metadata" not in case.writes


def test_another_upload_that_takes_the_blob_over_at_the_end(case: Case) -> None:
    original = case.blob.set_http_headers

    def taken_over(settings: Any, **options: Any) -> dict[str, Any]:
        answer: dict[str, Any] = original(settings, **options)
        # Once only: a second look at it could succeed.
        case.blob.set_http_headers = original  # type: ignore[method-assign]
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


@pytest.mark.parametrize(("same_size", "sha256"), [(True, OTHER_SHA256), (False, SHA256)])
def test_who_was_faster_to_create(case: Case, same_size: bool, sha256: str) -> None:
    def create(*_arguments: Any, **_options: Any) -> None:
        case.blob.stored = StoredBlob(
            len(case.file) if same_size else 512, {"unfinished_source_sha256": sha256}, sequence_number(SHA256)
        )
        raise storage_error(409, "BlobAlreadyExists")

    case.blob.create_page_blob = create  # type: ignore[method-assign]
    with pytest.raises(ConflictError, match="was replaced by another upload"):
        case.present()


def test_who_has_finished_the_same_content_meanwhile(case: Case) -> None:
    def create(*_arguments: Any, **_options: Any) -> None:
        case.blob.stored = StoredBlob(
            len(case.file), {"source_sha256": SHA256}, sequence_number(SHA256), pages={0: case.file}
        )
        raise storage_error(409, "BlobAlreadyExists")

    case.blob.create_page_blob = create  # type: ignore[method-assign]
    case.present()
    assert case.stored.metadata == {"source_sha256": SHA256}
    assert "set_blob_metadata" not in case.writes


@pytest.mark.parametrize("moment", ["upload_page", "set_http_headers", "set_blob_metadata", "get_blob_properties"])
def test_blob_that_another_run_has_removed_is_uploaded_again(case: Case, moment: str) -> None:
    original = getattr(case.blob, moment)
    looks: list[str] = []

    def removed(*arguments: Any, **options: Any) -> Any:
        # The first look is before there is a blob.
        looks.append(moment)
        if moment != "get_blob_properties" or len(looks) > 1:
            case.blob.stored = None
            setattr(case.blob, moment, original)
            if moment != "get_blob_properties":
                raise storage_error(404, "BlobNotFound")
        return original(*arguments, **options)

    setattr(case.blob, moment, removed)
    assert case.present()["changed"] is True
    assert case.stored.content() == case.file
    assert case.stored.metadata == {"source_sha256": SHA256}


def test_commit_waits_for_another_upload_of_the_same_content(case: Case) -> None:
    case.blob.failures["set_http_headers"] = [storage_error(412, "ConditionNotMet")] * 5
    case.present()
    assert case.writes.count("set_http_headers") == 6
    assert case.stored.metadata == {"source_sha256": SHA256}


def test_progress_ends_with_the_whole_file(case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines = tmp_path / "progress"
    monkeypatch.setenv(FILE_VARIABLE, str(lines))
    case.present()
    last = json.loads(lines.read_text().splitlines()[-1])
    assert last == {"step": "upload", "done": len(case.file), "total": len(case.file), "unit": "bytes"}


def test_a_refused_creation_is_no_lost_answer(case: Case) -> None:
    case.blob.failures["create_page_blob"] = [storage_error(403, "AuthorizationFailure")]
    with pytest.raises(ProviderError, match=r"Cannot create blob images/small\.vhd: AuthorizationFailure"):
        case.present()
    assert case.writes == ["create_page_blob"]
