# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute Engine's instances and their disks: machines that boot what was imported."""

from __future__ import annotations

import copy
import dataclasses
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Request

from tests.image import Arch
from tests.sandbox._gcp._discovery import Call
from tests.sandbox._gcp._disks import Disk, Disks
from tests.sandbox._gcp._errors import GoogleError, invalid_value
from tests.sandbox._gcp._image_rules import check_labels
from tests.sandbox._gcp._instance_rules import (
    boot_disk_of,
    check_boot_disk,
    check_interface,
    check_known,
    check_metadata,
)
from tests.sandbox._gcp._instance_shape import instance_resource, metadata_tree
from tests.sandbox._gcp._machine_types import check_zone, get_machine_type, machine_type_in, series_of
from tests.sandbox._gcp._metadata import Metadata
from tests.sandbox._gcp._networks import Networks
from tests.sandbox._gcp._operations import OperationError, Operations
from tests.sandbox._gcp._project import Project
from tests.sandbox._gcp._regions import region_of
from tests.sandbox._gcp._requests import already_exists, check_project, filtered, fingerprint, link, now
from tests.sandbox._gcp._service import Handler
from tests.sandbox._machines import Hardware, Machine, MachineRoom

FindImage = Callable[[str], tuple[Mapping[str, Any], Path]]
"""The READY image that a URL names, and its disk. :raises LookupError: when there is none."""

_ARCHITECTURES: Mapping[str, Arch] = {"X86_64": "x86_64", "ARM64": "aarch64"}
_CONSOLE_BYTES = 1 << 20


@dataclasses.dataclass
class _Instance:
    resource: dict[str, Any]
    disk: Disk
    hardware: Hardware
    machine: Machine | None = None

    @property
    def zone(self) -> str:
        return str(self.resource["zone"]).rpartition("/")[2]

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
        self._ids = ids
        self._lock = lock
        self._networks = Networks(self._name)
        self._instances: list[_Instance] = []
        self._disks = Disks(self._name, operations, directory=directory, ids=ids, lock=lock)
        idempotent = operations.idempotent
        self.handlers: dict[str, Handler] = {
            **self._disks.handlers,
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
            interfaces = [instance.resource["networkInterfaces"][0] for instance in self._instances]
            return {
                "instances": [instance.resource["selfLink"] for instance in self._instances],
                "disks": self._disks.links,
                "addresses": [
                    config["natIP"]
                    for interface in interfaces
                    for config in interface["accessConfigs"]
                    if "natIP" in config
                ],
            }

    def _instance(self, call: Call) -> _Instance:
        check_project(call, self._name)
        zone, name = check_zone(call), call.parameters["instance"]
        for instance in self._instances:
            if instance.zone == zone and name in (instance.resource["name"], instance.resource["id"]):
                return instance
        raise GoogleError(404, f"The resource 'projects/{self._name}/zones/{zone}/instances/{name}' was not found")

    def _list(self, call: Call, request: Request, _body: Any) -> Mapping[str, Any]:
        check_project(call, self._name)
        zone = check_zone(call)
        with self._lock:
            shown = [instance.shown() for instance in self._instances if instance.zone == zone]
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
        self_link = link(self._name, f"zones/{zone}/instances/{name}")
        if any(other.resource["selfLink"] == self_link for other in self._instances):
            raise already_exists(self._name, f"zones/{zone}/instances/{name}")
        disk_name = parameters.get("diskName", name)
        self._disks.check_free(zone, disk_name)
        own = self._disks.create(
            zone,
            disk_name,
            image,
            file,
            size=size,
            disk_type=disk_type,
            labels=parameters.get("labels", {}),
            user=self_link,
        )
        resource = instance_resource(
            self._name,
            zone,
            body,
            identifier=str(next(self._ids)),
            machine_type=machine_type,
            series=series,
            disk=own.resource,
            interface=placed,
            metadata=metadata,
        )
        features = own.resource["guestOsFeatures"]
        uefi = series.architecture == "ARM64" or {"type": "UEFI_COMPATIBLE"} in features
        hardware = Hardware(
            arch=_ARCHITECTURES[series.architecture],
            firmware="uefi" if uefi else "bios",
            disk_bus=series.disk_bus,
            smbios=("type=1,manufacturer=Google,product=Google Compute Engine",),
        )
        instance = _Instance(resource, own, hardware)
        self._instances.append(instance)
        return self._operations.begin(
            "insert",
            resource,
            lambda: self._start(instance),
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

    def _start(self, instance: _Instance) -> None:
        resource = instance.resource
        with self._lock:
            if resource["status"] != "PROVISIONING":
                raise OperationError("RESOURCE_NOT_FOUND", f"'{resource['selfLink']}' was deleted meanwhile.", 400)
            machine, address = self._room.launch(
                instance.hardware, instance.disk.file, Metadata(lambda: self._told_to(instance))
            )
            instance.machine = machine
            for config in resource["networkInterfaces"][0]["accessConfigs"]:
                config["natIP"] = address
            resource |= {"status": "RUNNING", "lastStartTimestamp": now()}

    def _told_to(self, instance: _Instance) -> dict[str, Any]:
        """What the instance's metadata server has."""
        with self._lock:
            return metadata_tree(self._project, instance.resource)

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
                instance.resource |= {"labels": dict(labels), "labelFingerprint": fingerprint(labels)}

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
        with self._lock:
            # Not another one of its name, which was launched meanwhile.
            self._instances = [other for other in self._instances if other is not instance]
            if instance.machine is not None:
                instance.machine.discard()
            self._disks.release(instance.disk, delete=instance.resource["disks"][0]["autoDelete"])
