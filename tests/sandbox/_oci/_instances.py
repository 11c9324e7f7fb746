# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances: machines that boot what was imported."""

from __future__ import annotations

import dataclasses
import threading
import time
from typing import Any

from flask import Response, request

from tests.image import Arch
from tests.sandbox._cloud import Context
from tests.sandbox._machines import Hardware, Machine, MachineRoom
from tests.sandbox._oci._account import REGION, new_ocid
from tests.sandbox._oci._api import Api, ApiError, invalid, json_response, not_found, now
from tests.sandbox._oci._capabilities import Capabilities
from tests.sandbox._oci._images import Image, Images
from tests.sandbox._oci._launch_rules import check_known, check_metadata, checked_boot_volume, checked_shape
from tests.sandbox._oci._metadata import Metadata
from tests.sandbox._oci._networks import Networks, Vnic
from tests.sandbox._oci._work_requests import WorkRequest, WorkRequests

_TOKEN_LENGTH = 64


@dataclasses.dataclass
class Instance:
    details: dict[str, Any]
    vnic: Vnic
    image: Image
    hardware: Hardware
    boot_volume: str
    machine: Machine | None = None

    @property
    def state(self) -> str:
        """A machine that powers itself off is found so."""
        if self.details["lifecycleState"] == "RUNNING" and self.machine is not None and self.machine.ended:
            self.details["lifecycleState"] = "STOPPED"
        return str(self.details["lifecycleState"])


