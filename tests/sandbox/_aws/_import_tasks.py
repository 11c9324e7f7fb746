# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""EC2's operations on import tasks, by the VM Import/Export User Guide. moto has none of them."""

from __future__ import annotations

import uuid
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.exceptions import EC2ClientError

from tests.sandbox._aws._imports import check_import, run_import
from tests.sandbox._aws._requests import EC2Requests
from tests.sandbox._aws._resources import ImportTask


class ImportTaskRequests(EC2Requests):
    def import_snapshot(self) -> ActionResult:
        self.error_on_dryrun()
        return ActionResult(self._idempotent("ImportSnapshot", self._import_snapshot))

    def _import_snapshot(self) -> dict[str, Any]:
        container = self._get_param("DiskContainer", {})
        bucket = container.get("UserBucket", {})
        if container.get("Url", "").startswith("s3://"):
            name, _slash, key = container["Url"].removeprefix("s3://").partition("/")
            bucket = {"S3Bucket": name, "S3Key": key}
        if not bucket.get("S3Bucket") or not bucket.get("S3Key"):
            raise EC2ClientError("MissingParameter", "The request must contain the parameter DiskContainer.UserBucket")
        disk_format = str(container.get("Format", "")).upper()
        if disk_format not in ("VHD", "RAW"):
            raise EC2ClientError("InvalidParameter", f"Unsupported disk image format: {container.get('Format')!r}")
        role = self._get_param("RoleName", "vmimport")
        check_import(self.current_account, self.region, bucket["S3Bucket"], role)
        task = ImportTask(
            import_task_id=f"import-snap-{uuid.uuid4().hex[:17]}",
            region=self.region,
            description=self._get_param("Description", ""),
            tags=self._tags_for("import-snapshot-task", allowed=["import-snapshot-task"]),
            disk_format=disk_format,
            bucket=bucket["S3Bucket"],
            key=bucket["S3Key"],
        )
        self.state.tasks[task.import_task_id] = task
        run_import(self.state, self.current_account, task, role)
        return task.as_result()

    def describe_import_snapshot_tasks(self) -> ActionResult:
        tasks = [task for task in self.state.tasks.values() if task.region == self.region]
        wanted = self._get_param("ImportTaskIds", [])
        unknown = set(wanted) - {task.import_task_id for task in tasks}
        if unknown:
            message = f"The conversion task id {sorted(unknown)} is not found"
            raise EC2ClientError("InvalidConversionTaskId.Malformed", message)
        if wanted:
            tasks = [task for task in tasks if task.import_task_id in wanted]
        for name, values in self._filters_from_querystring().items():
            if name != "task-state":
                raise EC2ClientError("InvalidParameterValue", f"The filter '{name}' is invalid")
            tasks = [task for task in tasks if task.status in values]
        start = int(self._get_param("NextToken", 0))
        end = start + self._get_param("MaxResults", 1000)
        result = {"ImportSnapshotTasks": [task.as_result() for task in tasks[start:end]]}
        return ActionResult(result | ({"NextToken": str(end)} if end < len(tasks) else {}))

    def cancel_import_task(self) -> ActionResult:
        self.error_on_dryrun()
        task_id = self._get_param("ImportTaskId")
        task = self.state.tasks.get(task_id)
        if task is None or task.region != self.region:
            raise EC2ClientError("InvalidConversionTaskId.Malformed", f"The task id {task_id} is not found")
        with self.state.lock:
            previous = task.status
            if previous not in ("pending", "active"):
                raise EC2ClientError("IncorrectState", f"The task {task_id} is {previous} and cannot be cancelled")
            task.status, task.status_message = "cancelling", self._get_param("CancelReason")

        def finish() -> None:
            task.status = "cancelled"

        self.state.later("CancelImportTask", finish)
        return ActionResult({"ImportTaskId": task_id, "PreviousState": previous, "State": "cancelling"})
