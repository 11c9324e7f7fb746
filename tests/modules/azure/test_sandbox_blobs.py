# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local Blob service keeps the rules of page blobs, also those that Azurite does not know."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest
import requests
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobClient, BlobType

from tests.support.azure_requests import CONTAINER, PAGE, STORAGE, AzureRequests
from tests.support.sandboxes import StartSandbox

_SIZE = 6 << 20
_LIMIT = 4 << 20


@pytest.fixture(scope="module")
def requests_to(start_sandbox: StartSandbox) -> AzureRequests:
    made = AzureRequests(start_sandbox("azure"))
    made.blob("PUT", CONTAINER, params={"restype": "container"})
    return made


@pytest.fixture(scope="module")
def blob(requests_to: AzureRequests) -> str:
    return requests_to.create_blob("pages", _SIZE)


def _code(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.headers["x-ms-error-code"]


@pytest.mark.parametrize(
    ("data", "byte_range"),
    [
        (bytes(PAGE), f"{_SIZE}-{_SIZE + PAGE - 1}"),
        (bytes(2 * PAGE), f"{_SIZE - PAGE}-{_SIZE + PAGE - 1}"),
        (bytes(PAGE), f"1-{PAGE}"),
        (bytes(PAGE - 1), f"0-{PAGE - 2}"),
        (bytes(PAGE), f"{PAGE}-{PAGE - 1}"),
    ],
)
def test_pages_outside_the_blob_and_parts_of_pages_are_refused(
    requests_to: AzureRequests, blob: str, data: bytes, byte_range: str
) -> None:
    assert _code(requests_to.put_page(blob, data, byte_range)) == (416, "InvalidPageRange")


def test_a_request_has_a_range_and_no_more_than_4_mib(requests_to: AzureRequests, blob: str) -> None:
    whole = requests_to.put_page(blob, bytes(_LIMIT), f"0-{_LIMIT - 1}")
    assert whole.status_code == 201
    more = requests_to.put_page(blob, bytes(_LIMIT + PAGE), f"0-{_LIMIT + PAGE - 1}")
    assert _code(more) == (413, "RequestBodyTooLarge")
    without = requests_to.put_page(blob, bytes(PAGE), "", x_ms_range="")
    assert _code(without) == (400, "MissingRequiredHeader")
    # Clearing sends no bytes, so that no limit holds but the blob's end.
    cleared = requests_to.put_page(blob, b"", f"0-{_SIZE - 1}", x_ms_page_write="clear")
    assert cleared.status_code == 201
    beyond = requests_to.put_page(blob, b"", f"0-{_SIZE + PAGE - 1}", x_ms_page_write="clear")
    assert _code(beyond) == (416, "InvalidPageRange")


def test_a_blob_is_made_of_whole_pages(requests_to: AzureRequests) -> None:
    length = str(PAGE + 1)
    response = requests_to.blob("PUT", f"{CONTAINER}/odd", x_ms_blob_type="PageBlob", x_ms_blob_content_length=length)
    assert response.status_code == 400, response.text
    assert requests_to.blob("HEAD", f"{CONTAINER}/odd").status_code == 404


def test_a_smaller_blob_of_the_same_name_ends_earlier(requests_to: AzureRequests) -> None:
    name = secrets.token_hex(8)
    requests_to.create_blob(name, 4 * PAGE)
    path = requests_to.create_blob(name, PAGE)
    assert _code(requests_to.put_page(path, bytes(PAGE), f"{PAGE}-{2 * PAGE - 1}")) == (416, "InvalidPageRange")
    resized = requests_to.blob("PUT", path, params={"comp": "properties"}, x_ms_blob_content_length=str(2 * PAGE))
    assert resized.status_code == 200
    assert requests_to.put_page(path, bytes(PAGE), f"{PAGE}-{2 * PAGE - 1}").status_code == 201


class _Credential:
    def __init__(self, token: str) -> None:
        self._token = token.removeprefix("Bearer ")

    def get_token(self, *_scopes: str, **_options: object) -> AccessToken:
        return AccessToken(self._token, 1 << 33)


def test_the_sdk_uploads_pages_with_metadata(requests_to: AzureRequests, tmp_path: Path) -> None:
    client = BlobClient(
        requests_to.blobs,
        CONTAINER,
        f"sdk-{secrets.token_hex(8)}",
        credential=_Credential(requests_to.bearer(STORAGE)),
        connection_verify=str(requests_to.session.verify),
    )
    content = bytes(PAGE) + secrets.token_bytes(PAGE) + bytes(2 * PAGE)
    with client:
        # Names with an underscore are lost where headers go through WSGI's environment.
        client.upload_blob(content, blob_type=BlobType.PAGEBLOB, metadata={"source_sha256": "ab"}, length=len(content))
        assert client.download_blob().readall() == content
        assert client.get_blob_properties().metadata == {"source_sha256": "ab"}
        with pytest.raises(HttpResponseError) as caught:
            client.upload_page(bytes(PAGE), offset=len(content), length=PAGE)
        assert "InvalidPageRange" in str(caught.value)
