# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from azure.core import MatchConditions

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import (
    ConflictError,
    InputError,
    ProviderError,
    WaitTimeoutError,
)
from tests.unit.plugins.module_utils._azure.fakes import Poller, arm_error
from tests.unit.plugins.module_utils._azure.machine_case import (
    DEFINITION,
    NETWORK,
    SUBNET,
    VERSION,
    Answer,
    MachineCase,
    definition,
    machine,
    sku,
)

FOREIGN: dict[str, str] = {"team": "others"}


def test_launch() -> None:
    case = MachineCase()
    case.launched_as()
    result = case.present()
    assert case.operations.writes == ["create"]
    (call,) = case.operations.calls
    assert call.path == ("machines", "alpine-1")
    # Never onto a machine that is there, and not waited for by the SDK, which takes a time-out for a failure.
    assert call.options == {"match_condition": MatchConditions.IfMissing, "polling": False}
    assert result["changed"]
    assert (result["state"], result["running"], result["provisioning"]) == ("running", True, "timed_out")
    assert (result["private_address"], result["public_address"]) == ("10.0.0.4", "198.51.100.7")
    assert (result["image"], result["size"], result["location"]) == (VERSION, "Standard_B2ats_v2", "westeurope")
    assert (result["user"], result["console"]) == ("alpine", None)
    assert result["diff"]["before"] == {}
    assert case.operations.reads[0] == {"expand": "instanceView"}


def test_provisioning_that_times_out_is_told() -> None:
    case = MachineCase()
    case.launched_as()
    case.present()
    (warning,) = case.warnings
    assert "virtual machine alpine-1 runs, but has not told Azure so (OSProvisioningTimedOut)" in warning


def test_provisioning_that_succeeds() -> None:
    case = MachineCase()
    case.launched_as(provisioning="Succeeded")
    assert case.present()["provisioning"] == "succeeded"
    assert case.warnings == []


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ({"failure": "OSProvisioningClientError"}, "OSProvisioningClientError: It did not finish."),
        ({"failure": "AllocationFailed", "power": None}, "AllocationFailed: It did not finish. Give option size"),
    ],
)
def test_any_other_failure_stays_one(shown: dict[str, Any], said: str) -> None:
    case = MachineCase()
    case.launched_as(**shown)
    with pytest.raises(ProviderError, match="Cannot launch virtual machine alpine-1") as caught:
        case.present()
    assert said in caught.value.message
    assert caught.value.code == shown["failure"]


def test_a_machine_that_has_ended_is_a_failure_with_its_last_words() -> None:
    case = MachineCase()
    case.launched_as(power="stopped")
    case.clients.log.reads = [b"booting\r\nKernel panic - not syncing\r\n"]
    with pytest.raises(ProviderError, match="Cannot launch") as caught:
        case.present()
    assert "it is stopped" in caught.value.message
    assert caught.value.message.endswith("The last lines on its console:\nbooting\nKernel panic - not syncing")


def test_check_mode_writes_nothing_and_tells_the_same() -> None:
    check, real = MachineCase(), MachineCase()
    real.launched_as()
    told, done = check.present(check_mode=True), real.present()
    assert check.operations.writes == []
    assert told["diff"] == done["diff"]
    assert (told["id"], told["state"], told["running"], told["provisioning"]) == (None, None, False, None)


@pytest.mark.parametrize("check_mode", [False, True])
def test_one_that_runs_is_left_alone(check_mode: bool) -> None:
    case = MachineCase(machine())
    case.clients.answers = {key: value for key, value in case.clients.answers.items() if "Network/" in key}
    result = case.present(check_mode=check_mode)
    assert case.operations.writes == []
    assert not result["changed"]
    assert result["diff"] == {"before": {}, "after": {}}
    assert result["running"]


def test_tags() -> None:
    case = MachineCase(machine(), tags={"team": "images"})
    result = case.present()
    (call,) = case.operations.calls
    own = {"alpine-cloud-machine": "alpine-1"}
    assert (call.name, call.body) == ("update", {"tags": {"team": "images", **own}})
    assert result["tags"] == {"team": "images", **own}
    assert result["diff"] == {"before": {"tags": own}, "after": {"tags": {"team": "images", **own}}}


