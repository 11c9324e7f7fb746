# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a virtual machine is asked to be, and the request that makes it so."""

from __future__ import annotations

import base64
import dataclasses
import re
from collections.abc import Mapping
from typing import Any

from .._core.errors import ConflictError, InputError
from .._core.wait import Wait
from .._launch.console import ConsoleRequest
from .._launch.public_key import LOGIN, SshPublicKey
from .._launch.user_data import checked_user_data, in_base64
from .image_id import ImageId
from .machine_network import NETWORK_API_VERSION, checked_security_group, checked_subnet
from .tags import checked_tags, merged_tags
from .virtual_machine_state import MACHINE_TAG, VirtualMachineAttributes, VirtualMachineState

# https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftcompute
_NAME = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z._-]{0,62}[0-9A-Za-z_])?")
# 64 KB (https://learn.microsoft.com/azure/virtual-machines/user-data), which is, as of custom data, 87380 characters of
# base64: those of 65535 bytes.
_USER_DATA_BYTES = 65535
# https://learn.microsoft.com/azure/virtual-machines/linux/mac-create-ssh-keys#supported-ssh-key-formats
_KINDS = ("ssh-ed25519", "ssh-rsa")
_RSA_BITS = 2048
_IMAGE_NEEDED = "image is needed: give the id of an image version, as alpine_azure_gallery_version does"
_KEY_NEEDED = "ssh_public_key is needed, since Azure launches no machine without a key or a password"
_REMOVE = "remove it first, with state=absent, or give option name another name"


