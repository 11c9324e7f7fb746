# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An EBS snapshot from a VHD in S3, by VM Import's ImportSnapshot."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .._core.diff import diff_of
from .._core.errors import InputError, ProviderError
from .._core.identity import IDENTITY_KEY, checked_sha256
from .._core.progress import Progress
from .._core.wait import Wait
from .clients import AwsClients
from .errors import provider_errors
from .s3_bucket import checked_bucket_name
from .snapshot_state import SnapshotState, SnapshotTaskState, delete_snapshot
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
    snapshot = _oldest(_snapshots(ec2, request))
    if snapshot is not None:
        return _adopt(clients, request, snapshot, None, check_mode=check_mode)
    tasks = _tasks(ec2, request)
    task = _find_task(ec2, tasks)
    if task is not None:
        snapshot = _snapshot_of(ec2, task)
        if snapshot is not None:
            return _adopt(clients, request, snapshot, task, check_mode=check_mode)
    after = SnapshotAttributes(request.source_sha256, request.tags, "completed")
    if not check_mode:
        if task is None:
            task = _start(ec2, request, attempt=[ended.task_id for ended in tasks])
        if request.wait.enabled:
            task = _await_task(ec2, request, task)
            snapshot = _only_one(ec2, request, _await_snapshot(ec2, request, task.snapshot_id or ""))
    return _result(clients, request, snapshot, task, changed=True, before=None, after=after)


def ensure_absent(clients: AwsClients, request: SnapshotImportRequest, *, check_mode: bool) -> dict[str, Any]:
    """Delete each snapshot of the content, and cancel the task that would bring another."""
    ec2 = clients.ec2()
    snapshots = _snapshots(ec2, request)
    task = _find_task(ec2, _tasks(ec2, request))
    # Before it was tagged.
    untagged = _snapshot_of(ec2, task) if task is not None else None
    if untagged is not None and untagged.snapshot_id not in [snapshot.snapshot_id for snapshot in snapshots]:
        snapshots.append(untagged)
    under_way = task is not None and task.under_way
    if not check_mode:
        if task is not None and under_way:
            snapshots += _cancel(ec2, task)
        for snapshot in snapshots:
            delete_snapshot(ec2, snapshot.snapshot_id)
    first = min(snapshots, key=lambda snapshot: snapshot.age, default=None)
    changed = bool(snapshots) or under_way
    before = SnapshotAttributes(request.source_sha256, first.tags if first else {}, None) if changed else None
    return _result(clients, request, first, task, changed=changed, before=before, after=None)


def _snapshots(ec2: EC2Client, request: SnapshotImportRequest) -> list[SnapshotState]:
    """The snapshots with our identity."""
    sha256 = request.source_sha256
    with provider_errors("DescribeSnapshots", f"look for a snapshot with tag {IDENTITY_KEY} {sha256}"):
        pages = ec2.get_paginator("describe_snapshots").paginate(
            OwnerIds=["self"], Filters=[{"Name": f"tag:{IDENTITY_KEY}", "Values": [sha256]}]
        )
        return [SnapshotState.of(snapshot) for page in pages for snapshot in page["Snapshots"]]


def _oldest(snapshots: Iterable[SnapshotState]) -> SnapshotState | None:
    """The oldest usable one, complete ones first."""
    usable = [snapshot for snapshot in snapshots if snapshot.usable]
    return min(usable, key=lambda snapshot: (not snapshot.complete, snapshot.age), default=None)


def _tasks(ec2: EC2Client, request: SnapshotImportRequest) -> list[SnapshotTaskState]:
    """The import tasks with our identity, whatever became of them."""
    sha256 = request.source_sha256
    with provider_errors("DescribeImportSnapshotTasks", f"look for an import task with tag {IDENTITY_KEY} {sha256}"):
        pages = ec2.get_paginator("describe_import_snapshot_tasks").paginate()
        tasks = [SnapshotTaskState.of(task) for page in pages for task in page["ImportSnapshotTasks"]]
    return [task for task in tasks if task.tags.get(IDENTITY_KEY) == sha256]


