# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_oci_instance over the sandbox: what it refuses, what fails in Oracle Cloud, and what others have left."""

from __future__ import annotations

import signal
from typing import Any

import pytest

from tests.support.cloud import Cloud
from tests.support.oracle_requests import Oracle

MODULE = "alpine_oci_instance"
DOMAIN = "Uocm:EU-FRANKFURT-1-AD-"
FULL = "Out of host capacity."


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"image_id": None}, "image_id is missing"),
        ({"image_id": "ocid1.image.oc1.eu-frankfurt-1.nothing"}, "there is no such image"),
        ({"subnet_id": None}, "subnet_id is missing: Oracle Cloud has no default network"),
        ({"subnet_id": "ocid1.subnet.oc1.eu-frankfurt-1.nothing"}, "Could not read subnet"),
        ({"architecture": "aarch64"}, "shape must be given: image"),
        ({"shape": "VM.Standard.A1.Flex", "architecture": "aarch64"}, "is not compatible with it, but with VM."),
        ({"shape": "VM.Standard.E4.Flex", "architecture": "aarch64"}, "is x86_64, but architecture is aarch64"),
        ({"shape": "VM.Standard.x86.Generic"}, "is not offered in this region"),
        ({"shape": "VM.Standard2.1", "ocpus": 2}, "is not flexible, so it takes neither ocpus nor memory_in_gbs"),
        ({"ocpus": 200}, "ocpus is 200, but an instance of this image with shape VM.Standard.E4.Flex has 1 to 114"),
        ({"memory_in_gbs": 0.5}, "memory_in_gbs is 0.5, but an instance of this image"),
        ({"memory_in_gbs": 0}, "memory_in_gbs is 0, but must be more than 0"),
        ({"boot_volume_size_in_gbs": 49}, "boot_volume_size_in_gbs is 49, but the least is 50"),
        ({"availability_domain": "AD-9"}, "availabilityDomain AD-9 does not exist"),
        ({"nsg_ids": ["ocid1.networksecuritygroup.oc1..none"]}, "NotAuthorizedOrNotFound"),
        ({"compartment_id": "ocid1.compartment.oc1..none"}, "NotAuthorizedOrNotFound"),
        ({"ssh_public_key": "-----BEGIN OPENSSH PRIVATE KEY-----"}, "ssh_public_key is a private key"),
        ({"user_data": "#" * 23_953}, "but Oracle Cloud beside the key takes 31"),
        ({"freeform_tags": {"alpine-cloud-machine": "other"}}, "alpine-cloud-machine is the name of the machine"),
        ({"console_pattern": "("}, "console_pattern '(' is no regular expression"),
    ],
)
def test_what_cannot_be_launched_is_refused_and_leaves_nothing(
    machines: Cloud, options: dict[str, Any], words: str
) -> None:
    assert words in machines.fails(MODULE, **options).msg
    assert machines.sandbox.holdings("oci") == {}


