# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""VM Import's side of ImportSnapshot: the service role, the object, the disk."""

from __future__ import annotations

import fnmatch
import json
import threading
import time
from typing import Any

from moto.core.exceptions import ServiceException
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models import ec2_backends
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends

from tests.sandbox._aws._disks import DiskError
from tests.sandbox._aws._resources import ImportTask, SandboxSnapshot, State

_SERVICE = "vmie.amazonaws.com"
_CHUNK = 1 << 20


def create_service_role(account: str, name: str) -> None:
    """The service role, as the VM Import/Export User Guide has it, for buckets of any name."""
    trust = _statement(
        "sts:AssumeRole", Principal={"Service": _SERVICE}, Condition={"StringEquals": {"sts:Externalid": "vmimport"}}
    )
    reading = _statement(
        ["s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket"], Resource=["arn:aws:s3:::*", "arn:aws:s3:::*/*"]
    )
    actions = ["ec2:ModifySnapshotAttribute", "ec2:CopySnapshot", "ec2:RegisterImage", "ec2:Describe*"]
    backend = iam_backends[account]["aws"]
    backend.create_role(name, _policy(trust), "/", None, "VM Import/Export", [], None)
    backend.put_role_policy(name, "vmimport", _policy(reading, _statement(actions, Resource="*")))


def _statement(action: Any, **members: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, **members}


def _policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def check_import(account: str, region: str, bucket: str, role: str) -> None:
    """What ImportSnapshot checks before it accepts a task."""
    try:
        document = iam_backends[account]["aws"].get_role(role).assume_role_policy_document
        statements = _listed(json.loads(document)["Statement"])
    except ServiceException:
        statements = []
    trusted = [
        service
        for statement in statements
        if statement["Effect"] == "Allow"
        for service in _listed(statement.get("Principal", {}).get("Service", []))
    ]
    if _SERVICE not in trusted:
        message = f"The service role {role} provided does not exist or does not have sufficient permissions"
        raise EC2ClientError("InvalidParameter", message)
    found = s3_backends[account]["aws"].buckets.get(bucket)
    if found is not None and found.region_name != region:
        raise EC2ClientError("InvalidParameter", "The given S3 object is not local to the region")


def _may(account: str, role: str, action: str, resource: str) -> bool:
    backend = iam_backends[account]["aws"]
    documents = [backend.get_role_policy(role, name)[1] for name in backend.list_role_policies(role)]
    documents += [
        version.document
        for policy in backend.get_role(role).managed_policies.values()
        for version in policy.versions
        if version.is_default_version
    ]
    for document in documents:
        for statement in _listed(json.loads(document)["Statement"]):
            if (
                statement["Effect"] == "Allow"
                and any(fnmatch.fnmatchcase(action, pattern) for pattern in _listed(statement["Action"]))
                and any(fnmatch.fnmatchcase(resource, pattern) for pattern in _listed(statement["Resource"]))
            ):
                return True
    return False


class _TaskError(Exception):
    """The task ends in failure, for this reason."""


def run_import(state: State, account: str, task: ImportTask, role: str) -> None:
    """Carry the task out in a thread of its own: pending, active, then completed or deleting and deleted."""
    failure = state.faults.take_failure("ec2", "ImportSnapshot")
    held = state.faults.take_hold("ec2", "ImportSnapshot")

    def work() -> None:
        start = time.monotonic()
        time.sleep(state.operation_seconds * 0.2)
        if not _advance(state, task, "active", "downloading/converting", "3"):
            return
        time.sleep(state.operation_seconds * 0.3)
        held.wait()
        try:
            if failure:
                raise _TaskError(failure)
            snapshot = _import(state, account, task, role)
        except _TaskError as error:
            if _advance(state, task, "deleting", f"ClientError: {error}", None):
                time.sleep(state.operation_seconds * 0.2)
                _advance(state, task, "deleted", task.status_message, None)
            return
        _advance(state, task, "active", "preparing snapshot", "60")
        time.sleep(max(0.0, start + state.operation_seconds - time.monotonic()))
        if not _advance(state, task, "completed", None, None):
            del snapshot.ec2_backend.snapshots[snapshot.id]
            return
        task.snapshot_id = snapshot.id
        time.sleep(state.operation_seconds * 0.1)
        snapshot.status = "completed"

    threading.Thread(target=work, daemon=True).start()


def _advance(state: State, task: ImportTask, status: str, message: str | None, progress: str | None) -> bool:
    """Move the task on unless it has been cancelled."""
    with state.lock:
        if task.status in ("cancelling", "cancelled"):
            return False
        task.status, task.status_message, task.progress = status, message, progress
        return True


def _import(state: State, account: str, task: ImportTask, role: str) -> SandboxSnapshot:
    unreadable = "Disk validation failed [We do not have access to the given resource. Reason"
    if not _may(account, role, "s3:GetObject", f"arn:aws:s3:::{task.bucket}/{task.key}"):
        raise _TaskError(f"{unreadable} 403 Forbidden]")
    bucket = s3_backends[account]["aws"].buckets.get(task.bucket)
    key = bucket.keys.get(task.key) if bucket else None
    if key is None:
        raise _TaskError(f"{unreadable} 404 Not Found]")
    upload = state.uploads / task.import_task_id
    try:
        upload.write_bytes(key.value)
        task.size = float(upload.stat().st_size)
        snapshot = SandboxSnapshot(
            ec2_backends[account][task.region], 0, f"Created by AWS-VMImport service for {task.import_task_id}",
            "pending",
        )  # fmt: skip
        try:
            snapshot.volume.size = state.store.import_file(upload, task.disk_format, snapshot.id)
        except DiskError as error:
            del snapshot.ec2_backend.snapshots[snapshot.id]
            raise _TaskError(f"Disk validation failed [{error}]") from error
    finally:
        upload.unlink(missing_ok=True)
    return snapshot
