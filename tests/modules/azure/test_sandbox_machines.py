# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local virtual machines, in requests that no module would make."""

from __future__ import annotations

import copy
import secrets
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.modules.azure.conftest import PUBLIC_KEY
from tests.support.azure_requests import AzureRequests
from tests.support.cloud import Cloud

RSA_1024 = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ" + "D" * 170 + "w=="


@pytest.fixture
def requests_to(machines: Cloud) -> AzureRequests:
    return AzureRequests(machines.sandbox)


@pytest.fixture
def body(machines: Cloud) -> dict[str, Any]:
    """Of a good request."""
    key = {"path": "/home/alpine/.ssh/authorized_keys", "keyData": PUBLIC_KEY}
    address = {
        "subnet": {"id": machines.options["subnet_id"]},
        "publicIPAddressConfiguration": {
            "name": "ip",
            "sku": {"name": "Standard"},
            "properties": {"publicIPAllocationMethod": "Static"},
        },
    }
    return {
        "location": "westeurope",
        "tags": {"alpine-cloud-machine": machines.options["name"]},
        "properties": {
            "hardwareProfile": {"vmSize": "Standard_B1s"},
            "storageProfile": {
                "imageReference": {"id": machines.options["image"]},
                "osDisk": {"createOption": "FromImage"},
            },
            "osProfile": {
                "computerName": "machine",
                "adminUsername": "alpine",
                "linuxConfiguration": {"disablePasswordAuthentication": True, "ssh": {"publicKeys": [key]}},
            },
            "networkProfile": {
                "networkApiVersion": "2022-11-01",
                "networkInterfaceConfigurations": [
                    {"name": "nic", "properties": {"ipConfigurations": [{"name": "ip", "properties": address}]}}
                ],
            },
        },
    }


def _system(body: dict[str, Any]) -> Any:
    return body["properties"]["osProfile"]


def _interface(body: dict[str, Any]) -> Any:
    return body["properties"]["networkProfile"]["networkInterfaceConfigurations"][0]["properties"]


def _address(body: dict[str, Any]) -> Any:
    return _interface(body)["ipConfigurations"][0]["properties"]


def _key(body: dict[str, Any]) -> Any:
    return _system(body)["linuxConfiguration"]["ssh"]["publicKeys"][0]


Change = Callable[[dict[str, Any]], object]


