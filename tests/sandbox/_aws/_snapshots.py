# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""EC2's operations on snapshots that moto takes lightly: those in use, and those that there are not."""

from __future__ import annotations

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.exceptions import EC2ClientError

from tests.sandbox._aws._requests import EC2Requests


class SnapshotRequests(EC2Requests):
    def describe_snapshots(self) -> ActionResult:
        for snapshot_id in self._get_param("SnapshotIds", []):
            if snapshot_id not in self.ec2_backend.snapshots:
                raise EC2ClientError("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")
        return super().describe_snapshots()

    def delete_snapshot(self) -> ActionResult:
        self.error_on_dryrun()
        snapshot_id = self._get_param("SnapshotId")
        if snapshot_id not in self.ec2_backend.snapshots:
            raise EC2ClientError("InvalidSnapshot.NotFound", f"The snapshot '{snapshot_id}' does not exist.")
        users = self._users_of(snapshot_id)
        if users:
            message = f"The snapshot {snapshot_id} is currently in use by {users[0]}"
            raise EC2ClientError("InvalidSnapshot.InUse", message)
        self._delete_snapshot(snapshot_id)
        return EmptyResult()

    def _users_of(self, snapshot_id: str) -> list[str]:
        images = [image for image in self.ec2_backend.amis.values() if image.state != "deregistered"]
        return [image.id for image in images if snapshot_id in getattr(image, "snapshot_ids", [])]

    def _delete_snapshot(self, snapshot_id: str) -> None:
        del self.ec2_backend.snapshots[snapshot_id]
        self.state.store.delete(snapshot_id)
