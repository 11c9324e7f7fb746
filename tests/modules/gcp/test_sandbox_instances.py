# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local Google Cloud refuses what Google refuses of instances, and its metadata server what the real one does."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from werkzeug.test import Client

from tests.sandbox._gcp._metadata import Metadata
from tests.support.cloud import Cloud
from tests.support.google_requests import Google

FLAVOR = {"Metadata-Flavor": "Google"}
ROOT = "/computeMetadata/v1"


@pytest.fixture
def google(images: Cloud) -> Iterator[tuple[Google, str]]:
    """The sandbox, signed in, and an image for x86_64."""
    image = images.succeeds("alpine_gcp_image")
    google = Google(images.sandbox, "none")
    with google.session:
        yield google, image["self_link"]
    assert images.sandbox.holdings("gcp") == {}


def _disk(**parameters: Any) -> list[dict[str, Any]]:
    return [{"boot": True, "initializeParams": parameters}]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"nonsense": 1}, "Unknown name \"nonsense\" at 'resource': Cannot find field."),
        ({"status": "RUNNING"}, "The field is output only."),
        ({"name": "Machine"}, "Must be a match of regex"),
        ({"machineType": "e2-micro"}, "The URL is malformed."),
        ({"machineType": "zones/us-central1-a/machineTypes/e2-micro"}, "The URL is malformed."),
        (
            {"machineType": "zones/europe-west1-b/machineTypes/t2a-standard-1"},
            "Machine type with name 't2a-standard-1' does not exist in zone 'europe-west1-b'.",
        ),
        (
            {"machineType": "zones/europe-west1-b/machineTypes/c4a-highcpu-1"},
            "Requested boot disk architecture (X86_64) is not compatible with machine type architecture (ARM64).",
        ),
        ({"disks": []}, "No disks are specified."),
        ({"disks": [{"boot": True}]}, "The boot disk must have a source."),
        ({"disks": [{"initializeParams": {"sourceImage": "global/images/x"}}]}, "Boot disk must be the first disk"),
        ({"disks": _disk(sourceImage="global/images/missing")}, "The referenced image resource cannot be found."),
        ({"networkInterfaces": []}, "At least one network interface is required."),
        ({"networkInterfaces": [{"nicType": "MRDMA"}]}, "Must be GVNIC or VIRTIO_NET."),
        ({"networkInterfaces": [{"network": "global/networks/other"}]}, "referenced network resource cannot be found"),
        (
            {"networkInterfaces": [{"subnetwork": "regions/us-east1/subnetworks/default"}]},
            "referenced subnetwork resource cannot be found",
        ),
        ({"labels": {"Team": "x"}}, "Invalid value for field 'resource.labels': 'Team'"),
        ({"metadata": {"items": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]}}, "Duplicate metadata keys"),
        ({"metadata": {"items": [{"key": "a b", "value": "1"}]}}, "Must be a match of regex"),
        ({"metadata": {"items": [{"key": "a"}]}}, "Required field 'resource.metadata.items[0].value' not specified"),
        ({"metadata": {"items": [{"key": "a", "value": "x" * 262145}]}}, "maximum size is 262144 bytes"),
        (
            {"metadata": {"items": [{"key": key, "value": "x" * 262144} for key in "ab"]}},
            "The total size of metadata exceeds 524288 bytes.",
        ),
    ],
)
def test_an_instance_that_is_described_wrongly_is_refused(
    google: tuple[Google, str], fields: dict[str, Any], words: str
) -> None:
    signed_in, image = google
    body = {**signed_in.instance("machine", image), **fields}
    assert words in signed_in.refused("POST", f"{signed_in.zone()}/instances", body)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"diskSizeGb": "9"}, "The size must be at least 10 GB."),
        ({"diskSizeGb": "0"}, "Requested disk size cannot be smaller than the image size (1 GB)"),
        (
            {"diskSizeGb": "10", "diskType": "zones/europe-west1-b/diskTypes/hyperdisk-balanced"},
            "[hyperdisk-balanced, e2-micro] features are not compatible for creating instance.",
        ),
        ({"diskSizeGb": "10", "diskType": "pd-ssd"}, "The URL is malformed."),
    ],
)
def test_a_disk_must_fit_image_and_machine_type(
    google: tuple[Google, str], parameters: dict[str, str], words: str
) -> None:
    signed_in, image = google
    body = signed_in.instance("machine", image, disks=_disk(sourceImage=image, **parameters))
    assert words in signed_in.refused("POST", f"{signed_in.zone()}/instances", body)


def test_an_image_without_gvnic_gets_none(images: Cloud) -> None:
    image = images.succeeds("alpine_gcp_image", guest_os_features=[])["self_link"]
    google = Google(images.sandbox, "none")
    url, words = f"{google.zone()}/instances", "The boot disk does not support gVNIC."
    body = google.instance("machine", image)
    assert words in google.refused("POST", url, {**body, "networkInterfaces": [{"nicType": "GVNIC"}]})
    newer = {**body, "machineType": "zones/europe-west1-b/machineTypes/n4-standard-2"}
    assert words in google.refused("POST", url, newer)