@pytest.mark.parametrize(
    ("existing", "options", "message"),
    [
        (machine(tags=FOREIGN), {}, "was not launched by this module"),
        (machine(tags={"alpine-cloud-machine": "other"}), {}, "was not launched by this module"),
        (machine(), {"image": DEFINITION}, f"was launched from {VERSION}, not from"),
        (machine(storageProfile={"imageReference": {"publisher": "x"}}), {}, "from no gallery image"),
        (machine(), {"size": "Standard_B1s"}, "has size Standard_B2ats_v2, not Standard_B1s: remove it first"),
        (machine("Succeeded", "deallocated"), {}, "does not run .it is deallocated.: start it"),
        (machine("Succeeded", None), {}, "does not run .it is without power."),
    ],
)
def test_conflicts(existing: dict[str, Any], options: dict[str, Any], message: str) -> None:
    case = MachineCase(existing, **options)
    with pytest.raises(ConflictError, match=message):
        case.present()
    assert case.operations.writes == []


@pytest.mark.parametrize("size", [None, "standard_b2ATS_v2"])
def test_a_size_that_is_not_named_is_no_wish(size: str | None) -> None:
    assert not MachineCase(machine(hardwareProfile={"vmSize": "Standard_B2ats_v2"}), size=size).present()["changed"]


def test_one_that_failed_is_removed_and_launched_again() -> None:
    case = MachineCase(machine(power=None, failure="AllocationFailed"))
    case.launched_as()
    assert case.present()["changed"]
    assert case.operations.writes == ["delete", "create"]


def test_one_that_is_being_removed_is_waited_for() -> None:
    case = MachineCase(machine("Deleting"))
    case.operations.states = [machine("Deleting"), machine("Deleting"), None]
    case.launched_as()
    assert case.present()["changed"]
    assert case.operations.writes == ["create"]


def test_one_that_is_being_removed_counts_as_gone_in_check_mode() -> None:
    assert MachineCase(machine("Deleting")).present(check_mode=True)["changed"]


def test_an_operation_under_way_is_waited_for() -> None:
    case = MachineCase(machine("Creating", None))
    case.operations.states = [machine("Creating", None), machine("Creating"), machine()]
    result = case.present()
    assert (result["changed"], result["provisioning"]) == (False, "timed_out")
    assert case.operations.writes == []


def test_waiting_has_an_end() -> None:
    case = MachineCase(machine("Creating", None), wait_timeout=0)
    with pytest.raises(WaitTimeoutError, match="waiting for virtual machine alpine-1 to settle"):
        case.present()


def test_without_waiting() -> None:
    case = MachineCase(wait=False)
    case.launched_as(provisioning="Creating", power=None)
    result = case.present()
    assert (result["changed"], result["state"], result["provisioning"]) == (True, "creating", "in_progress")


def test_who_is_to_say_something_is_not_waited_for_to_report() -> None:
    case = MachineCase(console_pattern="^hello$")
    case.launched_as(provisioning="Creating")
    case.clients.log.reads = [b"", b"hello\r\n"]
    result = case.present()
    assert (result["console"], result["console_match"]) == ("hello\n", "hello")
    assert result["provisioning"] == "in_progress"
    assert case.clients.logs == [("machines", "alpine-1")]


def test_a_console_that_is_refused_while_the_machine_is_made_is_asked_for_again() -> None:
    case = MachineCase(console_pattern="hello")
    case.launched_as(provisioning="Creating")
    refused = ProviderError("No.", operation="x", status=409)
    case.clients.log.reads = [refused, b"hello"]
    assert case.present()["console_match"] == "hello"


def test_a_console_that_is_refused_otherwise_is_a_failure() -> None:
    case = MachineCase(machine(), console=True)
    case.clients.log.reads = [ProviderError("No.", operation="x", status=409)]
    with pytest.raises(ProviderError, match=r"No\."):
        case.present()


