# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
from typing import Any

import certifi
import pytest
import requests
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError

from ansible_collections.alpine.cloud.plugins.module_utils._azure import clients as clients_module
from ansible_collections.alpine.cloud.plugins.module_utils._azure.auth import (
    _CLOUDS,
    CONNECTION_TIMEOUT,
    READ_TIMEOUT,
    Session,
)
from ansible_collections.alpine.cloud.plugins.module_utils._azure.clients import ATTEMPTS, AzureClients
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError, ProviderError

KEY = base64.b64encode(b"k" * 64).decode()


class Credential:
    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken("token", 2**31)


class RefusedSignIn:
    """A credential that Entra ID does not accept."""

    def get_token(self, *_scopes: str) -> None:
        raise ClientAuthenticationError("AADSTS7000215: Invalid client secret provided.")


def session(cloud: str = "AzureCloud", **changes: Any) -> Session:
    values: dict[str, Any] = {
        "credential": Credential(),
        "subscription_id": "subscription",
        "cloud": _CLOUDS[cloud],
        "arm_endpoint": "https://arm.example",
        "tls": certifi.where(),
    }
    return Session(**values | changes)


def assert_bounded(connection: Any) -> None:
    assert connection.verify == certifi.where()
    assert connection.timeout == CONNECTION_TIMEOUT <= 20
    assert connection.read_timeout == READ_TIMEOUT <= 600


def test_compute_is_bounded_and_verifies() -> None:
    client = AzureClients(session()).compute
    policy = client._config.retry_policy
    assert (policy.total_retries, policy.connect_retries, policy.read_retries) == (ATTEMPTS, ATTEMPTS, ATTEMPTS)
    assert policy.status_retries == ATTEMPTS
    assert policy.backoff_max == 30
    transport: Any = client._client._pipeline._transport
    assert_bounded(transport.connection_config)
    assert client._config.credential_scopes == ["https://management.azure.com/.default"]
    assert client._config.base_url == "https://arm.example"
    assert client._config.subscription_id == "subscription"


def test_clients_are_made_once() -> None:
    clients = AzureClients(session(), storage_account="account")
    assert clients.compute is clients.compute
    assert clients.blobs is clients.blobs
    assert clients.subscription is clients.subscription


@pytest.mark.parametrize("what", ["compute", "subscription"])
def test_no_subscription(what: str) -> None:
    with pytest.raises(InputError, match="give option subscription_id, or set AZURE_SUBSCRIPTION_ID"):
        getattr(AzureClients(session(subscription_id=None)), what)


def test_the_subscription_is_asked_at_its_address() -> None:
    assert AzureClients(session()).subscription._url == "https://arm.example/subscriptions/subscription"


@pytest.mark.parametrize("key", [None, KEY])
def test_blobs_are_bounded_and_verify(key: str | None) -> None:
    client = AzureClients(session(subscription_id=None), storage_account="account", account_key=key).blobs
    configuration: Any = client._config
    assert configuration.retry_policy.total_retries == ATTEMPTS
    assert configuration.retry_policy.random_jitter_range > 0
    pipeline: Any = client._pipeline
    assert_bounded(pipeline._transport.connection_config)
    url = "https://account.blob.core.windows.net/images/small.vhd"
    assert client.get_blob_client("images", "small.vhd").url == url


@pytest.mark.parametrize(
    ("cloud", "given", "result"),
    [
        ("AzureCloud", None, "https://account.blob.core.windows.net"),
        ("AzureChinaCloud", None, "https://account.blob.core.chinacloudapi.cn"),
        ("AzureUSGovernment", None, "https://account.blob.core.usgovcloudapi.net"),
        ("AzureCloud", "https://127.0.0.1:10000/account", "https://127.0.0.1:10000/account"),
    ],
)
def test_endpoints(cloud: str, given: str | None, result: str) -> None:
    client = AzureClients(session(cloud), storage_account="account", blob_endpoint=given).blobs
    assert client.get_blob_client("c", "b.vhd").url == f"{result}/c/b.vhd"


def test_a_refused_sign_in_is_told_before_the_retries_of_the_storage_sdk() -> None:
    clients = AzureClients(session(credential=RefusedSignIn()), storage_account="account")
    with pytest.raises(ProviderError, match=r"Cannot sign in to Azure Storage: AADSTS7000215"):
        assert clients.blobs


def test_an_account_key_needs_no_sign_in() -> None:
    assert AzureClients(session(credential=RefusedSignIn()), storage_account="account", account_key=KEY).blobs


def test_an_account_key_or_address_that_is_none() -> None:
    clients = AzureClients(session(), storage_account="account", blob_endpoint="nonsense:", account_key=KEY)
    with pytest.raises(ProviderError, match="Cannot use the storage account's address and account_key"):
        assert clients.blobs


@pytest.mark.parametrize(("key", "needed"), [(None, True), ("", True), (KEY, False)])
def test_from_params(monkeypatch: pytest.MonkeyPatch, key: str | None, needed: bool) -> None:
    asked: list[bool] = []

    def connect(_params: Any, *, needs_credential: bool) -> Session:
        asked.append(needs_credential)
        return session()

    monkeypatch.setattr(clients_module, "connect", connect)
    params = {"storage_account": "account", "blob_endpoint": "https://127.0.0.1:1/account/", "account_key": key}
    clients = AzureClients.from_params(params)
    assert asked == [needed]
    assert clients.blobs.get_blob_client("c", "b.vhd").url == "https://127.0.0.1:1/account/c/b.vhd"


def test_from_params_of_modules_without_blobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients_module, "connect", lambda _params, *, needs_credential: session())
    assert AzureClients.from_params({}).compute._config.subscription_id == "subscription"


def test_signed_urls_are_read_without_credentials_bounded_and_logged_nowhere() -> None:
    made = AzureClients(session())
    pipeline: Any = made._anonymous._pipeline
    assert_bounded(pipeline._transport.connection_config)
    names = [type(getattr(policy, "_policy", policy)).__name__ for policy in pipeline._impl_policies]
    assert names == ["RetryPolicy"]
    assert pipeline._impl_policies[0].total_retries == ATTEMPTS
    assert made.network is made.network
    assert made.serial_log("group", "machine") is not made.serial_log("group", "machine")


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"blob_endpoint": "https://host/?sig=hush"}, "blob_endpoint https://host/ must be an address alone"),
        ({"account_key": "hu sh"}, "account_key has white space in it"),
    ],
)
def test_what_could_not_be_sent_is_not_quoted(
    monkeypatch: pytest.MonkeyPatch, params: dict[str, str], words: str
) -> None:
    monkeypatch.setattr(clients_module, "connect", lambda _params, *, needs_credential: session())
    with pytest.raises(InputError, match=words) as caught:
        AzureClients.from_params(params)
    assert "hush" not in caught.value.message


def test_an_untrusted_server_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(*_arguments: Any, **_options: Any) -> None:
        asked.append(1)
        raise requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")

    monkeypatch.setattr("requests.Session.request", refuse)
    clients = AzureClients(session(), storage_account="account")
    with pytest.raises(InputError, match=r"certificate of https://arm.example/.* is not trusted; .* into ca_file"):
        clients.compute.galleries.get("group", "gallery")
    with pytest.raises(InputError, match="is not trusted"):
        clients.blobs.get_blob_client("c", "b.vhd").get_blob_properties()
    assert asked == [1, 1]
