# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local Cloud Storage takes uploads as Google's does, and refuses what that refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.cloud import storage
from google.cloud.storage import transfer_manager

from tests.support.google_requests import Google
from tests.support.sandboxes import StartSandbox

_BUCKET = "sandbox-objects"


@pytest.fixture(scope="module")
def google(start_sandbox: StartSandbox) -> Iterator[Google]:
    with Google.signed_in(start_sandbox("gcp"), _BUCKET) as google:
        yield google


def _start_upload(google: Google, name: str, **options: Any) -> str:
    url = f"{google.storage}/upload/storage/v1/b/{_BUCKET}/o"
    query = {"uploadType": "resumable", "name": name, **options}
    response = google.session.post(url, params=query, json={"metadata": {"a": "b"}}, timeout=30)
    assert response.status_code == 200, response.text
    return str(response.headers["Location"])


def _send(google: Google, location: str, data: bytes | None, content_range: str, **headers: str) -> Any:
    headers = {"Content-Range": f"bytes {content_range}", **headers}
    return google.session.put(location, data=data, headers=headers, timeout=30)


def test_a_resumable_upload_goes_on_where_it_was(google: Google) -> None:
    chunk = 256 * 1024
    location = _start_upload(google, "resumed")
    assert "Range" not in _send(google, location, None, "*/*").headers
    assert _send(google, location, bytes(1000), f"0-999/{chunk + 5}").status_code == 400
    assert (
        _send(google, location, bytes(chunk), f"0-{chunk - 1}/{chunk + 5}").headers["Range"] == f"bytes=0-{chunk - 1}"
    )
    # Again: the client had not seen the answer.
    assert _send(google, location, bytes(chunk), f"0-{chunk - 1}/{chunk + 5}").status_code == 308
    assert _send(google, location, b"xx", f"{chunk + 1}-{chunk + 2}/{chunk + 5}").status_code == 400
    assert _send(google, location, None, "*/*").headers["Range"] == f"bytes=0-{chunk - 1}"
    made = _send(google, location, b"world", f"{chunk}-{chunk + 4}/{chunk + 5}")
    assert (made.status_code, made.json()["size"], made.json()["metadata"]) == (200, str(chunk + 5), {"a": "b"})
    assert _send(google, location, None, "*/*").json()["generation"] == made.json()["generation"]


def test_hashes_are_compared(google: Google) -> None:
    wrong = {"x-goog-hash": "crc32c=AAAAAA=="}
    response = _send(google, _start_upload(google, "damaged"), b"hello", "0-4/5", **wrong)
    assert response.status_code == 400
    assert "doesn't match calculated" in response.text
    google.refused("GET", f"{google.storage}/storage/v1/b/{_BUCKET}/o/damaged", status=404)


def test_preconditions_hold_at_the_end_too(google: Google) -> None:
    first = _start_upload(google, "contended", ifGenerationMatch="0")
    second = _start_upload(google, "contended", ifGenerationMatch="0")
    assert _send(google, first, b"hello", "0-4/5").status_code == 200
    assert _send(google, second, b"world", "0-4/5").status_code == 412
    query = {"uploadType": "resumable", "name": "contended", "ifGenerationMatch": "0"}
    google.refused("POST", f"{google.storage}/upload/storage/v1/b/{_BUCKET}/o", {}, status=412, params=query)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        *(({"name": name}, "Invalid bucket name") for name in ("Capital", "ab", "goog-x", "a..b")),
        ({"name": _BUCKET + "-2", "location": "MARS"}, "location constraint is not valid"),
        ({"name": _BUCKET + "-2", "publicAccess": False}, 'Unknown name "publicAccess"'),
    ],
)
def test_a_wrong_bucket_is_refused(google: Google, body: dict[str, Any], words: str) -> None:
    assert words in google.refused("POST", f"{google.storage}/storage/v1/b?project=alpine-sandbox", body)


def test_buckets_belong_to_a_project_and_stay_while_they_hold_objects(google: Google) -> None:
    url = f"{google.storage}/storage/v1/b"
    assert "Unknown project" in google.refused("POST", f"{url}?project=other", {"name": "other-bucket"})
    google.refused("POST", f"{url}?project=alpine-sandbox", {"name": _BUCKET}, status=409)
    google.upload("kept", b"x")
    google.refused("DELETE", f"{url}/{_BUCKET}", status=409)


def test_the_client_librarys_parallel_upload_works(google: Google, tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(bytes(range(256)) * (13 << 12))
    client: Any = storage.Client(
        project="alpine-sandbox",
        credentials=google.session.credentials,
        _http=google.session,
        client_options={"api_endpoint": google.storage},
    )
    blob = client.bucket(_BUCKET).blob("parallel/large")
    blob.metadata = {"source-sha256": "abc"}
    transfer_manager.upload_chunks_concurrently(
        str(file), blob, chunk_size=5 << 20, max_workers=2, worker_type=transfer_manager.THREAD
    )
    blob.reload()
    assert blob.metadata == {"source-sha256": "abc"}
    assert blob.download_as_bytes() == file.read_bytes()