def test_what_an_instance_is_asked_is_checked(google: tuple[Google, str], images: Cloud) -> None:
    signed_in, image = google
    url = f"{signed_in.zone()}/instances"
    request_id = str(uuid.uuid4())
    body = signed_in.instance("machine", image, labels={"team": "x"})
    with images.held("instances.insert"):
        begun = signed_in.json("POST", f"{url}?requestId={request_id}", body)
        assert signed_in.json("POST", f"{url}?requestId={request_id}", body)["name"] == begun["name"]
        other = {**body, "name": "other"}
        assert "was used by another request" in signed_in.refused("POST", f"{url}?requestId={request_id}", other)
        assert begun["zone"].endswith("/zones/europe-west1-b")
        assert "already exists" in signed_in.refused("POST", url, body, status=409)
        assert "is not ready" in signed_in.refused("GET", f"{url}/machine/serialPort")
        # A global operation is another thing.
        assert "was not found" in signed_in.refused(
            "GET", f"{signed_in.project}/global/operations/{begun['name']}", status=404
        )
    operations = f"{signed_in.zone()}/operations"
    assert signed_in.json("GET", f"{operations}/{begun['name']}/wait", status=404)
    assert signed_in.json("POST", f"{operations}/{begun['name']}/wait")["status"] == "DONE"
    condition = f'(targetLink = "{begun["targetLink"]}") (status = "DONE")'
    listed = signed_in.json("GET", operations, params={"filter": condition})["items"]
    assert [operation["name"] for operation in listed] == [begun["name"]]

    made = signed_in.json("GET", f"{url}/machine")
    assert made["status"] == "RUNNING"
    assert made["networkInterfaces"][0]["accessConfigs"] == []
    assert made["disks"][0]["autoDelete"] is True
    assert [item["name"] for item in signed_in.json("GET", url)["items"]] == ["machine"]
    labels = {"labels": {}, "labelFingerprint": "AAAA"}
    assert "fingerprint" in signed_in.refused("POST", f"{url}/machine/setLabels", labels, status=412)
    assert "is already being used by" in signed_in.refused("DELETE", f"{signed_in.zone()}/disks/machine")
    with images.held("instances.delete"):
        signed_in.json("DELETE", f"{url}/{made['id']}")
        assert "is not ready" in signed_in.refused("DELETE", f"{url}/machine")
    while signed_in.session.get(f"{url}/machine", timeout=30).status_code != 404:
        pass


def test_the_console_is_read_by_bytes(google: tuple[Google, str]) -> None:
    signed_in, image = google
    url = f"{signed_in.zone()}/instances"
    signed_in.instance_done("POST", "", signed_in.instance("machine", image))
    while not (whole := signed_in.json("GET", f"{url}/machine/serialPort"))["contents"]:
        pass
    assert (whole["start"], whole["next"]) == ("0", str(len(whole["contents"].encode("latin-1", "replace"))))
    rest = signed_in.json("GET", f"{url}/machine/serialPort?start={whole['next']}")
    assert rest["start"] == whole["next"]
    assert signed_in.json("GET", f"{url}/machine/serialPort?start=-3")["contents"] != ""
    assert signed_in.json("GET", f"{url}/machine/serialPort?port=2")["contents"] == ""
    signed_in.instance_done("DELETE", "/machine")


def test_the_metadata_of_a_project_is_changed_with_its_fingerprint(google: tuple[Google, str]) -> None:
    signed_in, _image = google
    url = f"{signed_in.project}/setCommonInstanceMetadata"
    assert "fingerprint" in signed_in.refused("POST", url, {"items": []}, status=412)


# The metadata server

_TREE = {
    "instance": {
        "attributes": {"ssh-keys": "alpine:key", "user-data": "#!/bin/sh"},
        "name": "machine",
        "network-interfaces": {"0": {"ip": "10.0.0.2"}},
    },
    "project": {"attributes": {}, "project-id": "p"},
}


@pytest.fixture
def metadata() -> Client:
    return Client(Metadata(lambda: _TREE))


@pytest.mark.parametrize(
    ("path", "headers", "status", "text"),
    [
        (f"{ROOT}/instance/name", FLAVOR, 200, "machine"),
        (f"{ROOT}/instance/attributes/user-data", FLAVOR, 200, "#!/bin/sh"),
        (f"{ROOT}/instance/attributes/", FLAVOR, 200, "ssh-keys\nuser-data\n"),
        (f"{ROOT}/instance/", FLAVOR, 200, "attributes/\nname\nnetwork-interfaces/\n"),
        (f"{ROOT}/instance/attributes", FLAVOR, 301, ""),
        (f"{ROOT}/instance/attributes/none", FLAVOR, 404, "Not found."),
        (f"{ROOT}/instance/name/none", FLAVOR, 404, "Not found."),
        ("/latest/user-data", FLAVOR, 404, "Not found."),
        (f"{ROOT}/instance/name", {}, 403, "Missing Metadata-Flavor:Google header."),
        (f"{ROOT}/instance/name", {"Metadata-Flavor": "google"}, 403, "Missing Metadata-Flavor:Google header."),
        (f"{ROOT}/instance/name", {**FLAVOR, "X-Forwarded-For": "10.0.0.1"}, 403, "X-Forwarded-For"),
        ("/", {}, 200, "computeMetadata/"),
    ],
)
def test_the_metadata_server_answers_the_machine_alone(
    metadata: Client, path: str, headers: dict[str, str], status: int, text: str
) -> None:
    answer = metadata.get(path, headers=headers)
    assert answer.status_code == status
    assert text in answer.text
    assert answer.headers["Metadata-Flavor"] == "Google"
    if status == 403:
        assert "machine" not in answer.text


def test_the_metadata_server_takes_no_writes(metadata: Client) -> None:
    assert metadata.put(f"{ROOT}/instance/name", headers=FLAVOR).status_code == 405


def test_the_metadata_server_tells_all_at_once(metadata: Client) -> None:
    answer = metadata.get(f"{ROOT}/?recursive=true", headers=FLAVOR)
    assert answer.json == {
        "instance": {
            "attributes": {"ssh-keys": "alpine:key", "user-data": "#!/bin/sh"},
            "name": "machine",
            "networkInterfaces": [{"ip": "10.0.0.2"}],
        },
        "project": {"attributes": {}, "projectId": "p"},
    }
