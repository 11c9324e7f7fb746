# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_gcp_instance over the sandbox, with a disk that boots nothing: launched, found again, changed, removed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cloud import Cloud
from tests.support.google_requests import Google
from tests.support.login import KeyFile

MODULE = "alpine_gcp_instance"
SECRET = "echo nobody-reads-this"


def shown(machines: Cloud, kind: str = "instances") -> dict[str, Any]:
    """The instance, or what has its name, as Compute Engine shows it."""
    google = Google(machines.sandbox, "none")
    return google.json("GET", f"{google.zone(machines.options['zone'])}/{kind}/{machines.options['name']}")


def metadata_of(instance: dict[str, Any]) -> dict[str, str]:
    return {item["key"]: item["value"] for item in instance["metadata"]["items"]}


def test_an_instance_is_launched_once_and_goes_with_all_it_has(machines: Cloud) -> None:
    name = machines.options["name"]
    check = machines.succeeds(MODULE, check_mode=True)
    start = machines.mark()
    real = machines.succeeds(MODULE)
    assert machines.writes(start) == ["instances.insert"]
    held = machines.sandbox.holdings("gcp")
    before = machines.mark()
    check_again = machines.succeeds(MODULE, check_mode=True)
    again = machines.succeeds(MODULE)
    assert machines.writes(before) == []

    assert check.changed
    assert (check["id"], check["state"], check["running"]) == (None, None, False)
    assert check["diff"] == real["diff"]
    assert real.changed
    assert real["id"].isdigit()
    assert (real["state"], real["running"], real["user"]) == ("RUNNING", True, "alpine")
    assert (real["machine_type"], real["zone"], real["name"]) == ("e2-micro", machines.options["zone"], name)
    assert machines.options["image"].endswith(real["image"])
    assert real["image"].startswith("projects/alpine-sandbox/global/images/")
    assert real["private_address"].startswith("10.")
    assert real["public_address"].startswith("192.0.2.")
    assert real["labels"] == {"alpine-cloud-machine": name}
    assert (real["console"], real["console_match"], real["console_seconds"]) == (None, None, None)
    assert {kind: len(ids) for kind, ids in held.items()} == {"instances": 1, "disks": 1, "addresses": 1}
    assert not check_again.changed
    assert not again.changed
    assert (again["id"], again["public_address"]) == (real["id"], real["public_address"])
    assert real.warnings == again.warnings == []

    before = machines.mark()
    check_removal = machines.succeeds(MODULE, check_mode=True, state="absent")
    gone = machines.succeeds(MODULE, state="absent")
    assert machines.writes(before) == ["instances.delete"]
    assert check_removal.changed
    assert gone.changed
    assert gone["diff"] == check_removal["diff"]
    assert gone["diff"]["before"]["name"] == name
    assert gone["diff"]["after"] == {}
    assert (gone["state"], gone["running"], gone["id"]) == ("absent", False, None)
    assert machines.sandbox.holdings("gcp") == {}
    assert not machines.succeeds(MODULE, state="absent").changed
    assert not machines.succeeds(MODULE, check_mode=True, state="absent").changed


def test_a_name_can_be_launched_again_at_once(machines: Cloud) -> None:
    # Compute Engine answers a request id that it knows with what it has answered before.
    first = machines.succeeds(MODULE)
    machines.succeeds(MODULE, state="absent")
    second = machines.succeeds(MODULE)
    assert second.changed
    assert second["id"] != first["id"]
    assert second["running"]
    assert machines.succeeds(MODULE, state="absent").changed


def test_an_instance_is_what_the_guide_says(machines: Cloud, login: KeyFile) -> None:
    real = machines.succeeds(MODULE, user_data=SECRET)
    instance, disk = shown(machines), shown(machines, "disks")
    kind, blob, comment = login.public.split()
    assert comment != "alpine"
    assert metadata_of(instance) == {
        "ssh-keys": f"alpine:{kind} {blob} alpine",
        "block-project-ssh-keys": "TRUE",
        "user-data": SECRET,
    }
    assert instance["shieldedInstanceConfig"]["enableSecureBoot"] is False
    assert instance["networkInterfaces"][0]["nicType"] == "GVNIC"
    assert instance["disks"][0]["autoDelete"] is True
    assert disk["labels"] == {"alpine-cloud-machine": machines.options["name"]}
    assert disk["sizeGb"] == "10"
    assert SECRET not in str(real.result)


def test_an_instance_without_key_user_data_and_address(machines: Cloud) -> None:
    real = machines.succeeds(MODULE, ssh_public_key=None, public_address=False)
    assert real["public_address"] is None
    assert metadata_of(shown(machines)) == {}
    assert "addresses" not in machines.sandbox.holdings("gcp")


