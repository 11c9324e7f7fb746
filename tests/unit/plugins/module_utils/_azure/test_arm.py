# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.core.rest import HttpRequest

from ansible_collections.alpine.cloud.plugins.module_utils._azure.arm import (
    RETRIES,
    Subscription,
    Wait,
    compute_client,
    finish,
    get_or_none,
    merged_tags,
    normal_region,
    parsed_date,
    shown_date,
)
from ansible_collections.alpine.cloud.plugins.module_utils._azure.auth import _CLOUDS, Session
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import (
    InputError,
    ProviderError,
    WaitTimeoutError,
)
from tests.unit.plugins.module_utils._azure.fakes import WAIT, Poller, arm_error


class Credential:
    def get_token(self, *_scopes: str, **_options: Any) -> AccessToken:
        return AccessToken("token", 2**31)


def session(**changes: Any) -> Session:
    values: dict[str, Any] = {
        "credential": Credential(),
        "subscription_id": "subscription",
        "cloud": _CLOUDS["AzureCloud"],
        "arm_endpoint": "https://arm.example",
        "tls": True,
    }
    return Session(**values | changes)


class Response:
    """What the SDK needs of a response to make an exception of it."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        self.status_code = status
        self.reason = "Reason"
        self.content_type = "application/json"
        self._body = body

    def json(self) -> dict[str, Any]:
        return self._body

    def text(self) -> str:
        return json.dumps(self._body)

    def body(self) -> bytes:
        return self.text().encode()


class Client:
    """The compute client's pipeline, with its answers written down beforehand."""

    def __init__(self, *answers: Response) -> None:
        self._answers = list(answers)
        self.requests: list[HttpRequest] = []

    def send_request(self, request: HttpRequest) -> Response:
        self.requests.append(request)
        return self._answers.pop(0)


def subscription(*answers: Response) -> tuple[Subscription, Client]:
    client = Client(*answers)
    return Subscription(client, session()), client  # type: ignore[arg-type]


def refusal(status: int, code: str) -> Response:
    return Response(status, {"error": {"code": code, "message": "No."}})


LOCATIONS = Response(
    200,
    {
        "value": [
            {"name": "westeurope", "metadata": {"regionType": "Physical"}},
            {"name": "eastus", "metadata": {"regionType": "Physical"}},
            {"name": "europe", "metadata": {"regionType": "Logical"}},
        ]
    },
)


def test_client_is_bounded_and_verifies() -> None:
    with compute_client(session(tls="/ca.pem")) as client:
        policy = client._config.retry_policy
        transport: Any = client._client._pipeline._transport
        assert policy.total_retries == RETRIES["retry_total"]
        assert policy.backoff_max == RETRIES["retry_backoff_max"]
        assert transport.connection_config.verify == "/ca.pem"
        assert transport.connection_config.timeout == RETRIES["connection_timeout"]
        assert transport.connection_config.read_timeout == RETRIES["read_timeout"]
        assert client._config.credential_scopes == ["https://management.azure.com/.default"]
        assert client._config.base_url == "https://arm.example"


def test_no_subscription() -> None:
    with pytest.raises(InputError, match="give option subscription_id, or set AZURE_SUBSCRIPTION_ID"):
        compute_client(session(subscription_id=None))


@pytest.mark.parametrize("code", ["ResourceNotFound", "ParentResourceNotFound", "NotFound"])
def test_missing_resources_are_none(code: str) -> None:
    def get(*_path: str) -> None:
        raise arm_error(404, code)

    assert get_or_none(get, "group", "gallery", operation="Galleries_Get", what="look") is None


def test_missing_resource_group_is_the_users_mistake() -> None:
    def get(*_path: str) -> None:
        raise arm_error(404, "ResourceGroupNotFound", "Resource group 'x' could not be found.")

    with pytest.raises(InputError, match="Option resource_group"):
        get_or_none(get, "x", operation="Galleries_Get", what="look")


def test_other_refusals_are_no_absence() -> None:
    def get(*_path: str) -> None:
        raise arm_error(403, "AuthorizationFailed")

    with pytest.raises(ProviderError, match="AuthorizationFailed"):
        get_or_none(get, operation="Galleries_Get", what="look")


def test_finish_does_not_wait_when_waiting_is_off() -> None:
    assert finish(Poller(done=False), Wait(False), operation="O", what="w", began="b") is None  # type: ignore[arg-type]


def test_finish_gives_azures_reason() -> None:
    poller = Poller(arm_error(409, "Conflict", "The disk is on fire."))
    with pytest.raises(ProviderError, match=r"Cannot create it: Conflict: The disk is on fire\.") as caught:
        finish(poller, WAIT, operation="Galleries_CreateOrUpdate", what="create it", began="it")  # type: ignore[arg-type]
    assert caught.value.operation == "Galleries_CreateOrUpdate"


