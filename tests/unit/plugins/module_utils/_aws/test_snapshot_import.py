# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import datetime
from typing import Any

import pytest
from botocore.stub import ANY

from ansible_collections.alpine.cloud.plugins.module_utils._aws.snapshot_import import (
    SnapshotImportRequest,
    ensure_absent,
    ensure_present,
)
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import (
    InputError,
    ProviderError,
    WaitTimeoutError,
)

_SHA256 = "ab" * 32
_TAGS = [{"Key": "Name", "Value": "alpine"}, {"Key": "source-sha256", "Value": _SHA256}]
_TASK_ID = "import-snap-1"
_BY_IDENTITY = {"OwnerIds": ["self"], "Filters": [{"Name": "tag:source-sha256", "Values": [_SHA256]}]}


def _params(**options: Any) -> dict[str, Any]:
    return {
        "state": "present",
        "name": "alpine",
        "source_sha256": _SHA256.upper(),
        "bucket": "images",
        "key": "alpine.vhd",
        "role_name": "vmimport",
        "tags": {},
        "wait": True,
        "wait_timeout": 60,
        "wait_interval": 0,
        **options,
    }


def present(aws: Any, params: dict[str, Any], *, check_mode: bool = False) -> dict[str, Any]:
    return ensure_present(aws, SnapshotImportRequest.from_params(params), check_mode=check_mode)


def absent(aws: Any, params: dict[str, Any], *, check_mode: bool = False) -> dict[str, Any]:
    return ensure_absent(aws, SnapshotImportRequest.from_params(params | {"state": "absent"}), check_mode=check_mode)


def _snapshot(snapshot_id: str = "snap-1", *, tags: Any = None, state: str = "completed", day: int = 1) -> Any:
    return {
        "SnapshotId": snapshot_id,
        "State": state,
        "StartTime": datetime.datetime(2026, 11, day, tzinfo=datetime.UTC),
        "VolumeSize": 1,
        "Tags": _TAGS if tags is None else tags,
    }


def _task(status: str, task_id: str = _TASK_ID, tags: Any = None, **detail: Any) -> dict[str, Any]:
    return {"ImportTaskId": task_id, "Tags": tags or _TAGS, "SnapshotTaskDetail": {"Status": status, **detail}}


def _expect_search(aws: Any, snapshots: list[Any], tasks: list[Any] | None = None) -> None:
    aws.expect("ec2", "describe_snapshots", _BY_IDENTITY, {"Snapshots": snapshots})
    if tasks is not None:
        aws.expect("ec2", "describe_import_snapshot_tasks", {}, {"ImportSnapshotTasks": tasks})


def _expect_import(aws: Any, token: Any = ANY) -> None:
    aws.expect(
        "ec2",
        "import_snapshot",
        {
            "ClientToken": token,
            "Description": "alpine from s3://images/alpine.vhd",
            "RoleName": "vmimport",
            "DiskContainer": {
                "Description": "alpine from s3://images/alpine.vhd",
                "Format": "VHD",
                "UserBucket": {"S3Bucket": "images", "S3Key": "alpine.vhd"},
            },
            "TagSpecifications": [{"ResourceType": "import-snapshot-task", "Tags": _TAGS}],
        },
        _task("pending"),
    )


def _expect_state(aws: Any, status: str, **detail: Any) -> None:
    aws.expect(
        "ec2",
        "describe_import_snapshot_tasks",
        {"ImportTaskIds": [_TASK_ID]},
        {"ImportSnapshotTasks": [_task(status, **detail)]},
    )


def _expect_snapshot(aws: Any, snapshot: Any) -> None:
    aws.expect("ec2", "describe_snapshots", {"SnapshotIds": [snapshot["SnapshotId"]]}, {"Snapshots": [snapshot]})