@pytest.mark.parametrize(
    ("after", "why"), [(machine("Failed", "stopped"), "it is stopped"), (None, "it is gone")], ids=["stopped", "gone"]
)
def test_a_console_is_not_waited_for_beyond_the_machine(after: dict[str, Any] | None, why: str) -> None:
    case = MachineCase(machine(), console_pattern="hello")
    case.operations.states = [machine(), after]
    case.clients.log.reads = [b"panic"]
    with pytest.raises(ProviderError, match=why) as caught:
        case.present()
    assert caught.value.message.endswith("panic")


@pytest.mark.parametrize("status", [409, 412])
def test_a_launch_whose_answer_got_lost_is_joined(status: int) -> None:
    case = MachineCase()
    case.operations.states = [None, machine("Creating", None), machine()]
    case.operations.create_error = arm_error(status, "PreconditionFailed")
    result = case.present()
    assert (result["changed"], result["provisioning"]) == (True, "timed_out")
    assert case.operations.writes == ["create"]


def test_a_machine_that_others_launch_meanwhile_is_a_conflict() -> None:
    case = MachineCase()
    case.operations.states = [None, machine(tags=FOREIGN)]
    case.operations.create_error = arm_error(412, "PreconditionFailed")
    with pytest.raises(ConflictError, match="was not launched by this module"):
        case.present()


def test_a_machine_of_another_image_that_others_launch_meanwhile_is_a_conflict() -> None:
    case = MachineCase(image=DEFINITION)
    case.operations.states = [None, machine()]
    case.operations.create_error = arm_error(412, "PreconditionFailed")
    with pytest.raises(ConflictError, match="was launched from"):
        case.present()


@pytest.mark.parametrize(("status", "code"), [(409, "SkuNotAvailable"), (400, "InvalidParameter")])
def test_a_refusal_is_told(status: int, code: str) -> None:
    case = MachineCase()
    case.operations.create_error = arm_error(status, code)
    with pytest.raises(ProviderError, match=f"Cannot launch virtual machine alpine-1: {code}") as caught:
        case.present()
    assert ("Give option size another size" in caught.value.message) == (code == "SkuNotAvailable")


def test_a_machine_that_vanishes_is_told() -> None:
    case = MachineCase()
    case.operations.states = [None, None]
    with pytest.raises(ProviderError, match="Cannot launch virtual machine alpine-1: it is gone"):
        case.present()


def test_trusted_launch_is_found_out() -> None:
    case = MachineCase()
    case.launched_as(securityProfile={"securityType": "TrustedLaunch"})
    with pytest.raises(ProviderError, match="has security type TrustedLaunch, whose Secure Boot lets no Alpine boot"):
        case.present()


def test_standard_is_asked_for_where_the_image_can_do_more() -> None:
    case = MachineCase()
    feature = {"name": "SecurityType", "value": "TrustedLaunchSupported"}
    case.clients.answers[DEFINITION] = Answer(200, definition(features=[feature]))
    case.launched_as()
    case.present()
    assert case.operations.calls[0].body["properties"]["securityProfile"] == {"securityType": "Standard"}


def test_where_standard_is_refused_there_is_a_way_out() -> None:
    case = MachineCase()
    message = "The value of parameter securityProfile.securityType is invalid."
    case.operations.create_error = arm_error(400, "InvalidParameter", message)
    with pytest.raises(ProviderError, match=r"InvalidParameter: The value .*`az feature register"):
        case.present()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"architecture": "aarch64"}, "architecture is aarch64, but the image is of x86_64: give option architecture"),
        ({"location": "East US"}, "location: subnet_id is in westeurope, not in East US"),
        ({"size": "Standard_X"}, "size 'Standard_X' does not exist in westeurope"),
    ],
)
def test_what_does_not_fit(options: dict[str, Any], message: str) -> None:
    case = MachineCase(**options)
    with pytest.raises(InputError, match=message):
        case.present()
    assert case.operations.writes == []


def test_an_image_that_is_elsewhere() -> None:
    case = MachineCase()
    case.clients.answers[NETWORK] = Answer(200, {"location": "eastus", "properties": {"subnets": [{"id": SUBNET}]}})
    with pytest.raises(InputError, match="image is in westeurope, not in eastus, where subnet_id is"):
        case.present()


