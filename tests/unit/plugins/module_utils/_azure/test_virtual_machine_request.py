# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._azure.virtual_machine_request import AzureVmRequest
from ansible_collections.alpine.cloud.plugins.module_utils._azure.virtual_machine_state import VirtualMachineAttributes
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from tests.sandbox._azure._models import validate
from tests.unit.plugins.module_utils._azure.machine_case import GROUP, KEY, PARAMS, SUBNET, VERSION

SECURITY_GROUP = f"{GROUP}/Microsoft.Network/networkSecurityGroups/ssh"


def _key(kind: str, *fields: bytes) -> str:
    data = b"".join(len(field).to_bytes(4, "big") + field for field in (kind.encode(), *fields))
    return f"{kind} {base64.b64encode(data).decode()} someone@else"


def _request(**options: Any) -> AzureVmRequest:
    return AzureVmRequest.from_params({**PARAMS, **options})


def _body(*, disk_controller: str | None = "SCSI", plain_image: bool = True, **options: Any) -> dict[str, Any]:
    request = _request(**options)
    tags = request.wanted_tags(None)
    wanted = VirtualMachineAttributes(image=VERSION, size="Standard_B2ats_v2", location="westeurope", tags=tags)
    body = request.create_body(wanted, disk_controller=disk_controller, plain_image=plain_image)
    # All that is sent is in the published description.
    assert validate("VirtualMachine", body, target="virtualMachine") == body
    return body


@pytest.mark.parametrize("name", ["a", "alpine-1", "alpine_1.x_", "a" * 64])
def test_names(name: str) -> None:
    assert _request(name=name).what == f"virtual machine {name}"


@pytest.mark.parametrize("name", ["", "-a", "a-", "a.", "_a", "ä", "a b", "a" * 65])
def test_names_that_azure_does_not_allow(name: str) -> None:
    with pytest.raises(InputError, match="is not a machine's name"):
        _request(name=name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image": None}, "image is needed"),
        ({"image": ""}, "image is needed"),
        ({"subnet_id": None}, "subnet_id is needed"),
        ({"ssh_public_key": None}, "ssh_public_key is needed"),
        ({"ssh_public_key": _key("ecdsa-sha2-nistp256", b"nistp256", b"\4" * 65)}, "of kind ecdsa-sha2-nistp256"),
        ({"ssh_public_key": _key("ssh-rsa", b"\1\0\1", b"\0" + b"\xff" * 128)}, "has 1024 bits.*from 2048 bits on"),
        ({"user_data": "ä" * 32768}, "user_data has 65536 bytes, but Azure takes 65535"),
        ({"tags": {"alpine-cloud-machine": "x"}}, "is set by the module, from name"),
        ({"console_pattern": "["}, "console_pattern"),
        ({"network_security_group_id": "x"}, "network_security_group_id"),
    ],
)
def test_bad_input(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        _request(**options)


def test_what_is_to_go_needs_no_more_than_its_name() -> None:
    request = _request(state="absent", image=None, subnet_id=None, ssh_public_key=None)
    assert (request.image, request.subnet_id, request.key) == (None, "", None)


def test_the_request_that_launches_a_machine() -> None:
    body = _body(user_data="#!/bin/sh\n", tags={"team": 1})
    properties = body["properties"]
    tags = {"team": "1", "alpine-cloud-machine": "alpine-1"}
    assert (body["location"], body["tags"]) == ("westeurope", tags)
    assert properties["hardwareProfile"] == {"vmSize": "Standard_B2ats_v2"}
    assert properties["storageProfile"] == {
        "imageReference": {"id": VERSION},
        "osDisk": {"createOption": "FromImage", "deleteOption": "Delete"},
        "diskControllerType": "SCSI",
    }
    assert properties["osProfile"] == {
        "computerName": "alpine-1",
        "adminUsername": "alpine",
        "allowExtensionOperations": False,
        "linuxConfiguration": {
            "disablePasswordAuthentication": True,
            "provisionVMAgent": False,
            "ssh": {"publicKeys": [{"path": "/home/alpine/.ssh/authorized_keys", "keyData": KEY}]},
        },
    }
    assert properties["diagnosticsProfile"] == {"bootDiagnostics": {"enabled": True}}
    assert base64.b64decode(properties["userData"]) == b"#!/bin/sh\n"
    assert "licenseType" not in properties
    assert "securityProfile" not in properties
    network = properties["networkProfile"]
    assert network["networkApiVersion"] == "2022-11-01"
    (interface,) = network["networkInterfaceConfigurations"]
    assert (interface["name"], interface["tags"]) == ("alpine-1-nic", tags)
    assert interface["properties"]["deleteOption"] == "Delete"
    (address,) = interface["properties"]["ipConfigurations"]
    assert address["properties"]["subnet"] == {"id": SUBNET}
    public = address["properties"]["publicIPAddressConfiguration"]
    assert public["sku"]["name"] == "Standard"
    assert public["properties"]["deleteOption"] == "Delete"
    assert public["properties"]["publicIPAllocationMethod"] == "Static"


def test_what_can_be_left_out() -> None:
    properties = _body(disk_controller=None, public_address=False)["properties"]
    assert "diskControllerType" not in properties["storageProfile"]
    assert "userData" not in properties
    (interface,) = properties["networkProfile"]["networkInterfaceConfigurations"]
    assert "networkSecurityGroup" not in interface["properties"]
    assert "publicIPAddressConfiguration" not in interface["properties"]["ipConfigurations"][0]["properties"]


def test_what_can_be_added() -> None:
    body = _body(network_security_group_id=SECURITY_GROUP, plain_image=False)
    (interface,) = body["properties"]["networkProfile"]["networkInterfaceConfigurations"]
    assert interface["properties"]["networkSecurityGroup"] == {"id": SECURITY_GROUP}
    assert body["properties"]["securityProfile"] == {"securityType": "Standard"}


@pytest.mark.parametrize(("name", "host"), [("a.b_c", "a-b-c"), ("alpine_", "alpine"), ("a_.b", "a-b")])
def test_the_host_name_has_neither_dots_nor_underscores(name: str, host: str) -> None:
    assert _body(name=name)["properties"]["osProfile"]["computerName"] == host


def test_images_of_others_are_named_as_azure_wants_it() -> None:
    community = "/CommunityGalleries/alpine-1234/Images/alpine/Versions/3.24.2000"
    reference = _body(image=community)["properties"]["storageProfile"]["imageReference"]
    assert reference == {"communityGalleryImageId": community}


def test_large_rsa_keys() -> None:
    key = _key("ssh-rsa", b"\1\0\1", b"\0" + b"\xff" * 256)
    (sent,) = _body(ssh_public_key=key)["properties"]["osProfile"]["linuxConfiguration"]["ssh"]["publicKeys"]
    assert sent["keyData"] == key