def test_import_waits_and_tags(aws: Any) -> None:
    _expect_search(aws, [], [])
    _expect_import(aws)
    _expect_state(aws, "pending", Progress="0")
    _expect_state(aws, "active", Progress="42", StatusMessage="converting")
    # Neither an empty answer nor a state of the future is a reason to give up.
    aws.expect("ec2", "describe_import_snapshot_tasks", {"ImportTaskIds": [_TASK_ID]}, {"ImportSnapshotTasks": []})
    _expect_state(aws, "polishing", SnapshotId="")
    _expect_state(aws, "completed", SnapshotId="snap-1")
    # Snapshots come after their task.
    aws.refuse("ec2", "describe_snapshots", "InvalidSnapshot.NotFound")
    aws.expect("ec2", "describe_snapshots", {"SnapshotIds": ["snap-1"]}, {"Snapshots": []})
    _expect_snapshot(aws, _snapshot(tags=[], state="pending"))
    _expect_snapshot(aws, _snapshot(tags=[]))
    aws.expect("ec2", "create_tags", {"Resources": ["snap-1"], "Tags": _TAGS}, {})
    _expect_search(aws, [_snapshot()])
    result = present(aws, _params())
    assert result["changed"]
    assert result["snapshot_id"] == "snap-1"
    assert result["import_task_id"] == _TASK_ID
    assert not result["under_way"]
    assert result["state"] == "completed"
    assert result["volume_size"] == 1
    assert result["source_sha256"] == _SHA256
    assert result["tags"] == {"Name": "alpine", "source-sha256": _SHA256}
    assert result["diff"]["before"] == {}


