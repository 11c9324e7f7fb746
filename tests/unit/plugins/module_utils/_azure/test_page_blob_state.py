# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from azure.storage.blob import BlobProperties

from ansible_collections.alpine.cloud.plugins.module_utils._azure.page_blob_state import PageBlobState, page_blob_state
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import ProviderError
from tests.unit.plugins.module_utils._azure.fakes import (
    OTHER_SHA256,
    SHA256,
    BlobClient,
    StoredBlob,
    storage_error,
)


def state_of(**metadata: str) -> PageBlobState:
    stored: Any = StoredBlob(1024, metadata, 7, etag="e")
    return PageBlobState.of(stored)


def test_a_finished_upload() -> None:
    assert state_of(source_sha256=SHA256) == PageBlobState("PageBlob", 1024, "e", 7, SHA256, None)


def test_an_unfinished_upload() -> None:
    assert state_of(unfinished_source_sha256=SHA256) == PageBlobState("PageBlob", 1024, "e", 7, None, SHA256)


def test_what_the_sdk_itself_answers() -> None:
    headers = {"Content-Length": 512, "x-ms-blob-type": "BlockBlob", "ETag": "e", "x-ms-blob-sequence-number": None}
    assert PageBlobState.of(BlobProperties(**headers)) == PageBlobState("BlockBlob", 512, "e", None, None, None)


@pytest.mark.parametrize(
    ("metadata", "holds"),
    [
        ({"source_sha256": SHA256}, SHA256),
        ({"unfinished_source_sha256": SHA256}, SHA256),
        ({"source_sha256": SHA256, "unfinished_source_sha256": OTHER_SHA256}, SHA256),
        ({"other": SHA256}, None),
    ],
)
def test_what_it_holds(metadata: dict[str, str], holds: str | None) -> None:
    assert state_of(**metadata).holds == holds


def test_no_blob_is_none() -> None:
    blob: Any = BlobClient()
    assert page_blob_state(blob, "blob c/b") is None


def test_a_refusal_is_no_absence() -> None:
    blob: Any = BlobClient()
    blob.failures["get_blob_properties"] = [storage_error(403, "AuthorizationFailure")]
    with pytest.raises(ProviderError, match="Cannot look up blob c/b: AuthorizationFailure") as caught:
        page_blob_state(blob, "blob c/b")
    assert caught.value.operation == "GetBlobProperties"
