# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from typing import Any

import pytest
from azure.core.rest import HttpRequest

from ansible_collections.alpine.cloud.plugins.module_utils._azure.subscription import (
    StorageAccount,
    Subscription,
    normal_region,
)
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError, ProviderError


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
    return Subscription(client, "https://arm.example/subscriptions/subscription"), client  # type: ignore[arg-type]


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


def test_storage_account() -> None:
    endpoints = {"primaryEndpoints": {"blob": "https://account.blob.example/", "dfs": "https://other.example/"}}
    account = {"id": "/ids/account", "kind": "StorageV2", "properties": endpoints}
    looked, client = subscription(Response(200, account))
    assert looked.storage_account("account", "group") == StorageAccount("/ids/account", "https://account.blob.example/")
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


def test_regions_that_cannot_be_listed_for_another_reason() -> None:
    looked, _client = subscription(refusal(500, "InternalServerError"))
    with pytest.raises(ProviderError, match=r"Cannot list the regions: InternalServerError: No\.") as caught:
        looked.check_locations({"location": ["westeurope"]})
    assert (caught.value.operation, caught.value.status) == ("Subscriptions_ListLocations", 500)


def test_an_account_that_tells_no_endpoint() -> None:
    looked, _client = subscription(Response(200, {"id": "/ids/account", "kind": "StorageV2"}))
    assert looked.storage_account("account", "group").blob_endpoint == ""


class BrokenAnswer(Response):
    def json(self) -> dict[str, Any]:
        raise json.JSONDecodeError("Expecting value", "<html>", 0)


def test_an_answer_that_is_no_json() -> None:
    looked, _client = subscription(BrokenAnswer(200, {}))
    with pytest.raises(ProviderError, match=r"Cannot list the regions: .*JSONDecodeError"):
        looked.check_locations({"location": ["westeurope"]})
