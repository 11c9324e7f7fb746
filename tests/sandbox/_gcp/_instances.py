# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute Engine's instances and their disks: machines that boot what was imported."""

from __future__ import annotations

import base64
import copy
import dataclasses
import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Request

from tests.image import Arch
from tests.sandbox._gcp._discovery import Call
from tests.sandbox._gcp._errors import GoogleError, invalid_value
from tests.sandbox._gcp._image_rules import check_labels
from tests.sandbox._gcp._instance_rules import (
    boot_disk_of,
    check_boot_disk,
    check_interface,
    check_known,
    check_metadata,
)
from tests.sandbox._gcp._machine_types import check_zone, get_machine_type, machine_type_in, series_of
from tests.sandbox._gcp._metadata import Metadata
from tests.sandbox._gcp._networks import Networks
from tests.sandbox._gcp._operations import OperationError, Operations
from tests.sandbox._gcp._project import Project
from tests.sandbox._gcp._regions import region_of
from tests.sandbox._gcp._requests import check_project, filtered, link, now
from tests.sandbox._gcp._service import Handler
from tests.sandbox._machines import Hardware, Machine, MachineRoom
from tests.sandbox._sparse import copy_sparse

FindImage = Callable[[str], tuple[Mapping[str, Any], Path]]
"""The READY image that a URL names, and its disk. :raises LookupError: when there is none."""

_ARCHITECTURES: Mapping[str, Arch] = {"X86_64": "x86_64", "ARM64": "aarch64"}
_CONSOLE_BYTES = 1 << 20


@dataclasses.dataclass
class _Disk:
    resource: dict[str, Any]
    file: Path


@dataclasses.dataclass
class _Instance:
    resource: dict[str, Any]
    hardware: Hardware
    machine: Machine | None = None

    @property
    def status(self) -> str:
        """A machine that powers itself off is found so."""
        if self.resource["status"] == "RUNNING" and self.machine is not None and self.machine.ended:
            self.resource |= {"status": "TERMINATED", "lastStopTimestamp": now()}
        return str(self.resource["status"])

    def shown(self) -> dict[str, Any]:
        return {**copy.deepcopy(self.resource), "status": self.status}


