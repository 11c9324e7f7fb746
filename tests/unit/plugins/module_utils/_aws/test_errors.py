# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import http.client
import ssl
from typing import Any

import boto3.exceptions
import botocore.exceptions
import pytest
import urllib3

from ansible_collections.alpine.cloud.plugins.module_utils._aws.errors import provider_errors
from ansible_collections.alpine.cloud.plugins.module_utils._aws.tags import as_dict
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import (
    AlpineCloudError,
    InputError,
    ProviderError,
)


def _answer(
    code: str, message: str = "Not today.", status: int = 400, operation: str = "ImportSnapshot"
) -> botocore.exceptions.ClientError:
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return botocore.exceptions.ClientError(response, operation)


def _translated(error: Exception, attempt: str = "look") -> AlpineCloudError:
    with pytest.raises(AlpineCloudError) as caught, provider_errors("DescribeImages", attempt):
        raise error
    assert caught.value.__cause__ is error
    return caught.value


def test_answer_becomes_a_provider_error() -> None:
    with pytest.raises(ProviderError) as caught, provider_errors("DescribeImages", "import the disk"):
        raise _answer("InvalidParameter", "The service role nobody does not exist")
    error = caught.value
    assert error.message == (
        "Could not import the disk: ImportSnapshot answered InvalidParameter: The service role nobody does not exist"
    )
    assert error.as_result() == {
        "operation": "ImportSnapshot",
        "code": "InvalidParameter",
        "status": 400,
        "details": None,
    }
    assert isinstance(error.__cause__, botocore.exceptions.ClientError)


def test_empty_reason_is_said_to_be_missing() -> None:
    error = _translated(_answer("404", "", 404, "HeadBucket"))
    assert error.message == "Could not look: HeadBucket answered 404: no reason given"


@pytest.mark.parametrize("code", ["AuthFailure", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"])
def test_refused_credentials_name_their_options(code: str) -> None:
    error = _translated(_answer(code, status=403))
    assert isinstance(error, ProviderError)
    assert "check access_key, secret_key and session_token, or profile" in error.message


def test_encoded_authorization_message_is_cut_off() -> None:
    reason = "You are not authorized to perform this operation. Encoded authorization failure message: abcdef123"
    error = _translated(_answer("UnauthorizedOperation", reason, 403))
    assert error.message.endswith("You are not authorized to perform this operation.")


@pytest.mark.parametrize(
    "raised",
    [
        botocore.exceptions.NoCredentialsError(),
        botocore.exceptions.PartialCredentialsError(provider="env", cred_var="aws_secret_access_key"),
        botocore.exceptions.CredentialRetrievalError(provider="sso", error_msg="expired"),
        botocore.exceptions.ProfileNotFound(profile="nope"),
    ],
)
def test_missing_credentials_are_bad_input(raised: Exception) -> None:
    error = _translated(raised)
    assert isinstance(error, InputError)
    assert "profile" in error.message


def test_unknown_authority_names_the_option() -> None:
    refused: Any = "self-signed"
    error = _translated(botocore.exceptions.SSLError(endpoint_url="https://s3.example", error=refused))
    assert isinstance(error, ProviderError)
    assert error.message.endswith("a private authority's certificate goes into aws_ca_bundle")


@pytest.mark.parametrize(
    "raised",
    [
        botocore.exceptions.EndpointConnectionError(endpoint_url="https://ec2.example"),
        botocore.exceptions.ReadTimeoutError(endpoint_url="https://ec2.example"),
        botocore.exceptions.ParamValidationError(report="Unknown parameter"),
    ],
)
def test_what_never_reached_aws_has_a_code_but_no_status(raised: Exception) -> None:
    error = _translated(raised)
    assert isinstance(error, ProviderError)
    assert error.code == type(raised).__name__
    assert error.status is None


def test_failed_upload_is_its_cause() -> None:
    def upload() -> None:
        try:
            raise _answer("SlowDown", status=503, operation="UploadPart")
        except botocore.exceptions.ClientError as error:
            # As boto3 does it: without "from".
            raise boto3.exceptions.S3UploadFailedError(f"Failed to upload x to y: {error}")  # noqa: B904

    with pytest.raises(ProviderError) as caught, provider_errors("DescribeImages", "upload x"):
        upload()
    assert caught.value.operation == "UploadPart"
    assert caught.value.code == "SlowDown"
    assert caught.value.status == 503


def test_failed_upload_without_a_cause_keeps_its_text() -> None:
    error = _translated(boto3.exceptions.S3UploadFailedError("disk read error"), "upload x")
    assert isinstance(error, ProviderError)
    assert error.message == "Could not upload x: S3UploadFailedError: disk read error"


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (urllib3.exceptions.ProtocolError("Connection broken"), "ProtocolError: Connection broken"),
        (http.client.IncompleteRead(b"abc", 5), "IncompleteRead: IncompleteRead(3 bytes read, 5 more expected)"),
        (ssl.SSLError("handshake failure"), "SSLError: ('handshake failure',)"),
        (ConnectionResetError("reset"), "ConnectionResetError: reset"),
        (ValueError("Invalid endpoint: x"), "boto3 does not understand its settings or the answer (ValueError: "),
        (KeyError("Snapshots"), "boto3 does not understand its settings or the answer (KeyError: 'Snapshots')"),
    ],
)
def test_whatever_comes_out_of_boto3_is_translated(raised: Exception, reason: str) -> None:
    error = _translated(raised)
    assert isinstance(error, ProviderError)
    assert error.message.startswith("Could not look: ")
    assert reason.partition(": ")[0] in error.message
    assert (error.operation, error.code, error.status) == ("DescribeImages", type(raised).__name__, None)


def test_our_own_errors_pass() -> None:
    with pytest.raises(InputError, match=r"^src"), provider_errors("DescribeImages", "look"):
        raise InputError("src is missing")


def test_our_own_mistakes_are_not_disguised() -> None:
    not_tags: Any = 1
    with pytest.raises(TypeError), provider_errors("DescribeImages", "look"):
        as_dict(not_tags)
