# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local Oracle Cloud refuses what Oracle refuses of instances, and its metadata service what the real one does."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import Client

from tests.sandbox._oci._metadata import Metadata
from tests.support.cloud import Cloud
from tests.support.oracle_requests import Oracle

ROOT = "/opc/v2/instance"
ORACLE = {"Authorization": "Bearer Oracle"}


@pytest.fixture
def body(machines: Cloud) -> dict[str, Any]:
    """The request that launches the smallest instance."""
    return {
        "availabilityDomain": "Uocm:EU-FRANKFURT-1-AD-1",
        "compartmentId": machines.options["compartment_id"],
        "displayName": "raw",
        "shape": "VM.Standard.E4.Flex",
        "shapeConfig": {"ocpus": 1, "memoryInGBs": 1},
        "sourceDetails": {"sourceType": "image", "imageId": machines.options["image_id"]},
        "createVnicDetails": {"subnetId": machines.options["subnet_id"]},
    }


def test_an_instance_that_is_described_wrongly_is_refused(machines: Cloud, body: dict[str, Any]) -> None:
    oracle = Oracle(machines.sandbox)
    source, vnic = body["sourceDetails"], body["createVnicDetails"]
    for fields, words in (
        ({"nonsense": 1}, "Unrecognized field nonsense"),
        ({"availabilityDomain": "AD-1"}, "availabilityDomain AD-1 does not exist"),
        ({"extendedMetadata": {"a": "b"}}, "The sandbox has no extendedMetadata"),
        ({"shape": "VM.Standard.E9.Flex"}, "shape VM.Standard.E9.Flex not found"),
        ({"shape": "VM.Standard.A1.Flex"}, "Shape VM.Standard.A1.Flex is not valid for image"),
        ({"shape": "VM.Standard2.1"}, "is not flexible"),
        ({"shapeConfig": None}, "shapeConfig.ocpus is needed"),
        ({"shapeConfig": {"ocpus": 115}}, "shapeConfig.ocpus must be from 1.0 to 114.0"),
        ({"shapeConfig": {"ocpus": 2, "memoryInGBs": 1}}, "shapeConfig.memoryInGBs must be from 2 to 128"),
        ({"sourceDetails": {"sourceType": "image"}}, "sourceDetails must name an image"),
        ({"sourceDetails": {**source, "imageId": "ocid1.image.oc1..none"}}, "NotAuthorizedOrNotFound"),
        ({"sourceDetails": {**source, "bootVolumeSizeInGBs": 49}}, "bootVolumeSizeInGBs must be from 50 to 32768"),
        ({"createVnicDetails": {}}, "createVnicDetails.subnetId is missing"),
        ({"createVnicDetails": {**vnic, "subnetId": "ocid1.subnet.oc1..none"}}, "NotAuthorizedOrNotFound"),
        ({"createVnicDetails": {**vnic, "nsgIds": ["none"]}}, "NotAuthorizedOrNotFound"),
        ({"metadata": {"user_data": "no base64!"}}, "metadata.user_data is not in base64"),
        ({"metadata": {"ssh_authorized_keys": "nonsense"}}, "has a line that is no SSH public key"),
        ({"metadata": {"user_data": "A" * 32_000}}, "but at most 32000 are allowed"),
    ):
        answer = oracle.call("POST", f"{oracle.compute}/instances", json={**body, **fields})
        assert answer.status_code in (400, 404, 501), fields
        assert words in answer.text, fields


def test_a_retry_token_stands_for_one_launch(machines: Cloud, body: dict[str, Any]) -> None:
    oracle = Oracle(machines.sandbox)
    url, token = f"{oracle.compute}/instances", {"opc-retry-token": "T"}
    first = oracle.call("POST", url, json=body, headers=token).json()
    assert oracle.call("POST", url, json=body, headers=token).json()["id"] == first["id"]
    other = oracle.call("POST", url, json={**body, "displayName": "other"}, headers=token)
    assert (other.status_code, other.json()["code"]) == (409, "InvalidatedRetryToken")
    oracle.compute_json("DELETE", f"/instances/{first['id']}?preserveBootVolume=true")
    again = oracle.call("POST", url, json=body, headers=token)
    assert (again.status_code, again.json()["code"]) == (409, "InvalidatedRetryToken")
    while oracle.compute_json("GET", f"/instances/{first['id']}")["lifecycleState"] != "TERMINATED":
        pass
    # The volume was to stay.
    [volume] = machines.sandbox.holdings("oci")["boot_volumes"]
    oracle.compute_json("DELETE", f"/bootVolumes/{volume}")


def test_a_console_history_is_read_in_parts(machines: Cloud) -> None:
    oracle = Oracle(machines.sandbox)
    instance = machines.succeeds("alpine_oci_instance")["id"]
    history = oracle.compute_json("POST", "/instanceConsoleHistories", {"instanceId": instance})
    one = f"/instanceConsoleHistories/{history['id']}"
    assert history["lifecycleState"] == "REQUESTED"
    while oracle.compute_json("GET", one)["lifecycleState"] != "SUCCEEDED":
        pass
    url = f"{oracle.compute}{one}/data"
    whole = oracle.call("GET", url).content
    part = oracle.call("GET", f"{url}?offset=1&length=2")
    assert part.content == whole[1:3]
    assert oracle.call("GET", f"{url}?length=0").status_code == 400
    listed = oracle.compute_json("GET", f"/instanceConsoleHistories?compartmentId={oracle.compartment}")
    assert [item["id"] for item in listed] == [history["id"]]
    oracle.compute_json("DELETE", one)
    assert oracle.call("GET", url).status_code == 404


# The metadata service

_TREE = {"instance": {"displayName": "machine", "metadata": {"user_data": "IyEvYmluL3No"}}}


@pytest.fixture
def metadata() -> Client:
    return Client(Metadata(lambda: _TREE, legacy=False))


@pytest.mark.parametrize(
    ("path", "headers", "status", "text"),
    [
        (f"{ROOT}/displayName", ORACLE, 200, "machine"),
        (f"{ROOT}/metadata/user_data", ORACLE, 200, "IyEvYmluL3No"),
        (f"{ROOT}/metadata/", ORACLE, 200, '"user_data": "IyEvYmluL3No"'),
        (f"{ROOT}/metadata/none", ORACLE, 404, "Not Found"),
        (f"{ROOT}/displayName/none", ORACLE, 404, "Not Found"),
        (f"{ROOT}/displayName", {}, 403, "Forbidden"),
        (f"{ROOT}/displayName", {"Authorization": "Bearer oracle"}, 403, "Forbidden"),
        (f"{ROOT}/displayName", {**ORACLE, "X-Forwarded-For": "10.0.0.1"}, 403, "Forbidden"),
        (f"{ROOT}/displayName", {**ORACLE, "Forwarded": "for=10.0.0.1"}, 403, "Forbidden"),
        ("/opc/v1/instance/displayName", ORACLE, 404, "Not Found"),
        ("/openstack/latest/user_data", {}, 404, "Not Found"),
        ("/", ORACLE, 404, "Not Found"),
    ],
)
def test_the_metadata_service_answers_the_machine_alone(
    metadata: Client, path: str, headers: dict[str, str], status: int, text: str
) -> None:
    answer = metadata.get(path, headers=headers)
    assert answer.status_code == status
    assert text in answer.text
    if status != 200:
        assert "machine" not in answer.text
