# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_gcp_instance over the sandbox: what it refuses, what fails in Google Cloud, and what others have left."""

from __future__ import annotations

import signal
import time
from typing import Any

import pytest

from tests.support.cloud import Cloud
from tests.support.google_requests import Google

MODULE = "alpine_gcp_instance"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"image": None}, "image is missing"),
        ({"image": "no-such-image"}, "image projects/alpine-sandbox/global/images/no-such-image: there is no such"),
        ({"image": "projects/p/global/images/family/alpine"}, "An image family is none"),
        ({"architecture": "aarch64"}, "architecture is ARM64, but image image-"),
        ({"machine_type": "c4a-highcpu-1"}, "machine_type c4a-highcpu-1 is for ARM64, but architecture is X86_64"),
        ({"machine_type": "e9-nano"}, "machine_type e9-nano: zone europe-west1-b has no such type"),
        ({"zone": "mars-west1-a"}, "Unknown zone"),
        ({"zone": "europe-west1"}, "zone must be one such as europe-west1-b, got 'europe-west1'"),
        ({"name": "Machine"}, "name must be a lower-case letter"),
        ({"network": "no-such-network"}, "The referenced network resource cannot be found"),
        ({"subnetwork": "no-such-subnetwork"}, "The referenced subnetwork resource cannot be found"),
        ({"labels": {"Team": "x"}}, "labels: the key 'Team' must be"),
        ({"ssh_public_key": "-----BEGIN OPENSSH PRIVATE KEY-----"}, "ssh_public_key is a private key"),
        ({"user_data": "#!/bin/sh\n" + "#" * 262144}, "user_data has 262154 bytes, but Google Cloud takes 262144"),
        ({"console_pattern": "("}, "console_pattern '(' is no regular expression"),
        ({"project": "no-such-project"}, "The resource 'projects/no-such-project' was not found"),
    ],
)
def test_what_cannot_be_launched_leaves_nothing(machines: Cloud, options: dict[str, Any], words: str) -> None:
    assert words in machines.fails(MODULE, **options).msg
    assert machines.sandbox.holdings("gcp") == {}


def test_the_largest_user_data_is_taken(machines: Cloud) -> None:
    assert machines.succeeds(MODULE, user_data="#" * 262144)["running"]


def test_check_mode_needs_no_image_yet(machines: Cloud) -> None:
    check = machines.succeeds(MODULE, check_mode=True, image="not-imported-yet")
    assert check.changed
    assert check["image"] == "projects/alpine-sandbox/global/images/not-imported-yet"


def test_another_machine_of_the_name_is_a_conflict(machines: Cloud, images: Cloud) -> None:
    other = images.succeeds("alpine_gcp_image", name="image-other")
    real = machines.succeeds(MODULE)
    start = machines.mark()
    assert (
        "has machine_type e2-micro, not e2-small: remove it first"
        in machines.fails(MODULE, machine_type="e2-small").msg
    )
    assert (
        "not projects/alpine-sandbox/global/images/image-other: remove it first"
        in machines.fails(MODULE, image=other["self_link"]).msg
    )
    assert machines.writes(start) == []
    assert machines.succeeds(MODULE)["id"] == real["id"]
    images.succeeds("alpine_gcp_image", name="image-other", state="absent")


def test_an_image_that_was_made_anew_is_another_one(machines: Cloud, images: Cloud) -> None:
    image = images.succeeds("alpine_gcp_image", firmware="bios")["self_link"]
    machines.succeeds(MODULE, image=image)
    images.succeeds("alpine_gcp_image", state="absent")
    # Nobody can say more of it than its name.
    assert not machines.succeeds(MODULE, image=image).changed
    images.succeeds("alpine_gcp_image")
    assert "with the number" in machines.fails(MODULE, image=image).msg


def test_a_machine_of_others_is_neither_adopted_nor_removed(machines: Cloud) -> None:
    google, name = Google(machines.sandbox, "none"), machines.options["name"]
    google.instance_done("POST", "", google.instance(name, machines.options["image"]))
    start = machines.mark()
    for state in ("present", "absent"):
        refused = machines.fails(MODULE, state=state)
        assert (
            f"There is an instance {name} in zone europe-west1-b that this collection has not launched" in refused.msg
        )
    assert machines.writes(start) == []
    google.instance_done("DELETE", f"/{name}")
    assert machines.succeeds(MODULE).changed


def test_a_disk_that_was_told_to_stay_goes_with_the_machine(machines: Cloud) -> None:
    google, name = Google(machines.sandbox, "none"), machines.options["name"]
    machines.succeeds(MODULE)
    google.instance_done("POST", f"/{name}/setDiskAutoDelete?autoDelete=false&deviceName=persistent-disk-0")
    start = machines.mark()
    assert machines.succeeds(MODULE, state="absent").changed
    assert machines.writes(start) == ["instances.delete", "disks.delete"]
    assert machines.sandbox.holdings("gcp") == {}


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_disk_without_its_machine_is_found_and_removed(machines: Cloud, state: str) -> None:
    google, name = Google(machines.sandbox, "none"), machines.options["name"]
    machines.succeeds(MODULE)
    google.instance_done("POST", f"/{name}/setDiskAutoDelete?autoDelete=false&deviceName=persistent-disk-0")
    google.instance_done("DELETE", f"/{name}")
    assert list(machines.sandbox.holdings("gcp")) == ["disks"]
    assert machines.succeeds(MODULE, state=state, check_mode=True).changed
    machines.fault("disks.delete", drop="after")
    assert machines.succeeds(MODULE, state=state).changed
    held = machines.sandbox.holdings("gcp")
    assert len(held.get("disks", [])) == (1 if state == "present" else 0)