def test_progress_is_told(aws: Any, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALPINE_CLOUD_PROGRESS_FILE", str(tmp_path / "progress"))
    _expect_search(aws, [], [])
    _expect_import(aws)
    _expect_state(aws, "active", Progress="42")
    _expect_state(aws, "completed", SnapshotId="snap-1")
    _expect_snapshot(aws, _snapshot())
    _expect_search(aws, [_snapshot()])
    present(aws, _params())
    assert '"done": 42' in (tmp_path / "progress").read_text()


@pytest.mark.parametrize(
    ("status", "message", "reason"),
    [
        ("deleted", "ClientError: Disk validation failed", "is deleted: ClientError: Disk validation failed"),
        ("deleting", "ClientError: no access", "is deleting: ClientError: no access"),
        ("deleted", None, "is deleted: AWS gave no reason"),
        ("cancelled", None, "is cancelled: AWS gave no reason"),
        ("cancelling", "by the user", "is cancelling: by the user"),
    ],
)
def test_failed_task_is_an_error_with_its_reason(aws: Any, status: str, message: str | None, reason: str) -> None:
    _expect_search(aws, [], [])
    _expect_import(aws)
    _expect_state(aws, status, **({"StatusMessage": message} if message else {}))
    with pytest.raises(ProviderError, match=f"Import task {_TASK_ID} {reason}") as caught:
        present(aws, _params())
    assert caught.value.operation == "ImportSnapshot"
    assert caught.value.code == status
    assert caught.value.details["status_message"] == message


def test_deletion_without_a_reason_is_waited_for(aws: Any) -> None:
    _expect_search(aws, [], [])
    _expect_import(aws)
    _expect_state(aws, "deleting")
    _expect_state(aws, "deleted", StatusMessage="ClientError: at last")
    with pytest.raises(ProviderError, match="is deleted: ClientError: at last"):
        present(aws, _params())


def test_waiting_has_a_bound(aws: Any) -> None:
    _expect_search(aws, [], [])
    _expect_import(aws)
    _expect_state(aws, "active")
    with pytest.raises(WaitTimeoutError, match=rf"wait_timeout\) waiting for import task {_TASK_ID}"):
        present(aws, _params(wait_timeout=0))


def test_task_that_is_not_visible_yet_is_waited_for(aws: Any) -> None:
    _expect_search(aws, [], [])
    _expect_import(aws)
    aws.refuse("ec2", "describe_import_snapshot_tasks", "InvalidConversionTaskId.Malformed")
    _expect_state(aws, "completed", SnapshotId="snap-1")
    _expect_snapshot(aws, _snapshot())
    _expect_search(aws, [_snapshot()])
    assert present(aws, _params())["snapshot_id"] == "snap-1"


def test_without_waiting_the_task_is_returned(aws: Any) -> None:
    _expect_search(aws, [], [])
    _expect_import(aws)
    result = present(aws, _params(wait=False))
    assert result["changed"]
    assert result["snapshot_id"] is None
    assert result["import_task_id"] == _TASK_ID
    assert result["state"] == "pending"
    assert result["under_way"]


def test_oldest_complete_snapshot_is_adopted(aws: Any) -> None:
    _expect_search(
        aws,
        [
            _snapshot("snap-error", state="error", day=1),
            _snapshot("snap-pending", state="pending", day=1),
            _snapshot("snap-young", day=3),
            _snapshot("snap-old", day=2),
        ],
    )
    result = present(aws, _params())
    assert not result["changed"]
    assert result["snapshot_id"] == "snap-old"
    assert result["import_task_id"] is None


def test_an_archived_snapshot_is_not_adopted(aws: Any) -> None:
    _expect_search(aws, [_snapshot() | {"StorageTier": "archive"}], [])
    assert present(aws, _params(), check_mode=True)["snapshot_id"] is None
    _expect_search(aws, [_snapshot() | {"StorageTier": "standard"}])
    assert present(aws, _params(), check_mode=True)["snapshot_id"] == "snap-1"


def _token(aws: Any, monkeypatch: pytest.MonkeyPatch, tasks: list[Any], **options: Any) -> str:
    """The client token of an import after these tasks."""
    tokens: list[str] = []

    def import_snapshot(**request: Any) -> dict[str, Any]:
        tokens.append(request["ClientToken"])
        return _task("pending")

    _expect_search(aws, [], tasks)
    monkeypatch.setattr(aws.ec2(), "import_snapshot", import_snapshot)
    present(aws, _params(wait=False, **options))
    return tokens[0]


def test_runs_at_once_get_one_task_and_later_ones_another(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _token(aws, monkeypatch, [])
    assert len(first) == 64
    assert _token(aws, monkeypatch, []) == first
    failed = [_task("deleted", "import-snap-1"), _task("cancelled", "import-snap-2")]
    after_failures = _token(aws, monkeypatch, failed)
    assert _token(aws, monkeypatch, list(reversed(failed))) == after_failures
    others = [_token(aws, monkeypatch, [], **options) for options in ({"tags": {"a": "b"}}, {"key": "other.vhd"})]
    assert len({first, after_failures, *others}) == 4


def test_an_import_waits_for_others_to_end(aws: Any) -> None:
    _expect_search(aws, [], [])
    aws.refuse("ec2", "import_snapshot", "ResourceLimitExceeded")
    _expect_import(aws)
    _expect_state(aws, "completed", SnapshotId="snap-1")
    _expect_snapshot(aws, _snapshot())
    _expect_search(aws, [_snapshot()])
    assert present(aws, _params())["changed"]


@pytest.mark.parametrize(("refusal", "kept"), [(None, "snap-old"), ("InvalidSnapshot.InUse", "snap-1")])
def test_of_two_snapshots_the_older_one_is_kept(aws: Any, refusal: str | None, kept: str) -> None:
    _expect_search(aws, [], [])
    _expect_import(aws)
    _expect_state(aws, "completed", SnapshotId="snap-1")
    own = _snapshot(day=2)
    _expect_snapshot(aws, own)
    _expect_search(aws, [own, _snapshot("snap-old")])
    if refusal:
        aws.refuse("ec2", "delete_snapshot", refusal)
    else:
        aws.expect("ec2", "delete_snapshot", {"SnapshotId": "snap-1"}, {})
    assert present(aws, _params())["snapshot_id"] == kept


def test_pending_snapshot_is_waited_for(aws: Any) -> None:
    _expect_search(aws, [_snapshot(state="pending")])
    _expect_snapshot(aws, _snapshot(state="pending"))
    _expect_snapshot(aws, _snapshot())
    result = present(aws, _params())
    assert not result["changed"]
    assert result["state"] == "completed"


def test_pending_snapshot_that_fails_is_an_error(aws: Any) -> None:
    _expect_search(aws, [_snapshot(state="pending")])
    _expect_snapshot(aws, _snapshot(state="error") | {"StateMessage": "lost"})
    with pytest.raises(ProviderError, match="Snapshot snap-1 ended in state error: lost"):
        present(aws, _params())


def test_tags_converge(aws: Any) -> None:
    _expect_search(aws, [_snapshot(tags=[*_TAGS, {"Key": "theirs", "Value": "1"}, {"Key": "team", "Value": "a"}])])
    aws.expect("ec2", "create_tags", {"Resources": ["snap-1"], "Tags": [{"Key": "team", "Value": "b"}]}, {})
    result = present(aws, _params(tags={"team": "b"}))
    assert result["changed"]
    assert result["tags"]["theirs"] == "1"
    assert result["diff"]["before"]["tags"]["team"] == "a"
    assert result["diff"]["after"]["tags"]["team"] == "b"


@pytest.mark.parametrize("status", ["pending", "active", "updating", "validating", "validated", "converting"])
def test_task_under_way_is_adopted(aws: Any, status: str) -> None:
    other = _task("active", "import-snap-2", tags=[{"Key": "source-sha256", "Value": "cd" * 32}])
    _expect_search(aws, [], [other, _task("deleted", "import-snap-3"), _task(status)])
    _expect_state(aws, "completed", SnapshotId="snap-1")
    _expect_snapshot(aws, _snapshot())
    _expect_search(aws, [_snapshot()])
    result = present(aws, _params())
    assert result["changed"]
    assert result["import_task_id"] == _TASK_ID


def test_snapshot_of_a_completed_task_is_adopted_and_tagged(aws: Any) -> None:
    _expect_search(aws, [], [_task("completed", SnapshotId="snap-1")])
    _expect_snapshot(aws, _snapshot(tags=[]))
    aws.expect("ec2", "create_tags", {"Resources": ["snap-1"], "Tags": _TAGS}, {})
    result = present(aws, _params(bucket=None, key=None))
    assert result["changed"]
    assert result["snapshot_id"] == "snap-1"


def test_completed_task_whose_snapshot_is_gone_counts_no_more(aws: Any) -> None:
    _expect_search(aws, [], [_task("completed", "import-snap-0", SnapshotId="snap-0")])
    aws.refuse("ec2", "describe_snapshots", "InvalidSnapshot.NotFound")
    _expect_import(aws)
    _expect_state(aws, "completed", SnapshotId="snap-1")
    _expect_snapshot(aws, _snapshot())
    _expect_search(aws, [_snapshot()])
    assert present(aws, _params())["snapshot_id"] == "snap-1"


def test_other_errors_while_looking_for_the_snapshot_are_told(aws: Any) -> None:
    _expect_search(aws, [], [_task("completed", SnapshotId="snap-1")])
    aws.refuse("ec2", "describe_snapshots", "UnauthorizedOperation", "no", status=403)
    with pytest.raises(ProviderError, match=r"Could not read snapshot snap-1: .* UnauthorizedOperation: no"):
        present(aws, _params())


@pytest.mark.parametrize("option", ["bucket", "key"])
def test_what_only_an_import_needs_is_asked_for_then(aws: Any, option: str) -> None:
    _expect_search(aws, [], [])
    with pytest.raises(InputError, match=f"^{option} is missing"):
        present(aws, _params(**{option: None}))


def test_missing_role_has_the_reason_of_aws(aws: Any) -> None:
    _expect_search(aws, [], [])
    aws.refuse("ec2", "import_snapshot", "InvalidParameter", "The service role vmimport provided does not exist")
    with pytest.raises(ProviderError, match=r"with service role vmimport: .*The service role vmimport provided"):
        present(aws, _params())


def test_check_mode_reads_only(aws: Any) -> None:
    _expect_search(aws, [], [])
    result = present(aws, _params(bucket=None, key=None), check_mode=True)
    assert result["changed"]
    assert result["snapshot_id"] is None
    assert result["diff"]["after"]["tags"]["Name"] == "alpine"


def test_check_mode_of_tags_reads_only(aws: Any) -> None:
    _expect_search(aws, [_snapshot(state="pending")])
    result = present(aws, _params(tags={"team": "b"}), check_mode=True)
    assert result["changed"]
    assert result["snapshot_id"] == "snap-1"


def test_bad_input_comes_before_any_request(aws: Any) -> None:
    with pytest.raises(InputError, match="source_sha256 must be a SHA-256"):
        SnapshotImportRequest.from_params(_params(source_sha256="abc"))
    with pytest.raises(InputError, match="begins with 'aws:'"):
        present(aws, _params(tags={"aws:x": "1"}))


# Absent


def test_snapshot_is_deleted(aws: Any) -> None:
    _expect_search(aws, [_snapshot()], [])
    aws.expect("ec2", "delete_snapshot", {"SnapshotId": "snap-1"}, {})
    result = absent(aws, _params(name=None))
    assert result["changed"]
    assert result["snapshot_id"] == "snap-1"
    assert result["state"] == "absent"


def test_task_under_way_is_cancelled(aws: Any) -> None:
    _expect_search(aws, [], [_task("active")])
    aws.expect("ec2", "cancel_import_task", {"ImportTaskId": _TASK_ID}, {})
    assert absent(aws, _params())["changed"]


def test_untagged_snapshot_of_a_task_is_deleted(aws: Any) -> None:
    _expect_search(aws, [], [_task("completed", SnapshotId="snap-1")])
    _expect_snapshot(aws, _snapshot(tags=[]))
    aws.expect("ec2", "delete_snapshot", {"SnapshotId": "snap-1"}, {})
    assert absent(aws, _params())["changed"]


def test_all_snapshots_of_the_content_are_deleted(aws: Any) -> None:
    archived = _snapshot("snap-archived", day=3) | {"StorageTier": "archive"}
    _expect_search(aws, [_snapshot(day=2), archived, _snapshot("snap-failed", state="error")], [])
    for snapshot_id in ("snap-1", "snap-archived", "snap-failed"):
        aws.expect("ec2", "delete_snapshot", {"SnapshotId": snapshot_id}, {})
    assert absent(aws, _params())["snapshot_id"] == "snap-1"


def test_a_snapshot_that_is_gone_already_is_done(aws: Any) -> None:
    _expect_search(aws, [_snapshot()], [])
    aws.refuse("ec2", "delete_snapshot", "InvalidSnapshot.NotFound")
    assert absent(aws, _params())["changed"]


def test_what_a_task_brings_that_ends_before_it_is_cancelled_is_deleted(aws: Any) -> None:
    _expect_search(aws, [], [_task("converting")])
    aws.refuse("ec2", "cancel_import_task", "IncorrectState")
    _expect_state(aws, "completed", SnapshotId="snap-1")
    _expect_snapshot(aws, _snapshot(tags=[]))
    aws.expect("ec2", "delete_snapshot", {"SnapshotId": "snap-1"}, {})
    assert absent(aws, _params())["changed"]


@pytest.mark.parametrize("status", ["cancelling", "cancelled", "deleted"])
def test_a_task_that_is_cancelled_already_is_done(aws: Any, status: str) -> None:
    _expect_search(aws, [], [_task("active")])
    aws.refuse("ec2", "cancel_import_task", "IncorrectState")
    _expect_state(aws, status)
    assert absent(aws, _params())["changed"]


def test_a_task_that_cannot_be_cancelled_is_an_error(aws: Any) -> None:
    _expect_search(aws, [], [_task("active")])
    aws.refuse("ec2", "cancel_import_task", "UnauthorizedOperation")
    _expect_state(aws, "active")
    with pytest.raises(ProviderError, match="UnauthorizedOperation"):
        absent(aws, _params())


def test_snapshot_in_use_is_an_error(aws: Any) -> None:
    _expect_search(aws, [_snapshot()], [])
    aws.refuse("ec2", "delete_snapshot", "InvalidSnapshot.InUse", "The snapshot is in use by ami-1")
    with pytest.raises(ProviderError, match="The snapshot is in use by ami-1"):
        absent(aws, _params())


@pytest.mark.parametrize(("snapshots", "changed"), [([], False), ([_snapshot()], True)])
def test_removal_in_check_mode_reads_only(aws: Any, snapshots: list[Any], changed: bool) -> None:
    _expect_search(aws, snapshots, [])
    assert absent(aws, _params(), check_mode=True)["changed"] is changed
