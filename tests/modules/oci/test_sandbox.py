# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local Oracle Cloud refuses what the real one refuses."""

from __future__ import annotations

import base64
import email.utils
import hashlib
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import oci
import pytest
import requests

from tests.support.disks import SmallDisk
from tests.support.oracle_requests import BUCKET, Oracle
from tests.support.sandboxes import StartSandbox
from tests.support.scripted_oci import write_key

_CUSTOM: dict[str, Any] = {
    "launchMode": "CUSTOM",
    "launchOptions": {"firmware": "UEFI_64", "bootVolumeType": "PARAVIRTUALIZED"},
}


@pytest.fixture(scope="module")
def oracle(start_sandbox: StartSandbox, small_disk: SmallDisk) -> Oracle:
    oracle = Oracle(start_sandbox("oci"))
    body = {"name": BUCKET, "compartmentId": oracle.compartment}
    assert oracle.call("POST", oracle.buckets, json=body).status_code == 200
    assert oracle.put_object("small.qcow2", small_disk.qcow2.read_bytes()).status_code == 200
    return oracle


@pytest.fixture(scope="module")
def image(oracle: Oracle) -> str:
    """The URL of an image."""
    details, _reason = oracle.import_image(**_CUSTOM)
    return f"{oracle.compute}/images/{details['id']}"


def _code(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def test_requests_must_be_signed_by_the_user(oracle: Oracle, tmp_path: Path) -> None:
    config = {**oracle.config, "key_file": str(write_key(tmp_path / "other.pem"))}
    stranger = {**oracle.config, "user": "ocid1.user.oc1..nobody"}
    for auth in (None, oci.signer.Signer.from_config(config), oci.signer.Signer.from_config(stranger)):
        response = oracle.session.get(f"{oracle.buckets}/{BUCKET}", auth=auth)
        assert _code(response) == (401, "NotAuthenticated")


def test_stale_dates_and_other_bodies_are_refused(oracle: Oracle) -> None:
    stale = {"date": email.utils.formatdate(time.time() - 600, usegmt=True)}
    assert _code(oracle.call("GET", oracle.bucket, headers=stale)) == (401, "NotAuthenticated")
    forged = {"x-content-sha256": base64.b64encode(hashlib.sha256(b"other").digest()).decode()}
    response = oracle.call("POST", oracle.buckets, json={"name": "forged"}, headers=forged)
    assert _code(response) == (401, "NotAuthenticated")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"colour": "blue"}, "CannotParseRequest"),
        ({"displayName": 1}, "InvalidParameter"),
        ({"launchMode": "FAST"}, "InvalidParameter"),
        ({"freeformTags": {"a": 1}}, "InvalidParameter"),
        ({"freeformTags": {"a b": "x"}}, "InvalidParameter"),
        ({"freeformTags": {"a.b": "x"}}, "InvalidParameter"),
        ({"freeformTags": {str(number): "x" for number in range(11)}}, "InvalidParameter"),
        ({"displayName": "x" * 256}, "InvalidParameter"),
        ({"compartmentId": None}, "MissingParameter"),
        ({"imageSourceDetails": {"sourceType": "tape"}}, "InvalidParameter"),
        ({"launchOptions": {"firmware": "UEFI_64"}}, "InvalidParameter"),
        ({"launchMode": "CUSTOM"}, "InvalidParameter"),
        ({"launchMode": "CUSTOM", "launchOptions": {"firmware": "UEFI"}}, "InvalidParameter"),
        ({"launchMode": "CUSTOM", "launchOptions": {"firmwares": "UEFI_64"}}, "CannotParseRequest"),
    ],
)
def test_bodies_are_checked_against_the_models(oracle: Oracle, changes: dict[str, Any], code: str) -> None:
    assert _code(oracle.create_image(oracle.image_body(**changes))) == (400, code)


def test_what_is_out_of_reach_does_not_exist(oracle: Oracle) -> None:
    foreign = oracle.image_body(compartmentId="ocid1.compartment.oc1..foreign")
    assert _code(oracle.create_image(foreign)) == (404, "NotAuthorizedOrNotFound")
    assert _code(oracle.create_image(oracle.image_body("missing.qcow2"))) == (400, "InvalidParameter")
    listing = oracle.call("GET", f"{oracle.compute}/images", params={"compartmentId": "ocid1.tenancy.oc1..x"})
    assert _code(listing) == (404, "NotAuthorizedOrNotFound")


