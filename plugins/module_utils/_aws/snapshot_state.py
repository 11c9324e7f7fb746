# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What EC2 says of a snapshot, and of the task that imports one; how a snapshot goes."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import TYPE_CHECKING

from .._core.errors import ProviderError
from .errors import provider_errors
from .tags import as_dict

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import (
        ImportSnapshotResultTypeDef,
        ImportSnapshotTaskTypeDef,
        SnapshotTypeDef,
    )

# The API reference knows pending and active alone; the others were seen, as by terraform-provider-aws.
_UNDER_WAY = {"pending", "active", "updating", "validating", "validated", "converting"}
_FAILED = {"cancelled", "deleted"}
# Both end in failure, and carry the reason as soon as it is known.
_FAILING = {"cancelling", "deleting"}


@dataclasses.dataclass(frozen=True)
class SnapshotState:
    """A snapshot as EC2 tells it."""

    snapshot_id: str
    state: str
    message: str | None
    started: datetime
    volume_size: int | None
    """In GiB."""
    tags: dict[str, str]
    archived: bool = False
    """In the storage tier from which nothing can be made until it is restored."""

    @classmethod
    def of(cls, snapshot: SnapshotTypeDef) -> SnapshotState:
        return cls(
            snapshot_id=snapshot["SnapshotId"],
            state=snapshot["State"],
            message=snapshot.get("StateMessage"),
            started=snapshot["StartTime"],
            volume_size=snapshot.get("VolumeSize"),
            tags=as_dict(snapshot.get("Tags")),
            archived=snapshot.get("StorageTier") == "archive",
        )

    @property
    def usable(self) -> bool:
        """Whether it is good for an image, or will be."""
        return not self.failed and not self.archived

    @property
    def age(self) -> tuple[datetime, str]:
        """Less for the older one."""
        return self.started, self.snapshot_id

    @property
    def complete(self) -> bool:
        return self.state == "completed"

    @property
    def failed(self) -> bool:
        return self.state == "error"


@dataclasses.dataclass(frozen=True)
class SnapshotTaskState:
    """An import task as EC2 tells it."""

    task_id: str
    status: str
    message: str | None
    percent: int | None
    """How far it is; ``None`` where EC2 does not say."""
    snapshot_id: str | None
    tags: dict[str, str]

    @classmethod
    def of(cls, task: ImportSnapshotTaskTypeDef | ImportSnapshotResultTypeDef) -> SnapshotTaskState:
        detail = task["SnapshotTaskDetail"]
        percent = detail.get("Progress", "")
        return cls(
            task_id=task["ImportTaskId"],
            status=detail.get("Status", "pending"),
            message=detail.get("StatusMessage"),
            percent=int(percent) if percent.isdigit() else None,
            # Empty as long as there is none.
            snapshot_id=detail.get("SnapshotId") or None,
            tags=as_dict(task.get("Tags")),
        )

    @property
    def under_way(self) -> bool:
        return self.status in _UNDER_WAY

    @property
    def complete(self) -> bool:
        return self.status == "completed"

    @property
    def failed(self) -> bool:
        return self.status in _FAILED or (self.status in _FAILING and bool(self.message))


def delete_snapshot(ec2: EC2Client, snapshot_id: str) -> None:
    """Delete it, unless it is gone: so it is when the answer to a first attempt got lost."""
    try:
        with provider_errors("DeleteSnapshot", f"delete snapshot {snapshot_id}"):
            ec2.delete_snapshot(SnapshotId=snapshot_id)
    except ProviderError as error:
        if error.code != "InvalidSnapshot.NotFound":
            raise