class Instances:
    """All of them, and the operations on them."""

    def __init__(
        self,
        api: Api,
        context: Context,
        room: MachineRoom,
        images: Images,
        capabilities: Capabilities,
        networks: Networks,
        work_requests: WorkRequests,
        lock: threading.RLock,
    ) -> None:
        self._api = api
        self._context = context
        self._room = room
        self._images = images
        self._capabilities = capabilities
        self._networks = networks
        self._work_requests = work_requests
        self._lock = lock
        self._instances: dict[str, Instance] = {}
        self._boot_volumes: dict[str, dict[str, Any]] = {}
        self._launches: dict[str, tuple[dict[str, Any], Instance, str]] = {}
        one = "/instances/<instance_id>"
        api.operation("ListInstances", "GET", "/instances")(self._list)
        api.operation("LaunchInstance", "POST", "/instances")(self._launch)
        api.operation("GetInstance", "GET", one)(self._get)
        api.operation("UpdateInstance", "PUT", one)(self._update)
        api.operation("TerminateInstance", "DELETE", one)(self._terminate)
        api.operation("GetBootVolume", "GET", "/bootVolumes/<boot_volume_id>")(self._get_boot_volume)
        api.operation("DeleteBootVolume", "DELETE", "/bootVolumes/<boot_volume_id>")(self._delete_boot_volume)
        api.operation("ListBootVolumeAttachments", "GET", "/bootVolumeAttachments")(self._list_boot_volumes)

    def holdings(self) -> dict[str, list[str]]:
        with self._lock:
            return {
                "instances": [ocid for ocid, instance in self._instances.items() if instance.state != "TERMINATED"],
                "boot_volumes": list(self._boot_volumes),
                "vnics": self._networks.vnic_ids,
                "addresses": self._networks.public_addresses,
            }

    def find(self, instance_id: str) -> Instance:
        """:raises ApiError: when there is no such instance."""
        try:
            return self._instances[instance_id]
        except KeyError:
            raise not_found() from None

    def _shown(self, instance: Instance) -> dict[str, Any]:
        return self._api.shown_as("Instance", {**instance.details, "lifecycleState": instance.state})

    def _list(self) -> Response:
        compartment = self._api.check_compartment(request.args.get("compartmentId"))
        name, state = request.args.get("displayName"), request.args.get("lifecycleState")
        with self._lock:
            found = [
                self._shown(instance)
                for instance in self._instances.values()
                if instance.details["compartmentId"] == compartment
                and name in (None, instance.details["displayName"])
                and state in (None, instance.state)
            ]
        return self._api.page(reversed(found))

    def _get(self, instance_id: str) -> Response:
        with self._lock:
            return json_response(self._shown(self.find(instance_id)))

    def _update(self, instance_id: str) -> Response:
        body = self._api.body("UpdateInstanceDetails")
        for name in body:
            if name not in ("displayName", "freeformTags"):
                raise ApiError(501, "NotImplemented", f"The sandbox does not change {name}")
        with self._lock:
            instance = self.find(instance_id)
            if instance.state in ("TERMINATING", "TERMINATED"):
                raise not_found()
            instance.details.update({name: value for name, value in body.items() if value is not None})
            return json_response(self._shown(instance))

    # Launches

    def _launch(self) -> Response:
        body = self._api.body("LaunchInstanceDetails")
        token = request.headers.get("opc-retry-token") or ""
        if len(token) > _TOKEN_LENGTH:
            raise invalid(f"opc-retry-token is longer than {_TOKEN_LENGTH} characters")
        with self._lock:
            if token in self._launches:
                first, instance, work_request_id = self._launches[token]
                if first != body or instance.state in ("TERMINATING", "TERMINATED"):
                    raise ApiError(409, "InvalidatedRetryToken", "The retry token is not valid any more")
            else:
                instance, work_request_id = self._begin(body)
                if token:
                    self._launches[token] = (body, instance, work_request_id)
            return json_response(self._shown(instance), opc_work_request_id=work_request_id)

    def _begin(self, body: dict[str, Any]) -> tuple[Instance, str]:
        compartment = self._api.check_compartment(body["compartmentId"])
        check_known(body)
        source = body.get("sourceDetails")
        if source is None:
            raise ApiError(400, "MissingParameter", "sourceDetails is missing")
        if source["sourceType"] != "image" or not source.get("imageId"):
            raise invalid("sourceDetails must name an image; the sandbox launches from nothing else")
        image = self._images.available(source["imageId"])
        shape = checked_shape(body, image)
        size = checked_boot_volume(source, image)
        metadata = body.get("metadata") or {}
        check_metadata(metadata)
        hardware = self._hardware(image, shape)
        domain, interface = body["availabilityDomain"], body.get("createVnicDetails") or {}
        self._networks.checked(interface, domain)
        # Whether there is room is found out last.
        refused = self._context.faults.take_failure("compute", "LaunchInstance")
        if refused is not None:
            raise ApiError(500, "InternalError", refused)
        name = body.get("displayName") or f"instance{now()}"
        details = {
            "id": new_ocid("instance"),
            "availabilityDomain": domain,
            "compartmentId": compartment,
            "displayName": name,
            "freeformTags": body.get("freeformTags") or {},
            "definedTags": {},
            "faultDomain": "FAULT-DOMAIN-1",
            "imageId": image.details["id"],
            "instanceOptions": body.get("instanceOptions") or {"areLegacyImdsEndpointsDisabled": False},
            "launchMode": image.details["launchMode"],
            "launchOptions": image.details["launchOptions"],
            "lifecycleState": "PROVISIONING",
            "metadata": metadata,
            "region": REGION,
            "shape": shape["shape"],
            "shapeConfig": {
                "ocpus": shape["ocpus"],
                "memoryInGBs": shape["memoryInGBs"],
                "processorDescription": shape["processorDescription"],
            },
            "sourceDetails": {**source, "bootVolumeSizeInGBs": size},
            "timeCreated": now(),
        }
        boot_volume = {
            "id": new_ocid("bootvolume"),
            "availabilityDomain": domain,
            "compartmentId": compartment,
            "displayName": f"{name} (Boot Volume)",
            "imageId": image.details["id"],
            "sizeInGBs": size,
            "sizeInMBs": size * 1024,
            "lifecycleState": "AVAILABLE",
            "timeCreated": now(),
        }
        self._boot_volumes[str(boot_volume["id"])] = boot_volume
        vnic = self._networks.attach(details, interface)
        instance = Instance(details, vnic, image, hardware, str(boot_volume["id"]))
        self._instances[details["id"]] = instance
        work_request = self._work_requests.begin("LaunchInstance", "instance", details)
        failure = self._context.faults.take_failure("compute", "LaunchInstance.provisioning")
        threading.Thread(target=self._provision, args=(instance, work_request, failure), daemon=True).start()
        return instance, work_request.details["id"]

    def _hardware(self, image: Image, shape: dict[str, Any]) -> Hardware:
        options = image.details["launchOptions"]
        if options["bootVolumeType"] != "PARAVIRTUALIZED":
            raise ApiError(501, "NotImplemented", "The sandbox boots from paravirtualized volumes only")
        arch: Arch = "aarch64" if "Ampere" in shape["processorDescription"] else "x86_64"
        # The schema's word is the last one. ARM machines have no BIOS.
        firmware = self._capabilities.default_of(image.details["id"], "Compute.Firmware") or options["firmware"]
        return Hardware(
            arch=arch,
            firmware="uefi" if arch == "aarch64" or firmware == "UEFI_64" else "bios",
            disk_bus="virtio-scsi",
            smbios=("type=1,manufacturer=QEMU,product=Standard PC", "type=3,asset=OracleCloud.com"),
        )

    def _provision(self, instance: Instance, work_request: WorkRequest, failure: str | None) -> None:
        work_request.details |= {"status": "IN_PROGRESS", "timeStarted": now()}
        time.sleep(self._context.operation_seconds)
        with self._lock:
            ended = {"percentComplete": 100.0, "timeFinished": now()}
            if instance.state != "PROVISIONING":
                # Whoever terminates it sees to the rest.
                work_request.details |= {**ended, "status": "CANCELED"}
                return
            if failure is None and not instance.image.raw.exists():
                failure = "The image was deleted"
            if failure is not None:
                work_request.details |= {**ended, "status": "FAILED"}
                work_request.errors.append({"code": "InternalError", "message": failure, "timestamp": now()})
                self._forget(instance, preserve_boot_volume=False)
                return
            legacy = not instance.details["instanceOptions"].get("areLegacyImdsEndpointsDisabled")
            metadata = Metadata(lambda: self._told_to(instance), legacy=legacy)
            instance.machine, address = self._room.launch(instance.hardware, instance.image.raw, metadata)
            self._networks.attached(instance.vnic, address)
            instance.details["lifecycleState"] = "RUNNING"
            work_request.details |= {**ended, "status": "SUCCEEDED"}

    def _told_to(self, instance: Instance) -> dict[str, Any]:
        """What the instance's metadata service has."""
        with self._lock:
            details, vnic = instance.details, instance.vnic.details
            names = ("availabilityDomain", "compartmentId", "displayName", "faultDomain", "id", "shape", "metadata")
            return {
                "instance": {
                    **{name: details[name] for name in names},
                    "image": details["imageId"],
                    "canonicalRegionName": REGION,
                    "region": REGION,
                    "state": "Running",
                    "shapeConfig": {name: details["shapeConfig"][name] for name in ("ocpus", "memoryInGBs")},
                },
                "vnics": [{"vnicId": vnic["id"], "privateIp": vnic["privateIp"], "subnetId": vnic["subnetId"]}],
            }

    # Ends

    def _terminate(self, instance_id: str) -> Response:
        preserve = request.args.get("preserveBootVolume", "false").lower() == "true"
        with self._lock:
            instance = self.find(instance_id)
            if instance.state in ("TERMINATING", "TERMINATED"):
                raise not_found()
            instance.details["lifecycleState"] = "TERMINATING"
        work_request = self._work_requests.begin("TerminateInstance", "instance", instance.details)

        def work() -> None:
            time.sleep(self._context.operation_seconds)
            with self._lock:
                self._forget(instance, preserve_boot_volume=preserve)
            work_request.details |= {"status": "SUCCEEDED", "percentComplete": 100.0, "timeFinished": now()}

        threading.Thread(target=work, daemon=True).start()
        return Response(status=204, headers={"opc-work-request-id": work_request.details["id"]})

    def _forget(self, instance: Instance, *, preserve_boot_volume: bool) -> None:
        if instance.machine is not None:
            instance.machine.discard()
        self._networks.detach(instance.vnic)
        if not preserve_boot_volume:
            self._boot_volumes.pop(instance.boot_volume, None)
        instance.details["lifecycleState"] = "TERMINATED"

    # Boot volumes

    def _get_boot_volume(self, boot_volume_id: str) -> Response:
        volume = self._boot_volumes.get(boot_volume_id)
        if volume is None:
            raise not_found()
        return json_response(self._api.shown_as("BootVolume", volume))

    def _delete_boot_volume(self, boot_volume_id: str) -> Response:
        with self._lock:
            if boot_volume_id not in self._boot_volumes:
                raise not_found()
            if any(
                instance.boot_volume == boot_volume_id and instance.state != "TERMINATED"
                for instance in self._instances.values()
            ):
                raise ApiError(409, "Conflict", "The boot volume is attached to an instance")
            del self._boot_volumes[boot_volume_id]
        return Response(status=204)

    def _list_boot_volumes(self) -> Response:
        compartment = self._api.check_compartment(request.args.get("compartmentId"))
        domain, instance_id = request.args.get("availabilityDomain"), request.args.get("instanceId")
        if not domain:
            raise ApiError(400, "MissingParameter", "availabilityDomain is missing")
        with self._lock:
            found = [
                {
                    "id": instance.details["id"],
                    "availabilityDomain": domain,
                    "bootVolumeId": instance.boot_volume,
                    "compartmentId": compartment,
                    "instanceId": instance.details["id"],
                    "lifecycleState": "ATTACHED",
                    "timeCreated": instance.details["timeCreated"],
                }
                for instance in self._instances.values()
                if instance.details["availabilityDomain"] == domain
                and instance.details["compartmentId"] == compartment
                and instance_id in (None, instance.details["id"])
                and instance.state not in ("TERMINATING", "TERMINATED")
            ]
        return self._api.page(found, model="BootVolumeAttachment")
