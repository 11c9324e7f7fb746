# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An EBS snapshot from a VHD in S3, by VM Import's ImportSnapshot."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .._core.diff import diff_of
from .._core.errors import InputError, ProviderError
from .._core.identity import IDENTITY_KEY, checked_sha256
from .._core.progress import Progress
from .._core.wait import Wait
from .clients import AwsClients
from .errors import provider_errors, start_when_allowed
from .snapshot_state import SnapshotState, SnapshotTaskState, delete_snapshot
from .tags import as_list, missing_tags, wanted_tags

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import ImportSnapshotRequestTypeDef


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
            bucket=params["bucket"],
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
    snapshot = _usable(_tagged_snapshots(ec2, request))
    if snapshot is not None:
        return _adopt(clients, request, snapshot, None, check_mode=check_mode)
    tasks = _tasks(ec2, request)
    task = next((task for task in tasks if task.under_way), None)
    if task is None:
        for task, untagged in _imported(ec2, tasks):
            if untagged.usable:
                return _adopt(clients, request, untagged, task, check_mode=check_mode)
    after = SnapshotAttributes(request.source_sha256, request.tags, "completed")
    if not check_mode:
        if task is None:
            task = _start(ec2, request, tasks)
        if request.wait.enabled:
            task = _await_task(ec2, request, task)
            snapshot = _await_snapshot(ec2, request, task.snapshot_id or "")
            # ImportSnapshot itself can tag only the task.
            _tag(ec2, snapshot, request)
            snapshot = _keep_the_older(ec2, request, snapshot)
    return _result(clients, request, snapshot, task, changed=True, before=None, after=after)


def ensure_absent(clients: AwsClients, request: SnapshotImportRequest, *, check_mode: bool) -> dict[str, Any]:
    """Delete all snapshots of the content, and cancel the tasks that would bring more."""
    ec2 = clients.ec2()
    # By their ids: those that are tagged, and those that their tasks alone know.
    doomed = {snapshot.snapshot_id: snapshot for snapshot in _tagged_snapshots(ec2, request)}
    tasks = _tasks(ec2, request)
    under_way = [task for task in tasks if task.under_way]
    doomed |= {snapshot.snapshot_id: snapshot for _task, snapshot in _imported(ec2, tasks)}
    changed = bool(doomed or under_way)
    if not check_mode:
        ended = [task for task in (_cancelled(ec2, task) for task in under_way) if task is not None]
        for snapshot_id in [*doomed, *(snapshot.snapshot_id for _task, snapshot in _imported(ec2, ended))]:
            delete_snapshot(ec2, snapshot_id)
    snapshot = _best(doomed.values())
    task = under_way[0] if under_way else None
    before = SnapshotAttributes(request.source_sha256, snapshot.tags if snapshot else {}, None) if changed else None
    return _result(clients, request, snapshot, task, changed=changed, before=before, after=None)


def _tagged_snapshots(ec2: EC2Client, request: SnapshotImportRequest) -> list[SnapshotState]:
    sha256 = request.source_sha256
    with provider_errors("DescribeSnapshots", f"look for a snapshot with tag {IDENTITY_KEY} {sha256}"):
        pages = ec2.get_paginator("describe_snapshots").paginate(
            OwnerIds=["self"], Filters=[{"Name": f"tag:{IDENTITY_KEY}", "Values": [sha256]}]
        )
        return [SnapshotState.of(snapshot) for page in pages for snapshot in page["Snapshots"]]


def _usable(snapshots: list[SnapshotState]) -> SnapshotState | None:
    return _best(snapshot for snapshot in snapshots if snapshot.usable)


def _best(snapshots: Iterable[SnapshotState]) -> SnapshotState | None:
    """The oldest, complete ones first."""
    return min(
        snapshots, key=lambda snapshot: (not snapshot.complete, snapshot.started, snapshot.snapshot_id), default=None
    )


def _tasks(ec2: EC2Client, request: SnapshotImportRequest) -> list[SnapshotTaskState]:
    """All import tasks of our content; EC2 remembers them for long."""
    sha256 = request.source_sha256
    with provider_errors("DescribeImportSnapshotTasks", f"look for an import task with tag {IDENTITY_KEY} {sha256}"):
        pages = ec2.get_paginator("describe_import_snapshot_tasks").paginate()
        tasks = [SnapshotTaskState.of(task) for page in pages for task in page["ImportSnapshotTasks"]]
    return [task for task in tasks if task.tags.get(IDENTITY_KEY) == sha256]


