# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import binascii
import http.client
import json
import ssl
from typing import Any

import pytest
import requests
import urllib3
from azure.core.exceptions import (
    ClientAuthenticationError,
    DecodeError,
    DeserializationError,
    IncompleteReadError,
    SerializationError,
    ServiceRequestError,
)
from azure.core.polling.base_polling import BadStatus
from azure.identity import CredentialUnavailableError
from azure.storage.blob import StorageErrorCode
from msal.exceptions import MsalServiceError

from ansible_collections.alpine.cloud.plugins.module_utils._azure.errors import code_of, provider_errors
from ansible_collections.alpine.cloud.plugins.module_utils._azure.gallery import GalleryState
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import ConflictError, InputError, ProviderError
from tests.unit.plugins.module_utils._azure.fakes import arm_error, storage_error


def translation(error: Exception) -> ProviderError:
    with pytest.raises(ProviderError) as caught, provider_errors("Galleries_Get", "look up gallery x"):
        raise error
    return caught.value


def test_resource_manager() -> None:
    error = translation(arm_error(403, "AuthorizationFailed", "The client has no authorization"))
    assert error.message == (
        "Cannot look up gallery x: AuthorizationFailed: The client has no authorization. Give the principal the role "
        "that the collection's README names."
    )
    assert error.as_result() == {
        "operation": "Galleries_Get",
        "code": "AuthorizationFailed",
        "status": 403,
        "details": None,
    }


def test_storage_trailer_is_cut_off() -> None:
    error = translation(storage_error(412, "ConditionNotMet", "Not met.\nRequestId:1\nTime:2\nErrorCode:X"))
    assert error.message == "Cannot look up gallery x: ConditionNotMet: Not met."
    assert (error.code, error.status) == ("ConditionNotMet", 412)


def test_storage_codes_are_enumerations() -> None:
    error = storage_error(404, "X")
    error.error_code = StorageErrorCode.BLOB_NOT_FOUND  # type: ignore[attr-defined]
    assert code_of(error) == "BlobNotFound"


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("AuthorizationPermissionMismatch", "Storage Blob Data Contributor"),
        ("AuthorizationFailure", "The storage account's firewall keeps this machine out: let its address in"),
        ("KeyBasedAuthenticationNotPermitted", "Leave account_key out"),
    ],
)
def test_refusals_of_the_storage_account_have_a_remedy(code: str, remedy: str) -> None:
    error = translation(storage_error(403, code, "Not authorized."))
    assert remedy in error.message


def test_failed_login() -> None:
    error = translation(ClientAuthenticationError("AADSTS7000215: Invalid client secret provided. Trace ID: 1"))
    assert "AADSTS7000215: Invalid client secret provided" in error.message
    assert error.code is None


def test_no_connection() -> None:
    error = translation(ServiceRequestError("Connection refused"))
    assert error.message == "Cannot look up gallery x: Connection refused."
    assert error.status is None


@pytest.mark.parametrize(
    ("code", "option"),
    [
        ("ResourceGroupNotFound", "resource_group"),
        ("SubscriptionNotFound", "subscription_id"),
        ("InvalidSubscriptionId", "subscription_id"),
    ],
)
def test_what_no_module_creates_is_the_users_to_mend(code: str, option: str) -> None:
    with (
        pytest.raises(InputError, match=f"Option {option} must"),
        provider_errors("Galleries_Get", "look up gallery x"),
    ):
        raise arm_error(404, code, "Not found.")


@pytest.mark.parametrize("word", ["sig", "SIG", "client_secret", "secret"])
def test_no_secret_gets_out(word: str) -> None:
    error = translation(ServiceRequestError(f"GET https://a.example/c?sv=1&{word}=hush%2B&x=1 failed"))
    assert "hush" not in error.message
    assert f"{word}=***" in error.message


@pytest.mark.parametrize(
    "error",
    [
        requests.exceptions.InvalidURL("no host"),
        requests.exceptions.ChunkedEncodingError("broke off"),
        urllib3.exceptions.ProtocolError("broke off"),
        http.client.IncompleteRead(b""),
        ssl.SSLError("bad certificate"),
        ConnectionResetError("reset"),
    ],
)
def test_failed_transport(error: Exception) -> None:
    told = translation(error)
    assert told.message.startswith(f"Cannot look up gallery x: {type(error).__name__}: ")
    assert (told.code, told.status) == (None, None)


@pytest.mark.parametrize(
    "error",
    [
        DecodeError("Expecting value"),
        DeserializationError("Cannot deserialize"),
        SerializationError("Cannot serialize"),
        BadStatus("Invalid status"),
        CredentialUnavailableError("no managed identity"),
        IncompleteReadError("broke off"),
    ],
)
def test_what_else_azure_raises(error: Exception) -> None:
    assert translation(error).message.startswith(f"Cannot look up gallery x: {error}")


@pytest.mark.parametrize(
    "error",
    [
        json.JSONDecodeError("Expecting value", "<html>", 0),
        KeyError("status"),
        ValueError("Invalid tenant id provided."),
        TypeError("no string"),
        binascii.Error("Incorrect padding"),
        MsalServiceError(error="unavailable", error_description="later"),
    ],
)
def test_answers_and_settings_that_the_library_does_not_understand(error: Exception) -> None:
    told = translation(error).message
    assert "Azure's library does not understand its settings or the answer" in told
    assert f"({type(error).__name__}: {error})" in told


def test_our_own_errors_pass() -> None:
    with pytest.raises(ConflictError, match="ours"), provider_errors("Galleries_Get", "look up gallery x"):
        raise ConflictError("ours")


def test_bugs_of_this_collection_are_not_disguised() -> None:
    broken: Any = None
    with pytest.raises(AttributeError), provider_errors("Galleries_Get", "look up gallery x"):
        # Fails in code of this collection.
        GalleryState.of(broken)


def test_nothing_raised() -> None:
    with provider_errors("Galleries_Get", "look up gallery x"):
        pass
