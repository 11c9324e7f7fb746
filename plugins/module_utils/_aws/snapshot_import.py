# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An EBS snapshot from a VHD in S3, by VM Import's ImportSnapshot."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from .._core.diff import diff_of
from .._core.errors import InputError, ProviderError
from .._core.identity import IDENTITY_KEY, checked_sha256
from .._core.progress import Progress
from .._core.wait import wait_until
from .clients import Clients
from .errors import aws_errors, code_of
from .tags import as_dict, as_list, missing_tags, wanted_tags

_UNDER_WAY = {"pending", "active"}
_FAILED = {"cancelled", "deleted"}


class ImportedSnapshot:
    """The snapshot of one source image in one region."""

    def __init__(self, clients: Clients, params: Mapping[str, Any], *, check_mode: bool) -> None:
        self._params = params
        self._check_mode = check_mode
        self._region = clients.region
        self._ec2 = clients.client("ec2")
        self._sha256 = checked_sha256(params["source_sha256"])
        self._name: str = params.get("name") or ""

    def present(self) -> dict[str, Any]:
        """Adopt the snapshot or the task under way, or start a task; wait; tag."""
        wanted = wanted_tags(self._params["tags"], sha256=self._sha256, name=self._name)
        snapshot = self._find_snapshot()
        if snapshot is not None:
            return self._adopt(snapshot, None, wanted)
        task = self._find_task()
        if task is not None:
            snapshot = self._snapshot_of(task)
            if snapshot is not None:
                return self._adopt(snapshot, task, wanted)
        after = {"source_sha256": self._sha256, "tags": wanted, "state": "completed"}
        if self._check_mode:
            return self._result(True, {}, after, None, task)
        if task is None:
            task = self._start(wanted)
        if not self._params["wait"]:
            return self._result(True, {}, after, None, task)
        task = self._await(task["ImportTaskId"])
        snapshot = self._describe(task["SnapshotTaskDetail"]["SnapshotId"])
        # ImportSnapshot itself can tag only the task.
        self._tag(snapshot["SnapshotId"], missing_tags(as_dict(snapshot), wanted))
        return self._result(True, {}, after, snapshot, task)

    def absent(self) -> dict[str, Any]:
        """Delete the snapshot, and cancel the task that would bring it."""
        snapshot = self._find_snapshot()
        task = self._find_task()
        if snapshot is None and task is not None:
            snapshot = self._snapshot_of(task)
        under_way = task is not None and _status(task) in _UNDER_WAY
        changed = snapshot is not None or under_way
        before = {"source_sha256": self._sha256, "tags": as_dict(snapshot or {})} if changed else {}
        if changed and not self._check_mode:
            with aws_errors(f"delete the snapshot of source_sha256 {self._sha256}"):
                if task is not None and under_way:
                    self._ec2.cancel_import_task(ImportTaskId=task["ImportTaskId"])
                if snapshot is not None:
                    self._ec2.delete_snapshot(SnapshotId=snapshot["SnapshotId"])
        return self._result(changed, before, {}, snapshot, task) | {"state": "absent"}

    # Looking

    def _find_snapshot(self) -> dict[str, Any] | None:
        """The oldest usable snapshot with our identity, complete ones first."""
        with aws_errors(f"look for a snapshot with tag {IDENTITY_KEY} {self._sha256}"):
            pages = self._ec2.get_paginator("describe_snapshots").paginate(
                OwnerIds=["self"], Filters=[{"Name": f"tag:{IDENTITY_KEY}", "Values": [self._sha256]}]
            )
            found = [snapshot for page in pages for snapshot in page["Snapshots"] if snapshot["State"] != "error"]
        found.sort(key=lambda snapshot: (snapshot["State"] != "completed", snapshot["StartTime"]))
        return found[0] if found else None

    def _find_task(self) -> dict[str, Any] | None:
        """A task for our content that is under way, or completed with its snapshot still there but not tagged."""
        with aws_errors(f"look for an import task with tag {IDENTITY_KEY} {self._sha256}"):
            pages = self._ec2.get_paginator("describe_import_snapshot_tasks").paginate()
            tasks = [
                task
                for page in pages
                for task in page["ImportSnapshotTasks"]
                if as_dict(task).get(IDENTITY_KEY) == self._sha256
            ]
        for task in tasks:
            if _status(task) in _UNDER_WAY:
                return task
        return next((task for task in tasks if self._snapshot_of(task) is not None), None)

    def _snapshot_of(self, task: Mapping[str, Any]) -> dict[str, Any] | None:
        """The snapshot of a completed task; tasks outlive their snapshots."""
        snapshot_id = task["SnapshotTaskDetail"].get("SnapshotId")
        if _status(task) != "completed" or not snapshot_id:
            return None
        try:
            snapshot = self._describe(snapshot_id)
        except ProviderError as error:
            if error.code == "InvalidSnapshot.NotFound":
                return None
            raise
        return snapshot if snapshot["State"] != "error" else None

    def _describe(self, snapshot_id: str) -> dict[str, Any]:
        with aws_errors(f"read snapshot {snapshot_id}"):
            snapshot: dict[str, Any] = self._ec2.describe_snapshots(SnapshotIds=[snapshot_id])["Snapshots"][0]
        return snapshot

    # Acting

    def _start(self, wanted: Mapping[str, str]) -> dict[str, Any]:
        bucket, key = (self._params.get(option) for option in ("bucket", "key"))
        for option, value in (("bucket", bucket), ("key", key)):
            if not value:
                raise InputError(f"{option} is missing: there is no snapshot of this content yet to do without")
        role = self._params["role_name"]
        description = f"{self._name} from s3://{bucket}/{key}"
        with aws_errors(f"import s3://{bucket}/{key} as a snapshot with service role {role}"):
            task: dict[str, Any] = self._ec2.import_snapshot(
                # For one call and its repetitions: a token of the content would bring back a task that has failed.
                ClientToken=str(uuid.uuid4()),
                Description=description,
                RoleName=role,
                DiskContainer={
                    "Description": description,
                    "Format": "VHD",
                    "UserBucket": {"S3Bucket": bucket, "S3Key": key},
                },
                TagSpecifications=[{"ResourceType": "import-snapshot-task", "Tags": as_list(wanted)}],
            )
        return task

    def _await(self, task_id: str) -> dict[str, Any]:
        progress = Progress("import", 100, "percent")

        def check() -> dict[str, Any] | None:
            with aws_errors(f"follow import task {task_id}"):
                try:
                    answer = self._ec2.describe_import_snapshot_tasks(ImportTaskIds=[task_id])
                except Exception as error:
                    # Answers may lag behind; wait_timeout bounds it.
                    if (code_of(error) or "").startswith("InvalidConversionTaskId"):
                        return None
                    raise
            task: dict[str, Any] = answer["ImportSnapshotTasks"][0]
            detail = task["SnapshotTaskDetail"]
            percent = str(detail.get("Progress", ""))
            if percent.isdigit():
                progress.update(int(percent))
            status = _status(task)
            reason = detail.get("StatusMessage")
            # Both of the first two end in failure, and carry the reason as soon as it is known.
            if status in _FAILED or (status in ("deleting", "cancelling") and reason):
                raise ProviderError(
                    f"Import task {task_id} is {status}: {reason or 'AWS gave no reason'}",
                    operation="ImportSnapshot",
                    code=status,
                    details={"import_task_id": task_id, "status": status, "status_message": reason},
                )
            if status == "completed" and detail.get("SnapshotId"):
                progress.update(100)
                return task
            return None

        return wait_until(
            check,
            timeout=self._params["wait_timeout"],
            interval=self._params["wait_interval"],
            what=f"import task {task_id}",
        )

    def _adopt(
        self, snapshot: dict[str, Any], task: Mapping[str, Any] | None, wanted: Mapping[str, str]
    ) -> dict[str, Any]:
        snapshot_id = snapshot["SnapshotId"]
        present = as_dict(snapshot)
        tags = missing_tags(present, wanted)
        if not self._check_mode:
            self._tag(snapshot_id, tags)
            if snapshot["State"] != "completed" and self._params["wait"]:
                snapshot = self._await_snapshot(snapshot_id)
        common = {"source_sha256": self._sha256, "state": snapshot["State"]}
        before, after = common | {"tags": present}, common | {"tags": present | tags}
        return self._result(bool(tags), before, after, snapshot, task)

    def _await_snapshot(self, snapshot_id: str) -> dict[str, Any]:
        def check() -> dict[str, Any] | None:
            snapshot = self._describe(snapshot_id)
            if snapshot["State"] == "error":
                raise ProviderError(
                    f"Snapshot {snapshot_id} ended in state error: {snapshot.get('StateMessage') or 'no reason given'}",
                    operation="DescribeSnapshots",
                    code="error",
                )
            return snapshot if snapshot["State"] == "completed" else None

        return wait_until(
            check,
            timeout=self._params["wait_timeout"],
            interval=self._params["wait_interval"],
            what=f"snapshot {snapshot_id}",
        )

    def _tag(self, snapshot_id: str, tags: Mapping[str, str]) -> None:
        if tags:
            with aws_errors(f"tag snapshot {snapshot_id}"):
                self._ec2.create_tags(Resources=[snapshot_id], Tags=as_list(tags))

    def _result(
        self,
        changed: bool,
        before: dict[str, Any],
        after: dict[str, Any],
        snapshot: Mapping[str, Any] | None,
        task: Mapping[str, Any] | None,
    ) -> dict[str, Any]:
        detail = (task or {}).get("SnapshotTaskDetail", {})
        return {
            "changed": changed,
            "snapshot_id": (snapshot or {}).get("SnapshotId"),
            "state": (snapshot or {}).get("State") or detail.get("Status"),
            "volume_size": (snapshot or {}).get("VolumeSize"),
            "import_task_id": (task or {}).get("ImportTaskId"),
            "region": self._region,
            "source_sha256": self._sha256,
            "tags": after.get("tags", {}),
            "diff": diff_of(before, after),
        }


def _status(task: Mapping[str, Any]) -> str:
    return str(task["SnapshotTaskDetail"].get("Status", "pending"))
