# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots, images and import tasks: kept in moto's backends, but with the attributes that moto loses."""

from __future__ import annotations

import dataclasses
import datetime
import threading
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from moto.core.utils import utcnow
from moto.ec2.models.amis import Ami
from moto.ec2.models.elastic_block_store import Snapshot
from moto.ec2.models.instances import Instance
from moto.ec2.utils import random_ami_id, random_snapshot_id

from tests.sandbox._aws._disks import DiskStore
from tests.sandbox._faults import FaultBook
from tests.sandbox._machines import Machine, MachineRoom
from tests.sandbox._repeats import FirstAnswers


@dataclasses.dataclass
class State:
    """What the whole cloud shares."""

    store: DiskStore
    uploads: Path
    """A directory for disks under conversion."""
    faults: FaultBook
    operation_seconds: float
    machines: MachineRoom
    instances: list[Instance] = dataclasses.field(default_factory=list)
    """All that were ever launched, in all regions."""
    running: dict[str, Machine] = dataclasses.field(default_factory=dict)
    """By the ids of the instances."""
    tasks: dict[str, ImportTask] = dataclasses.field(default_factory=dict)
    tokens: FirstAnswers[dict[str, Any]] = dataclasses.field(default_factory=FirstAnswers)
    """By operation, region and client token."""
    lock: threading.RLock = dataclasses.field(default_factory=threading.RLock)

    def later(self, operation: str, action: Callable[[], None], *, service: str = "ec2") -> None:
        """Run ``action`` when the time has passed that this operation takes."""
        held = self.faults.take_hold(service, operation)

        def run() -> None:
            held.wait()
            action()

        timer = threading.Timer(self.operation_seconds, run)
        timer.daemon = True
        timer.start()


class SandboxSnapshot(Snapshot):
    """A snapshot with a disk in the store; EC2 shows this volume id for snapshots that come from no volume."""

    def __init__(self, backend: Any, gibibytes: int, description: str, status: str) -> None:
        volume = types.SimpleNamespace(id="vol-ffffffff", size=gibibytes)
        super().__init__(backend, random_snapshot_id(), volume, description)
        self.status = status
        self.state_message: str | None = None
        backend.snapshots[self.id] = self

    @property
    def progress(self) -> str:
        return "100%" if self.status == "completed" else ""


class SandboxImage(Ami):
    """An image as it was registered. Takes the attributes of EC2's ``Image`` by their names in snake case."""

    def __init__(self, backend: Any, **attributes: Any) -> None:  # super().__init__ would make up a snapshot
        self.ec2_backend = backend
        self.id = random_ami_id()
        self.owner_id = backend.account_id
        self.owner_alias = None
        self.instance_id = None
        self.creation_date = utcnow()
        self.launch_permissions: list[dict[str, str]] = []
        self.product_codes: set[str] = set()
        self.image_type = "machine"
        self.hypervisor = "xen"
        self.kernel_id = None
        self.platform = None
        self.image_location = f"{backend.account_id}/{attributes['name']}"
        self.platform_details = "Linux/UNIX"
        self.usage_operation = "RunInstances"
        self.state_reason: dict[str, str] | None = None
        self.imds_support: str | None = None
        self.deprecation_time: str | None = None
        self.source_image_id: str | None = None
        self.source_image_region: str | None = None
        self.mappings: list[dict[str, Any]] = []
        self.attributes = attributes
        for name, value in attributes.items():
            setattr(self, name, value)
        backend.amis[self.id] = self

    @property
    def block_device_mappings(self) -> list[dict[str, Any]]:
        return self.mappings

    @property
    def snapshot_ids(self) -> list[str]:
        return [item["Ebs"]["SnapshotId"] for item in self.mappings if "SnapshotId" in item.get("Ebs", {})]

    @property
    def root_snapshot_id(self) -> str:
        return next(item["Ebs"]["SnapshotId"] for item in self.mappings if item["DeviceName"] == self.root_device_name)


@dataclasses.dataclass
class ImportTask:
    """A task of ImportSnapshot, with the members of EC2's ``ImportSnapshotTask``."""

    import_task_id: str
    region: str
    description: str
    tags: list[dict[str, str]]
    disk_format: str
    bucket: str
    key: str
    status: str = "pending"
    status_message: str | None = "pending"
    progress: str | None = "1"
    size: float = 0.0
    snapshot_id: str = ""
    started: datetime.datetime = dataclasses.field(default_factory=utcnow)

    def as_result(self) -> dict[str, Any]:
        detail = {
            "DiskImageSize": self.size,
            "Format": self.disk_format,
            "Progress": self.progress,
            "SnapshotId": self.snapshot_id,
            "Status": self.status,
            "StatusMessage": self.status_message,
            "UserBucket": {"S3Bucket": self.bucket, "S3Key": self.key},
        }
        return {
            "ImportTaskId": self.import_task_id,
            "Description": self.description,
            "Tags": self.tags,
            "SnapshotTaskDetail": {name: value for name, value in detail.items() if value is not None},
        }
