# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute Engine's clients as instances see them, with answers that a test has chosen and no network."""

from __future__ import annotations

import itertools
import types
from collections.abc import Callable
from typing import Any

from google.api_core import exceptions as api
from google.cloud import compute_v1 as compute

PROJECT, ZONE, NAME = "my-project", "europe-west1-b", "machine"
API = "https://www.googleapis.com/compute/v1"
IMAGE = f"projects/{PROJECT}/global/images/alpine"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEm2oYfzRWqWbEFhNbH4bPvcSLYVQmdmCkgd6CwjJdZP somebody@elsewhere"


def params(**options: Any) -> dict[str, Any]:
    """The parameters of alpine_gcp_instance."""
    return {
        "project": PROJECT,
        "state": "present",
        "name": NAME,
        "zone": ZONE,
        "image": "alpine",
        "architecture": "x86_64",
        "machine_type": None,
        "network": None,
        "subnetwork": None,
        "public_address": True,
        "labels": None,
        "os_login": None,
        "ssh_public_key": None,
        "user_data": None,
        "console": False,
        "console_pattern": None,
        "wait": True,
        "wait_timeout": 5,
        "wait_interval": 0,
        **options,
    }


class FakeInstances:
    """A project with an image, and at most one instance with its disk."""

    def __init__(self) -> None:
        self.image: Any = compute.Image(
            name="alpine",
            id=7,
            self_link=f"{API}/{IMAGE}",
            architecture="X86_64",
            disk_size_gb=1,
            guest_os_features=[compute.GuestOsFeature(type_="GVNIC")],
        )
        self.instance: Any = None
        self.disk: Any = None
        self.requests: list[Any] = []
        self.operations: list[Any] = []
        self.project_metadata: dict[str, str] = {}
        self.refusals: dict[str, Exception] = {}
        """By the method that is to be refused."""
        self.error: Any = None
        """What the next operation ends with."""
        self.serial: list[Any] = []
        """What the serial port answers, one after the other."""
        self.on_read: Callable[[], None] = lambda: None
        self._numbers = itertools.count(100)

    @property
    def clients(self) -> Any:
        """What GcpClients would be."""
        return types.SimpleNamespace(
            project=PROJECT,
            images=types.SimpleNamespace(get=self._get_image),
            instances=types.SimpleNamespace(
                get=self._get,
                insert_unary=self._insert,
                delete_unary=self._delete,
                set_labels_unary=self._set_labels,
                get_serial_port_output=self._serial_port,
            ),
            disks=types.SimpleNamespace(get=self._get_disk, delete_unary=self._delete_disk),
            machine_types=types.SimpleNamespace(get=self._get_machine_type),
            projects=types.SimpleNamespace(get=self._get_project),
            zone_operations=types.SimpleNamespace(get=self._get_operation, list=self._list_operations),
        )

    def put(self, *, status: str = "RUNNING", labels: dict[str, str] | None = None, **fields: Any) -> Any:
        """Have an instance of ours, with its disk."""
        link = f"{API}/projects/{PROJECT}/zones/{ZONE}"
        self.instance = compute.Instance(
            **{
                "name": NAME,
                "id": next(self._numbers),
                "self_link": f"{link}/instances/{NAME}",
                "zone": link,
                "machine_type": f"{link}/machineTypes/e2-micro",
                "status": status,
                "last_start_timestamp": "2026-01-02T03:04:05.678-07:00",
                "labels": {"alpine-cloud-machine": NAME} if labels is None else labels,
                "label_fingerprint": "fingerprint",
                "disks": [{"boot": True, "source": f"{link}/disks/{NAME}"}],
                "network_interfaces": [{"network_i_p": "10.0.0.2", "access_configs": [{"nat_i_p": "192.0.2.9"}]}],
                **fields,
            }
        )
        self.put_disk(users=[self.instance.self_link])
        return self.instance

    def put_disk(self, **fields: Any) -> Any:
        self.disk = compute.Disk(
            **{
                "name": NAME,
                "id": next(self._numbers),
                "self_link": f"{API}/projects/{PROJECT}/zones/{ZONE}/disks/{NAME}",
                "source_image": f"{API}/{IMAGE}",
                "source_image_id": "7",
                "labels": {"alpine-cloud-machine": NAME},
                **fields,
            }
        )
        return self.disk

    def kinds(self) -> list[str]:
        return [type(request).__name__.removesuffix("Request") for request in self.requests]

    def _refuse(self, method: str) -> None:
        if method in self.refusals:
            raise self.refusals.pop(method)

    def _begin(self, request: Any, target: str, kind: str, act: Callable[[], None]) -> Any:
        self.requests.append(request)
        operation = compute.Operation(
            name=f"operation-{next(self._numbers)}", operation_type=kind, target_link=target, status="DONE"
        )
        if self.error is None:
            act()
        else:
            operation.error = compute.Error(errors=[compute.Errors(**self.error)])
            self.error = None
        self.operations.append(operation)
        return operation

    def _get_image(self, *, project: str, image: str, timeout: float, retry: Any) -> Any:
        if self.image is None or self.image.name != image:
            raise api.NotFound(f"The resource 'projects/{project}/global/images/{image}' was not found")
        return self.image

    def _get(self, *, project: str, zone: str, instance: str, timeout: float, retry: Any) -> Any:
        self.on_read()
        self._refuse("instances.get")
        if self.instance is None:
            raise api.NotFound(f"The resource 'projects/{project}/zones/{zone}/instances/{instance}' was not found")
        return self.instance

    def _get_disk(self, *, project: str, zone: str, disk: str, timeout: float, retry: Any) -> Any:
        if self.disk is None:
            raise api.NotFound(f"The resource 'projects/{project}/zones/{zone}/disks/{disk}' was not found")
        return self.disk

    def _get_machine_type(self, *, project: str, zone: str, machine_type: str, timeout: float, retry: Any) -> Any:
        if machine_type == "missing":
            raise api.NotFound(f"The resource 'projects/{project}/zones/{zone}/machineTypes/missing' was not found")
        return types.SimpleNamespace(architecture="ARM64" if machine_type.startswith("c4a") else "X86_64")

    def _get_project(self, *, project: str, timeout: float, retry: Any) -> Any:
        self._refuse("projects.get")
        items = [{"key": key, "value": value} for key, value in self.project_metadata.items()]
        return compute.Project(common_instance_metadata={"items": items})

    def _insert(self, fields: dict[str, Any], timeout: float, retry: Any) -> Any:
        request = compute.InsertInstanceRequest(fields)
        self._refuse("instances.insert")
        target = f"{API}/projects/{PROJECT}/zones/{ZONE}/instances/{NAME}"
        return self._begin(request, target, "insert", self.put)

    def _delete(self, fields: dict[str, Any], timeout: float, retry: Any) -> Any:
        request = compute.DeleteInstanceRequest(fields)
        self._refuse("instances.delete")

        def act() -> None:
            self.instance = self.disk = None

        return self._begin(request, self.instance.self_link, "delete", act)

    def _delete_disk(self, fields: dict[str, Any], timeout: float, retry: Any) -> Any:
        request = compute.DeleteDiskRequest(fields)
        self._refuse("disks.delete")

        def act() -> None:
            self.disk = None

        return self._begin(request, self.disk.self_link, "delete", act)

    def _set_labels(self, fields: dict[str, Any], timeout: float, retry: Any) -> Any:
        request = compute.SetLabelsInstanceRequest(fields)
        self._refuse("instances.setLabels")

        def act() -> None:
            self.instance.labels = request.instances_set_labels_request_resource.labels

        return self._begin(request, self.instance.self_link, "setLabels", act)

    def _serial_port(self, fields: dict[str, Any], timeout: float, retry: Any) -> Any:
        self.requests.append(compute.GetSerialPortOutputInstanceRequest(fields))
        answer = self.serial.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _get_operation(self, *, project: str, zone: str, operation: str, timeout: float, retry: Any) -> Any:
        return next(known for known in self.operations if known.name == operation)

    def _list_operations(self, fields: dict[str, Any], timeout: float, retry: Any) -> list[Any]:
        request = compute.ListZoneOperationsRequest(fields)
        return [known for known in self.operations if known.target_link and known.target_link in request.filter]