def _find_task(ec2: EC2Client, tasks: list[SnapshotTaskState]) -> SnapshotTaskState | None:
    """The one that is under way, or that is complete with its snapshot still there but not tagged."""
    for task in tasks:
        if task.under_way:
            return task
    return next((task for task in tasks if _snapshot_of(ec2, task) is not None), None)


def _snapshot_of(ec2: EC2Client, task: SnapshotTaskState) -> SnapshotState | None:
    """The snapshot of a completed task; tasks outlive their snapshots."""
    if not task.complete or not task.snapshot_id:
        return None
    snapshot = _describe(ec2, task.snapshot_id)
    return snapshot if snapshot is not None and snapshot.usable else None


def _describe(ec2: EC2Client, snapshot_id: str) -> SnapshotState | None:
    """``None`` where EC2 knows none of that id, or not yet."""
    try:
        with provider_errors("DescribeSnapshots", f"read snapshot {snapshot_id}"):
            found = ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"]
    except ProviderError as error:
        if error.code == "InvalidSnapshot.NotFound":
            return None
        raise
    return SnapshotState.of(found[0]) if found else None


def _start(ec2: EC2Client, request: SnapshotImportRequest, *, attempt: list[str]) -> SnapshotTaskState:
    """:param attempt: the ids of the tasks that have come to their end before."""
    for option, value in (("bucket", request.bucket), ("key", request.key)):
        if not value:
            raise InputError(f"{option} is missing: there is no snapshot of this content yet to do without")
    url = f"s3://{request.bucket}/{request.key}"
    description = f"{request.name} from {url}"
    wanted = [description, request.role_name, sorted(request.tags.items()), sorted(attempt)]
    with provider_errors("ImportSnapshot", f"import {url} as a snapshot with service role {request.role_name}"):
        return SnapshotTaskState.of(
            ec2.import_snapshot(
                # Two runs at once get one task; but a task that has failed is not brought back.
                ClientToken=hashlib.sha256(json.dumps(wanted).encode()).hexdigest(),
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
        # Answers may lag behind; wait_timeout bounds it.
        task = _read_task(ec2, task_id)
        if task is None:
            return None
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


def _read_task(ec2: EC2Client, task_id: str) -> SnapshotTaskState | None:
    """``None`` where EC2 knows none of that id, or not yet."""
    try:
        with provider_errors("DescribeImportSnapshotTasks", f"follow import task {task_id}"):
            found = ec2.describe_import_snapshot_tasks(ImportTaskIds=[task_id])["ImportSnapshotTasks"]
    except ProviderError as error:
        if (error.code or "").startswith("InvalidConversionTaskId"):
            return None
        raise
    return SnapshotTaskState.of(found[0]) if found else None


def _cancel(ec2: EC2Client, task: SnapshotTaskState) -> list[SnapshotState]:
    """Cancel a task, and return the snapshot that it has made nevertheless."""
    try:
        with provider_errors("CancelImportTask", f"cancel import task {task.task_id}"):
            ec2.cancel_import_task(ImportTaskId=task.task_id)
    except ProviderError:
        # It has ended meanwhile, perhaps by a first attempt whose answer got lost.
        now = _read_task(ec2, task.task_id)
        if now is not None and now.under_way:
            raise
        made = _snapshot_of(ec2, now) if now is not None else None
        return [made] if made is not None else []
    return []


def _only_one(ec2: EC2Client, request: SnapshotImportRequest, made: SnapshotState) -> SnapshotState:
    """Tag the snapshot that was made, unless another run has made one of the same content meanwhile.

    Then that one is returned, and this one deleted. (Nothing else would ever find it again.)
    """

    def others() -> list[SnapshotState]:
        return [other for other in _snapshots(ec2, request) if other.usable and other.snapshot_id != made.snapshot_id]

    first = _oldest(others())
    if first is None:
        # ImportSnapshot itself can tag only the task.
        _tag(ec2, made, request)
        first = _oldest(other for other in others() if other.age < made.age)
    if first is None:
        return made
    delete_snapshot(ec2, made.snapshot_id)
    _tag(ec2, first, request)
    return first if first.complete else _await_snapshot(ec2, request, first.snapshot_id)


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
        # Not visible yet, right after its import.
        snapshot = _describe(ec2, snapshot_id)
        if snapshot is None:
            return None
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