@pytest.mark.parametrize(
    ("change", "status", "code", "said"),
    [
        (lambda body: body.update(colour="red"), 400, "InvalidRequestContent", "Could not find member 'colour'"),
        (lambda body: body.pop("location"), 400, "LocationRequired", "location"),
        (lambda body: body.update(location="mars"), 400, "LocationNotAvailableForResourceType", "mars"),
        (lambda body: body.update(location="eastus"), 404, "GalleryImageNotFound", "not available in eastus region"),
        (lambda body: body["properties"].pop("hardwareProfile"), 400, "InvalidParameter", "hardwareProfile"),
        (lambda body: body["properties"]["hardwareProfile"].update(vmSize="Tiny"), 400, "InvalidParameter", "VM size"),
        (lambda body: body["properties"]["hardwareProfile"].update(vmSize="Standard_D2s_v3"), 409, "SkuNotAvailable",
         "currently not available in location 'westeurope'"),
        (lambda body: body["properties"]["hardwareProfile"].update(vmSize="Standard_B2pts_v2"), 400, "BadRequest",
         "only supports a CPU Architecture of 'Arm64'"),
        (lambda body: body["properties"]["hardwareProfile"].update(vmSize="Standard_A1_v2"), 400, "BadRequest",
         "cannot boot Hypervisor Generation '2'"),
        (lambda body: body["properties"]["storageProfile"].update(diskControllerType="NVMe"), 400, "InvalidParameter",
         "supported disk controller types"),
        (lambda body: body["properties"]["storageProfile"]["imageReference"].update(id="/x"), 400, "InvalidParameter",
         "imageReference"),
        (lambda body: body["properties"]["storageProfile"]["osDisk"].update(createOption="Attach"), 400,
         "InvalidParameter", "createOption"),
        (lambda body: body["properties"].update(userData="no base64!"), 400, "InvalidParameter", "Base64"),
        (lambda body: body["properties"].update(userData="A" * 87384), 400, "InvalidParameter", "87380"),
        (lambda body: body["properties"].update(licenseType="Windows_Server"), 400, "InvalidParameter", "licenseType"),
        (lambda body: body["properties"].update(securityProfile={"securityType": "Standard"}), 400, "InvalidParameter",
         "securityProfile.securityType"),
        (lambda body: body["properties"].update(securityProfile={"securityType": "TrustedLaunch"}), 400, "BadRequest",
         "does not support creation of VMs with the 'TrustedLaunch' security type"),
        (lambda body: _system(body).update(computerName="a.b"), 400, "InvalidParameter", "Linux host name"),
        (lambda body: _system(body).update(adminUsername="root"), 400, "InvalidParameter", "Admin Username"),
        (lambda body: _system(body)["linuxConfiguration"].update(ssh={}), 400, "InvalidParameter", "SSH"),
        (lambda body: _system(body)["linuxConfiguration"].update(disablePasswordAuthentication=False), 400,
         "InvalidParameter", "adminPassword"),
        (lambda body: _system(body)["linuxConfiguration"].update(provisionVMAgent=False), 400, "InvalidParameter",
         "allowExtensionOperations"),
        (lambda body: _key(body).update(path="/root/.ssh/authorized_keys"), 400, "InvalidParameter",
         "/home/alpine/.ssh/authorized_keys"),
        (lambda body: _key(body).update(keyData="ssh-ed25519 AAAA"), 400, "InvalidParameter", "keyData is invalid"),
        (lambda body: _key(body).update(keyData=RSA_1024), 400, "InvalidParameter", "keyData is invalid"),
        (lambda body: _key(body).update(keyData=f"ssh-rsa {PUBLIC_KEY.split()[1]}"), 400, "InvalidParameter",
         "keyData is invalid"),
        (lambda body: body["properties"]["networkProfile"].pop("networkApiVersion"), 400, "InvalidParameter",
         "networkApiVersion"),
        (lambda body: _address(body).pop("subnet"), 400, "InvalidResourceReference", "was not found"),
        (lambda body: _interface(body).update(networkSecurityGroup={"id": "/x"}), 400, "InvalidResourceReference",
         "Resource /x referenced by"),
        (lambda body: _address(body)["publicIPAddressConfiguration"]["sku"].update(name="Basic"), 400,
         "IPv4BasicSkuPublicIpCountLimitReached", "Basic SKU"),
        (lambda body: _address(body)["publicIPAddressConfiguration"]["properties"].clear(), 400,
         "PublicIPAddressWithStandardSkuMustBeStatic", "static"),
    ],
)  # fmt: skip
def test_what_is_refused(
    requests_to: AzureRequests, body: dict[str, Any], change: Change, status: int, code: str, said: str
) -> None:
    changed = copy.deepcopy(body)
    change(changed)
    answer = requests_to.machine("PUT", f"refused-{secrets.token_hex(4)}", changed)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (status, code)
    assert said in error["message"]


def test_names_versions_and_conditions(requests_to: AzureRequests, body: dict[str, Any]) -> None:
    assert requests_to.machine("PUT", "-x", body).json()["error"]["code"] == "InvalidResourceName"
    old = requests_to.machine("PUT", "x", body, params={"api-version": "2024-03-03"})
    assert "2025-11-01" in old.json()["error"]["message"]
    assert requests_to.machine("GET", "nothing").status_code == 404
    assert requests_to.machine("GET", "nothing/instanceView").status_code == 404
    assert requests_to.machine("POST", "nothing").status_code == 405
    assert requests_to.machine("DELETE", "nothing").status_code == 204
    assert requests_to.machine("PATCH", "nothing", {}).status_code == 404


def _conditional(requests_to: AzureRequests, name: str, body: dict[str, Any]) -> int:
    token = {"Authorization": requests_to.bearer("https://management.azure.com")}
    return requests_to.machine("PUT", name, body, headers={**token, "If-None-Match": "*"}).status_code


