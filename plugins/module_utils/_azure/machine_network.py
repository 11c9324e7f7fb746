# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The network of a machine: the subnet that it is put into, and the addresses that it gets."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .._core.errors import InputError, ProviderError
from .resource_reading import read_resource
from .subscription import normal_region

if TYPE_CHECKING:
    from azure.mgmt.compute import ComputeManagementClient

NETWORK_API_VERSION = "2022-11-01"
"""The newest that azure-mgmt-compute lets a machine make its interface by, and by which that is read."""

_SUBNET = re.compile(
    r"(?P<network>/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Network/virtualNetworks/[^/]+)"
    r"/subnets/[^/]+",
    re.IGNORECASE,
)
_SECURITY_GROUP = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Network/networkSecurityGroups/[^/]+", re.IGNORECASE
)
_HOW = (
    "make one with `az network vnet create --resource-group ... --name ... --subnet-name ...`, and find its ID with "
    "`az network vnet subnet show --resource-group ... --vnet-name ... --name ... --query id`"
)


def checked_subnet(identifier: str | None) -> str:
    """:raises InputError: when it is not the resource ID of a subnet."""
    if identifier is None:
        raise InputError(f"subnet_id is needed, since Azure has no default network: {_HOW}")
    if not _SUBNET.fullmatch(identifier):
        raise InputError(f"subnet_id {identifier!r} is not the resource ID of a subnet: {_HOW}")
    return identifier


def checked_security_group(identifier: str | None) -> str | None:
    """:raises InputError: when it is not the resource ID of a network security group."""
    if identifier is not None and not _SECURITY_GROUP.fullmatch(identifier):
        raise InputError(
            f"network_security_group_id {identifier!r} is not the resource ID of a network security group: find it "
            "with `az network nsg show --resource-group ... --name ... --query id`"
        )
    return identifier


@dataclasses.dataclass(frozen=True)
class MachineAddresses:
    """A machine's addresses, as far as it has them yet."""

    private: str | None = None
    public: str | None = None

    def as_result(self) -> dict[str, Any]:
        return {"private_address": self.private, "public_address": self.public}


class MachineNetwork:
    """Reads what azure-mgmt-compute does not tell of networks.

    :param endpoint: of Azure Resource Manager, without a slash at the end.
    """

    def __init__(self, client: ComputeManagementClient, endpoint: str) -> None:
        self._client = client
        self._endpoint = endpoint

    def region_of(self, subnet_id: str) -> str:
        """The region of a subnet, in which machines in it must be.

        :raises InputError: when there is no such subnet.
        """
        match = _SUBNET.fullmatch(subnet_id)
        if match is None:
            raise InputError(f"subnet_id {subnet_id!r} is no subnet's resource ID: {_HOW}")
        network = self._read(match["network"], "VirtualNetworks_Get", "look up the virtual network of subnet_id")
        subnets = [str(subnet["id"]).lower() for subnet in (network or {}).get("properties", {}).get("subnets", ())]
        if network is None or subnet_id.lower() not in subnets:
            raise InputError(f"subnet_id: there is no {subnet_id}: {_HOW}")
        return normal_region(str(network["location"]))

    def addresses(self, interface_ids: Iterable[str], warn: Callable[[str], None]) -> MachineAddresses:
        """The addresses of a machine's first interface.

        :param warn: is told when they may not be read, which is no reason to fail: the machine is there.
        """
        try:
            for identifier in interface_ids:
                return self._addresses_of(identifier)
        except ProviderError as error:
            if error.status != 403:
                raise
            warn(f"{error.message} The machine's addresses are not in the result.")
        return MachineAddresses()

    def _addresses_of(self, interface_id: str) -> MachineAddresses:
        interface = self._read(interface_id, "NetworkInterfaces_Get", "look up the machine's network interface")
        if interface is None:
            return MachineAddresses()
        settings = [entry["properties"] for entry in interface["properties"].get("ipConfigurations", ())]
        first = next((entry for entry in settings if entry.get("primary")), settings[0] if settings else {})
        public_id = (first.get("publicIPAddress") or {}).get("id")
        public = (
            self._read(public_id, "PublicIPAddresses_Get", "look up the machine's public address")
            if public_id
            else None
        )
        return MachineAddresses(
            first.get("privateIPAddress"), public["properties"].get("ipAddress") if public is not None else None
        )

    def _read(self, identifier: str, operation: str, attempt: str) -> dict[str, Any] | None:
        return read_resource(
            self._client,
            self._endpoint + identifier,
            NETWORK_API_VERSION,
            absent=404,
            operation=operation,
            attempt=attempt,
        )
