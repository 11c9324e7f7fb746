# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local Resource Manager refuses what Azure refuses of galleries and definitions, and takes time for the rest."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.support.azure_requests import AzureRequests, definition_body
from tests.support.cloud import Cloud
from tests.support.sandboxes import StartSandbox


@pytest.fixture(scope="module")
def requests_to(start_sandbox: StartSandbox) -> AzureRequests:
    return AzureRequests(start_sandbox("azure"))


@pytest.fixture(scope="module")
def gallery(requests_to: AzureRequests) -> str:
    return requests_to.gallery()


def _fresh() -> str:
    return f"galleries/g_{secrets.token_hex(6)}"


# What every request must bring along


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"api-version": ""}, 400, "MissingApiVersionParameter"),
        ({"api-version": "2020-01-01"}, 400, "InvalidResourceType"),
        ({"api-version": "latest"}, 400, "InvalidResourceType"),
    ],
)
def test_the_api_version_is_one_of_the_provider(
    requests_to: AzureRequests, gallery: str, params: dict[str, str], status: int, code: str
) -> None:
    assert requests_to.refused("GET", gallery, params=params)[:2] == (status, code)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/subscriptions/mine/locations", 400, "InvalidSubscriptionId"),
        ("/subscriptions/00000000-0000-0000-0000-000000000001/locations", 404, "SubscriptionNotFound"),
        ("{group}-other", 404, "ResourceGroupNotFound"),
        ("{group}/providers/Microsoft.Compute/snapshots/snapshot", 404, "InvalidResourceType"),
        ("{group}/providers/Microsoft.Storage/storageAccounts/other", 404, "ResourceNotFound"),
    ],
)
def test_what_there_is_not(requests_to: AzureRequests, path: str, status: int, code: str) -> None:
    kind = "2023-01-01" if "Storage" in path else "2021-04-01"
    path = path.format(group=requests_to.group)
    assert requests_to.refused("GET", path, params={"api-version": kind})[:2] == (status, code)


def test_groups_and_accounts_are_only_read_here(requests_to: AzureRequests) -> None:
    params = {"api-version": "2021-04-01"}
    assert requests_to.refused("DELETE", requests_to.group, params=params)[:2] == (405, "MethodNotAllowed")
    locations = f"/subscriptions/{requests_to.subscription}/locations"
    answer = requests_to.call("GET", locations, params=params).json()["value"]
    assert {"westeurope", "eastus", "europe"} <= {location["name"] for location in answer}


# Bodies


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"nonsense": 1}, "InvalidRequestContent", "Could not find member 'nonsense' on object of type 'Gallery'"),
        ({"properties": {"size": 1}}, "InvalidRequestContent", "Path 'properties.size'"),
        ({"properties": {"description": 1}}, "InvalidRequestContent", 'Error converting value 1 to type "str"'),
        ({"tags": {"team": 1}}, "InvalidRequestContent", "Path 'tags.team'"),
        ({"location": None}, "LocationRequired", "location property is required"),
        ({"location": "mars"}, "LocationNotAvailableForResourceType", "'westeurope,northeurope,"),
        ({"location": "europe"}, "LocationNotAvailableForResourceType", "'Microsoft.Compute/galleries'"),
        ({"properties": {"sharingProfile": {"permissions": "All"}}}, "InvalidParameter", "Allowed values are: Private"),
    ],
)
def test_a_gallery_that_is_described_wrongly_is_refused(
    requests_to: AzureRequests, change: dict[str, Any], code: str, words: str
) -> None:
    path = _fresh()
    status, told, message = requests_to.refused("PUT", path, {"location": "westeurope", **change})
    assert (status, told) == (400, code)
    assert words in message
    assert requests_to.refused("GET", path)[:2] == (404, "ResourceNotFound")


def test_a_body_is_a_json_object(requests_to: AzureRequests) -> None:
    assert requests_to.refused("PUT", _fresh(), [])[:2] == (400, "InvalidRequestContent")
    assert requests_to.refused("PUT", _fresh())[:2] == (400, "InvalidRequestContent")


@pytest.mark.parametrize("name", ["with-dash", "_first", "last.", "a" * 81, "ä"])
def test_names_of_galleries(requests_to: AzureRequests, name: str) -> None:
    status, code, message = requests_to.refused("PUT", f"galleries/{name}", {"location": "westeurope"})
    assert (status, code) == (400, "InvalidParameter")
    assert "'galleryName'" in message