def test_objects_are_checked_on_their_way(oracle: Oracle) -> None:
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    assert _code(oracle.put_object("md5", b"data", **{"Content-MD5": wrong})) == (400, "UnmatchedContentMD5")
    assert oracle.call("HEAD", f"{oracle.bucket}/o/md5").status_code == 404
    twice = oracle.put_object("small.qcow2", b"data", **{"if-none-match": "*"})
    assert _code(twice) == (412, "IfNoneMatchFailed")
    body = {"name": BUCKET, "compartmentId": oracle.compartment}
    assert _code(oracle.call("POST", oracle.buckets, json=body)) == (409, "BucketAlreadyExists")


def test_parts_have_a_smallest_size_and_an_entity_tag(oracle: Oracle) -> None:
    upload = oracle.call("POST", f"{oracle.bucket}/u", json={"object": "parts"}).json()["uploadId"]
    url = f"{oracle.bucket}/u/parts"
    tags = []
    for number in (1, 2):
        query = {"uploadId": upload, "uploadPartNum": str(number)}
        tags.append(oracle.call("PUT", url, data=b"small", params=query).headers["etag"])

    def commit(*parts: tuple[int, str]) -> tuple[int, str]:
        body = {"partsToCommit": [{"partNum": number, "etag": etag} for number, etag in parts]}
        return _code(oracle.call("POST", url, json=body, params={"uploadId": upload}))

    assert commit((1, tags[0]), (2, tags[1])) == (400, "InvalidUploadPart")
    assert commit((1, tags[1]), (2, tags[1])) == (400, "InvalidUploadPart")
    assert commit((1, tags[0])) == (400, "InvalidUploadPart")
    assert oracle.call("DELETE", url, params={"uploadId": upload}).status_code == 204
    assert oracle.call("DELETE", url, params={"uploadId": upload}).status_code == 404


@pytest.mark.parametrize(
    ("mode", "firmware", "boot_volume"),
    [("PARAVIRTUALIZED", "BIOS", "PARAVIRTUALIZED"), ("NATIVE", "UEFI_64", "ISCSI"), ("EMULATED", "BIOS", "IDE")],
)
def test_presets_mean_what_they_mean(oracle: Oracle, mode: str, firmware: str, boot_volume: str) -> None:
    details, reason = oracle.import_image(launchMode=mode)
    assert reason == ""
    assert details["lifecycleState"] == "AVAILABLE"
    assert details["launchOptions"]["firmware"] == firmware
    assert details["launchOptions"]["bootVolumeType"] == boot_volume


def _overlay(disk: SmallDisk, path: Path) -> None:
    command = ["qemu-img", "create", "-q", "-f", "qcow2", "-b", str(disk.qcow2), "-F", "qcow2", str(path)]
    subprocess.run(command, check=True)


def _corrupt(disk: SmallDisk, path: Path) -> None:
    data = bytearray(disk.qcow2.read_bytes())
    # The first entry of the L1 table points beyond the end.
    start = int.from_bytes(data[40:48], "big")
    data[start : start + 8] = (1 << 63 | 1 << 40).to_bytes(8, "big")
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda disk, path: path.write_bytes(disk.fixed_vhd.read_bytes()), "not a valid QCOW2 image"),
        (lambda disk, path: path.write_bytes(disk.qcow2.read_bytes()[:-600_000]), "corrupt or truncated"),
        (_corrupt, "corrupt or truncated"),
        (_overlay, "depends on the backing file"),
    ],
)
def test_imports_look_at_the_bytes(
    oracle: Oracle, small_disk: SmallDisk, tmp_path: Path, make: Callable[[SmallDisk, Path], Any], reason: str
) -> None:
    path = tmp_path / "bad.qcow2"
    make(small_disk, path)
    oracle.put_object("bad.qcow2", path.read_bytes())
    details, told = oracle.import_image("bad.qcow2")
    assert details["lifecycleState"] == "DELETED"
    assert reason in told


