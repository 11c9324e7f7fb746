# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What EC2 says of a snapshot, and of the task that imports one; and the end of a snapshot."""

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
    archived: bool
    """Whether nothing can be made of it until it is restored."""
    tags: dict[str, str]

    @classmethod
    def of(cls, snapshot: SnapshotTypeDef) -> SnapshotState:
        return cls(
            snapshot_id=snapshot["SnapshotId"],
            state=snapshot["State"],
            message=snapshot.get("StateMessage"),
            started=snapshot["StartTime"],
            volume_size=snapshot.get("VolumeSize"),
            archived=snapshot.get("StorageTier") == "archive",
            tags=as_dict(snapshot.get("Tags")),
        )

    @property
    def complete(self) -> bool:
        return self.state == "completed"

    @property
    def failed(self) -> bool:
        return self.state == "error"

    @property
    def usable(self) -> bool:
        """Whether an image can be made of it, now or when it is complete."""
        return not (self.failed or self.archived)


@dataclasses.dataclass(frozen=True)
class SnapshotTaskState:
    """An import task as EC2 tells it."""

    task_id: str
    status: str
    message: str | None
    percent: int | None
    """How far it is; ``None`` where EC2 does not say."""
    snapshot_id: str | None
    """``None`` until there is one: EC2 gives an empty string before."""
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
            snapshot_id=detail.get("SnapshotId") or None,
            tags=as_dict(task.get("Tags")),
        )

    @property
    def under_way(self) -> bool:
        """In whichever state: there are more than EC2 documents, such as ``validating`` and ``converting``."""
        return self.status not in {"completed", *_FAILING, *_FAILED}

    @property
    def complete(self) -> bool:
        return self.status == "completed"

    @property
    def failed(self) -> bool:
        return self.status in _FAILED or (self.status in _FAILING and bool(self.message))


def delete_snapshot(ec2: EC2Client, snapshot_id: str) -> None:
    """Delete a snapshot, unless it is gone already."""
    try:
        with provider_errors("DeleteSnapshot", f"delete snapshot {snapshot_id}"):
            ec2.delete_snapshot(SnapshotId=snapshot_id)
    except ProviderError as error:
        if error.code != "InvalidSnapshot.NotFound":
            raise