def test_a_disk_of_others_is_left_alone(machines: Cloud) -> None:
    google, name = Google(machines.sandbox, "none"), machines.options["name"]
    google.instance_done("POST", "", google.instance(f"{name}-other", machines.options["image"], disk=name))
    assert f"There is a disk {name} in zone europe-west1-b that is in use" in machines.fails(MODULE).msg
    device = "setDiskAutoDelete?autoDelete=false&deviceName=persistent-disk-0"
    google.instance_done("POST", f"/{name}-other/{device}")
    google.instance_done("DELETE", f"/{name}-other")
    assert (
        f"There is a disk {name} in zone europe-west1-b that this collection has not made" in machines.fails(MODULE).msg
    )
    assert not machines.succeeds(MODULE, state="absent").changed
    google.disk_deleted(name)


@pytest.mark.parametrize("fault", [{"status": 503}, {"drop": "after"}, {"drop": "before"}, {"drop": "during"}])
def test_a_fault_in_each_request_makes_neither_two_nor_leaves_one(machines: Cloud, fault: dict[str, Any]) -> None:
    for operation in ("instances.insert", "instances.delete", "zoneOperations.get"):
        machines.fault(operation, **fault)
    machines.succeeds(MODULE)
    assert len(machines.sandbox.holdings("gcp")["instances"]) == 1
    machines.succeeds(MODULE, state="absent")
    assert machines.sandbox.holdings("gcp") == {}


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Internal error.", "Internal error."),
        (
            "ZONE_RESOURCE_POOL_EXHAUSTED: The zone does not have enough resources available to fulfill the request.",
            "Choose another zone or machine_type, or try again later.",
        ),
        ("QUOTA_EXCEEDED: Quota 'CPUS' exceeded. Limit: 8.0 in region europe-west1.", "Choose another zone"),
    ],
)
def test_a_launch_that_fails_is_told_and_leaves_nothing(machines: Cloud, reason: str, words: str) -> None:
    machines.fault("instances.insert", fail=reason)
    failed = machines.fails(MODULE)
    assert f"Google Cloud could not launch instance {machines.options['name']} in zone europe-west1-b" in failed.msg
    assert words in failed.msg
    assert failed["failure"]["operation"] == "instances.insert"
    assert failed["failure"]["code"] == (reason.partition(":")[0] if ":" in reason else "INTERNAL_ERROR")
    assert machines.sandbox.holdings("gcp") == {}
    # The request is not taken for the one that has failed.
    assert machines.succeeds(MODULE).changed


def test_a_launch_under_way_that_fails_tells_why(machines: Cloud) -> None:
    machines.fault("instances.insert", fail="Out of machines.")
    with machines.held("instances.insert"):
        machines.succeeds(MODULE, wait=False)
        before = machines.mark()
        joining = machines.start(MODULE)
        machines.until("instances.get", before)
    awaited = joining.result()
    assert awaited.failed
    assert "Out of machines." in awaited.msg


def test_a_deletion_that_fails_is_told_and_can_be_repeated(machines: Cloud) -> None:
    machines.succeeds(MODULE)
    machines.fault("instances.delete", fail="Internal error.")
    assert "could not delete instance" in machines.fails(MODULE, state="absent").msg
    assert machines.succeeds(MODULE, state="absent").changed


def test_two_runs_at_once_launch_one(machines: Cloud) -> None:
    runs = [machines.start(MODULE), machines.start(MODULE)]
    first, second = (run.result() for run in runs)
    assert not first.failed, first.msg
    assert not second.failed, second.msg
    assert first["id"] == second["id"]
    assert len(machines.sandbox.holdings("gcp")["instances"]) == 1


def test_two_runs_that_want_something_else_launch_one(machines: Cloud) -> None:
    runs = [machines.start(MODULE, machine_type=size) for size in ("e2-micro", "e2-small")]
    results = [run.result() for run in runs]
    assert len(machines.sandbox.holdings("gcp")["instances"]) == 1
    assert sorted(result.failed for result in results) == [False, True]
    assert "remove it first" in next(result.msg for result in results if result.failed)


def test_two_removals_at_once_are_one(machines: Cloud) -> None:
    machines.succeeds(MODULE)
    runs = [machines.start(MODULE, state="absent") for _number in range(2)]
    for run in runs:
        result = run.result()
        assert not result.failed, result.msg
    assert machines.sandbox.holdings("gcp") == {}


@pytest.mark.parametrize("moment", [0.0, 0.1, 0.2, 0.3, 0.4])
@pytest.mark.parametrize("state", ["present", "absent"])
def test_what_a_killed_run_has_left_is_found(machines: Cloud, moment: float, state: str) -> None:
    run = machines.start(MODULE)
    time.sleep(moment)
    run.send(signal.SIGKILL)
    run.ended()
    machines.succeeds(MODULE, state=state)
    assert len(machines.sandbox.holdings("gcp").get("instances", [])) == (1 if state == "present" else 0)
