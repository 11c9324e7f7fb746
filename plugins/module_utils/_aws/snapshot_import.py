# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An EBS snapshot from a VHD in S3, by VM Import's ImportSnapshot."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._core.diff import diff_of
from .._core.errors import InputError, ProviderError
from .._core.identity import IDENTITY_KEY, checked_sha256
from .._core.progress import Progress
from .._core.wait import Wait
from .clients import AwsClients
from .errors import provider_errors
from .s3_bucket import checked_bucket_name
from .snapshot_state import SnapshotState, SnapshotTaskState
from .tags import as_list, missing_tags, wanted_tags

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client


@dataclasses.dataclass(frozen=True)
class SnapshotAttributes:
    """What is managed of a snapshot."""

    source_sha256: str
    tags: dict[str, str]
    state: str | None


@dataclasses.dataclass(frozen=True)
class SnapshotImportRequest:
    """What the options ask for."""

    source_sha256: str
    wait: Wait
    name: str = ""
    bucket: str | None = None
    key: str | None = None
    role_name: str = "vmimport"
    tags: dict[str, str] = dataclasses.field(default_factory=dict)

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> SnapshotImportRequest:
        """:raises InputError: for what EC2 would refuse."""
        sha256 = checked_sha256(params["source_sha256"])
        wait = Wait.from_params(params)
        if params["state"] == "absent":
            return cls(sha256, wait)
        name = params["name"]
        return cls(
            sha256,
            wait,
            name=name,
            bucket=checked_bucket_name(params["bucket"]) if params["bucket"] else None,
            key=params["key"],
            role_name=params["role_name"],
            tags=wanted_tags(params["tags"], sha256=sha256, name=name),
        )


def ensure_present(clients: AwsClients, request: SnapshotImportRequest, *, check_mode: bool) -> dict[str, Any]:
    """Adopt the snapshot or the task under way, or start a task; wait; tag.

    :raises InputError: when there is nothing to adopt, and the options do not say what to import.
    :raises ProviderError: when the import fails, with the reason that only the task knows.
    """
    ec2 = clients.ec2()
    snapshot = _find_snapshot(ec2, request)
    if snapshot is not None:
        return _adopt(clients, request, snapshot, None, check_mode=check_mode)
    task = _find_task(ec2, request)
    if task is not None:
        snapshot = _snapshot_of(ec2, task)
        if snapshot is not None:
            return _adopt(clients, request, snapshot, task, check_mode=check_mode)
    after = SnapshotAttributes(request.source_sha256, request.tags, "completed")
    if not check_mode:
        if task is None:
            task = _start(ec2, request)
        if request.wait.enabled:
            task = _await_task(ec2, request, task)
            snapshot = _describe(ec2, task.snapshot_id or "")
            # ImportSnapshot itself can tag only the task.
            _tag(ec2, snapshot, request)
    return _result(clients, request, snapshot, task, changed=True, before=None, after=after)


def ensure_absent(clients: AwsClients, request: SnapshotImportRequest, *, check_mode: bool) -> dict[str, Any]:
    """Delete the snapshot, and cancel the task that would bring it."""
    ec2 = clients.ec2()
    snapshot = _find_snapshot(ec2, request)
    task = _find_task(ec2, request)
    if snapshot is None and task is not None:
        snapshot = _snapshot_of(ec2, task)
    under_way = task if task is not None and task.under_way else None
    changed = snapshot is not None or under_way is not None
    if not check_mode:
        if under_way is not None:
            with provider_errors("CancelImportTask", f"cancel import task {under_way.task_id}"):
                ec2.cancel_import_task(ImportTaskId=under_way.task_id)
        if snapshot is not None:
            with provider_errors("DeleteSnapshot", f"delete snapshot {snapshot.snapshot_id}"):
                ec2.delete_snapshot(SnapshotId=snapshot.snapshot_id)
    tags = snapshot.tags if snapshot else {}
    before = SnapshotAttributes(request.source_sha256, tags, None) if changed else None
    return _result(clients, request, snapshot, task, changed=changed, before=before, after=None)


def _find_snapshot(ec2: EC2Client, request: SnapshotImportRequest) -> SnapshotState | None:
    """The oldest usable snapshot with our identity, complete ones first."""
    sha256 = request.source_sha256
    with provider_errors("DescribeSnapshots", f"look for a snapshot with tag {IDENTITY_KEY} {sha256}"):
        pages = ec2.get_paginator("describe_snapshots").paginate(
            OwnerIds=["self"], Filters=[{"Name": f"tag:{IDENTITY_KEY}", "Values": [sha256]}]
        )
        found = [SnapshotState.of(snapshot) for page in pages for snapshot in page["Snapshots"]]
    usable = [snapshot for snapshot in found if not snapshot.failed]
    return min(usable, key=lambda snapshot: (not snapshot.complete, snapshot.started), default=None)


def _find_task(ec2: EC2Client, request: SnapshotImportRequest) -> SnapshotTaskState | None:
    """A task for our content that is under way, or completed with its snapshot still there but not tagged."""
    sha256 = request.source_sha256
    with provider_errors("DescribeImportSnapshotTasks", f"look for an import task with tag {IDENTITY_KEY} {sha256}"):
        pages = ec2.get_paginator("describe_import_snapshot_tasks").paginate()
        tasks = [SnapshotTaskState.of(task) for page in pages for task in page["ImportSnapshotTasks"]]
    ours = [task for task in tasks if task.tags.get(IDENTITY_KEY) == sha256]
    for task in ours:
        if task.under_way:
            return task
    return next((task for task in ours if _snapshot_of(ec2, task) is not None), None)