@dataclasses.dataclass(frozen=True)
class AzureVmRequest:
    """What module ``alpine_azure_vm`` was asked for.

    Image, network and key are empty where the machine is to go.
    """

    resource_group: str
    name: str
    architecture: str
    image: ImageId | None
    size: str | None
    """``None`` for the smallest of the architecture."""
    location: str | None
    subnet_id: str
    network_security_group_id: str | None
    public_address: bool
    key: SshPublicKey | None
    user_data: str | None
    tags: Mapping[str, Any] | None
    append_tags: bool
    console: ConsoleRequest
    wait: Wait

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> AzureVmRequest:
        """:raises InputError: for what Azure does not take."""
        name, present = params["name"], params["state"] == "present"
        if not _NAME.fullmatch(name):
            raise InputError(
                f"name {name!r} is not a machine's name: 1 to 64 letters, digits, dots, dashes and underscores, "
                "beginning with a letter or digit and not ending with a dot or dash"
            )
        key = SshPublicKey.parse(params["ssh_public_key"]) if params["ssh_public_key"] else None
        if present and key is None:
            raise InputError(_KEY_NEEDED)
        if key is not None:
            _check_key(key)
        if present and not params["image"]:
            raise InputError(_IMAGE_NEEDED)
        return cls(
            resource_group=params["resource_group"],
            name=name,
            architecture=params["architecture"],
            image=ImageId.parse(params["image"]) if params["image"] else None,
            size=params["size"],
            location=params["location"],
            subnet_id=checked_subnet(params["subnet_id"]) if present else "",
            network_security_group_id=checked_security_group(params["network_security_group_id"]),
            public_address=params["public_address"],
            key=key,
            user_data=checked_user_data(params["user_data"], limit=_USER_DATA_BYTES, cloud="Azure"),
            tags=checked_tags(params["tags"], {MACHINE_TAG: "name"}),
            append_tags=params["append_tags"],
            console=ConsoleRequest.from_params(params),
            wait=Wait.from_params(params),
        )

    @property
    def what(self) -> str:
        return f"virtual machine {self.name}"

    def wanted_tags(self, existing: Mapping[str, str] | None) -> dict[str, str]:
        """:param existing: ``None`` where the machine must be launched."""
        return {**merged_tags(existing, self.tags, append=self.append_tags), MACHINE_TAG: self.name}

    def check_ours(self, found: VirtualMachineState) -> None:
        """:raises ConflictError: when this collection has not launched it."""
        if found.managed.tags.get(MACHINE_TAG) != self.name:
            raise ConflictError(
                f"{self.what} exists in resource group {self.resource_group}, and was not launched by this module, "
                f"since it has no tag {MACHINE_TAG}={self.name}: give option name another name"
            )

    @property
    def wanted_image(self) -> ImageId:
        """:raises InputError: where none was given."""
        if self.image is None:
            raise InputError(_IMAGE_NEEDED)
        return self.image

    @property
    def wanted_key(self) -> SshPublicKey:
        """:raises InputError: where none was given."""
        if self.key is None:
            raise InputError(_KEY_NEEDED)
        return self.key

    def check_same(self, found: VirtualMachineState) -> None:
        """:raises ConflictError: when it is not the machine that is asked for."""
        image = self.wanted_image
        if not image.is_same(found.image):
            raise ConflictError(
                f"{self.what} was launched from {found.managed.image or 'no gallery image'}, not from {image.id}: "
                f"{_REMOVE}"
            )
        if self.size is not None and self.size.lower() != found.managed.size.lower():
            raise ConflictError(f"{self.what} has size {found.managed.size}, not {self.size}: {_REMOVE}")
        if not found.in_transit and not found.running:
            raise ConflictError(
                f"{self.what} is there, but does not run (it is {found.power_state or 'without power'}): start it, for "
                f"instance with `az vm start`, or {_REMOVE}"
            )

    def create_body(
        self, wanted: VirtualMachineAttributes, *, disk_controller: str | None, plain_image: bool
    ) -> dict[str, Any]:
        """The body of the request that launches it.

        :param disk_controller: ``None`` to leave it to Azure.
        :param plain_image: whether the image is launched with security type Standard by itself. Azure takes an explicit
            ``Standard`` only from subscriptions that have registered for that.
        """
        image, key = self.wanted_image, self.wanted_key
        storage: dict[str, Any] = {
            "imageReference": {image.key: image.id},
            "osDisk": {"createOption": "FromImage", "deleteOption": "Delete"},
        }
        if disk_controller is not None:
            storage["diskControllerType"] = disk_controller
        properties: dict[str, Any] = {
            "hardwareProfile": {"vmSize": wanted.size},
            "storageProfile": storage,
            "osProfile": {
                # A host name has neither dots nor underscores.
                "computerName": re.sub(r"[._]+", "-", self.name).strip("-"),
                "adminUsername": LOGIN,
                # Without an agent there are no extensions.
                "allowExtensionOperations": False,
                "linuxConfiguration": {
                    "disablePasswordAuthentication": True,
                    "provisionVMAgent": False,
                    "ssh": {"publicKeys": [{"path": f"/home/{LOGIN}/.ssh/authorized_keys", "keyData": key.line}]},
                },
            },
            "networkProfile": {
                "networkApiVersion": NETWORK_API_VERSION,
                "networkInterfaceConfigurations": [self._interface(wanted.tags)],
            },
            # In managed storage, since no account is named.
            "diagnosticsProfile": {"bootDiagnostics": {"enabled": True}},
        }
        if self.user_data is not None:
            properties["userData"] = in_base64(self.user_data)
        if not plain_image:
            properties["securityProfile"] = {"securityType": "Standard"}
        return {"location": wanted.location, "tags": wanted.tags, "properties": properties}

    def _interface(self, tags: dict[str, str]) -> dict[str, Any]:
        """The network interface that comes and goes with the machine."""
        address: dict[str, Any] = {"primary": True, "subnet": {"id": self.subnet_id}}
        if self.public_address:
            address["publicIPAddressConfiguration"] = {
                "name": f"{self.name}-ip",
                # The only one left: https://azure.microsoft.com/updates/upgrade-to-standard-sku-public-ip-addresses
                "sku": {"name": "Standard", "tier": "Regional"},
                "tags": tags,
                "properties": {
                    "deleteOption": "Delete",
                    "publicIPAllocationMethod": "Static",
                    "publicIPAddressVersion": "IPv4",
                },
            }
        properties: dict[str, Any] = {
            "primary": True,
            "deleteOption": "Delete",
            "ipConfigurations": [{"name": f"{self.name}-ipconfig", "properties": address}],
        }
        if self.network_security_group_id is not None:
            properties["networkSecurityGroup"] = {"id": self.network_security_group_id}
        return {"name": f"{self.name}-nic", "tags": tags, "properties": properties}


def _check_key(key: SshPublicKey) -> None:
    if key.kind not in _KINDS:
        raise InputError(f"ssh_public_key is of kind {key.kind}, but Azure takes {' and '.join(_KINDS)} alone")
    if key.kind == "ssh-rsa" and (bits := _rsa_bits(key)) < _RSA_BITS:
        raise InputError(f"ssh_public_key has {bits} bits, but Azure takes RSA keys from {_RSA_BITS} bits on")


def _rsa_bits(key: SshPublicKey) -> int:
    """Of the modulus, the last of the three fields of RFC 4253, section 6.6."""
    data, fields = base64.b64decode(key.blob), []
    while data:
        length = int.from_bytes(data[:4], "big")
        fields.append(data[4 : 4 + length])
        data = data[4 + length :]
    return int.from_bytes(fields[-1], "big").bit_length()
