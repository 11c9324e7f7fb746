# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft.Network: one virtual network, and the interfaces and public addresses that machines bring along."""

from __future__ import annotations

import dataclasses
import itertools
import uuid
from typing import Any

from tests.sandbox._azure._errors import ArmError

_NETWORK = "alpine-sandbox"
_SUBNETS = ("machines",)
_SECURITY_GROUP = "alpine-sandbox-ssh"
_FIRST_ADDRESS = 4
"""The first addresses of a subnet are Azure's own."""


@dataclasses.dataclass
class Interface:
    """A network interface, with its one address, and the public one behind it."""

    name: str
    id: str
    location: str
    subnet_id: str
    private_address: str
    delete_option: str
    security_group_id: str | None
    tags: dict[str, str]
    public: PublicAddress | None = None
    machine_id: str | None = None


@dataclasses.dataclass
class PublicAddress:
    name: str
    id: str
    location: str
    delete_option: str
    tags: dict[str, str]
    address: str | None = None


class Networks:
    """The network resources of one resource group.

    :param group_id: of the resource group.
    :param location: the region of its virtual network.
    """

    def __init__(self, *, group_id: str, location: str) -> None:
        self._base = f"{group_id}/providers/Microsoft.Network"
        self._location = location
        self._numbers = itertools.count()
        self.interfaces: dict[str, Interface] = {}
        self.public_addresses: dict[str, PublicAddress] = {}

    @property
    def subnet_id(self) -> str:
        return f"{self._base}/virtualNetworks/{_NETWORK}/subnets/{_SUBNETS[0]}"

    @property
    def security_group_id(self) -> str:
        return f"{self._base}/networkSecurityGroups/{_SECURITY_GROUP}"

    def check_references(self, *, subnet_id: str | None, security_group_id: str | None, location: str, by: str) -> None:
        """:param by: the id of what refers to them.

        :raises ArmError: unless they exist, in the region of what refers to them.
        """
        known = [f"{self._base}/virtualNetworks/{_NETWORK}/subnets/{subnet}" for subnet in _SUBNETS]
        wanted = [(subnet_id or "", known)]
        if security_group_id is not None:
            wanted.append((security_group_id, [self.security_group_id]))
        for reference, allowed in wanted:
            if reference.lower() not in map(str.lower, allowed) or location != self._location:
                raise ArmError(
                    400,
                    "InvalidResourceReference",
                    f"Resource {reference} referenced by resource {by} was not found. Please make sure that the "
                    "referenced resource exists, and that both resources are in the same region.",
                )

    def create_interface(self, configuration: dict[str, Any], *, location: str, machine_id: str) -> Interface:
        """What the configuration of an interface in a virtual machine makes: the interface, and its public address."""
        properties = configuration["properties"]
        address = properties["ipConfigurations"][0]
        name = f"{configuration['name']}-{uuid.uuid4().hex[:8]}"
        interface = Interface(
            name=name,
            id=f"{self._base}/networkInterfaces/{name}",
            location=location,
            subnet_id=address["properties"]["subnet"]["id"],
            private_address=f"10.0.0.{next(self._numbers) % 250 + _FIRST_ADDRESS}",
            delete_option=properties.get("deleteOption") or "Detach",
            security_group_id=(properties.get("networkSecurityGroup") or {}).get("id"),
            tags=configuration.get("tags") or {},
            machine_id=machine_id,
        )
        if public := address["properties"].get("publicIPAddressConfiguration"):
            name = f"{public['name']}-{uuid.uuid4().hex[:8]}"
            interface.public = PublicAddress(
                name=name,
                id=f"{self._base}/publicIPAddresses/{name}",
                location=location,
                delete_option=(public.get("properties") or {}).get("deleteOption") or "Detach",
                tags=public.get("tags") or {},
            )
            self.public_addresses[name.lower()] = interface.public
        self.interfaces[interface.name.lower()] = interface
        return interface

    def release(self, interface: Interface) -> None:
        """What happens to an interface when its machine is deleted."""
        interface.machine_id = None
        if interface.delete_option != "Delete":
            return
        del self.interfaces[interface.name.lower()]
        if interface.public and interface.public.delete_option == "Delete":
            del self.public_addresses[interface.public.name.lower()]

    def delete(self, kind: str, name: str) -> bool:
        """Whether there was something to delete.

        :raises ArmError: when it is in use.
        """
        key = name.lower()
        if kind == "NetworkInterfaces":
            interface = self.interfaces.get(key)
            if interface and interface.machine_id:
                raise ArmError(
                    400,
                    "NicInUse",
                    f"Network Interface {interface.id} is used by existing resource {interface.machine_id}. In order "
                    "to delete the network interface, it must be dissociated from the resource.",
                )
            return self.interfaces.pop(key, None) is not None
        address = self.public_addresses.get(key)
        user = next((each for each in self.interfaces.values() if each.public is address), None)
        if address and user:
            raise ArmError(
                400,
                "PublicIPAddressCannotBeDeleted",
                f"Public IP address {address.id} can not be deleted since it is still allocated to resource {user.id}.",
            )
        return self.public_addresses.pop(key, None) is not None

    # -- reading

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """:param kind: such as ``NetworkInterfaces``.

        :raises ArmError: ResourceNotFound.
        """
        key = name.lower()
        match kind:
            case "NetworkInterfaces" if key in self.interfaces:
                return _rendered_interface(self.interfaces[key])
            case "PublicIPAddresses" if key in self.public_addresses:
                return _rendered_address(self.public_addresses[key])
            case "VirtualNetworks" if key == _NETWORK:
                return self._rendered_network()
        kind = f"{kind[0].lower()}{kind[1:]}"
        raise ArmError(
            404,
            "ResourceNotFound",
            f"The Resource 'Microsoft.Network/{kind}/{name}' under resource group "
            f"'{self._base.split('/')[4]}' was not found. For more details please go to "
            "https://aka.ms/ARMResourceNotFoundFix",
        )

    def _rendered_network(self) -> dict[str, Any]:
        network_id = f"{self._base}/virtualNetworks/{_NETWORK}"
        subnets = [
            {
                "name": subnet,
                "id": f"{network_id}/subnets/{subnet}",
                "type": "Microsoft.Network/virtualNetworks/subnets",
                "properties": {"provisioningState": "Succeeded", "addressPrefix": "10.0.0.0/24"},
            }
            for subnet in _SUBNETS
        ]
        return {
            "name": _NETWORK,
            "id": network_id,
            "type": "Microsoft.Network/virtualNetworks",
            "location": self._location,
            "properties": {
                "provisioningState": "Succeeded",
                "addressSpace": {"addressPrefixes": ["10.0.0.0/16"]},
                "subnets": subnets,
            },
        }