def test_finish_gives_up() -> None:
    with pytest.raises(WaitTimeoutError, match=r"after 5 seconds \(wait_timeout\) waiting for it to be made"):
        finish(Poller(done=False), WAIT, operation="O", what="w", began="it to be made")  # type: ignore[arg-type]


def test_wait_of_options() -> None:
    assert Wait.of({"wait": False, "wait_timeout": 7, "wait_interval": 1, "name": "x"}) == Wait(False, 7, 1)


def test_storage_account() -> None:
    account = {"id": "/ids/account", "kind": "StorageV2"}
    looked, client = subscription(Response(200, account))
    assert looked.storage_account("account", "group") == account
    (request,) = client.requests
    assert request.method == "GET"
    assert request.url.startswith(
        "https://arm.example/subscriptions/subscription/resourceGroups/group/providers/Microsoft.Storage/"
        "storageAccounts/account?api-version="
    )


def test_storage_account_that_is_not_there() -> None:
    looked, _client = subscription(refusal(404, "ResourceNotFound"))
    with pytest.raises(InputError, match="storage_account 'account' does not exist in resource group 'group'"):
        looked.storage_account("account", "group")


@pytest.mark.parametrize(
    ("code", "option"), [("ResourceGroupNotFound", "resource_group"), ("SubscriptionNotFound", "subscription_id")]
)
def test_what_a_storage_account_is_in_is_not_there(code: str, option: str) -> None:
    looked, _client = subscription(refusal(404, code))
    with pytest.raises(InputError, match=f"Option {option}"):
        looked.storage_account("account", "group")


@pytest.mark.parametrize("kind", ["BlobStorage", "BlockBlobStorage", "FileStorage"])
def test_storage_accounts_without_page_blobs(kind: str) -> None:
    looked, _client = subscription(Response(200, {"id": "/ids/account", "kind": kind}))
    with pytest.raises(InputError, match=f"of kind {kind}, which has no page blobs"):
        looked.storage_account("account", "group")


def test_storage_account_that_may_not_be_seen() -> None:
    looked, _client = subscription(refusal(403, "AuthorizationFailed"))
    with pytest.raises(ProviderError, match="Cannot look up storage account account: AuthorizationFailed"):
        looked.storage_account("account", "group")


@pytest.mark.parametrize("region", ["westeurope", "West Europe", "EastUS"])
def test_known_regions(region: str) -> None:
    looked, client = subscription(LOCATIONS)
    looked.check_locations({"location": [region]})
    assert "/subscriptions/subscription/locations?api-version=" in client.requests[0].url


@pytest.mark.parametrize("region", ["atlantis", "europe", ""])
def test_unknown_and_logical_regions(region: str) -> None:
    looked, _client = subscription(LOCATIONS)
    with pytest.raises(InputError, match=f"target_regions: '{region}' is not a region .*eastus, westeurope"):
        looked.check_locations({"location": ["westeurope"], "target_regions": [region]})


def test_regions_that_may_not_be_listed_are_left_to_azure() -> None:
    looked, _client = subscription(refusal(403, "AuthorizationFailed"))
    looked.check_locations({"location": ["atlantis"]})


def test_regions_of_a_subscription_that_is_not_there() -> None:
    looked, _client = subscription(refusal(404, "SubscriptionNotFound"))
    with pytest.raises(InputError, match="Option subscription_id"):
        looked.check_locations({"location": ["westeurope"]})


def test_normal_region() -> None:
    assert normal_region("West US 2") == normal_region("westus2") == "westus2"


@pytest.mark.parametrize(
    ("current", "wanted", "append", "result"),
    [
        (None, None, True, {}),
        ({"a": "1"}, None, False, {"a": "1"}),
        ({"a": "1"}, {"b": 2}, True, {"a": "1", "b": "2"}),
        ({"a": "1"}, {"a": "3"}, True, {"a": "3"}),
        ({"a": "1"}, {"b": True}, False, {"b": "True"}),
        ({"a": "1"}, {}, False, {}),
    ],
)
def test_merged_tags(
    current: dict[str, str] | None, wanted: dict[str, Any] | None, append: bool, result: dict[str, str]
) -> None:
    assert merged_tags(current, wanted, append=append) == result


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("2028-05-01", "2028-05-01T00:00:00Z"),
        ("2028-05-01T10:00:00Z", "2028-05-01T10:00:00Z"),
        ("2028-05-01T10:00:00+02:00", "2028-05-01T08:00:00Z"),
        ("2028-05-01 10:00", "2028-05-01T10:00:00Z"),
        (None, None),
        ("", None),
    ],
)
def test_dates(given: str | None, shown: str | None) -> None:
    assert shown_date(parsed_date(given)) == shown


def test_dates_are_utc() -> None:
    assert parsed_date("2028-05-01") == datetime(2028, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize("given", ["next year", "2028-13-01", "05/01/2028"])
def test_what_is_no_date(given: str) -> None:
    with pytest.raises(InputError, match="end_of_life_date must be a date such as"):
        parsed_date(given)
