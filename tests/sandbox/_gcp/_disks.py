# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute Engine's disks, each made from an image together with the instance that boots from it."""

from __future__ import annotations

import copy
import dataclasses
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from werkzeug.wrappers import Request

from tests.sandbox._gcp._discovery import Call
from tests.sandbox._gcp._errors import GoogleError
from tests.sandbox._gcp._machine_types import check_zone
from tests.sandbox._gcp._operations import Operations
from tests.sandbox._gcp._requests import already_exists, check_project, fingerprint, link, now
from tests.sandbox._gcp._service import Handler
from tests.sandbox._sparse import copy_sparse


@dataclasses.dataclass
class Disk:
    resource: dict[str, Any]
    file: Path


class Disks:
    """All of the project.

    :param lock: is held by those who change something.
    """

    def __init__(
        self, project: str, operations: Operations, *, directory: Path, ids: Iterator[int], lock: threading.RLock
    ) -> None:
        self._project = project
        self._operations = operations
        self._directory = directory
        self._ids = ids
        self._lock = lock
        self._disks: list[Disk] = []
        self.handlers: dict[str, Handler] = {
            "disks.delete": operations.idempotent(self._delete),
            "disks.get": lambda call, _request, _body: self._disk(call).resource,
        }

    @property
    def links(self) -> list[str]:
        return [disk.resource["selfLink"] for disk in self._disks]

    def check_free(self, zone: str, name: str) -> None:
        """:raises GoogleError: when the name is taken."""
        if link(self._project, f"zones/{zone}/disks/{name}") in self.links:
            raise already_exists(self._project, f"zones/{zone}/disks/{name}")

    def create(
        self,
        zone: str,
        name: str,
        image: Mapping[str, Any],
        source: Path,
        *,
        size: int,
        disk_type: str,
        labels: Mapping[str, str],
        user: str,
    ) -> Disk:
        """Make one of an image.

        :param source: the image's disk; it may be deleted afterwards.
        :param size: in GiB.
        :param user: the link of the instance that has it.
        """
        identifier = str(next(self._ids))
        resource = {
            "kind": "compute#disk",
            "id": identifier,
            "creationTimestamp": now(),
            "name": name,
            "sizeGb": str(size),
            "zone": link(self._project, f"zones/{zone}"),
            "status": "READY",
            "sourceImage": image["selfLink"],
            "sourceImageId": image["id"],
            "type": link(self._project, f"zones/{zone}/diskTypes/{disk_type}"),
            "architecture": image["architecture"],
            "guestOsFeatures": copy.deepcopy(image.get("guestOsFeatures", [])),
            "users": [user],
            "selfLink": link(self._project, f"zones/{zone}/disks/{name}"),
            "labelFingerprint": fingerprint(labels),
        }
        if labels:
            resource["labels"] = dict(labels)
        disk = Disk(resource, self._directory / f"{identifier}.raw")
        copy_sparse(source, disk.file)
        self._disks.append(disk)
        return disk

    def release(self, disk: Disk, *, delete: bool) -> None:
        """Take it from its instance."""
        disk.resource["users"] = []
        if delete:
            self._remove(disk)

    def _remove(self, disk: Disk) -> None:
        with self._lock:
            self._disks = [other for other in self._disks if other is not disk]
        disk.file.unlink(missing_ok=True)

    def _disk(self, call: Call) -> Disk:
        check_project(call, self._project)
        zone, name = check_zone(call), call.parameters["disk"]
        for disk in self._disks:
            resource = disk.resource
            if resource["zone"].endswith(f"/{zone}") and name in (resource["name"], resource["id"]):
                return disk
        raise GoogleError(404, f"The resource 'projects/{self._project}/zones/{zone}/disks/{name}' was not found")

    def _delete(self, call: Call, _request: Request, _body: Any) -> dict[str, Any]:
        disk = self._disk(call)
        if disk.resource["users"]:
            path, user = (
                url.partition("/compute/v1/")[2] for url in (disk.resource["selfLink"], disk.resource["users"][0])
            )
            what = f"The disk resource '{path}' is already being used by '{user}'"
            raise GoogleError(400, what, reason="resourceInUseByAnotherResource")
        return self._operations.begin("delete", disk.resource, lambda: self._remove(disk), call)