def test_what_is_not_asked_to_go_with_a_machine_stays(
    requests_to: AzureRequests, machines: Cloud, body: dict[str, Any]
) -> None:
    name = machines.options["name"]
    created = requests_to.machine("PUT", name, body)
    assert created.status_code == 201
    outcome = requests_to.outcome(created)
    assert (outcome["status"], outcome["error"]["code"]) == ("Failed", "OSProvisioningTimedOut")
    assert _conditional(requests_to, name, body) == 412
    other = copy.deepcopy(body)
    _system(other)["computerName"] = "another"
    assert requests_to.machine("PUT", name, other).json()["error"]["code"] == "PropertyChangeNotAllowed"
    # Without boot diagnostics nobody knows what it says.
    no_log = requests_to.machine("POST", f"{name}/retrieveBootDiagnosticsData")
    assert (no_log.status_code, no_log.json()["error"]["code"]) == (409, "OperationNotAllowed")
    assert requests_to.outcome(requests_to.machine("DELETE", name))["status"] == "Succeeded"
    left = machines.sandbox.holdings("azure")
    assert {kind: len(ids) for kind, ids in left.items()} == {
        "disks": 1, "networkInterfaces": 1, "publicIPAddresses": 1,
    }  # fmt: skip
    # The address of an interface that is there cannot go before it.
    address, interface = left["publicIPAddresses"][0], left["networkInterfaces"][0]
    network, disks = {"api-version": "2024-05-01"}, {"api-version": "2024-03-02"}
    assert requests_to.refused("DELETE", address, params=network)[1] == "PublicIPAddressCannotBeDeleted"
    assert requests_to.call("DELETE", interface, params=network).status_code == 200
    assert requests_to.call("DELETE", address, params=network).status_code == 200
    assert requests_to.call("DELETE", left["disks"][0], params=disks).status_code == 200


def test_a_machine_that_is_removed_while_it_is_made_ends_its_making(
    requests_to: AzureRequests, machines: Cloud, body: dict[str, Any]
) -> None:
    name = machines.options["name"]
    body["properties"]["storageProfile"]["osDisk"]["deleteOption"] = "Delete"
    _interface(body)["deleteOption"] = "Delete"
    _address(body)["publicIPAddressConfiguration"]["properties"]["deleteOption"] = "Delete"
    with machines.held("VirtualMachines_CreateOrUpdate"):
        created = requests_to.machine("PUT", name, body)
        changed = requests_to.machine("PATCH", name, {"tags": {}})
        assert (changed.status_code, changed.json()["error"]["code"]) == (409, "Conflict")
        machines.fault("VirtualMachines_Delete", hold="operation")
        deleted = requests_to.machine("DELETE", name)
        again = requests_to.machine("DELETE", name)
    assert deleted.headers["Azure-AsyncOperation"] == again.headers["Azure-AsyncOperation"]
    assert requests_to.outcome(deleted)["status"] == "Succeeded"
    assert requests_to.outcome(created)["status"] == "Failed"
    assert machines.sandbox.holdings("azure") == {}


def test_a_serial_log_is_for_whoever_has_its_signed_url(requests_to: AzureRequests, machines: Cloud) -> None:
    name = machines.options["name"]
    machines.succeeds("alpine_azure_vm")
    for minutes in ("0", "1441", "x"):
        wrong = requests_to.machine(
            "POST", f"{name}/retrieveBootDiagnosticsData", params={"sasUriExpirationTimeInMinutes": minutes}
        )
        assert wrong.json()["error"]["code"] == "InvalidParameter"
    url = requests_to.machine("POST", f"{name}/retrieveBootDiagnosticsData").json()["serialConsoleLogBlobUri"]
    deadline = time.monotonic() + 60
    while (answer := requests_to.session.get(url, timeout=30)).status_code == 404 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert (answer.status_code, answer.headers["x-ms-blob-type"]) == (200, "AppendBlob")
    plain, _mark, query = url.partition("?")
    for bad in (plain, f"{plain}?{query[:-1]}", f"{plain}x?{query}", url.replace("sp=r", "sp=rw")):
        assert requests_to.session.get(bad, timeout=30).status_code == 403
    assert requests_to.session.put(url, data=b"x", timeout=30).status_code == 403
    token = {"Authorization": requests_to.bearer("https://management.azure.com")}
    assert requests_to.session.get(url, headers=token, timeout=30).status_code == 401