def _rendered_interface(interface: Interface) -> dict[str, Any]:
    address: dict[str, Any] = {
        "privateIPAddress": interface.private_address,
        "privateIPAllocationMethod": "Dynamic",
        "privateIPAddressVersion": "IPv4",
        "primary": True,
        "subnet": {"id": interface.subnet_id},
        "provisioningState": "Succeeded",
    }
    if interface.public:
        address["publicIPAddress"] = {"id": interface.public.id}
    properties: dict[str, Any] = {
        "provisioningState": "Succeeded",
        "primary": True,
        "ipConfigurations": [
            {"name": "primary", "id": f"{interface.id}/ipConfigurations/primary", "properties": address}
        ],
    }
    if interface.security_group_id:
        properties["networkSecurityGroup"] = {"id": interface.security_group_id}
    if interface.machine_id:
        properties["virtualMachine"] = {"id": interface.machine_id}
    return {
        "name": interface.name,
        "id": interface.id,
        "type": "Microsoft.Network/networkInterfaces",
        "location": interface.location,
        "tags": interface.tags,
        "properties": properties,
    }


def _rendered_address(public: PublicAddress) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "provisioningState": "Succeeded",
        "publicIPAllocationMethod": "Static",
        "publicIPAddressVersion": "IPv4",
    }
    if public.address:
        properties["ipAddress"] = public.address
    return {
        "name": public.name,
        "id": public.id,
        "type": "Microsoft.Network/publicIPAddresses",
        "location": public.location,
        "sku": {"name": "Standard", "tier": "Regional"},
        "tags": public.tags,
        "properties": properties,
    }