@pytest.mark.parametrize("name", ["-first", "last-", "with+plus", "a" * 81])
def test_names_of_definitions(requests_to: AzureRequests, gallery: str, name: str) -> None:
    status, code, message = requests_to.refused("PUT", f"{gallery}/images/{name}", definition_body())
    assert (status, code) == (400, "InvalidParameter")
    assert "'galleryImageName'" in message


_NVME = {"name": "DiskControllerTypes", "value": "SCSI, NVMe"}


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"osType": "BSD"}, "galleryImage.properties.osType"),
        ({"osType": None}, "Required parameter 'galleryImage.properties.osType' is missing"),
        ({"identifier": {"publisher": "alpine", "offer": "alpine"}}, "identifier.sku' is missing"),
        ({"identifier": {"publisher": "al pine", "offer": "a", "sku": "s"}}, "identifier.publisher' is invalid"),
        ({"identifier": {"publisher": "alpine", "offer": "a" * 65, "sku": "s"}}, "identifier.offer' is invalid"),
        ({"identifier": {"publisher": "alpine", "offer": "a", "sku": "s."}}, "identifier.sku' is invalid"),
        ({"architecture": "Arm64", "hyperVGeneration": "V1"}, "only supported with hypervisor generation 'V2'"),
        ({"features": [_NVME], "hyperVGeneration": "V1"}, "'NVMe' is only supported"),
        ({"features": [_NVME, _NVME]}, "is unknown or given twice"),
        ({"features": [{"name": "Telepathy", "value": "True"}]}, "is unknown or given twice"),
        ({"features": [{"name": "DiskControllerTypes", "value": "IDE"}]}, "'IDE' for feature"),
        (
            {"features": [{"name": "SecurityType", "value": "TrustedLaunch"}], "hyperVGeneration": "V1"},
            "needs hypervisor generation 'V2'",
        ),
    ],
)
def test_a_definition_that_is_described_wrongly_is_refused(
    requests_to: AzureRequests, gallery: str, properties: dict[str, Any], words: str
) -> None:
    path = f"{gallery}/images/wrong"
    status, code, message = requests_to.refused("PUT", path, definition_body(**properties))
    assert (status, code) == (400, "InvalidParameter")
    assert words in message
    assert requests_to.refused("GET", path)[0] == 404


# Resources


def test_defaults_are_the_services(requests_to: AzureRequests, gallery: str) -> None:
    assert (
        requests_to.call("GET", gallery)
        .json()["properties"]["identifier"]["uniqueName"]
        .startswith(f"{requests_to.subscription}-")
    )
    body = definition_body(sku=secrets.token_hex(4))
    del body["properties"]["hyperVGeneration"]
    made = requests_to.done("PUT", f"{gallery}/images/{body['properties']['identifier']['sku']}", body)
    assert (made["properties"]["hyperVGeneration"], made["properties"]["architecture"]) == ("V1", "x64")
    assert made["type"] == "Microsoft.Compute/galleries/images"
    # Names of resources have no case, and locations several spellings.
    assert requests_to.call("GET", gallery.upper().replace("GALLERIES", "galleries")).status_code == 200
    assert requests_to.done("PUT", gallery, {"location": "West Europe"})["location"] == "westeurope"


@pytest.mark.parametrize(
    "change",
    [
        {"hyperVGeneration": "V1"},
        {"architecture": "Arm64"},
        {"osState": "Specialized"},
        {"osType": "Windows"},
        {"features": [_NVME]},
        {"identifier": {"publisher": "other", "offer": "alpine", "sku": "tiny"}},
    ],
)
def test_what_is_immutable(requests_to: AzureRequests, gallery: str, change: dict[str, Any]) -> None:
    path = f"{gallery}/images/immutable"
    body = definition_body("immutable", architecture="x64")
    if requests_to.call("GET", path).status_code == 404:
        requests_to.done("PUT", path, body)
    before = requests_to.call("GET", path).json()
    name = next(iter(change))
    changed = {**body, "properties": {**body["properties"], **change}}
    for method, asked in (("PUT", changed), ("PATCH", {"properties": changed["properties"]})):
        status, code, message = requests_to.refused(method, path, asked)
        assert (status, code) == (409, "PropertyChangeNotAllowed")
        assert f"'galleryImage.properties.{name}'" in message
    assert requests_to.refused("PUT", path, {**body, "location": "eastus"})[:2] == (409, "InvalidResourceLocation")
    assert requests_to.call("GET", path).json() == before


