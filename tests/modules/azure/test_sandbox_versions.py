# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local galleries look at the disks that image versions are made of, and replicate them region by region."""

from __future__ import annotations

import secrets
import struct
from pathlib import Path
from typing import Any

import pytest

from tests.support.azure_requests import CONTAINER, AzureRequests
from tests.support.cloud import Cloud
from tests.support.disks import MIB, SmallDisk
from tests.support.sandboxes import StartSandbox

_FOOTER = 512
_FIXED, _DYNAMIC, _DIFFERENCING = 2, 3, 4


@pytest.fixture(scope="module")
def requests_to(start_sandbox: StartSandbox, small_disk: SmallDisk) -> AzureRequests:
    made = AzureRequests(start_sandbox("azure"))
    made.blob("PUT", CONTAINER, params={"restype": "container"})
    made.upload("good.vhd", small_disk.fixed_vhd.read_bytes())
    return made


@pytest.fixture(scope="module")
def definition(requests_to: AzureRequests) -> str:
    return requests_to.definition(requests_to.gallery())


def _fresh(definition: str) -> str:
    return f"{definition}/versions/1.0.{secrets.randbelow(1 << 31)}"


def _replication(requests_to: AzureRequests, path: str) -> dict[str, Any]:
    answer = requests_to.call("GET", path, params={"$expand": "ReplicationStatus"})
    return dict(answer.json()["properties"]["replicationStatus"])


# Disks


def _vhd(size: int, *, kind: int = _FIXED, states: int | None = None, cookie: bytes = b"conectix") -> bytes:
    """A VHD of nothing but zeros; its footer states ``states`` bytes."""
    footer = bytearray(_FOOTER)
    footer[:8] = cookie
    struct.pack_into(">Q4sI", footer, 48, size if states is None else states, bytes(4), kind)
    struct.pack_into(">I", footer, 64, ~sum(footer) & 0xFFFFFFFF)
    return bytes(size) + bytes(footer)


def _damaged() -> bytes:
    content = bytearray(_vhd(MIB))
    content[-1] ^= 1
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (_vhd(MIB, cookie=b"connectx"), "Disk is expected to have cookie value 'conectix'."),
        (bytes(MIB), "Disk is expected to have cookie value 'conectix'."),
        (b"", "Disk is expected to have cookie value 'conectix'."),
        (_vhd(MIB, kind=_DYNAMIC), "is of Dynamic VHD type"),
        (_vhd(MIB, kind=_DIFFERENCING), "is of VHD type 4"),
        (_damaged(), "The VHD footer checksum of disk"),
        (_vhd(MIB, states=2 * MIB), "its VHD footer states a virtual size of 2097152 bytes"),
        (_vhd(MIB + 512), "The size must be a whole number (in MBs)."),
        (_vhd(0), "The minimum is 1 MB."),
    ],
)
def test_a_wrong_disk_fails_the_operation(
    requests_to: AzureRequests, definition: str, content: bytes, words: str
) -> None:
    name = f"{secrets.token_hex(8)}.vhd"
    requests_to.upload(name, content)
    path = _fresh(definition)
    state = requests_to.outcome(requests_to.call("PUT", path, requests_to.version_body(name)))
    assert (state["status"], state["error"]["code"]) == ("Failed", "InvalidParameter")
    assert words in state["error"]["message"]
    assert name in state["error"]["message"]
    assert requests_to.call("GET", path).json()["properties"]["provisioningState"] == "Failed"
    # A failed version can only be deleted.
    assert requests_to.refused("PUT", path, requests_to.version_body(name))[:2] == (409, "Conflict")
    requests_to.done("DELETE", path)


def test_what_is_no_page_blob_named_vhd_fails_the_operation(requests_to: AzureRequests, definition: str) -> None:
    requests_to.blob("PUT", f"{CONTAINER}/block.vhd", b"x", x_ms_blob_type="BlockBlob")
    requests_to.upload("good.img", _vhd(MIB))
    for name, code, words in (
        ("block.vhd", "InvalidParameter", "is not a page blob"),
        ("good.img", "InvalidParameter", "must end with '.vhd' extension"),
        ("missing.vhd", "ResourceNotFound", "was not found"),
    ):
        state = requests_to.outcome(requests_to.call("PUT", _fresh(definition), requests_to.version_body(name)))
        assert (state["status"], state["error"]["code"]) == ("Failed", code)
        assert words in state["error"]["message"]


# Requests


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"targetRegions": [{"name": "mars"}]}, "The target regions 'mars' are not available."),
        ({"targetRegions": [{"name": "westeurope"}, {"name": "West Europe"}]}, "contain duplicates"),
        ({"targetRegions": [{"name": "eastus"}]}, "must contain the source region 'westeurope'"),
        ({"targetRegions": [{"name": "westeurope", "regionalReplicaCount": 0}]}, "is not between 1 and 100"),
        ({"replicaCount": 101}, "is not between 1 and 100"),
        ({"storageAccountType": "Floppy"}, "Allowed values are: Standard_LRS"),
    ],
)
def test_a_wrong_publishing_profile_is_refused(
    requests_to: AzureRequests, definition: str, change: dict[str, Any], words: str
) -> None:
    body = requests_to.version_body("good.vhd")
    body["properties"]["publishingProfile"] |= change
    status, code, message = requests_to.refused("PUT", _fresh(definition), body)
    assert (status, code) == (400, "InvalidParameter")
    assert words in message


