# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_azure_vm over the sandbox, with a disk that does not boot: what is launched, found again, changed, removed."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.modules.azure.conftest import PUBLIC_KEY
from tests.support.azure_requests import AzureRequests
from tests.support.cloud import Cloud
from tests.support.module_run import ModuleResult

MODULE = "alpine_azure_vm"
CREATE = "VirtualMachines_CreateOrUpdate"
DELETE = "VirtualMachines_Delete"
SECRET = "echo nobody-reads-this"


def _shown(machines: Cloud, expand: str | None = None) -> dict[str, Any]:
    """The machine as Azure shows it."""
    answer = AzureRequests(machines.sandbox).machine(
        "GET", machines.options["name"], params={"$expand": expand} if expand else {}
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def _without_time(result: ModuleResult) -> dict[str, Any]:
    hidden = ("invocation", "changed", "diff", "warnings", "console_seconds")
    return {key: value for key, value in result.result.items() if key not in hidden}


def test_check_launch_check_again_remove_again(machines: Cloud) -> None:
    check = machines.succeeds(MODULE, check_mode=True)
    real = machines.succeeds(MODULE)
    held = machines.sandbox.holdings("azure")
    check_again = machines.succeeds(MODULE, check_mode=True)
    before = machines.mark()
    again = machines.succeeds(MODULE)
    assert machines.writes(before) == []
    check_remove = machines.succeeds(MODULE, check_mode=True, state="absent")
    remove = machines.succeeds(MODULE, state="absent")
    gone = machines.succeeds(MODULE, state="absent")

    assert [result.changed for result in (check, real, check_again, again, check_remove, remove, gone)] == [
        True, True, False, False, True, True, False,
    ]  # fmt: skip
    assert check["diff"] == real["diff"]
    assert (check["id"], check["state"], check["running"]) == (None, None, False)
    assert _without_time(real) == _without_time(again) == _without_time(check_again)
    assert (real["state"], real["running"], real["provisioning"]) == ("running", True, "timed_out")
    assert (real["size"], real["location"], real["user"]) == ("Standard_B2ats_v2", "westeurope", "alpine")
    assert real["private_address"].startswith("10.0.0.")
    assert real["public_address"].startswith("198.51.100.")
    assert {kind: len(ids) for kind, ids in held.items()} == {
        "virtualMachines": 1, "disks": 1, "networkInterfaces": 1, "publicIPAddresses": 1,
    }  # fmt: skip
    assert remove["diff"] == check_remove["diff"]
    assert remove["diff"]["after"] == {}
    assert (gone["state"], gone["id"], gone["running"]) == ("absent", None, False)
    assert machines.sandbox.holdings("azure") == {}


def test_a_machine_is_what_the_guide_says(machines: Cloud) -> None:
    real = machines.succeeds(MODULE, user_data=SECRET, tags={"team": "images"})
    shown = _shown(machines)["properties"]
    system, storage = shown["osProfile"], shown["storageProfile"]
    assert storage["imageReference"]["id"] == machines.options["image"]
    assert shown["securityProfile"] == {"securityType": "Standard"}
    assert system["adminUsername"] == "alpine"
    assert system["linuxConfiguration"] == {
        "disablePasswordAuthentication": True,
        "provisionVMAgent": False,
        "ssh": {"publicKeys": [{"path": "/home/alpine/.ssh/authorized_keys", "keyData": PUBLIC_KEY}]},
    }
    assert system["allowExtensionOperations"] is False
    assert "licenseType" not in shown
    assert "customData" not in system
    assert storage["osDisk"]["deleteOption"] == "Delete"
    assert [entry["properties"]["deleteOption"] for entry in shown["networkProfile"]["networkInterfaces"]] == ["Delete"]
    assert shown["diagnosticsProfile"] == {"bootDiagnostics": {"enabled": True}}
    user_data = _shown(machines, "userData")["properties"]["userData"]
    assert base64.b64decode(user_data).decode() == SECRET
    assert SECRET not in str({**real.result, "invocation": None})
    assert SECRET not in str(real["invocation"])
    assert real["tags"] == {"team": "images", "alpine-cloud-machine": machines.options["name"]}


def test_a_machine_without_a_public_address(machines: Cloud) -> None:
    real = machines.succeeds(MODULE, public_address=False)
    assert real["public_address"] is None
    assert "publicIPAddresses" not in machines.sandbox.holdings("azure")


@pytest.mark.parametrize(
    ("size", "controller"),
    [("Standard_B2ats_v2", "SCSI"), ("Standard_E2bds_v5", "NVMe"), ("Standard_D2as_v6", "NVMe")],
)
def test_the_disk_controller_is_the_fastest_that_the_size_has(machines: Cloud, size: str, controller: str) -> None:
    real = machines.succeeds(MODULE, size=size.lower())
    assert real["size"] == size
    assert _shown(machines)["properties"]["storageProfile"]["diskControllerType"] == controller


def test_tags_converge(machines: Cloud) -> None:
    machines.succeeds(MODULE, tags={"team": "images", "cost": "1"})
    check = machines.succeeds(MODULE, check_mode=True, tags={"team": "kernel"})
    before = machines.mark()
    real = machines.succeeds(MODULE, tags={"team": "kernel"})
    assert machines.writes(before) == ["VirtualMachines_Update"]
    own = {"alpine-cloud-machine": machines.options["name"]}
    assert check["tags"] == real["tags"] == {"team": "kernel", "cost": "1", **own}
    assert check["diff"] == real["diff"]
    alone = machines.succeeds(MODULE, tags={"team": "kernel"}, append_tags=False)
    assert alone["tags"] == {"team": "kernel", **own}
    assert alone["provisioning"] == "timed_out"


def test_the_console_is_read_and_its_url_shown_to_nobody(machines: Cloud) -> None:
    before = machines.mark()
    real = machines.succeeds(MODULE, console=True)
    assert {"VirtualMachines_RetrieveBootDiagnosticsData", "GetSerialLog"} <= set(machines.operations(before))
    assert isinstance(real["console"], str)
    assert real["console_match"] is None
    assert "sig=" not in str(real.result)


def test_a_console_that_stays_silent_fails_the_task_and_leaves_the_machine(machines: Cloud) -> None:
    silent = machines.fails(MODULE, console_pattern="never-said", wait_timeout=1)
    assert "has not said 'never-said' on its console: waited 1 seconds (wait_timeout)" in silent.msg
    assert machines.succeeds(MODULE).changed is False


def test_other_images_and_sizes_are_conflicts(machines: Cloud) -> None:
    machines.succeeds(MODULE)
    definition = machines.options["image"].partition("/versions/")[0]
    before = machines.mark()
    other_image = machines.fails(MODULE, image=definition)
    other_size = machines.fails(MODULE, size="Standard_B1s")
    assert machines.writes(before) == []
    assert f"was launched from {machines.options['image']}, not from {definition}" in other_image.msg
    assert "remove it first, with state=absent" in other_image.msg
    assert "has size Standard_B2ats_v2, not Standard_B1s: remove it first" in other_size.msg
    same = machines.options["image"].replace("resourceGroups", "RESOURCEGROUPS")
    assert machines.succeeds(MODULE, image=same).changed is False


def test_a_definition_stands_for_its_latest_version(machines: Cloud) -> None:
    definition = machines.options["image"].partition("/versions/")[0]
    real = machines.succeeds(MODULE, image=definition)
    assert real["image"] == definition
    assert machines.succeeds(MODULE, image=definition).changed is False


def test_a_machine_of_others_is_neither_adopted_nor_removed(machines: Cloud) -> None:
    requests_to, name = AzureRequests(machines.sandbox), machines.options["name"]
    machines.succeeds(MODULE)
    answer = requests_to.machine("PATCH", name, {"tags": {"alpine-cloud-machine": "another"}})
    requests_to.outcome(answer)
    before = machines.mark()
    adopted = machines.fails(MODULE)
    removed = machines.fails(MODULE, state="absent")
    assert machines.writes(before) == []
    assert adopted.msg == removed.msg
    assert f"virtual machine {name} exists" in adopted.msg
    assert "was not launched by this module" in adopted.msg
    requests_to.outcome(requests_to.machine("PATCH", name, {"tags": {"alpine-cloud-machine": name}}))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "-x"}, "name '-x' is not a machine's name"),
        ({"image": None}, "image is needed"),
        ({"image": "alpine"}, "image 'alpine' is not the resource ID of an image version"),
        (
            {"subnet_id": None},
            "since Azure has no default network: make one with `az network vnet create",
        ),
        ({"subnet_id": "default"}, "subnet_id 'default' is not the resource ID of a subnet"),
        ({"network_security_group_id": "ssh"}, "network_security_group_id 'ssh' is not the resource ID"),
        ({"ssh_public_key": None}, "ssh_public_key is needed"),
        ({"ssh_public_key": "-----BEGIN OPENSSH PRIVATE KEY-----"}, "ssh_public_key is a private key"),
        ({"user_data": "x" * 65536}, "user_data has 65536 bytes, but Azure takes 65535"),
        ({"console_pattern": "("}, "console_pattern '(' is no regular expression"),
        ({"tags": {"alpine-cloud-machine": "x"}}, "tags: 'alpine-cloud-machine' is set by the module"),
    ],
)
def test_bad_input_is_refused_before_the_first_request(machines: Cloud, options: dict[str, Any], message: str) -> None:
    before = machines.mark()
    failed = machines.fails(MODULE, **options)
    assert message in failed.msg
    assert machines.requests(before) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"architecture": "aarch64"}, "architecture is aarch64, but the image is of x86_64"),
        ({"size": "Standard_B2pts_v2"}, "size Standard_B2pts_v2 is of aarch64, but architecture is x86_64"),
        ({"size": "Standard_A1_v2"}, "size Standard_A1_v2 boots machines of generation V1, but the image is of V2"),
        ({"size": "Standard_Z1"}, "size 'Standard_Z1' does not exist in westeurope"),
        ({"size": "Standard_D2s_v3"}, "size Standard_D2s_v3 is not available to this subscription in westeurope"),
        ({"location": "eastus"}, "location: subnet_id is in westeurope, not in eastus"),
    ],
)
def test_what_does_not_fit_is_refused_before_the_launch(machines: Cloud, options: dict[str, Any], message: str) -> None:
    before = machines.mark()
    assert message in machines.fails(MODULE, **options).msg
    assert message in machines.fails(MODULE, check_mode=True, **options).msg
    assert machines.writes(before) == []


def test_what_is_not_there_is_named(machines: Cloud) -> None:
    image, subnet = machines.options["image"], machines.options["subnet_id"]
    assert f"image: there is no {image}9" in machines.fails(MODULE, image=f"{image}9").msg
    assert f"subnet_id: there is no {subnet}9" in machines.fails(MODULE, subnet_id=f"{subnet}9").msg
    group = machines.fails(MODULE, resource_group="nowhere")
    assert "Option resource_group must name one that exists" in group.msg
