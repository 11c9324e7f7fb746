# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networking, as far as instances need it: three subnets, a security group, and instances' interfaces."""

from __future__ import annotations

import dataclasses
import itertools
import threading
from typing import Any

from flask import Response, request

from tests.sandbox._oci._account import AVAILABILITY_DOMAINS, Account, new_ocid
from tests.sandbox._oci._api import Api, ApiError, invalid, json_response, not_found, now


@dataclasses.dataclass
class Vnic:
    """The only network interface of an instance, and its attachment."""

    details: dict[str, Any]
    attachment: dict[str, Any]


class Networks:
    """Subnets, and the interfaces in them.

    :param lock: is held by those who call ``attach`` and ``detach``.
    """

    def __init__(self, api: Api, account: Account, lock: threading.RLock) -> None:
        self._api = api
        self._lock = lock
        self._compartment = account.compartment
        vcn, routes = new_ocid("vcn"), new_ocid("routetable")
        kinds: dict[str, dict[str, Any]] = {
            "public": {},
            "private": {"prohibitPublicIpOnVnic": True, "prohibitInternetIngress": True},
            "of-one-domain": {"availabilityDomain": AVAILABILITY_DOMAINS[1]},
        }
        self._subnets: dict[str, dict[str, Any]] = {}
        for number, (name, fields) in enumerate(kinds.items()):
            subnet = {
                "id": new_ocid("subnet"),
                "displayName": name,
                "compartmentId": self._compartment,
                "vcnId": vcn,
                "routeTableId": routes,
                "cidrBlock": f"10.0.{number}.0/24",
                "virtualRouterIp": f"10.0.{number}.1",
                "virtualRouterMac": "00:00:17:11:22:33",
                "availabilityDomain": None,
                "prohibitPublicIpOnVnic": False,
                "prohibitInternetIngress": False,
                "lifecycleState": "AVAILABLE",
                "timeCreated": now(),
                **fields,
            }
            self._subnets[str(subnet["id"])] = subnet
        self.security_group = new_ocid("networksecuritygroup")
        self._numbers = itertools.count(2)
        self._vnics: dict[str, Vnic] = {}
        api.operation("ListSubnets", "GET", "/subnets")(self._list_subnets)
        api.operation("GetSubnet", "GET", "/subnets/<subnet_id>")(self._get_subnet)
        api.operation("GetVnic", "GET", "/vnics/<vnic_id>")(self._get_vnic)
        api.operation("ListVnicAttachments", "GET", "/vnicAttachments")(self._list_attachments)

    @property
    def subnet_ids(self) -> dict[str, str]:
        """By the names of the subnets."""
        return {str(subnet["displayName"]): ocid for ocid, subnet in self._subnets.items()}

    @property
    def vnic_ids(self) -> list[str]:
        return list(self._vnics)

    @property
    def public_addresses(self) -> list[str]:
        return [vnic.details["publicIp"] for vnic in self._vnics.values() if vnic.details["publicIp"]]

    def checked(self, asked: dict[str, Any], domain: str) -> dict[str, Any]:
        """The subnet of an interface that is asked for.

        :raises ApiError: when an instance in ``domain`` cannot have it.
        """
        subnet_id = asked.get("subnetId")
        if not subnet_id:
            raise ApiError(400, "MissingParameter", "createVnicDetails.subnetId is missing")
        subnet = self._subnets.get(subnet_id)
        if subnet is None or any(group != self.security_group for group in asked.get("nsgIds") or []):
            raise not_found()
        if subnet["availabilityDomain"] not in (None, domain):
            raise invalid(f"The subnet is in {subnet['availabilityDomain']}, and not in {domain}")
        if asked.get("assignPublicIp") and subnet["prohibitPublicIpOnVnic"]:
            raise invalid("Public IP addresses are not allowed in the subnet")
        return subnet

    def attach(self, instance: dict[str, Any], asked: dict[str, Any]) -> Vnic:
        """A new interface, which is being attached to a new instance."""
        subnet = self.checked(asked, instance["availabilityDomain"])
        wanted = asked.get("assignPublicIp")
        common = {
            "compartmentId": instance["compartmentId"],
            "availabilityDomain": instance["availabilityDomain"],
            "subnetId": subnet["id"],
            "timeCreated": now(),
        }
        details = {
            **common,
            "id": new_ocid("vnic"),
            "displayName": asked.get("displayName") or instance["displayName"],
            "freeformTags": asked.get("freeformTags") or {},
            "nsgIds": asked.get("nsgIds") or [],
            "isPrimary": True,
            "privateIp": f"{subnet['cidrBlock'].rpartition('.')[0]}.{next(self._numbers) % 254}",
            "publicIp": None,
            # Until it is attached.
            "wantsPublicIp": not subnet["prohibitPublicIpOnVnic"] if wanted is None else wanted,
            "lifecycleState": "PROVISIONING",
        }
        attachment = {
            **common,
            "id": new_ocid("vnicattachment"),
            "instanceId": instance["id"],
            "vnicId": None,
            "lifecycleState": "ATTACHING",
        }
        vnic = Vnic(details, attachment)
        self._vnics[details["id"]] = vnic
        return vnic

    @staticmethod
    def attached(vnic: Vnic, address: str) -> None:
        """The instance runs; ``address`` is what it is reached at from outside, where it may be."""
        vnic.details |= {"lifecycleState": "AVAILABLE", "publicIp": address if vnic.details["wantsPublicIp"] else None}
        vnic.attachment |= {"lifecycleState": "ATTACHED", "vnicId": vnic.details["id"]}

    def detach(self, vnic: Vnic) -> None:
        vnic.attachment["lifecycleState"] = "DETACHED"
        self._vnics.pop(vnic.details["id"], None)

    def _get_subnet(self, subnet_id: str) -> Response:
        subnet = self._subnets.get(subnet_id)
        if subnet is None:
            raise not_found()
        return json_response(self._api.shown_as("Subnet", subnet))

    def _list_subnets(self) -> Response:
        self._api.check_compartment(request.args.get("compartmentId"))
        return self._api.page(self._subnets.values(), model="Subnet")

    def _get_vnic(self, vnic_id: str) -> Response:
        vnic = self._vnics.get(vnic_id)
        if vnic is None:
            raise not_found()
        return json_response(self._api.shown_as("Vnic", vnic.details))

    def _list_attachments(self) -> Response:
        compartment = self._api.check_compartment(request.args.get("compartmentId"))
        instance = request.args.get("instanceId")
        with self._lock:
            found = [
                vnic.attachment
                for vnic in self._vnics.values()
                if vnic.attachment["compartmentId"] == compartment and instance in (None, vnic.attachment["instanceId"])
            ]
        return self._api.page(found, model="VnicAttachment")
