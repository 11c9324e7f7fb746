# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import boto3.exceptions
import botocore.exceptions
import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._aws.errors import aws_errors, code_of, translate
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError, ProviderError


def _answer(
    code: str, message: str = "Not today.", status: int = 400, operation: str = "ImportSnapshot"
) -> botocore.exceptions.ClientError:
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return botocore.exceptions.ClientError(response, operation)


def test_answer_becomes_a_provider_error() -> None:
    with pytest.raises(ProviderError) as caught, aws_errors("import the disk"):
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
    error = translate(_answer("404", "", 404, "HeadBucket"), "look")
    assert error is not None
    assert error.message == "Could not look: HeadBucket answered 404: no reason given"


@pytest.mark.parametrize("code", ["AuthFailure", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken"])
def test_refused_credentials_name_their_options(code: str) -> None:
    error = translate(_answer(code, status=403), "look")
    assert isinstance(error, ProviderError)
    assert "check access_key, secret_key and session_token, or profile" in error.message


def test_encoded_authorization_message_is_cut_off() -> None:
    reason = "You are not authorized to perform this operation. Encoded authorization failure message: abcdef123"
    error = translate(_answer("UnauthorizedOperation", reason, 403), "look")
    assert error is not None
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
    error = translate(raised, "look")
    assert isinstance(error, InputError)
    assert "profile" in error.message


def test_unknown_authority_names_the_option() -> None:
    error = translate(botocore.exceptions.SSLError(endpoint_url="https://s3.example", error="self-signed"), "look")
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
    error = translate(raised, "look")
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

    with pytest.raises(ProviderError) as caught, aws_errors("upload x"):
        upload()
    assert caught.value.operation == "UploadPart"
    assert caught.value.code == "SlowDown"
    assert caught.value.status == 503


def test_failed_upload_without_a_cause_keeps_its_text() -> None:
    error = translate(boto3.exceptions.S3UploadFailedError("disk read error"), "upload x")
    assert isinstance(error, ProviderError)
    assert error.message == "Could not upload x: disk read error"


def test_other_errors_pass_through() -> None:
    with pytest.raises(KeyError), aws_errors("look"):
        raise KeyError("x")
    with pytest.raises(InputError, match=r"^src"), aws_errors("look"):
        raise InputError("src is missing")


def test_code_of() -> None:
    assert code_of(_answer("NoSuchBucket")) == "NoSuchBucket"
    assert code_of(ValueError("x")) is None