class Instances:
    """All of the project.

    :param ids: where the identifiers come from.
    :param lock: is held by those who call the handlers of what changes something.
    """

    def __init__(
        self,
        project: Project,
        operations: Operations,
        find_image: FindImage,
        room: MachineRoom,
        *,
        directory: Path,
        ids: Iterator[int],
        lock: threading.RLock,
    ) -> None:
        self._project = project
        self._name = project.name
        self._operations = operations
        self._find_image = find_image
        self._room = room
        self._directory = directory
        self._ids = ids
        self._lock = lock
        self._networks = Networks(self._name)
        self._instances: dict[tuple[str, str], _Instance] = {}
        self._disks: dict[tuple[str, str], _Disk] = {}
        idempotent = operations.idempotent
        self.handlers: dict[str, Handler] = {
            "disks.delete": idempotent(self._delete_disk),
            "disks.get": lambda call, _request, _body: self._disk(call).resource,
            "instances.delete": idempotent(self._delete),
            "instances.get": lambda call, _request, _body: self._instance(call).shown(),
            "instances.getSerialPortOutput": self._serial_port,
            "instances.insert": idempotent(self._insert),
            "instances.list": self._list,
            "instances.setDiskAutoDelete": idempotent(self._set_disk_auto_delete),
            "instances.setLabels": idempotent(self._set_labels),
            "machineTypes.get": lambda call, _request, _body: get_machine_type(call, self._name),
        }

    def holdings(self) -> dict[str, list[str]]:
        with self._lock:
            interfaces = [item.resource["networkInterfaces"][0] for item in self._instances.values()]
            return {
                "instances": [instance.resource["selfLink"] for instance in self._instances.values()],
                "disks": [disk.resource["selfLink"] for disk in self._disks.values()],
                "addresses": [
                    config["natIP"]
                    for interface in interfaces
                    for config in interface.get("accessConfigs", [])
                    if "natIP" in config
                ],
            }

    def _instance(self, call: Call) -> _Instance:
        check_project(call, self._name)
        zone, name = check_zone(call), call.parameters["instance"]
        for (where, _name), instance in self._instances.items():
            if where == zone and name in (instance.resource["name"], instance.resource["id"]):
                return instance
        raise GoogleError(404, f"The resource 'projects/{self._name}/zones/{zone}/instances/{name}' was not found")

    def _disk(self, call: Call) -> _Disk:
        check_project(call, self._name)
        zone, name = check_zone(call), call.parameters["disk"]
        for (where, _name), disk in self._disks.items():
            if where == zone and name in (disk.resource["name"], disk.resource["id"]):
                return disk
        raise GoogleError(404, f"The resource 'projects/{self._name}/zones/{zone}/disks/{name}' was not found")

    def _list(self, call: Call, request: Request, _body: Any) -> Mapping[str, Any]:
        check_project(call, self._name)
        zone = check_zone(call)
        with self._lock:
            shown = [instance.shown() for (where, _name), instance in self._instances.items() if where == zone]
        identifier = f"projects/{self._name}/zones/{zone}/instances"
        return {"kind": "compute#instanceList", "id": identifier, "items": filtered(shown, request)}

    # Launches

    def _insert(self, call: Call, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        for parameter in ("sourceInstanceTemplate", "sourceMachineImage"):
            if parameter in request.args:
                raise GoogleError(403, f"The sandbox has no {parameter}.", reason="notImplemented")
        zone = check_zone(call)
        check_known(body)
        if "machineType" not in body:
            raise invalid_value("resource.machineType", "", "Machine type must be specified.")
        machine_type = machine_type_in(zone, body["machineType"])
        series = series_of(machine_type)
        disk = boot_disk_of(body)
        parameters = disk["initializeParams"]
        image, file = self._image(parameters["sourceImage"])
        size, disk_type = check_boot_disk(disk, image, series, machine_type=machine_type, zone=zone)
        interface = check_interface(body, image, series)
        placed = self._networks.place(interface, region_of(zone))
        metadata = check_metadata(body.get("metadata", {}))
        labels = body.get("labels", {})
        check_labels(labels)
        check_labels(parameters.get("labels", {}))
        name = body["name"]
        disk_name = parameters.get("diskName", name)
        for kind, known, wanted in (("instances", self._instances, name), ("disks", self._disks, disk_name)):
            if (zone, wanted) in known:
                what = f"The resource 'projects/{self._name}/zones/{zone}/{kind}/{wanted}' already exists"
                raise GoogleError(409, what, reason="alreadyExists")
        features = copy.deepcopy(image.get("guestOsFeatures", []))
        self_link = link(self._name, f"zones/{zone}/instances/{name}")
        made = {
            "kind": "compute#disk",
            "id": str(next(self._ids)),
            "creationTimestamp": now(),
            "name": disk_name,
            "sizeGb": str(size),
            "zone": link(self._name, f"zones/{zone}"),
            "status": "READY",
            "sourceImage": image["selfLink"],
            "sourceImageId": image["id"],
            "type": link(self._name, f"zones/{zone}/diskTypes/{disk_type}"),
            "architecture": image["architecture"],
            "guestOsFeatures": features,
            "users": [self_link],
            "selfLink": link(self._name, f"zones/{zone}/disks/{disk_name}"),
            "labelFingerprint": _fingerprint(parameters.get("labels", {})),
        }
        if "labels" in parameters:
            made["labels"] = dict(parameters["labels"])
        nvme = series.disk_bus == "nvme"
        resource = {
            "kind": "compute#instance",
            "id": str(next(self._ids)),
            "creationTimestamp": now(),
            "name": name,
            "zone": link(self._name, f"zones/{zone}"),
            "machineType": link(self._name, f"zones/{zone}/machineTypes/{machine_type}"),
            "status": "PROVISIONING",
            "description": body.get("description", ""),
            "metadata": {
                "kind": "compute#metadata",
                "fingerprint": _fingerprint(metadata),
                "items": [{"key": key, "value": value} for key, value in metadata.items()],
            },
            "disks": [
                {
                    "kind": "compute#attachedDisk",
                    "type": "PERSISTENT",
                    "mode": "READ_WRITE",
                    "source": made["selfLink"],
                    "deviceName": disk.get("deviceName", "persistent-disk-0"),
                    "index": 0,
                    "boot": True,
                    "autoDelete": bool(disk.get("autoDelete", False)),
                    "interface": "NVME" if nvme else "SCSI",
                    "guestOsFeatures": features,
                    "diskSizeGb": str(size),
                    "architecture": image["architecture"],
                }
            ],
            "networkInterfaces": [
                {
                    "kind": "compute#networkInterface",
                    "name": "nic0",
                    **placed,
                    **({"nicType": interface["nicType"]} if "nicType" in interface else {}),
                    "accessConfigs": [
                        {
                            "kind": "compute#accessConfig",
                            "type": "ONE_TO_ONE_NAT",
                            "name": config.get("name", "external-nat"),
                            "networkTier": config.get("networkTier", "PREMIUM"),
                        }
                        for config in interface.get("accessConfigs", [])
                    ],
                }
            ],
            "shieldedInstanceConfig": {
                "enableSecureBoot": False,
                "enableVtpm": True,
                "enableIntegrityMonitoring": True,
                **body.get("shieldedInstanceConfig", {}),
            },
            "labelFingerprint": _fingerprint(labels),
            "selfLink": self_link,
        }
        if labels:
            resource["labels"] = dict(labels)
        uefi = series.architecture == "ARM64" or {"type": "UEFI_COMPATIBLE"} in features
        hardware = Hardware(
            arch=_ARCHITECTURES[series.architecture],
            firmware="uefi" if uefi else "bios",
            disk_bus=series.disk_bus,
            smbios=("type=1,manufacturer=Google,product=Google Compute Engine",),
        )
        instance = self._instances[zone, name] = _Instance(resource, hardware)
        own = self._disks[zone, disk_name] = _Disk(made, self._directory / f"{made['id']}.raw")
        # At once, since the image may be deleted as soon as the request is answered.
        copy_sparse(file, own.file)
        return self._operations.begin(
            "insert",
            resource,
            lambda: self._start(instance, own),
            call,
            # What was made for an instance that does not come up goes with it.
            failed=lambda: self._forget(instance),
        )

    def _image(self, url: str) -> tuple[Mapping[str, Any], Path]:
        try:
            return self._find_image(url)
        except LookupError:
            raise invalid_value(
                "resource.disks[0].initializeParams.sourceImage",
                url,
                "The referenced image resource cannot be found.",
            ) from None

    def _start(self, instance: _Instance, disk: _Disk) -> None:
        resource = instance.resource
        with self._lock:
            if resource["status"] != "PROVISIONING":
                raise OperationError("RESOURCE_NOT_FOUND", f"'{resource['selfLink']}' was deleted meanwhile.", 400)
            machine, address = self._room.launch(
                instance.hardware, disk.file, Metadata(lambda: self._told_to(instance))
            )
            instance.machine = machine
            for config in resource["networkInterfaces"][0]["accessConfigs"]:
                config["natIP"] = address
            resource |= {"status": "RUNNING", "lastStartTimestamp": now()}

    def _told_to(self, instance: _Instance) -> dict[str, Any]:
        """What the instance's metadata server has."""
        with self._lock:
            resource = copy.deepcopy(instance.resource)
        interface = resource["networkInterfaces"][0]
        zone = resource["zone"].rpartition("/")[2]
        number = self._project.number
        addresses = {
            str(index): {"external-ip": config.get("natIP", ""), "type": config["type"]}
            for index, config in enumerate(interface["accessConfigs"])
        }
        return {
            "instance": {
                "attributes": {item["key"]: item["value"] for item in resource["metadata"]["items"]},
                "description": resource["description"],
                "hostname": f"{resource['name']}.{zone}.c.{self._name}.internal",
                "id": resource["id"],
                "machine-type": f"projects/{number}/machineTypes/{resource['machineType'].rpartition('/')[2]}",
                "name": resource["name"],
                "network-interfaces": {"0": {"access-configs": addresses, "ip": interface["networkIP"]}},
                "zone": f"projects/{number}/zones/{zone}",
            },
            "project": {
                "attributes": self._project.items,
                "numeric-project-id": number,
                "project-id": self._name,
            },
        }

    # What is there

    def _serial_port(self, call: Call, request: Request, _body: Any) -> Mapping[str, Any]:
        with self._lock:
            instance = self._instance(call)
            if instance.status != "RUNNING" or instance.machine is None:
                raise self._not_ready(instance)
            data = instance.machine.console() if request.args.get("port", "1") == "1" else b""
        oldest = max(0, len(data) - _CONSOLE_BYTES)
        start = int(request.args.get("start", "0"))
        # A negative one is counted from the end.
        start = max(oldest, len(data) + start if start < 0 else min(start, len(data)))
        return {
            "kind": "compute#serialPortOutput",
            "contents": data[start:].decode("utf-8", "replace"),
            "start": str(start),
            "next": str(len(data)),
            "selfLink": f"{instance.resource['selfLink']}/serialPort",
        }

    def _not_ready(self, instance: _Instance) -> GoogleError:
        path = instance.resource["selfLink"].partition("/compute/v1/")[2]
        return GoogleError(400, f"The resource '{path}' is not ready", reason="resourceNotReady")

    def _set_labels(self, call: Call, _request: Request, body: dict[str, Any]) -> dict[str, Any]:
        instance = self._instance(call)
        labels = body.get("labels", {})
        check_labels(labels)
        if body.get("labelFingerprint") != instance.resource["labelFingerprint"]:
            raise GoogleError(
                412, "Labels fingerprint either invalid or resource labels have changed", reason="conditionNotMet"
            )

        def work() -> None:
            with self._lock:
                instance.resource |= {"labels": dict(labels), "labelFingerprint": _fingerprint(labels)}

        return self._operations.begin("setLabels", instance.resource, work, call)

    def _set_disk_auto_delete(self, call: Call, request: Request, _body: Any) -> dict[str, Any]:
        instance = self._instance(call)
        [disk] = instance.resource["disks"]
        if request.args["deviceName"] != disk["deviceName"]:
            raise invalid_value("deviceName", request.args["deviceName"], "No such device.")

        def work() -> None:
            with self._lock:
                disk["autoDelete"] = request.args["autoDelete"] == "true"

        return self._operations.begin("setDiskAutoDelete", instance.resource, work, call)

    # Deletions

    def _delete(self, call: Call, _request: Request, _body: Any) -> dict[str, Any]:
        instance = self._instance(call)
        before = instance.status
        if before == "STOPPING":
            raise self._not_ready(instance)
        instance.resource["status"] = "STOPPING"

        def failed() -> None:
            instance.resource["status"] = before

        return self._operations.begin("delete", instance.resource, lambda: self._forget(instance), call, failed=failed)

    def _forget(self, instance: _Instance) -> None:
        resource = instance.resource
        with self._lock:
            # Not another one of its name, which was launched meanwhile.
            self._instances = {key: other for key, other in self._instances.items() if other is not instance}
            if instance.machine is not None:
                instance.machine.discard()
            for attached in resource["disks"]:
                for key, disk in list(self._disks.items()):
                    if disk.resource["selfLink"] == attached["source"]:
                        disk.resource["users"] = []
                        if attached["autoDelete"]:
                            del self._disks[key]
                            disk.file.unlink(missing_ok=True)

    def _delete_disk(self, call: Call, _request: Request, _body: Any) -> dict[str, Any]:
        disk = self._disk(call)
        resource = disk.resource
        path = resource["selfLink"].partition("/compute/v1/")[2]
        if resource["users"]:
            user = resource["users"][0].partition("/compute/v1/")[2]
            what = f"The disk resource '{path}' is already being used by '{user}'"
            raise GoogleError(400, what, reason="resourceInUseByAnotherResource")

        def work() -> None:
            with self._lock:
                self._disks.pop((resource["zone"].rpartition("/")[2], resource["name"]), None)
            disk.file.unlink(missing_ok=True)

        return self._operations.begin("delete", resource, work, call)


def _fingerprint(items: Mapping[str, str]) -> str:
    digest = hashlib.sha256(repr(sorted(items.items())).encode()).digest()
    return base64.urlsafe_b64encode(digest[:8]).decode()
