# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_azure_page_blob over the sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.azure_requests import AzureRequests
from tests.support.cloud import Cloud
from tests.support.disks import MIB, SmallDisk

MODULE = "alpine_azure_page_blob"
# The storage SDK's retries, of what cannot succeed, would take more than a minute.
AT_ONCE = 40


def test_an_upload_happens_once(blobs: Cloud) -> None:
    check = blobs.succeeds(MODULE, check_mode=True)
    start = blobs.mark()
    real = blobs.succeeds(MODULE)
    written = blobs.writes(start)
    assert written[:2] == ["CreateContainer", "PutBlob"]
    assert written[-2:] == ["SetBlobProperties", "SetBlobMetadata"]
    assert set(written[2:-2]) == {"PutPage"}
    before = blobs.mark()
    check_again = blobs.succeeds(MODULE, check_mode=True)
    again = blobs.succeeds(MODULE)
    assert blobs.writes(before) == []
    assert check.changed
    assert check["diff"]["after"]["state"] == "complete"
    assert real.changed
    assert real["diff"] == check["diff"]
    assert real["url"] == check["url"]
    assert real["url"].endswith(f"/{blobs.options['container']}/small.vhd")
    assert real["size"] == 16 * MIB + 512
    # Zeros are not sent.
    assert 0 < real["uploaded_bytes"] < 3 * MIB
    assert not check_again.changed
    assert (again.changed, again["uploaded_bytes"]) == (False, 0)


def test_check_mode_foresees_an_upload_of_what_is_yet_to_be_made(blobs: Cloud) -> None:
    foreseen = blobs.succeeds(MODULE, check_mode=True, src="/nonexistent/small.vhd")
    assert (foreseen.changed, foreseen["size"]) == (True, None)
    assert "does not exist yet" in foreseen.warnings[0]


def test_other_content_is_left_alone(blobs: Cloud) -> None:
    blobs.succeeds(MODULE)
    before = blobs.mark()
    assert "holds other content" in blobs.fails(MODULE, source_sha256="0" * 64).msg
    for check_mode in (True, False):
        kept = blobs.fails(MODULE, check_mode=check_mode, state="absent", source_sha256="0" * 64)
        assert f"carries source-sha256 {blobs.options['source_sha256']}, not {'0' * 64}" in kept.msg
    assert blobs.writes(before) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"create_container": False}, "create_container=true"),
        ({"src": "/nonexistent/small.vhd"}, "no such file"),
        ({"name": "small.img"}, "must end with"),
        ({"container": "Target"}, "is not a container"),
        ({"storage_account": "No-Account"}, "is not an account's name"),
    ],
)
def test_each_refusal_says_what_to_do(blobs: Cloud, options: dict[str, Any], words: str) -> None:
    before = blobs.mark()
    assert words in blobs.fails(MODULE, **options).msg
    assert blobs.writes(before) == []


def test_only_fixed_vhds_are_taken(blobs: Cloud, small_disk: SmallDisk) -> None:
    before = blobs.mark()
    assert "Azure imports fixed ones only" in blobs.fails(MODULE, src=str(small_disk.dynamic_vhd)).msg
    assert "this is not a VHD" in blobs.fails(MODULE, src=str(small_disk.raw)).msg
    assert blobs.writes(before) == []


def test_an_upload_that_broke_off_is_resumed(blobs: Cloud) -> None:
    whole = blobs.succeeds(MODULE, name="whole.vhd")
    blobs.fault("PutPage", nth=3, count=99, status=403)
    broken = blobs.fails(MODULE, threads=1)
    blobs.sandbox.clear_faults("azure")
    other_kept = blobs.fails(MODULE, state="absent", source_sha256="0" * 64)
    check = blobs.succeeds(MODULE, check_mode=True)
    resumed = blobs.succeeds(MODULE)
    again = blobs.succeeds(MODULE)
    assert (broken["failure"]["operation"], broken["failure"]["status"]) == ("PutPage", 403)
    assert "is not removed" in other_kept.msg
    assert (check.changed, check["resumed"]) == (True, True)
    assert (resumed.changed, resumed["resumed"]) == (True, True)
    # Only what was missing.
    assert 0 < resumed["uploaded_bytes"] < whole["uploaded_bytes"]
    assert not again.changed


def test_transient_faults_are_got_over(blobs: Cloud) -> None:
    whole = blobs.succeeds(MODULE, name="whole.vhd")
    blobs.fault("PutPage", nth=2, status=503)
    blobs.fault("PutBlob", drop="after")
    blobs.fault("SetBlobMetadata", drop="after")
    retried = blobs.succeeds(MODULE)
    assert retried.changed
    assert retried["uploaded_bytes"] == whole["uploaded_bytes"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"secret": "wrong"}, "AADSTS7000215"),
        ({"secret": None, "client_id": None, "tenant": None}, "no Azure credentials found"),
    ],
)
def test_unusable_credentials_are_told_at_once(blobs: Cloud, options: dict[str, Any], words: str) -> None:
    refused = blobs.fails(MODULE, **options)
    assert words in refused.msg
    assert refused.seconds < AT_ONCE


def test_a_deletion_happens_once(blobs: Cloud, small_disk: SmallDisk) -> None:
    blobs.succeeds(MODULE)
    check = blobs.succeeds(MODULE, check_mode=True, state="absent")
    start = blobs.mark()
    real = blobs.succeeds(MODULE, state="absent")
    assert blobs.writes(start) == ["DeleteBlob"]
    before = blobs.mark()
    check_again = blobs.succeeds(MODULE, check_mode=True, state="absent")
    again = blobs.succeeds(MODULE, state="absent")
    assert blobs.writes(before) == []
    assert check.changed
    assert check["diff"] == real["diff"]
    assert real.changed
    assert (real["diff"]["before"]["source_sha256"], real["diff"]["after"]) == (small_disk.sha256, {})
    assert not check_again.changed
    assert not again.changed


@pytest.mark.parametrize(("status", "code"), [(403, "AuthorizationPermissionMismatch"), (409, "BlobImmutable")])
def test_a_refused_deletion_may_be_a_warning(blobs: Cloud, status: int, code: str) -> None:
    blobs.succeeds(MODULE)
    blobs.fault("DeleteBlob", count=2, status=status)
    strict = blobs.fails(MODULE, state="absent")
    lenient = blobs.succeeds(MODULE, state="absent", best_effort=True)
    gone = blobs.succeeds(MODULE, state="absent", best_effort=True)
    assert code in strict.msg
    assert (lenient.changed, lenient["remains"]) == (False, [f"{blobs.options['container']}/small.vhd"])
    assert code in lenient.warnings[0]
    assert (gone.changed, gone["remains"]) == (True, [])


def test_a_container_that_is_being_deleted_is_waited_for(blobs: Cloud) -> None:
    blobs.succeeds(MODULE)
    requests_to = AzureRequests(blobs.sandbox)
    with blobs.held("DeleteContainer"):
        requests_to.blob("DELETE", blobs.options["container"], params={"restype": "container"})
        mark = blobs.mark()
        waiting = blobs.start(MODULE, wait_interval=1)
        blobs.until("CreateContainer", mark)
    result = waiting.result()
    assert not result.failed, result.result
    assert result["changed"]
