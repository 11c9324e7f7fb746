# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_azure_vm over the sandbox: what fails in Azure, answers that get lost, and what earlier runs have left."""

from __future__ import annotations

import signal
import time

import pytest

from tests.support.azure_requests import CONTAINER, AzureRequests, definition_body
from tests.support.cloud import Cloud
from tests.support.disks import SmallDisk

MODULE = "alpine_azure_vm"
CREATE = "VirtualMachines_CreateOrUpdate"
DELETE = "VirtualMachines_Delete"
NO_CAPACITY = "AllocationFailed: Allocation failed. We do not have sufficient capacity for the requested VM size."


@pytest.mark.parametrize("fault", [{"status": 503}, {"drop": "before"}, {"drop": "after"}], ids=str)
def test_a_launch_whose_request_or_answer_gets_lost_makes_one_machine(
    machines: Cloud, fault: dict[str, object]
) -> None:
    machines.fault(CREATE, **fault)
    real = machines.succeeds(MODULE)
    assert real.changed
    assert real["running"]
    assert [len(ids) for ids in machines.sandbox.holdings("azure").values()] == [1, 1, 1, 1]


def test_no_capacity_is_told_and_what_is_left_is_replaced(machines: Cloud) -> None:
    machines.fault(CREATE, fail=NO_CAPACITY)
    failed = machines.fails(MODULE)
    left = machines.sandbox.holdings("azure")
    check = machines.succeeds(MODULE, check_mode=True)
    before = machines.mark()
    real = machines.succeeds(MODULE)
    assert machines.writes(before) == [DELETE, CREATE]
    assert "AllocationFailed: Allocation failed." in failed.msg
    assert "Give option size another size" in failed.msg
    assert failed["failure"]["code"] == "AllocationFailed"
    assert set(left) == {"virtualMachines", "networkInterfaces", "publicIPAddresses"}
    assert check.changed and real.changed
    assert [len(ids) for ids in machines.sandbox.holdings("azure").values()] == [1, 1, 1, 1]


def test_what_a_failed_launch_has_left_is_removed(machines: Cloud) -> None:
    machines.fault(CREATE, fail="OSProvisioningClientError: OS provisioning failed.")
    failed = machines.fails(MODULE)
    removed = machines.succeeds(MODULE, state="absent")
    assert "OSProvisioningClientError: OS provisioning failed." in failed.msg
    assert removed.changed
    assert machines.sandbox.holdings("azure") == {}


def test_a_refusal_is_told_with_azures_code(machines: Cloud) -> None:
    machines.fault(CREATE, status=400)
    refused = machines.fails(MODULE)
    assert refused["failure"]["operation"] == CREATE
    assert refused["failure"]["status"] == 400
    assert machines.sandbox.holdings("azure") == {}


@pytest.mark.parametrize("fault", [{"status": 503}, {"drop": "before"}, {"drop": "after"}], ids=str)
def test_a_removal_whose_request_or_answer_gets_lost_is_done(machines: Cloud, fault: dict[str, object]) -> None:
    machines.succeeds(MODULE)
    machines.fault(DELETE, **fault)
    assert machines.succeeds(MODULE, state="absent").changed
    assert machines.sandbox.holdings("azure") == {}


def test_a_removal_that_fails_is_told_and_can_be_repeated(machines: Cloud) -> None:
    machines.succeeds(MODULE)
    machines.fault(DELETE, fail="InternalExecutionError: An internal execution error occurred.")
    failed = machines.fails(MODULE, state="absent")
    assert "InternalExecutionError" in failed.msg
    assert failed["failure"]["operation"] == DELETE
    assert machines.succeeds(MODULE, state="absent").changed


def test_a_removal_under_way_is_joined(machines: Cloud) -> None:
    machines.succeeds(MODULE)
    with machines.held(DELETE):
        begun = machines.succeeds(MODULE, state="absent", wait=False)
        before = machines.mark()
        joining = machines.start(MODULE, state="absent")
        machines.until("VirtualMachines_Get", before)
    joined = joining.result()
    assert (begun["state"], joined["state"]) == ("deleting", "absent")
    assert machines.sandbox.holdings("azure") == {}


def test_a_machine_that_is_being_removed_is_launched_again(machines: Cloud) -> None:
    first = machines.succeeds(MODULE)
    with machines.held(DELETE):
        machines.succeeds(MODULE, state="absent", wait=False)
        before = machines.mark()
        launch = machines.start(MODULE)
        machines.until("VirtualMachines_Get", before)
    second = launch.result()
    assert second.changed
    assert second["public_address"] != first["public_address"]