def _imported(ec2: EC2Client, tasks: Iterable[SnapshotTaskState]) -> Iterator[tuple[SnapshotTaskState, SnapshotState]]:
    """The completed tasks with the snapshots that they have brought; tasks outlive their snapshots."""
    for task in tasks:
        snapshot = _read_snapshot(ec2, task.snapshot_id) if task.complete and task.snapshot_id else None
        if snapshot is not None:
            yield task, snapshot


def _read_task(ec2: EC2Client, task_id: str) -> SnapshotTaskState | None:
    """``None`` when EC2 does not know it, or not yet."""
    try:
        with provider_errors("DescribeImportSnapshotTasks", f"follow import task {task_id}"):
            answer = ec2.describe_import_snapshot_tasks(ImportTaskIds=[task_id])
    except ProviderError as error:
        if (error.code or "").startswith("InvalidConversionTaskId"):
            return None
        raise
    return next((SnapshotTaskState.of(task) for task in answer["ImportSnapshotTasks"]), None)


def _read_snapshot(ec2: EC2Client, snapshot_id: str) -> SnapshotState | None:
    """``None`` when EC2 does not know it, or not yet."""
    try:
        with provider_errors("DescribeSnapshots", f"read snapshot {snapshot_id}"):
            answer = ec2.describe_snapshots(SnapshotIds=[snapshot_id])
    except ProviderError as error:
        if error.code == "InvalidSnapshot.NotFound":
            return None
        raise
    return next((SnapshotState.of(snapshot) for snapshot in answer["Snapshots"]), None)


def _start(ec2: EC2Client, request: SnapshotImportRequest, ended: list[SnapshotTaskState]) -> SnapshotTaskState:
    """:param ended: the tasks of our content that there have been."""
    for option, value in (("bucket", request.bucket), ("key", request.key)):
        if not value:
            raise InputError(f"{option} is missing: there is no snapshot of this content yet to do without")
    url = f"s3://{request.bucket}/{request.key}"
    description = f"{request.name} from {url}"
    attempt = f"import {url} as a snapshot with service role {request.role_name}"
    details: ImportSnapshotRequestTypeDef = {
        "Description": description,
        "RoleName": request.role_name,
        "DiskContainer": {
            "Description": description,
            "Format": "VHD",
            "UserBucket": {"S3Bucket": request.bucket or "", "S3Key": request.key or ""},
        },
        "TagSpecifications": [{"ResourceType": "import-snapshot-task", "Tags": as_list(request.tags)}],
    }
    details["ClientToken"] = _client_token(details, ended)

    def start() -> SnapshotTaskState:
        with provider_errors("ImportSnapshot", attempt):
            return SnapshotTaskState.of(ec2.import_snapshot(**details))

    return start_when_allowed(start, request.wait, what="other imports to end")


def _client_token(details: ImportSnapshotRequestTypeDef, ended: list[SnapshotTaskState]) -> str:
    """The same for all that ask for the same after those that have ended, so that they all get one task."""
    attempt = [details, sorted(task.task_id for task in ended)]
    return hashlib.sha256(json.dumps(attempt, sort_keys=True).encode()).hexdigest()


def _cancelled(ec2: EC2Client, task: SnapshotTaskState) -> SnapshotTaskState | None:
    """Cancel a task. Returns it as it is when it had ended by itself.

    :raises ProviderError: when EC2 refuses although it goes on.
    """
    try:
        with provider_errors("CancelImportTask", f"cancel import task {task.task_id}"):
            ec2.cancel_import_task(ImportTaskId=task.task_id)
    except ProviderError:
        now = _read_task(ec2, task.task_id)
        if now is not None and now.under_way:
            raise
        return now
    return None


def _await_task(ec2: EC2Client, request: SnapshotImportRequest, started: SnapshotTaskState) -> SnapshotTaskState:
    task_id = started.task_id
    progress = Progress("import", 100, "percent")

    def check() -> SnapshotTaskState | None:
        task = _read_task(ec2, task_id)
        # Answers may lag behind; wait_timeout bounds it.
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
        snapshot = _read_snapshot(ec2, snapshot_id)
        # Snapshots may be seen some time after their task has completed.
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


def _keep_the_older(ec2: EC2Client, request: SnapshotImportRequest, own: SnapshotState) -> SnapshotState:
    """The one to go on with, if a run with other options has imported the same content meanwhile."""
    kept = _usable(_tagged_snapshots(ec2, request))
    if kept is None or kept.snapshot_id == own.snapshot_id:
        return own
    try:
        delete_snapshot(ec2, own.snapshot_id)
    except ProviderError as error:
        if error.code != "InvalidSnapshot.InUse":
            raise
        return own
    return kept


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
        "under_way": task is not None and task.under_way and after is not None,
        "region": clients.region,
        "source_sha256": request.source_sha256,
        "tags": after.tags if after else {},
        "diff": diff_of(before, after),
    }
