# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import http.client
import ssl
from typing import Any

import oci.exceptions
import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError, ProviderError
from ansible_collections.alpine.cloud.plugins.module_utils._core.identity import checked_sha256
from ansible_collections.alpine.cloud.plugins.module_utils._oci.errors import provider_errors


def _raise(error: Exception) -> ProviderError:
    with pytest.raises(ProviderError) as caught, provider_errors("CreateBucket", "create bucket alpine"):
        raise error
    return caught.value


def _service_error(status: int, code: str | None, message: str | None) -> oci.exceptions.ServiceError:
    return oci.exceptions.ServiceError(status, code, {"opc-request-id": "R1"}, message)


def test_service_error_keeps_oracles_words() -> None:
    error = _raise(_service_error(409, "BucketAlreadyExists", "The bucket exists."))
    assert error.message == "Could not create bucket alpine: The bucket exists. (409 BucketAlreadyExists)."
    assert error.as_result() == {
        "operation": "CreateBucket",
        "code": "BucketAlreadyExists",
        "status": 409,
        "details": {"opc_request_id": "R1"},
    }


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        (401, "NotAuthenticated", "Check api_user, api_user_fingerprint, api_user_key_file and tenancy"),
        (401, "NotAuthenticated", "that the tenancy is subscribed to the region"),
        (401, "NotAuthenticated", "run `oci session refresh`"),
        (404, "BucketNotFound", "no such bucket in this namespace, or a policy is missing"),
        (404, "NotAuthorizedOrNotFound", "or a policy is missing"),
        (400, "LimitExceeded", "ask for a higher service limit"),
    ],
)
def test_common_errors_come_with_a_remedy(status: int, code: str, hint: str) -> None:
    assert hint in _raise(_service_error(status, code, "No.")).message


def test_a_principal_without_a_user_is_told_why_its_object_is_not_found() -> None:
    words = "Invalid objectName: Specified object or bucket or namespace to import image from does not exist"
    assert "import with the API key of a user" in _raise(_service_error(400, "InvalidParameter", words)).message


def test_a_certificate_that_is_not_trusted_has_a_remedy() -> None:
    error = _raise(oci.exceptions.RequestException("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate"))
    assert error.message.endswith("; a private authority's certificate goes into ca_file")


def test_answer_without_body_is_told_by_its_status() -> None:
    assert "(404 None)" in _raise(_service_error(404, None, None)).message


def test_lost_connection_is_told_without_the_sdks_advice() -> None:
    inner = oci.exceptions.RequestException(
        OSError("Connection refused", "Request Endpoint: GET https://x See https://docs.oracle.com for help")
    )
    error = _raise(inner)
    assert error.message == "Could not create bucket alpine: no answer from Oracle Cloud: Connection refused"
    assert error.code is None
    assert error.status is None


def test_timeout_is_told() -> None:
    error = _raise(oci.exceptions.ConnectTimeout("timed out"))
    assert error.message.endswith("no answer from Oracle Cloud: timed out")


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (http.client.RemoteDisconnected("closed"), "no answer from Oracle Cloud: closed"),
        (ssl.SSLError("handshake failure"), "no answer from Oracle Cloud: handshake failure"),
        (ConnectionResetError("reset"), "no answer from Oracle Cloud: reset"),
        (ValueError("bad date"), "Oracle's library does not understand the answer (ValueError: bad date)"),
        (KeyError("id"), "Oracle's library does not understand the answer (KeyError: 'id')"),
        (oci.exceptions.ClientError("no region"), "does not understand the answer (ClientError: no region)"),
        (oci.exceptions.MaximumWaitTimeExceeded("late"), "does not understand the answer (MaximumWaitTimeExceeded"),
    ],
)
def test_whatever_comes_out_of_the_sdk_is_translated(raised: Exception, reason: str) -> None:
    error = _raise(raised)
    assert error.operation == "CreateBucket"
    assert reason in error.message


def test_errors_of_our_own_pass() -> None:
    with pytest.raises(InputError, match=r"^name"), provider_errors("CreateBucket", "create bucket alpine"):
        raise InputError("name is missing")


def test_our_own_mistakes_are_not_disguised() -> None:
    not_a_digest: Any = None
    with pytest.raises(AttributeError), provider_errors("CreateBucket", "create bucket alpine"):
        checked_sha256(not_a_digest)