def test_object_must_stay_until_it_is_imported(oracle: Oracle, small_disk: SmallDisk) -> None:
    oracle.put_object("gone.qcow2", small_disk.qcow2.read_bytes())
    response = oracle.create_image(oracle.image_body("gone.qcow2"))
    assert oracle.call("DELETE", f"{oracle.bucket}/o/gone.qcow2").status_code == 204
    url = f"{oracle.compute}/images/{response.json()['id']}"
    while (state := oracle.call("GET", url).json()["lifecycleState"]) == "IMPORTING":
        time.sleep(0.05)
    assert state == "DELETED"


def test_image_that_is_being_imported_cannot_be_changed(oracle: Oracle) -> None:
    url = f"{oracle.compute}/images/{oracle.create_image(oracle.image_body()).json()['id']}"
    assert _code(oracle.call("PUT", url, json={"displayName": "new"})) == (409, "IncorrectState")
    assert _code(oracle.call("GET", f"{url}/shapes")) == (409, "IncorrectState")


def test_adding_an_entry_twice_keeps_the_constraints(oracle: Oracle, image: str) -> None:
    url = f"{image}/shapes/VM.Standard.A1.Flex"
    first = {"ocpuConstraints": {"min": 1, "max": 4}}
    assert oracle.call("PUT", url, json=first).json()["ocpuConstraints"] == first["ocpuConstraints"]
    again = oracle.call("PUT", url, json={"ocpuConstraints": {"min": 1, "max": 8}})
    assert again.status_code == 200
    assert again.json()["ocpuConstraints"] == first["ocpuConstraints"]
    too_many = oracle.call("PUT", f"{image}/shapes/VM.Standard.A2.Flex", json={"ocpuConstraints": {"max": 999}})
    assert _code(too_many) == (400, "InvalidParameter")


def test_an_image_has_one_schema_within_the_global_one(oracle: Oracle, image: str) -> None:
    listing = oracle.call("GET", f"{oracle.compute}/computeGlobalImageCapabilitySchemas").json()
    descriptor = {"descriptorType": "enumstring", "source": "IMAGE", "values": ["BIOS"], "defaultValue": "BIOS"}
    body = {
        "compartmentId": oracle.compartment,
        "imageId": image.rpartition("/")[2],
        "computeGlobalImageCapabilitySchemaVersionName": listing[0]["currentVersionName"],
    }

    def create(name: str, **changes: Any) -> requests.Response:
        data = {"schemaData": {name: {**descriptor, **changes}}}
        return oracle.call("POST", f"{oracle.compute}/computeImageCapabilitySchemas", json=body | data)

    assert _code(create("Compute.Colour")) == (400, "InvalidParameter")
    assert _code(create("Compute.Firmware", values=["BIOS", "COREBOOT"])) == (400, "InvalidParameter")
    assert _code(create("Compute.Firmware", descriptorType="enuminteger")) == (400, "InvalidParameter")
    assert _code(create("Compute.Firmware", defaultValue="UEFI_64")) == (400, "InvalidParameter")
    assert create("Compute.Firmware").status_code == 200
    assert _code(create("Compute.Firmware")) == (409, "Conflict")


def test_retry_token_makes_one_image(oracle: Oracle) -> None:
    body, url = oracle.image_body(), f"{oracle.compute}/images"
    headers = {"opc-retry-token": "token"}
    first = oracle.call("POST", url, json=body, headers=headers)
    assert oracle.call("POST", url, json=body, headers=headers).json()["id"] == first.json()["id"]
    other = oracle.call("POST", url, json={**body, "displayName": "other"}, headers=headers)
    assert _code(other) == (409, "InvalidatedRetryToken")


def test_listings_come_in_pages(oracle: Oracle) -> None:
    query = {"compartmentId": oracle.compartment, "limit": "3"}
    first = oracle.call("GET", f"{oracle.compute}/shapes", params=query)
    second = oracle.call("GET", f"{oracle.compute}/shapes", params={**query, "page": first.headers["opc-next-page"]})
    assert len(first.json()) == len(second.json()) == 3
    assert first.json()[-1] != second.json()[0]