def test_the_largest_user_data_is_taken(machines: Cloud) -> None:
    refused = machines.fails(MODULE, user_data="#" * 25_000).msg
    limit = int(refused.rpartition("takes ")[2].rstrip("."))
    assert machines.succeeds(MODULE, user_data="#" * (limit // 4 * 3))["running"]


def test_check_mode_needs_no_image_yet(machines: Cloud) -> None:
    check = machines.succeeds(MODULE, check_mode=True, image_id=None)
    assert check.changed
    assert (check["shape"], check["ocpus"]) == ("VM.Standard.E4.Flex", None)


def test_the_shapes_of_the_image_bound_what_is_launched(machines: Cloud, image_id: str) -> None:
    shape: dict[str, Any] = {
        "name": "VM.Standard.E5.Flex",
        "ocpu_constraints": {"min": 2, "max": 4},
        "memory_constraints": {"min_in_gbs": 8, "max_in_gbs": 16},
    }
    machines.succeeds(
        "alpine_oci_image_shapes",
        image_id=image_id,
        architecture="x86_64",
        shapes=[shape],
        purge=True,
        name=None,
        subnet_id=None,
        ssh_public_key=None,
        wait_interval=None,
    )
    too_large = machines.fails(MODULE, image_id=image_id, ocpus=8).msg
    assert "ocpus is 8, but an instance of this image with shape VM.Standard.E5.Flex has 2 to 4" in too_large
    smallest = machines.succeeds(MODULE, image_id=image_id)
    assert (smallest["shape"], smallest["ocpus"], smallest["memory_in_gbs"]) == ("VM.Standard.E5.Flex", 2.0, 8.0)


def test_another_machine_of_the_name_is_a_conflict(machines: Cloud) -> None:
    real = machines.succeeds(MODULE)
    start = machines.mark()
    for options, words in (
        ({"shape": "VM.Standard.E5.Flex"}, "has shape VM.Standard.E4.Flex, not VM.Standard.E5.Flex: remove it first"),
        ({"ocpus": 3}, "has ocpus 1.0, not 3.0"),
        ({"image_id": "ocid1.image.oc1..other"}, "not ocid1.image.oc1..other"),
        ({"availability_domain": f"{DOMAIN}3"}, f"has availability_domain {DOMAIN}1, not {DOMAIN}3"),
    ):
        assert words in machines.fails(MODULE, **options).msg
    assert machines.writes(start) == []
    assert machines.succeeds(MODULE)["id"] == real["id"]


def test_a_machine_of_others_is_neither_adopted_nor_removed(machines: Cloud) -> None:
    oracle = Oracle(machines.sandbox)
    first = machines.succeeds(MODULE)
    oracle.compute_json("PUT", f"/instances/{first['id']}", {"freeformTags": {}})
    second = machines.succeeds(MODULE)
    assert second["id"] != first["id"]
    machines.succeeds(MODULE, state="absent")
    assert machines.sandbox.holdings("oci")["instances"] == [first["id"]]
    oracle.compute_json("PUT", f"/instances/{first['id']}", {"freeformTags": first["freeform_tags"]})


def test_what_was_captured_and_not_deleted_goes_with_the_machine(machines: Cloud) -> None:
    oracle, name = Oracle(machines.sandbox), machines.options["name"]
    made = machines.succeeds(MODULE)
    tags: tuple[dict[str, str], ...] = ({"alpine-cloud-machine": name}, {})
    for freeform in tags:
        oracle.compute_json("POST", "/instanceConsoleHistories", {"instanceId": made["id"], "freeformTags": freeform})
    machines.succeeds(MODULE, state="absent")
    [foreign] = machines.sandbox.holdings("oci")["console_histories"]
    oracle.compute_json("DELETE", f"/instanceConsoleHistories/{foreign}")


@pytest.mark.parametrize("operation", ["GetConsoleHistory", "GetConsoleHistoryContent"])
def test_what_was_captured_is_deleted_when_it_cannot_be_read(machines: Cloud, operation: str) -> None:
    machines.succeeds(MODULE)
    machines.fault(operation, status=400, count=9)
    assert "Could not read the console of instance" in machines.fails(MODULE, console=True).msg
    assert "console_histories" not in machines.sandbox.holdings("oci")


def test_a_console_that_cannot_be_captured_is_told(machines: Cloud) -> None:
    machines.succeeds(MODULE)
    machines.fault("CaptureConsoleHistory", fail="Internal error.")
    assert "Could not capture the console of instance" in machines.fails(MODULE, console=True).msg
    assert "console_histories" not in machines.sandbox.holdings("oci")


@pytest.mark.parametrize("fault", [{"status": 503}, {"drop": "after"}, {"drop": "before"}, {"drop": "during"}])
def test_a_fault_in_each_request_makes_neither_two_nor_leaves_one(machines: Cloud, fault: dict[str, Any]) -> None:
    for operation in ("LaunchInstance", "TerminateInstance", "GetInstance"):
        # An answer without a body has no middle.
        if (operation, fault) != ("TerminateInstance", {"drop": "during"}):
            machines.fault(operation, **fault)
    machines.succeeds(MODULE)
    assert len(machines.sandbox.holdings("oci")["instances"]) == 1
    machines.succeeds(MODULE, state="absent")
    assert machines.sandbox.holdings("oci") == {}


@pytest.mark.parametrize("where", ["LaunchInstance", "LaunchInstance.provisioning"])
def test_without_room_the_next_domain_is_tried(machines: Cloud, where: str) -> None:
    start = machines.mark()
    machines.fault(where, fail=FULL, count=2)
    real = machines.succeeds(MODULE)
    assert real["availability_domain"] == f"{DOMAIN}3"
    # Without asking twice where there is no room.
    assert machines.writes(start) == ["LaunchInstance"] * 3
    assert {kind: len(ids) for kind, ids in machines.sandbox.holdings("oci").items()} == {
        "instances": 1,
        "boot_volumes": 1,
        "vnics": 1,
        "addresses": 1,
    }


def test_without_room_anywhere_it_is_told(machines: Cloud) -> None:
    machines.fault("LaunchInstance", fail=FULL, count=3)
    failed = machines.fails(MODULE)
    assert f"no room for shape VM.Standard.E4.Flex in {DOMAIN}1, {DOMAIN}2, {DOMAIN}3 (" in failed.msg
    assert "Out of host capacity" in failed.msg
    assert "Choose another shape or region, or try again later" in failed.msg
    assert (failed["failure"]["code"], failed["failure"]["status"]) == ("InternalError", 500)
    assert machines.sandbox.holdings("oci") == {}
    assert machines.succeeds(MODULE).changed


def test_a_named_domain_is_the_only_one(machines: Cloud) -> None:
    machines.fault("LaunchInstance", fail=FULL)
    start = machines.mark()
    failed = machines.fails(MODULE, availability_domain=f"{DOMAIN}2")
    assert f"no room for shape VM.Standard.E4.Flex in {DOMAIN}2 (" in failed.msg
    assert machines.writes(start) == ["LaunchInstance"]


def test_a_launch_that_fails_tells_why_and_leaves_nothing(machines: Cloud) -> None:
    machines.fault("LaunchInstance.provisioning", fail="The disk was on fire.")
    failed = machines.fails(MODULE)
    assert "has not come up, it is TERMINATED: The disk was on fire." in failed.msg
    assert failed["failure"]["operation"] == "LaunchInstance"
    assert machines.sandbox.holdings("oci") == {}
    assert machines.succeeds(MODULE).changed


def test_a_launch_under_way_that_fails_tells_why(machines: Cloud) -> None:
    machines.fault("LaunchInstance.provisioning", fail="The disk was on fire.")
    machines.succeeds(MODULE, wait=False)
    awaited = machines.run(MODULE)
    # By the time it is looked at it may have ended: then it is launched again.
    assert "The disk was on fire." in awaited.msg if awaited.failed else awaited.changed


def test_two_runs_at_once_launch_one(machines: Cloud) -> None:
    runs = [machines.start(MODULE), machines.start(MODULE)]
    first, second = (run.result() for run in runs)
    assert not first.failed, first.msg
    assert not second.failed, second.msg
    assert first["id"] == second["id"]
    assert len(machines.sandbox.holdings("oci")["instances"]) == 1


def test_two_runs_that_want_something_else_launch_one(machines: Cloud) -> None:
    shapes = ("VM.Standard.E4.Flex", "VM.Standard.E5.Flex")
    runs = [machines.start(MODULE, shape=shape) for shape in shapes]
    results = [run.result() for run in runs]
    assert len(machines.sandbox.holdings("oci")["instances"]) == 1
    assert sorted(result.failed for result in results) == [False, True]
    assert "remove it first" in next(result.msg for result in results if result.failed)


@pytest.mark.parametrize("operation", ["ListInstances", "LaunchInstance", "CaptureConsoleHistory", "GetInstance"])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_what_a_killed_run_has_left_is_found(machines: Cloud, operation: str, state: str) -> None:
    start = machines.mark()
    run = machines.start(MODULE, console_pattern="never-said")
    while operation not in machines.operations(start):
        pass
    run.send(signal.SIGKILL)
    run.ended()
    machines.succeeds(MODULE, state=state)
    held = machines.sandbox.holdings("oci")
    assert len(held.get("instances", [])) == (1 if state == "present" else 0)
    assert state == "present" or held == {}