@pytest.mark.parametrize(
    "options",
    [
        {"network": "default"},
        {"subnetwork": "default"},
        {"network": "projects/alpine-sandbox/global/networks/default"},
        {"subnetwork": "projects/alpine-sandbox/regions/europe-west1/subnetworks/default"},
    ],
)
def test_the_network_can_be_named(machines: Cloud, options: dict[str, Any]) -> None:
    assert machines.succeeds(MODULE, **options)["running"]


def test_an_image_can_be_named_in_three_ways(machines: Cloud) -> None:
    path = machines.options["image"].partition("/compute/v1/")[2]
    machines.succeeds(MODULE, image=path)
    for image in (path.rpartition("/")[2], path.partition("alpine-sandbox/")[2], machines.options["image"], None):
        assert not machines.succeeds(MODULE, image=image).changed


def test_labels_converge(machines: Cloud) -> None:
    own = {"alpine-cloud-machine": machines.options["name"]}
    made = machines.succeeds(MODULE, labels={"team": "platform", "cost": "1"})
    assert made["labels"] == {"team": "platform", "cost": "1", **own}
    assert not machines.succeeds(MODULE).changed
    check = machines.succeeds(MODULE, check_mode=True, labels={"team": "sales"})
    start = machines.mark()
    # The answer is lost, and the labels are there all the same.
    machines.fault("instances.setLabels", drop="after")
    real = machines.succeeds(MODULE, labels={"team": "sales"})
    assert machines.writes(start) == ["instances.setLabels", "instances.setLabels"]
    assert check["labels"] == real["labels"] == {"team": "sales", **own}
    assert check["diff"] == real["diff"]
    assert sorted(real["diff"]["before"]) == ["labels"]
    assert (real["id"], real.changed) == (made["id"], True)
    assert not machines.succeeds(MODULE, labels={"team": "sales"}).changed


def test_an_instance_that_is_not_waited_for_is_picked_up(machines: Cloud) -> None:
    with machines.held("instances.insert"):
        begun = machines.succeeds(MODULE, wait=False)
        before = machines.mark()
        joining = machines.start(MODULE)
        machines.until("instances.get", before)
    awaited = joining.result()
    assert machines.writes(before) == []
    assert begun.changed
    assert not begun["running"]
    assert not awaited.changed
    assert awaited["running"]
    before = machines.mark()
    with machines.held("instances.delete"):
        assert machines.succeeds(MODULE, state="absent", wait=False).changed
        mark = machines.mark()
        joining = machines.start(MODULE, state="absent")
        machines.until("instances.get", mark)
    joined = joining.result()
    assert machines.writes(before) == ["instances.delete"]
    assert joined["state"] == "absent"
    assert machines.sandbox.holdings("gcp") == {}


def test_an_instance_that_is_being_deleted_is_launched_anew(machines: Cloud) -> None:
    first = machines.succeeds(MODULE)
    with machines.held("instances.delete"):
        machines.succeeds(MODULE, state="absent", wait=False)
        before = machines.mark()
        launch = machines.start(MODULE)
        machines.until("instances.get", before)
    second = launch.result()
    assert second.changed
    assert second["id"] != first["id"]


def test_a_console_that_stays_silent_fails_the_task_and_leaves_the_machine(machines: Cloud) -> None:
    silent = machines.fails(MODULE, console_pattern="ready", wait_timeout=2)
    assert "has not said 'ready' on its console: waited 2 seconds (wait_timeout)" in silent.msg
    assert "console" in silent["failure"]["details"]
    # It is there for whoever wants to look at it.
    seen = machines.succeeds(MODULE, console=True)
    assert not seen.changed
    assert isinstance(seen["console"], str)
    assert seen["console_match"] is None


@pytest.mark.parametrize("value", ["TRUE", "true"])
def test_os_login_of_the_project_is_told(machines: Cloud, value: str) -> None:
    google = Google(machines.sandbox, "none")
    google.set_project_metadata({"enable-oslogin": value})
    try:
        check = machines.succeeds(MODULE, check_mode=True)
        real = machines.succeeds(MODULE)
        again = machines.succeeds(MODULE)
        keyless = machines.succeeds(MODULE, ssh_public_key=None)
        machines.succeeds(MODULE, state="absent")
        off = machines.succeeds(MODULE, os_login=False)
        instance = metadata_of(shown(machines))
        off_again = machines.succeeds(MODULE)
    finally:
        google.set_project_metadata({})
    for result in (check, real, again):
        [warning] = result.warnings
        assert "Project alpine-sandbox has OS Login on" in warning
        assert "os_login=false" in warning
        assert "compute.requireOsLogin" in warning
    assert keyless.warnings == off.warnings == off_again.warnings == []
    assert instance["enable-oslogin"] == "FALSE"


def test_os_login_can_be_asked_for(machines: Cloud) -> None:
    real = machines.succeeds(MODULE, os_login=True)
    assert metadata_of(shown(machines))["enable-oslogin"] == "TRUE"
    assert "OS Login is on in this machine" in real.warnings[0]
