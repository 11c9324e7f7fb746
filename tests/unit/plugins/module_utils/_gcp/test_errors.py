# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import pytest
import requests
import urllib3
from google.api_core import exceptions as api
from google.auth import exceptions as auth
from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
from google.oauth2.credentials import Credentials
from google.protobuf import json_format

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError, ProviderError
from ansible_collections.alpine.cloud.plugins.module_utils._gcp.errors import (
    DATA_CORRUPTION,
    provider_errors,
    without_queries,
)


def _answer(status: int, body: Any) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response._content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    response.request = requests.Request("POST", "https://storage.example/upload?upload_id=secret").prepare()
    return response


def _translated(error: Exception) -> ProviderError:
    with pytest.raises(ProviderError) as caught, provider_errors("images.insert", "import image alpine"):
        raise error
    assert caught.value.__cause__ is error
    return caught.value


def test_googles_reason_is_told_with_code_and_status() -> None:
    details = [{"message": "The name is taken.", "domain": "global", "reason": "alreadyExists"}]
    body = {"error": {"code": 409, "message": "The name is taken.", "errors": details}}
    error = _translated(api.from_http_response(_answer(409, body)))
    assert error.message == "Google Cloud could not import image alpine: The name is taken."
    assert error.as_result() == {
        "operation": "images.insert",
        "code": "alreadyExists",
        "status": 409,
        "details": details,
    }


def test_an_answer_that_is_not_json_is_told_without_its_url_query() -> None:
    error = _translated(api.from_http_response(_answer(502, "<html>Bad Gateway</html>")))
    assert "Bad Gateway" in error.message
    assert "secret" not in error.message
    assert (error.status, error.code, error.details) == (502, None, None)


@pytest.mark.parametrize("body", [[], "null", {"error": "invalid_grant"}, {"other": 1}])
def test_an_answer_of_another_shape_does_no_harm(body: Any) -> None:
    error = _translated(api.NotFound("nothing here", response=_answer(404, body)))
    assert error.message == "Google Cloud could not import image alpine: nothing here"
    assert error.status == 404


def test_failed_retries_tell_their_last_cause() -> None:
    body = {"error": {"message": "Try later.", "errors": [{"reason": "backendError"}]}}
    cause = api.from_http_response(_answer(503, body))
    error = _translated(api.RetryError("Timeout of 30.0s exceeded", cause))
    assert error.message == "Google Cloud could not import image alpine in several attempts: Try later."
    assert (error.status, error.code) == (503, "backendError")


def test_failed_retries_without_a_cause_tell_so() -> None:
    error = _translated(api.RetryError("Timeout of 30.0s exceeded", None))
    assert "Timeout of 30.0s exceeded" in error.message


def test_a_broken_connection_is_told_without_the_url_query() -> None:
    text = "Max retries exceeded with url: /upload?uploadType=resumable&upload_id=secret (Caused by refused)"
    error = _translated(requests.ConnectionError(text))
    assert "(Caused by refused)" in error.message
    assert "secret" not in error.message
    assert error.status is None


def test_a_refused_sign_in_names_the_credentials() -> None:
    refused = auth.RefreshError("invalid_grant: account not found", {"error": "invalid_grant"})
    assert _translated(refused).message == (
        "Google Cloud could not import image alpine: the credentials of auth_kind get no access token: "
        "invalid_grant: account not found"
    )


def test_a_token_that_cannot_be_renewed_is_to_be_replaced() -> None:
    with pytest.raises(auth.RefreshError) as caught:
        Credentials("ya29.expired").refresh(Mock())
    assert "access_token is not valid, or not any more: get a new one" in _translated(caught.value).message


@pytest.mark.parametrize("wrap", [requests.exceptions.SSLError, lambda text: auth.TransportError(Exception(text))])
def test_a_certificate_that_is_not_trusted_has_a_remedy(wrap: Callable[[str], Exception]) -> None:
    error = _translated(wrap("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate"))
    assert error.message.endswith("; a private authority's certificate goes into ca_file")


def test_a_sign_in_server_out_of_reach_is_no_matter_of_credentials() -> None:
    error = _translated(auth.TransportError(requests.ConnectionError("Connection refused")))
    assert error.message.endswith(": the server that gives access tokens cannot be reached: Connection refused")


def test_details_hold_no_signature() -> None:
    message = "not found: https://storage.googleapis.com/b/o?X-Goog-Signature=secret"
    body = {"error": {"message": message, "errors": [{"message": message, "reason": "notFound", "extra": 1}]}}
    error = _translated(api.from_http_response(_answer(404, body)))
    assert "secret" not in json.dumps(error.as_result()) + error.message
    assert error.details[0]["extra"] == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (urllib3.exceptions.ProtocolError("Connection broken"), "Connection broken"),
        (http.client.IncompleteRead(b"half", 4), "IncompleteRead(4 bytes read, 4 more expected)"),
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), "certificate verify failed"),
        (ConnectionResetError(), "ConnectionResetError"),
        (json.JSONDecodeError("Expecting value", "<html>", 0), "does not understand the answer (JSONDecodeError: Exp"),
        (json_format.ParseError("Failed to parse"), "does not understand the answer (ParseError: Failed to parse"),
        (KeyError("location"), "does not understand the answer (KeyError: 'location'"),
        (TypeError("string indices"), "does not understand the answer (TypeError: string indices"),
        (AttributeError("no attribute 'get'"), "does not understand the answer (AttributeError: no attribute 'get'"),
    ],
)
def test_whatever_comes_out_of_the_sdk_is_told(error: Exception, words: str) -> None:
    translated = _translated(error)
    assert translated.message.startswith("Google Cloud could not import image alpine: ")
    assert words in translated.message
    assert (translated.operation, translated.code, translated.status) == ("images.insert", None, None)


def test_an_answer_to_an_upload_that_was_not_expected_is_told() -> None:
    answer = _answer(503, "Busy")
    error = _translated(InvalidResponse(answer, "Request failed with status code", 503, "Expected one of", 200, 308))
    assert error.message.endswith(": Request failed with status code 503 Expected one of 200 308")
    assert error.status == 503


def test_a_damaged_upload_has_a_code() -> None:
    error = _translated(DataCorruption(_answer(200, {}), "Checksum mismatch"))
    assert error.code == DATA_CORRUPTION
    assert error.message.endswith(": Checksum mismatch")


def test_errors_of_the_collection_pass() -> None:
    with pytest.raises(InputError, match="as it is"), provider_errors("images.insert", "import"):
        raise InputError("as it is")


def test_bugs_of_the_collection_pass() -> None:
    no_text: Any = None
    with pytest.raises(TypeError), provider_errors("images.insert", "import"):
        without_queries(no_text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://host/path?a=b&c=d", "https://host/path"),
        ("PUT https://host/p?upload_id=x: 503 (y?z)", "PUT https://host/p 503 (y)"),
        ("no url", "no url"),
    ],
)
def test_queries_are_cut_out(text: str, expected: str) -> None:
    assert without_queries(text) == expected