def test_a_launch_that_is_not_waited_for_is_picked_up(machines: Cloud) -> None:
    with machines.held(CREATE):
        begun = machines.succeeds(MODULE, wait=False)
        under_way = machines.succeeds(MODULE, check_mode=True)
        before = machines.mark()
        joining = machines.start(MODULE)
        machines.until("VirtualMachines_Get", before)
    awaited = joining.result()
    assert machines.writes(before) == []
    assert (begun.changed, under_way.changed, awaited.changed) == (True, False, False)
    assert begun["provisioning"] == "in_progress"
    assert (awaited["id"], awaited["running"]) == (begun["id"], True)


def test_two_launches_at_once_make_one_machine(machines: Cloud) -> None:
    # Both find none; the second one's request comes when the first one's machine is there.
    machines.fault("ResourceSkus_List", count=2, delay=0.5)
    runs = [machines.start(MODULE), machines.start(MODULE)]
    results = [run.result() for run in runs]
    assert [result.failed for result in results] == [False, False], [result.result for result in results]
    assert len({result["id"] for result in results}) == 1
    assert [len(ids) for ids in machines.sandbox.holdings("azure").values()] == [1, 1, 1, 1]


def test_a_machine_that_others_launch_meanwhile_is_left_alone(machines: Cloud) -> None:
    requests_to, name = AzureRequests(machines.sandbox), machines.options["name"]
    machines.succeeds(MODULE)
    body = requests_to.machine("GET", name).json()
    machines.succeeds(MODULE, state="absent")
    foreign = AzureRequests(machines.sandbox)
    properties = {key: body["properties"][key] for key in ("hardwareProfile", "osProfile", "diagnosticsProfile")}
    properties["storageProfile"] = {
        "imageReference": {"id": machines.options["image"]},
        "osDisk": {"createOption": "FromImage", "deleteOption": "Delete"},
    }
    properties["networkProfile"] = {
        "networkApiVersion": "2022-11-01",
        "networkInterfaceConfigurations": [
            {
                "name": "nic",
                "properties": {
                    "deleteOption": "Delete",
                    "ipConfigurations": [
                        {"name": "ip", "properties": {"subnet": {"id": machines.options["subnet_id"]}}}
                    ],
                },
            }
        ],
    }
    with machines.held("ResourceSkus_List", "request"):
        run = machines.start(MODULE)
        machines.sandbox.until_struck("azure")
        created = foreign.machine("PUT", name, {"location": "westeurope", "properties": properties})
    assert created.status_code == 201, created.text
    result = run.result()
    assert result.failed
    assert "was not launched by this module" in result.msg
    foreign.outcome(created)
    foreign.outcome(foreign.machine("DELETE", name))


@pytest.mark.parametrize("moment", [CREATE, "VirtualMachines_Get", "NetworkInterfaces_Get"])
def test_a_killed_launch_leaves_nothing_that_the_next_run_does_not_find(machines: Cloud, moment: str) -> None:
    before = machines.mark()
    run = machines.start(MODULE)
    deadline = time.monotonic() + 30
    while moment not in machines.operations(before) and time.monotonic() < deadline:
        time.sleep(0.01)
    run.send(signal.SIGKILL)
    run.ended()
    machines.succeeds(MODULE, state="absent")
    assert machines.sandbox.holdings("azure") == {}


def test_an_image_that_azure_would_launch_trusted_is_refused_with_what_to_do(
    machines: Cloud, small_disk: SmallDisk
) -> None:
    requests_to = AzureRequests(machines.sandbox)
    requests_to.blob("PUT", CONTAINER, params={"restype": "container"})
    requests_to.upload("trusted.vhd", small_disk.fixed_vhd.read_bytes())
    gallery = requests_to.gallery()
    features = [{"name": "SecurityType", "value": "TrustedLaunchSupported"}]
    requests_to.done("PUT", f"{gallery}/images/trusted", definition_body(features=features))
    version = requests_to.done(
        "PUT", f"{gallery}/images/trusted/versions/1.0.0", requests_to.version_body("trusted.vhd")
    )
    refused = machines.fails(MODULE, image=version["id"])
    assert "InvalidParameter: The value of parameter securityProfile.securityType is invalid." in refused.msg
    assert "give option image a version in a definition without feature SecurityType" in refused.msg
    assert "az feature register" in refused.msg


def test_a_console_that_cannot_be_read_at_first_is_read_again(machines: Cloud) -> None:
    machines.fault("GetSerialLog", drop="before")
    machines.fault("VirtualMachines_RetrieveBootDiagnosticsData", status=503)
    assert machines.succeeds(MODULE, console=True)["running"]
