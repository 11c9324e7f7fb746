# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_ec2_import_snapshot over the sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cloud import Cloud

MODULE = "alpine_ec2_import_snapshot"


def test_an_import_happens_once(imports: Cloud, sha256: str) -> None:
    check = imports.succeeds(MODULE, check_mode=True)
    start = imports.mark()
    real = imports.succeeds(MODULE)
    assert imports.writes(start) == ["ImportSnapshot", "CreateTags"]
    before = imports.mark()
    check_again = imports.succeeds(MODULE, check_mode=True)
    real_again = imports.succeeds(MODULE)
    assert imports.writes(before) == []

    assert check.changed
    assert check["snapshot_id"] is None
    assert real.changed
    assert real["snapshot_id"].startswith("snap-")
    assert real["import_task_id"].startswith("import-snap-")
    assert (real["state"], real["volume_size"]) == ("completed", 1)
    assert real["tags"] == {"Name": imports.options["name"], "source-sha256": sha256, "team": "platform"}
    assert real["diff"]["before"] == {}
    assert real["diff"] == check["diff"]
    assert not check_again.changed
    assert not real_again.changed
    assert (real_again["snapshot_id"], real_again["tags"]) == (real["snapshot_id"], real["tags"])

    start = imports.mark()
    retagged = imports.succeeds(MODULE, tags={"team": "sales"})
    assert imports.writes(start) == ["CreateTags"]
    assert retagged.changed
    assert retagged["snapshot_id"] == real["snapshot_id"]
    assert retagged["diff"]["before"]["tags"]["team"] == "platform"
    assert retagged["diff"]["after"]["tags"]["team"] == "sales"


def test_without_anything_staged_only_what_exists_is_found(aws: Cloud, sha256: str) -> None:
    options: dict[str, Any] = {"name": "alpine", "source_sha256": sha256}
    assert aws.succeeds(MODULE, check_mode=True, **options).changed
    before = aws.mark()
    unstaged = aws.fails(MODULE, **options)
    assert "bucket is missing" in unstaged.msg
    assert aws.writes(before) == []


def test_a_task_under_way_is_adopted(imports: Cloud) -> None:
    start = imports.mark()
    with imports.held("ImportSnapshot"):
        begun = imports.succeeds(MODULE, wait=False)
        before = imports.mark()
        joining = imports.start(MODULE)
        imports.until("DescribeImportSnapshotTasks", before)
    done = joining.result()
    assert begun.changed
    assert begun["snapshot_id"] is None
    assert done["import_task_id"] == begun["import_task_id"]
    assert done["snapshot_id"].startswith("snap-")
    assert imports.writes(start).count("ImportSnapshot") == 1


@pytest.mark.parametrize("what", ["request", "answer"])
def test_two_imports_at_once_are_one_task(imports: Cloud, what: str) -> None:
    with imports.held("ImportSnapshot", what):
        first = imports.start(MODULE)
        imports.sandbox.until_struck(imports.name)
        second = imports.succeeds(MODULE)
    done = first.result()
    assert not done.failed, done.result
    assert (done["snapshot_id"], done["import_task_id"]) == (second["snapshot_id"], second["import_task_id"])


def test_a_cancellation_whose_answer_got_lost_is_done(imports: Cloud) -> None:
    removal = imports.with_options(name=None, bucket=None, key=None, tags=None, state="absent")
    with imports.held("ImportSnapshot"):
        imports.succeeds(MODULE, wait=False)
        imports.fault("CancelImportTask", drop="after")
        assert removal.succeeds(MODULE).changed
    assert not removal.succeeds(MODULE).changed


def test_a_snapshot_that_was_never_tagged_is_adopted(imports: Cloud) -> None:
    start = imports.mark()
    imports.fault("CreateTags", status=403)
    untagged = imports.fails(MODULE)
    tagged = imports.succeeds(MODULE)
    assert untagged["failure"]["operation"] == "CreateTags"
    assert tagged.changed
    assert tagged["tags"]["team"] == "platform"
    assert imports.writes(start).count("ImportSnapshot") == 1


def test_a_failed_import_has_the_reason_of_aws(imports: Cloud) -> None:
    imports.fault("ImportSnapshot", fail="The tape is torn.")
    failed = imports.fails(MODULE)
    assert "ClientError: The tape is torn." in failed.msg
    assert failed["failure"]["details"]["status_message"] == "ClientError: The tape is torn."


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"key": "missing.vhd"}, "Reason 404 Not Found"),
        ({"role_name": "nobody"}, "The service role nobody provided does not exist"),
        ({"wait_timeout": 0}, "Gave up after 0 seconds (wait_timeout) waiting for import task import-snap-"),
        ({"tags": {"aws:team": "x"}}, "begins with 'aws:'"),
        ({"source_sha256": "abc"}, "source_sha256 must be a SHA-256"),
    ],
)
def test_each_reason_is_in_the_message(imports: Cloud, options: dict[str, Any], expected: str) -> None:
    assert expected in imports.fails(MODULE, **options).msg


def test_lost_answers_make_no_second_snapshot(imports: Cloud) -> None:
    imports.fault("ImportSnapshot", drop="after")
    imports.fault("DescribeImportSnapshotTasks", status=503)
    imports.fault("DescribeSnapshots", drop="before")
    real = imports.succeeds(MODULE)
    again = imports.succeeds(MODULE)
    assert real.changed
    assert not again.changed
    assert again["snapshot_id"] == real["snapshot_id"]


def test_a_removal_happens_once(imports: Cloud, sha256: str) -> None:
    real = imports.succeeds(MODULE)
    removal = imports.with_options(name=None, bucket=None, key=None, tags=None, state="absent")
    check = removal.succeeds(MODULE, check_mode=True)
    removal.fault("DeleteSnapshot", drop="after")
    start = removal.mark()
    gone = removal.succeeds(MODULE)
    # The answer to the first got lost.
    assert removal.writes(start) == ["DeleteSnapshot", "DeleteSnapshot"]
    before = removal.mark()
    check_again = removal.succeeds(MODULE, check_mode=True)
    gone_again = removal.succeeds(MODULE)
    assert removal.writes(before) == []
    assert check.changed
    assert gone.changed
    assert (gone["snapshot_id"], gone["state"]) == (real["snapshot_id"], "absent")
    assert gone["diff"]["before"]["source_sha256"] == sha256
    assert gone["diff"]["after"] == {}
    assert not check_again.changed
    assert not gone_again.changed
    # The completed task of what is gone counts no more.
    again = imports.succeeds(MODULE)
    assert again["snapshot_id"] != real["snapshot_id"]
