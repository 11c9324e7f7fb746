# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place where the exceptions of boto3 become this collection's."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from .._core.dependencies import require
from .._core.errors import AlpineCloudError, InputError, ProviderError
from .._core.origin import translated_errors
from .._core.wait import Wait

T = TypeVar("T")

# Of https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html and the same page of S3.
_CREDENTIAL_CODES = {
    "AuthFailure",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}


def provider_errors(operation: str, attempt: str) -> AbstractContextManager[None]:
    """Translate whatever boto3 raises.

    Besides their own exceptions (botocore, boto3, s3transfer) those of urllib3, http.client and ssl come out of its
    packages, and ValueError, KeyError and the like for settings or answers that they do not expect.

    :param operation: AWS's name of the operation, such as ``ImportSnapshot``.
    :param attempt: what is being tried, to complete the sentence "Could not {attempt}: ...".
    :raises ProviderError: for any refusal or failed transport, with AWS's own code and status.
    :raises InputError: when there are no usable credentials.
    """
    return translated_errors(lambda error: _translated(error, operation, attempt))


def start_when_allowed(start: Callable[[], T], wait: Wait, *, what: str) -> T:
    """What ``start`` returns, once no more of its kind are under way than AWS takes at a time.

    :param what: is to end before, to complete the sentence "... waiting for {what}".
    :raises ProviderError: when AWS refuses for another reason, or nobody is to wait.
    """

    def try_once() -> T | None:
        try:
            return start()
        except ProviderError as error:
            if error.code != "ResourceLimitExceeded" or not wait.enabled:
                raise
            return None

    return wait.until(try_once, what=what)


def _translated(error: BaseException, operation: str, attempt: str) -> AlpineCloudError:
    boto3 = require("boto3.exceptions", "boto3")
    botocore = require("botocore.exceptions", "boto3")
    if isinstance(error, boto3.S3UploadFailedError):
        # boto3 keeps the cause as context, and its text in a sentence of its own.
        cause = error.__cause__ or error.__context__
        if cause is not None:
            return _translated(cause, operation, attempt)
    if isinstance(error, botocore.ClientError):
        return _refused(error.operation_name, error.response, attempt)
    if isinstance(error, botocore.ProfileNotFound):
        return InputError(f"Could not {attempt}: {error}; check the option profile")
    if isinstance(
        error,
        (
            botocore.NoCredentialsError,
            botocore.PartialCredentialsError,
            botocore.CredentialRetrievalError,
            botocore.TokenRetrievalError,
            botocore.SSOError,
        ),
    ):
        return InputError(f"Could not {attempt}: {error}; check access_key and secret_key, or profile")
    code = type(error).__name__
    if isinstance(error, botocore.SSLError):
        reason = f"{error}; a private authority's certificate goes into aws_ca_bundle"
    elif isinstance(error, (botocore.BotoCoreError, boto3.Boto3Error, OSError, http.client.HTTPException)):
        reason = f"{code}: {error}"
    else:
        reason = f"boto3 does not understand its settings or the answer ({code}: {error})"
    return ProviderError(f"Could not {attempt}: {reason}", operation=operation, code=code)


def _refused(operation: str, response: Mapping[str, Any], attempt: str) -> ProviderError:
    told = response.get("Error", {})
    code = str(told.get("Code", "Unknown"))
    # EC2 appends its reasoning in a form that only sts:DecodeAuthorizationMessage reads.
    reason = told.get("Message", "").partition(" Encoded authorization failure message:")[0]
    message = f"Could not {attempt}: {operation} answered {code}: {reason or 'no reason given'}"
    if code in _CREDENTIAL_CODES:
        message += "; check access_key, secret_key and session_token, or profile, and that the region is enabled"
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    return ProviderError(message, operation=operation, code=code, status=status)
