# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_oci_instance over the sandbox, with a disk that boots nothing: launched, found again, changed, removed."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.support.cloud import Cloud
from tests.support.login import KeyFile
from tests.support.oracle_requests import Oracle

MODULE = "alpine_oci_instance"
SECRET = "echo nobody-reads-this"


def shown(machines: Cloud, path: str) -> Any:
    """What Oracle Cloud answers to a GET."""
    return Oracle(machines.sandbox).compute_json("GET", path)


def test_an_instance_is_launched_once_and_goes_with_all_it_has(machines: Cloud) -> None:
    name = machines.options["name"]
    check = machines.succeeds(MODULE, check_mode=True)
    start = machines.mark()
    real = machines.succeeds(MODULE)
    assert machines.writes(start) == ["LaunchInstance"]
    held = machines.sandbox.holdings("oci")
    before = machines.mark()
    check_again = machines.succeeds(MODULE, check_mode=True)
    again = machines.succeeds(MODULE)
    assert machines.writes(before) == []

    assert check.changed
    assert (check["id"], check["state"], check["running"]) == (None, None, False)
    assert check["diff"] == real["diff"]
    assert real.changed
    assert real["id"].startswith("ocid1.instance.oc1.eu-frankfurt-1.")
    assert (real["state"], real["running"], real["user"]) == ("RUNNING", True, "alpine")
    assert (real["shape"], real["ocpus"], real["memory_in_gbs"]) == ("VM.Standard.E4.Flex", 1.0, 1.0)
    assert (real["name"], real["region"]) == (name, "eu-frankfurt-1")
    assert real["availability_domain"].endswith("-AD-1")
    assert real["image_id"] == machines.options["image_id"]
    assert real["private_address"].startswith("10.0.0.")
    assert real["public_address"].startswith("198.18.0.")
    assert real["freeform_tags"] == {"alpine-cloud-machine": name}
    assert (real["console"], real["console_match"], real["console_seconds"]) == (None, None, None)
    assert {kind: len(ids) for kind, ids in held.items()} == {
        "instances": 1,
        "boot_volumes": 1,
        "vnics": 1,
        "addresses": 1,
    }
    assert not check_again.changed
    assert not again.changed
    assert (again["id"], again["public_address"]) == (real["id"], real["public_address"])

    before = machines.mark()
    check_removal = machines.succeeds(MODULE, check_mode=True, state="absent")
    gone = machines.succeeds(MODULE, state="absent")
    assert machines.writes(before) == ["TerminateInstance"]
    assert check_removal.changed
    assert gone.changed
    assert gone["diff"] == check_removal["diff"]
    assert gone["diff"]["before"]["name"] == name
    assert gone["diff"]["after"] == {}
    assert (gone["state"], gone["running"], gone["id"]) == ("absent", False, None)
    assert machines.sandbox.holdings("oci") == {}
    assert not machines.succeeds(MODULE, state="absent").changed
    assert not machines.succeeds(MODULE, check_mode=True, state="absent").changed


def test_a_name_can_be_launched_again_at_once(machines: Cloud) -> None:
    # The retry token of an instance that was terminated is not valid any more.
    first = machines.succeeds(MODULE)
    machines.succeeds(MODULE, state="absent", wait=False)
    second = machines.succeeds(MODULE)
    assert second.changed
    assert second["id"] != first["id"]
    assert second["running"]


def test_an_instance_is_what_the_guide_says(machines: Cloud, login: KeyFile) -> None:
    real = machines.succeeds(MODULE, user_data=SECRET)
    instance = shown(machines, f"/instances/{real['id']}")
    [attachment] = shown(
        machines,
        f"/bootVolumeAttachments?compartmentId={machines.options['compartment_id']}&instanceId={real['id']}"
        f"&availabilityDomain={real['availability_domain']}",
    )
    assert instance["metadata"] == {
        "ssh_authorized_keys": login.public,
        "user_data": base64.b64encode(SECRET.encode()).decode(),
    }
    assert instance["instanceOptions"]["areLegacyImdsEndpointsDisabled"] is True
    assert shown(machines, f"/bootVolumes/{attachment['bootVolumeId']}")["sizeInGBs"] == 50
    assert SECRET not in json.dumps(real.result)


def test_an_instance_can_be_larger_than_the_smallest(machines: Cloud) -> None:
    larger: dict[str, Any] = {
        "shape": "VM.Standard.E5.Flex",
        "ocpus": 2,
        "memory_in_gbs": 6,
        "boot_volume_size_in_gbs": 60,
    }
    check = machines.succeeds(MODULE, check_mode=True, **larger)
    real = machines.succeeds(MODULE, **larger)
    assert (real["shape"], real["ocpus"], real["memory_in_gbs"]) == ("VM.Standard.E5.Flex", 2.0, 6.0)
    assert check["diff"] == real["diff"]
    # What is not asked for stays.
    assert not machines.succeeds(MODULE).changed