def _snapshot_of(ec2: EC2Client, task: SnapshotTaskState) -> SnapshotState | None:
    """The snapshot of a completed task; tasks outlive their snapshots."""
    if not task.complete or not task.snapshot_id:
        return None
    try:
        snapshot = _describe(ec2, task.snapshot_id)
    except ProviderError as error:
        if error.code == "InvalidSnapshot.NotFound":
            return None
        raise
    return None if snapshot.failed else snapshot


def _describe(ec2: EC2Client, snapshot_id: str) -> SnapshotState:
    with provider_errors("DescribeSnapshots", f"read snapshot {snapshot_id}"):
        return SnapshotState.of(ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"][0])


def _start(ec2: EC2Client, request: SnapshotImportRequest) -> SnapshotTaskState:
    for option, value in (("bucket", request.bucket), ("key", request.key)):
        if not value:
            raise InputError(f"{option} is missing: there is no snapshot of this content yet to do without")
    url = f"s3://{request.bucket}/{request.key}"
    description = f"{request.name} from {url}"
    attempt = f"import {url} as a snapshot with service role {request.role_name}"
    with provider_errors("ImportSnapshot", attempt):
        return SnapshotTaskState.of(
            ec2.import_snapshot(
                # For one call and its repetitions: a token of the content would bring back a task that has failed.
                ClientToken=str(uuid.uuid4()),
                Description=description,
                RoleName=request.role_name,
                DiskContainer={
                    "Description": description,
                    "Format": "VHD",
                    "UserBucket": {"S3Bucket": request.bucket or "", "S3Key": request.key or ""},
                },
                TagSpecifications=[{"ResourceType": "import-snapshot-task", "Tags": as_list(request.tags)}],
            )
        )


def _await_task(ec2: EC2Client, request: SnapshotImportRequest, started: SnapshotTaskState) -> SnapshotTaskState:
    task_id = started.task_id
    progress = Progress("import", 100, "percent")

    def check() -> SnapshotTaskState | None:
        try:
            with provider_errors("DescribeImportSnapshotTasks", f"follow import task {task_id}"):
                answer = ec2.describe_import_snapshot_tasks(ImportTaskIds=[task_id])
        except ProviderError as error:
            # Answers may lag behind; wait_timeout bounds it.
            if (error.code or "").startswith("InvalidConversionTaskId"):
                return None
            raise
        task = SnapshotTaskState.of(answer["ImportSnapshotTasks"][0])
        if task.percent is not None:
            progress.update(task.percent)
        if task.failed:
            raise ProviderError(
                f"Import task {task_id} is {task.status}: {task.message or 'AWS gave no reason'}",
                operation="ImportSnapshot",
                code=task.status,
                details={"import_task_id": task_id, "status": task.status, "status_message": task.message},
            )
        if task.complete and task.snapshot_id:
            progress.update(100)
            return task
        return None

    return request.wait.until(check, what=f"import task {task_id}")


def _adopt(
    clients: AwsClients,
    request: SnapshotImportRequest,
    snapshot: SnapshotState,
    task: SnapshotTaskState | None,
    *,
    check_mode: bool,
) -> dict[str, Any]:
    tags = {**snapshot.tags, **request.tags}
    changed = tags != snapshot.tags
    before_tags = snapshot.tags
    if not check_mode:
        ec2 = clients.ec2()
        _tag(ec2, snapshot, request)
        if not snapshot.complete and request.wait.enabled:
            snapshot = _await_snapshot(ec2, request, snapshot.snapshot_id)
    before = SnapshotAttributes(request.source_sha256, before_tags, snapshot.state)
    after = SnapshotAttributes(request.source_sha256, tags, snapshot.state)
    return _result(clients, request, snapshot, task, changed=changed, before=before, after=after)


def _await_snapshot(ec2: EC2Client, request: SnapshotImportRequest, snapshot_id: str) -> SnapshotState:
    def check() -> SnapshotState | None:
        snapshot = _describe(ec2, snapshot_id)
        if snapshot.failed:
            raise ProviderError(
                f"Snapshot {snapshot_id} ended in state error: {snapshot.message or 'no reason given'}",
                operation="DescribeSnapshots",
                code="error",
            )
        return snapshot if snapshot.complete else None

    return request.wait.until(check, what=f"snapshot {snapshot_id}")


def _tag(ec2: EC2Client, snapshot: SnapshotState, request: SnapshotImportRequest) -> None:
    tags = missing_tags(snapshot.tags, request.tags)
    if tags:
        with provider_errors("CreateTags", f"tag snapshot {snapshot.snapshot_id}"):
            ec2.create_tags(Resources=[snapshot.snapshot_id], Tags=as_list(tags))


def _result(
    clients: AwsClients,
    request: SnapshotImportRequest,
    snapshot: SnapshotState | None,
    task: SnapshotTaskState | None,
    *,
    changed: bool,
    before: SnapshotAttributes | None,
    after: SnapshotAttributes | None,
) -> dict[str, Any]:
    state = snapshot.state if snapshot else (task.status if task else None)
    return {
        "changed": changed,
        "snapshot_id": snapshot.snapshot_id if snapshot else None,
        "state": state if after else "absent",
        "volume_size": snapshot.volume_size if snapshot else None,
        "import_task_id": task.task_id if task else None,
        "region": clients.region,
        "source_sha256": request.source_sha256,
        "tags": after.tags if after else {},
        "diff": diff_of(before, after),
    }
