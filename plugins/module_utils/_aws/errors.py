# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where the exceptions of boto3 become this collection's."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from .._core.errors import AlpineCloudError, InputError, ProviderError

_CREDENTIAL_CODES = {
    "AuthFailure",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}


@contextlib.contextmanager
def aws_errors(attempt: str) -> Iterator[None]:
    """Turn what boto3 raises into ``ProviderError`` or ``InputError``.

    :param attempt: what is tried, to complete the sentence "Could not {attempt}".
    """
    try:
        yield
    except Exception as error:
        translated = translate(error, attempt)
        if translated is None:
            raise
        raise translated from error


def translate(error: BaseException, attempt: str) -> AlpineCloudError | None:
    """The error for the user, or ``None`` when ``error`` does not come from boto3."""
    if "botocore.exceptions" not in sys.modules:
        return None
    import boto3.exceptions
    import botocore.exceptions

    if isinstance(error, boto3.exceptions.S3UploadFailedError):
        # boto3 keeps the cause as context, and its text in a sentence of its own.
        cause = error.__cause__ or error.__context__
        inner = translate(cause, attempt) if cause else None
        return inner or ProviderError(f"Could not {attempt}: {error}", operation="PutObject")
    if isinstance(error, botocore.exceptions.ClientError):
        return _from_answer(error, attempt)
    if isinstance(error, botocore.exceptions.ProfileNotFound):
        return InputError(f"Could not {attempt}: {error}; check the option profile")
    if isinstance(
        error,
        botocore.exceptions.NoCredentialsError
        | botocore.exceptions.PartialCredentialsError
        | botocore.exceptions.CredentialRetrievalError
        | botocore.exceptions.TokenRetrievalError
        | botocore.exceptions.SSOError,
    ):
        return InputError(f"Could not {attempt}: {error}; check access_key and secret_key, or profile")
    if isinstance(error, botocore.exceptions.SSLError):
        message = f"Could not {attempt}: {error}; a private authority's certificate goes into aws_ca_bundle"
        return ProviderError(message, operation="connect", code="SSLError")
    if isinstance(error, botocore.exceptions.BotoCoreError):
        code = type(error).__name__
        return ProviderError(f"Could not {attempt}: {code}: {error}", operation="connect", code=code)
    return None


def _from_answer(error: Exception, attempt: str) -> ProviderError:
    response = getattr(error, "response", {})
    operation: str = getattr(error, "operation_name", "")
    code = str(response.get("Error", {}).get("Code", "Unknown"))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    # EC2 appends its reasoning in a form that only sts:DecodeAuthorizationMessage reads.
    reason = response.get("Error", {}).get("Message", "").partition(" Encoded authorization failure message:")[0]
    message = f"Could not {attempt}: {operation} answered {code}: {reason or 'no reason given'}"
    if code in _CREDENTIAL_CODES:
        message += "; check access_key, secret_key and session_token, or profile, and that the region is enabled"
    return ProviderError(message, operation=operation, code=code, status=status)


def code_of(error: BaseException) -> str | None:
    """The provider's error code of a boto3 ``ClientError``, else ``None``."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code")) if isinstance(response, dict) else None