def test_a_shape_that_is_not_flexible_is_taken_as_it_is(machines: Cloud) -> None:
    real = machines.succeeds(MODULE, shape="VM.Standard2.1")
    assert (real["shape"], real["ocpus"], real["memory_in_gbs"]) == ("VM.Standard2.1", 1.0, 15.0)


def test_an_instance_without_key_user_data_and_address(machines: Cloud) -> None:
    real = machines.succeeds(MODULE, ssh_public_key=None, assign_public_ip=False)
    assert real["public_address"] is None
    assert shown(machines, f"/instances/{real['id']}")["metadata"] == {}
    assert "addresses" not in machines.sandbox.holdings("oci")


def test_the_subnet_says_where_and_how(machines: Cloud) -> None:
    subnets = {
        subnet["displayName"]: subnet["id"]
        for subnet in shown(machines, f"/subnets?compartmentId={machines.options['compartment_id']}")
    }
    private = machines.succeeds(MODULE, subnet_id=subnets["private"])
    assert private["public_address"] is None
    machines.succeeds(MODULE, state="absent")
    of_one = machines.succeeds(MODULE, subnet_id=subnets["of-one-domain"])
    assert of_one["availability_domain"].endswith("-AD-2")
    machines.succeeds(MODULE, state="absent")
    start = machines.mark()
    refused = machines.fails(MODULE, subnet_id=subnets["private"], assign_public_ip=True)
    assert f"assign_public_ip is true, but subnet {subnets['private']} allows no public addresses" in refused.msg
    refused = machines.fails(MODULE, subnet_id=subnets["of-one-domain"], availability_domain="Uocm:EU-FRANKFURT-1-AD-3")
    assert "is in Uocm:EU-FRANKFURT-1-AD-2" in refused.msg
    assert machines.writes(start) == []


def test_tags_converge(machines: Cloud) -> None:
    own = {"alpine-cloud-machine": machines.options["name"]}
    made = machines.succeeds(MODULE, freeform_tags={"team": "platform", "cost": 1})
    assert made["freeform_tags"] == {"team": "platform", "cost": "1", **own}
    assert not machines.succeeds(MODULE).changed
    check = machines.succeeds(MODULE, check_mode=True, freeform_tags={"team": "sales"})
    start = machines.mark()
    real = machines.succeeds(MODULE, freeform_tags={"team": "sales"})
    assert machines.writes(start) == ["UpdateInstance"]
    assert check["freeform_tags"] == real["freeform_tags"] == {"team": "sales", "cost": "1", **own}
    assert check["diff"] == real["diff"]
    assert sorted(real["diff"]["before"]) == ["freeform_tags"]
    assert (real["id"], real.changed) == (made["id"], True)
    assert not machines.succeeds(MODULE, freeform_tags={"team": "sales"}).changed


def test_an_instance_that_is_not_waited_for_is_picked_up(machines: Cloud) -> None:
    begun = machines.succeeds(MODULE, wait=False)
    before = machines.mark()
    awaited = machines.succeeds(MODULE)
    assert machines.writes(before) == []
    assert begun.changed
    assert not awaited.changed
    assert (awaited["id"], awaited["running"]) == (begun["id"], True)
    before = machines.mark()
    assert machines.succeeds(MODULE, state="absent", wait=False).changed
    assert not machines.succeeds(MODULE, state="absent").changed
    assert machines.writes(before) == ["TerminateInstance"]
    assert machines.sandbox.holdings("oci") == {}


def test_a_console_that_stays_silent_fails_the_task_and_leaves_the_machine(machines: Cloud) -> None:
    silent = machines.fails(MODULE, console_pattern="ready", wait_timeout=3)
    assert "has not said 'ready' on its console: waited 3 seconds (wait_timeout)" in silent.msg
    assert "console" in silent["failure"]["details"]
    # It is there for whoever wants to look at it, and nothing that was captured stays.
    start = machines.mark()
    seen = machines.succeeds(MODULE, console=True)
    assert machines.writes(start) == ["CaptureConsoleHistory", "DeleteConsoleHistory"]
    assert not seen.changed
    # To capture is to write.
    assert machines.succeeds(MODULE, check_mode=True, console=True)["console"] is None
    assert isinstance(seen["console"], str)
    assert seen["console_match"] is None
    assert "console_histories" not in machines.sandbox.holdings("oci")