def test_the_disk_controller_is_what_size_and_image_have() -> None:
    case = MachineCase(size="Standard_D2as_v6")
    case.clients.compute.resource_skus.answer = [sku("Standard_D2as_v6", DiskControllerTypes="NVMe")]
    case.launched_as(hardwareProfile={"vmSize": "Standard_D2as_v6"})
    case.present()
    assert case.operations.calls[0].body["properties"]["storageProfile"]["diskControllerType"] == "NVMe"


def test_who_may_not_read_sizes_launches_all_the_same() -> None:
    case = MachineCase()
    case.clients.compute.resource_skus.error = arm_error(403, "AuthorizationFailed")
    case.launched_as()
    assert case.present()["size"] == "Standard_B2ats_v2"
    assert "diskControllerType" not in case.operations.calls[0].body["properties"]["storageProfile"]


def test_aarch64_has_a_size_of_its_own() -> None:
    case = MachineCase(architecture="aarch64")
    case.clients.answers[DEFINITION] = Answer(200, definition(architecture="Arm64"))
    arm = sku("Standard_B2pts_v2", CpuArchitectureType="Arm64", HyperVGenerations="V2")
    case.clients.compute.resource_skus.answer = [sku(), arm]
    assert case.present(check_mode=True)["size"] == "Standard_B2pts_v2"


def test_remove() -> None:
    case = MachineCase(machine(), state="absent")
    result = case.absent()
    assert case.operations.writes == ["delete"]
    assert (result["changed"], result["state"], result["running"]) == (True, "absent", False)
    assert result["id"].endswith("/alpine-1")
    assert result["diff"]["after"] == {}
    assert not case.absent()["changed"]
    assert case.operations.writes == ["delete"]


def test_remove_without_waiting() -> None:
    result = MachineCase(machine(), state="absent", wait=False).absent()
    assert (result["changed"], result["state"]) == (True, "deleting")


def test_remove_in_check_mode() -> None:
    case = MachineCase(machine(), state="absent")
    assert case.absent(check_mode=True)["changed"]
    assert case.operations.writes == []


def test_a_machine_of_others_is_not_removed() -> None:
    case = MachineCase(machine(tags=FOREIGN), state="absent")
    with pytest.raises(ConflictError, match="was not launched by this module"):
        case.absent()
    assert case.operations.writes == []


def test_a_removal_whose_answer_got_lost_is_done() -> None:
    case = MachineCase(machine(), state="absent")
    case.operations.poller = Poller(arm_error(404, "ResourceNotFound"))
    assert case.absent()["changed"]


def test_a_removal_by_others_is_joined() -> None:
    case = MachineCase(machine(), state="absent")
    case.operations.poller = Poller(arm_error(409, "Conflict"))
    case.operations.states = [machine(), machine("Deleting"), machine("Deleting"), None]
    assert case.absent()["changed"]


def test_a_removal_that_fails_is_told() -> None:
    case = MachineCase(machine(), state="absent")
    case.operations.poller = Poller(arm_error(500, "InternalExecutionError"))
    case.operations.states = [machine(), machine(failure="InternalExecutionError")]
    with pytest.raises(ProviderError, match="Cannot delete virtual machine alpine-1: InternalExecutionError"):
        case.absent()


def test_a_removal_of_others_that_fails_is_told() -> None:
    case = MachineCase(machine(), state="absent")
    case.operations.poller = Poller(arm_error(409, "Conflict"))
    case.operations.states = [machine(), machine("Deleting"), machine(failure="InternalExecutionError")]
    with pytest.raises(ProviderError, match="Cannot delete virtual machine alpine-1: InternalExecutionError"):
        case.absent()


def test_a_resource_group_that_is_not_there() -> None:
    case = MachineCase()
    case.operations.get_error = arm_error(404, "ResourceGroupNotFound")
    with pytest.raises(InputError, match="Option resource_group must name one that exists"):
        case.present()
