# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""EBS direct APIs: blocks of 512 KiB with real checksums, in the disks that images are made of.

By the Amazon EBS direct APIs Reference.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import hashlib
import threading
import uuid
from typing import Any, ClassVar

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult
from moto.core.utils import utcnow
from moto.ebs.responses import EBSResponse
from moto.ec2.models import ec2_backends

from tests.sandbox._aws._disks import BLOCK_SIZE, GIB
from tests.sandbox._aws._resources import SandboxSnapshot, State

_MAX_GIB = 65536


@dataclasses.dataclass
class _Writing:
    """A snapshot between StartSnapshot and CompleteSnapshot."""

    snapshot: SandboxSnapshot
    timeout: datetime.timedelta
    last_activity: datetime.datetime
    digests: dict[int, bytes] = dataclasses.field(default_factory=dict)


def _digest(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


class EBSError(ServiceException):
    """Of its own, since moto looks up the error's shape by the exception's package."""


def _invalid(message: str) -> EBSError:
    return EBSError("ValidationException", message)


class SandboxEBS(EBSResponse):
    state: ClassVar[State]
    writing: ClassVar[dict[str, _Writing]] = {}
    tokens: ClassVar[dict[str, str]] = {}
    lock: ClassVar[threading.Lock] = threading.Lock()

    def start_snapshot(self) -> ActionResult:
        size = self._get_param("VolumeSize")
        timeout = self._get_param("Timeout", 60)
        if not isinstance(size, int) or not 1 <= size <= _MAX_GIB:
            raise _invalid(f"VolumeSize must be 1 to {_MAX_GIB} GiB")
        if not 10 <= timeout <= 4320:
            raise _invalid("Timeout must be 10 to 4320 minutes")
        if self._get_param("ParentSnapshotId"):
            raise _invalid("The sandbox has no incremental snapshots")
        token = self._get_param("ClientToken")
        with self.lock:
            known = self.tokens.get(f"{self.region}/{token}") if token else None
            if known in self.writing:
                return ActionResult(self._started(self.writing[known].snapshot))
            backend = ec2_backends[self.current_account][self.region]
            snapshot = SandboxSnapshot(backend, size, self._get_param("Description", ""), "pending")
            snapshot.add_tags({tag["Key"]: tag["Value"] for tag in self._get_param("Tags", [])})
            self.state.store.create(snapshot.id, size)
            self.writing[snapshot.id] = _Writing(snapshot, datetime.timedelta(minutes=timeout), utcnow())
            if token:
                self.tokens[f"{self.region}/{token}"] = snapshot.id
        return ActionResult(self._started(snapshot))

    def _started(self, snapshot: SandboxSnapshot) -> dict[str, Any]:
        return {
            "SnapshotId": snapshot.id,
            "OwnerId": snapshot.owner_id,
            "Status": "pending",
            "StartTime": snapshot.start_time,
            "VolumeSize": snapshot.volume_size,
            "BlockSize": BLOCK_SIZE,
            "Tags": [{"Key": tag["key"], "Value": tag["value"]} for tag in snapshot.get_tags()],
            "Description": snapshot.description,
        }

    def _writing_of(self, snapshot_id: str) -> _Writing:
        writing = self.writing.get(snapshot_id)
        if writing is None or writing.snapshot.ec2_backend.region_name != self.region:
            raise EBSError("ResourceNotFoundException", f"The snapshot {snapshot_id} does not exist")
        if writing.snapshot.status != "pending":
            raise _invalid(f"The snapshot {snapshot_id} is {writing.snapshot.status}, not pending")
        if utcnow() > writing.last_activity + writing.timeout:
            writing.snapshot.status = "error"
            raise _invalid(f"The snapshot {snapshot_id} has timed out")
        writing.last_activity = utcnow()
        return writing

    def put_snapshot_block(self) -> ActionResult:
        writing = self._writing_of(self._get_param("SnapshotId"))
        index, data = int(self._get_param("BlockIndex")), self._get_param("BlockData")
        checksum = self._get_param("Checksum")
        if int(self._get_param("DataLength", 0)) != BLOCK_SIZE or len(data) != BLOCK_SIZE:
            raise _invalid(f"A block is {BLOCK_SIZE} bytes")
        if self._get_param("ChecksumAlgorithm") != "SHA256":
            raise _invalid("ChecksumAlgorithm must be SHA256")
        if not 0 <= index < writing.snapshot.volume_size * GIB // BLOCK_SIZE:
            raise _invalid(f"BlockIndex {index} lies beyond the volume")
        if checksum != _digest(data):
            raise _invalid("The checksum does not match the data")
        self.state.store.write_block(writing.snapshot.id, index, data)
        with self.lock:
            writing.digests[index] = hashlib.sha256(data).digest()
        return ActionResult({"Checksum": checksum, "ChecksumAlgorithm": "SHA256"})

    def complete_snapshot(self) -> ActionResult:
        writing = self._writing_of(self._get_param("SnapshotId"))
        count = int(self._get_param("ChangedBlocksCount"))
        if count != len(writing.digests):
            raise _invalid(f"ChangedBlocksCount is {count}, but {len(writing.digests)} blocks were written")
        checksum = self._get_param("Checksum")
        if checksum:
            if (self._get_param("ChecksumAlgorithm"), self._get_param("ChecksumAggregationMethod")) != (
                "SHA256", "LINEAR",
            ):  # fmt: skip
                raise _invalid("A checksum needs ChecksumAlgorithm SHA256 and ChecksumAggregationMethod LINEAR")
            if checksum != _digest(b"".join(digest for _index, digest in sorted(writing.digests.items()))):
                raise _invalid("The checksum does not match the written blocks")
        failure = self.state.faults.take_failure("ebs", "CompleteSnapshot")

        def finish() -> None:
            writing.snapshot.status = "error" if failure else "completed"
            writing.snapshot.state_message = failure

        self.state.later("CompleteSnapshot", finish, service="ebs")
        return ActionResult({"Status": "pending"})

    # Reading

    def _completed(self, snapshot_id: str) -> SandboxSnapshot:
        snapshot = ec2_backends[self.current_account][self.region].snapshots.get(snapshot_id)
        if not isinstance(snapshot, SandboxSnapshot):
            raise EBSError("ResourceNotFoundException", f"The snapshot {snapshot_id} does not exist")
        if snapshot.status != "completed":
            raise _invalid(f"The snapshot {snapshot_id} is {snapshot.status}, not completed")
        return snapshot

    @staticmethod
    def _token(snapshot_id: str, index: int) -> str:
        return base64.b64encode(uuid.uuid5(uuid.NAMESPACE_OID, f"{snapshot_id}/{index}").bytes).decode()

    def list_snapshot_blocks(self) -> ActionResult:
        snapshot = self._completed(self._get_param("SnapshotId"))
        first = int(self._get_param("NextToken") or self._get_param("StartingBlockIndex", 0))
        limit = int(self._get_param("MaxResults", 10000))
        indexes = [index for index in self.state.store.data_blocks(snapshot.id) if index >= first]
        result: dict[str, Any] = {
            "Blocks": [
                {"BlockIndex": index, "BlockToken": self._token(snapshot.id, index)} for index in indexes[:limit]
            ],
            "ExpiryTime": utcnow() + datetime.timedelta(days=7),
            "VolumeSize": snapshot.volume_size,
            "BlockSize": BLOCK_SIZE,
        }
        if len(indexes) > limit:
            result["NextToken"] = str(indexes[limit])
        return ActionResult(result)

    def get_snapshot_block(self) -> ActionResult:
        snapshot = self._completed(self._get_param("SnapshotId"))
        index = int(self._get_param("BlockIndex"))
        if self._get_param("BlockToken") != self._token(snapshot.id, index):
            raise _invalid("The block token is not valid for this block")
        data = self.state.store.read_block(snapshot.id, index)
        return ActionResult(
            {"DataLength": len(data), "BlockData": data, "Checksum": _digest(data), "ChecksumAlgorithm": "SHA256"}
        )