def test_what_can_be_changed(requests_to: AzureRequests, gallery: str) -> None:
    path = requests_to.definition(gallery)
    # What is not named counts as the default, and thus as changed.
    small = {"description": "Small."}
    for change in ({"tags": {"a": "b"}}, {"properties": small}, {"properties": {**small, "osType": "Linux"}}):
        refused = requests_to.refused("PATCH", path, change)
        assert refused[:2] == (409, "PropertyChangeNotAllowed")
    known = {"osType": "Linux", "hyperVGeneration": "V2"}
    changed = requests_to.done("PATCH", path, {"tags": {"a": "b"}, "properties": {**small, **known}})
    assert (changed["tags"], changed["properties"]["description"]) == ({"a": "b"}, "Small.")
    assert changed["properties"]["identifier"]["publisher"] == "alpine"


def test_an_identifier_is_used_once_in_a_gallery(requests_to: AzureRequests, gallery: str) -> None:
    sku = secrets.token_hex(4)
    requests_to.done("PUT", f"{gallery}/images/first-{sku}", definition_body(sku))
    status, code, message = requests_to.refused("PUT", f"{gallery}/images/second-{sku}", definition_body(sku))
    assert (status, code) == (409, "Conflict")
    assert f"first-{sku}" in message
    requests_to.done("PUT", f"{requests_to.gallery()}/images/second-{sku}", definition_body(sku))


def test_parents_come_first_and_go_last(requests_to: AzureRequests) -> None:
    absent = _fresh()
    refused = requests_to.refused("PUT", f"{absent}/images/tiny", definition_body())
    assert refused[:2] == (404, "ParentResourceNotFound")
    gallery = requests_to.gallery()
    definition = requests_to.definition(gallery)
    status, code, message = requests_to.refused("DELETE", gallery)
    assert (status, code) == (409, "CannotDeleteResource")
    assert definition.rpartition("/")[2] in message
    requests_to.done("DELETE", definition)
    requests_to.done("DELETE", gallery)
    assert requests_to.refused("GET", gallery)[:2] == (404, "ResourceNotFound")
    assert requests_to.call("DELETE", gallery).status_code == 204


def test_a_listing_has_the_children_alone(requests_to: AzureRequests) -> None:
    gallery = requests_to.gallery()
    definition = requests_to.definition(gallery)
    listed = requests_to.call("GET", f"{gallery}/images").json()["value"]
    assert [item["name"] for item in listed] == [definition.rpartition("/")[2]]
    assert requests_to.refused("POST", f"{gallery}/images", {})[:2] == (405, "MethodNotAllowed")
    assert requests_to.refused("GET", f"{_fresh()}/images")[:2] == (404, "ResourceNotFound")


# Operations


def test_an_operation_takes_time_and_keeps_others_off(requests_to: AzureRequests, azure: Cloud) -> None:
    path = _fresh()
    with azure.held("Galleries_CreateOrUpdate"):
        response = requests_to.call("PUT", path, {"location": "westeurope"})
        assert response.status_code == 201
        assert response.json()["properties"]["provisioningState"] == "Creating"
        assert requests_to.refused("PATCH", path, {"tags": {}})[:2] == (409, "Conflict")
        assert requests_to.refused("DELETE", path)[:2] == (409, "Conflict")
        assert requests_to.refused("PUT", f"{path}/images/tiny", definition_body())[:2] == (409, "Conflict")
    state = requests_to.outcome(response)
    assert state["status"] == "Succeeded"
    assert state["startTime"] < state["endTime"]
    assert requests_to.call("GET", path).json()["properties"]["provisioningState"] == "Succeeded"
    again = requests_to.call("PUT", path, {"location": "westeurope"})
    assert again.status_code == 200
    assert requests_to.outcome(again)["status"] == "Succeeded"


def test_an_operation_nobody_started_is_not_found(requests_to: AzureRequests) -> None:
    path = f"/subscriptions/{requests_to.subscription}/providers/Microsoft.Compute/locations/westeurope/capsOperations"
    assert requests_to.refused("GET", f"{path}/none")[:2] == (404, "NotFound")


def test_an_operation_fails_after_it_was_accepted(azure: Cloud, requests_to: AzureRequests) -> None:
    azure.fault("Galleries_CreateOrUpdate", fail="No quota.")
    path = _fresh()
    response = requests_to.call("PUT", path, {"location": "westeurope"})
    assert response.status_code == 201
    state = requests_to.outcome(response)
    assert (state["status"], state["error"]) == ("Failed", {"code": "OperationFailed", "message": "No quota."})
    assert requests_to.call("GET", path).json()["properties"]["provisioningState"] == "Failed"
    requests_to.done("PUT", path, {"location": "westeurope"})