@pytest.mark.parametrize(
    ("source", "status", "code"),
    [
        ({"uri": None}, 400, "InvalidParameter"),
        ({"storageAccountId": None}, 400, "InvalidParameter"),
        ({"id": "/subscriptions/x"}, 400, "InvalidParameter"),
        ({"storageAccountId": "/subscriptions/x"}, 404, "ResourceNotFound"),
        ({"uri": "https://other.blob.core.windows.net/strict/good.vhd"}, 400, "InvalidParameter"),
    ],
)
def test_a_version_is_made_of_a_blob_of_the_account(
    requests_to: AzureRequests, definition: str, source: dict[str, Any], status: int, code: str
) -> None:
    body = requests_to.version_body("good.vhd")
    body["properties"]["storageProfile"]["osDiskImage"]["source"] |= source
    assert requests_to.refused("PUT", _fresh(definition), body)[:2] == (status, code)


@pytest.mark.parametrize("name", ["1.0", "1.0.01", "1.0.0-r1", f"1.0.{1 << 31}", "latest"])
def test_names_of_versions(requests_to: AzureRequests, definition: str, name: str) -> None:
    body = requests_to.version_body("good.vhd")
    status, code, message = requests_to.refused("PUT", f"{definition}/versions/{name}", body)
    assert (status, code) == (400, "InvalidParameter")
    assert "'galleryImageVersionName'" in message


def test_a_definition_with_versions_stays(requests_to: AzureRequests, definition: str) -> None:
    version = _fresh(definition)
    requests_to.done("PUT", version, requests_to.version_body("good.vhd"))
    assert requests_to.refused("DELETE", definition)[:2] == (409, "CannotDeleteResource")
    missing = f"{definition}-missing/versions/1.0.0"
    refused = requests_to.refused("PUT", missing, requests_to.version_body("good.vhd"))
    assert refused[:2] == (404, "ParentResourceNotFound")


# Replication


def test_a_version_is_replicated_region_by_region(
    azure: Cloud, requests_to: AzureRequests, definition: str, small_disk: SmallDisk, tmp_path: Path
) -> None:
    version = _fresh(definition)
    response = requests_to.call("PUT", version, requests_to.version_body("good.vhd", "westeurope", "East US"))
    early = _replication(requests_to, version)
    assert early["aggregatedState"] == "InProgress"
    assert requests_to.outcome(response)["status"] == "Succeeded"
    status = _replication(requests_to, version)
    assert status["aggregatedState"] == "Completed"
    assert [(row["region"], row["state"], row["progress"]) for row in status["summary"]] == [
        ("West Europe", "Completed", 100), ("East US", "Completed", 100),
    ]  # fmt: skip
    made = requests_to.call("GET", version).json()
    assert "replicationStatus" not in made["properties"]
    assert made["properties"]["storageProfile"]["osDiskImage"]["sizeInGB"] == 1
    assert requests_to.refused("GET", version, params={"$expand": "Everything"})[:2] == (400, "InvalidParameter")
    assert requests_to.refused("GET", definition, params={"$expand": "ReplicationStatus"})[0] == 400
    for region in ("westeurope", "eastus"):
        disk = azure.export(made["id"], tmp_path / f"{region}.raw", region=region)
        assert disk.read_bytes() == small_disk.raw.read_bytes()

    other = {**requests_to.version_body("good.img", "westeurope"), "tags": {"a": "b"}}
    refused = requests_to.refused("PUT", version, other)
    assert refused[:2] == (409, "PropertyChangeNotAllowed")
    refused = requests_to.refused("PATCH", version, {"properties": other["properties"]})
    assert refused[:2] == (409, "PropertyChangeNotAllowed")
    same = requests_to.version_body("good.vhd", "westeurope", "eastus")["properties"]["storageProfile"]
    requests_to.done("PATCH", version, {"tags": {"c": "d"}, "properties": {"storageProfile": same}})
    fewer = requests_to.done("PUT", version, requests_to.version_body("good.vhd", "westeurope"))
    assert [region["name"] for region in fewer["properties"]["publishingProfile"]["targetRegions"]] == ["West Europe"]
    assert [row["region"] for row in _replication(requests_to, version)["summary"]] == ["West Europe"]


def test_replication_fails_in_one_region(azure: Cloud, requests_to: AzureRequests, definition: str) -> None:
    azure.fault("GalleryImageVersions_Replicate", nth=2, fail="No capacity.")
    version = _fresh(definition)
    body = requests_to.version_body("good.vhd", "westeurope", "eastus")
    state = requests_to.outcome(requests_to.call("PUT", version, body))
    assert (state["status"], state["error"]["code"]) == ("Failed", "GalleryImageReplicationFailed")
    assert "{region:eastus, detail:No capacity.}" in state["error"]["message"]
    status = _replication(requests_to, version)
    assert status["aggregatedState"] == "Failed"
    assert [(row["region"], row["state"], row["details"]) for row in status["summary"]] == [
        ("West Europe", "Completed", ""), ("East US", "Failed", "No capacity."),
    ]  # fmt: skip
    # What is good somewhere can be mended.
    home = requests_to.version_body("good.vhd")["properties"]["publishingProfile"]
    requests_to.done("PATCH", version, {"properties": {"publishingProfile": home}})
    assert _replication(requests_to, version)["aggregatedState"] == "Completed"
    requests_to.done("PUT", version, body)
    assert [row["state"] for row in _replication(requests_to, version)["summary"]] == ["Completed", "Completed"]
