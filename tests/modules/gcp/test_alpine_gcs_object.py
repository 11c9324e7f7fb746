# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_gcs_object over the sandbox: uploads, through faults too, and deletions."""

from __future__ import annotations

import re
import secrets
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.cloud import Cloud
from tests.support.disks import GIB, MIB, SmallDisk
from tests.support.google_requests import Google

MODULE = "alpine_gcs_object"


@pytest.fixture
def bucket() -> str:
    """The name of a bucket that is not there yet."""
    return f"modules-gcs-object-{secrets.token_hex(8)}"


@pytest.fixture
def cloud(gcp: Cloud, small_disk: SmallDisk, bucket: str) -> Cloud:
    return gcp.with_options(
        bucket=bucket,
        create_bucket=True,
        location="EUROPE-WEST3",
        name="staging/small.raw.tar.gz",
        src=str(small_disk.gce_tar),
        source_sha256=small_disk.sha256,
    )


def test_an_upload_happens_once(cloud: Cloud, bucket: str, small_disk: SmallDisk) -> None:
    check = cloud.succeeds(MODULE, check_mode=True)
    start = cloud.mark()
    real = cloud.succeeds(MODULE)
    assert cloud.writes(start) == ["buckets.insert", "objects.insert"]

    before = cloud.mark()
    check_again = cloud.succeeds(MODULE, check_mode=True)
    real_again = cloud.succeeds(MODULE)
    again_without_file = cloud.succeeds(MODULE, src="/nonexistent/small.raw.tar.gz")
    assert cloud.writes(before) == []

    uri = f"gs://{bucket}/staging/small.raw.tar.gz"
    size = small_disk.gce_tar.stat().st_size
    assert check.changed
    assert (check["bucket_created"], check["generation"], check["size"]) == (True, None, size)
    assert check["diff"]["before"] == {}
    assert check["diff"]["after"] == real["diff"]["after"]
    assert real["diff"]["after"] == {
        "object": uri, "size": size, "source_sha256": small_disk.sha256, "bucket_created": True
    }  # fmt: skip
    assert real.changed
    assert real["bucket_created"]
    assert re.fullmatch("[0-9]+", real["generation"])
    assert len(real["crc32c"]) == 8
    assert real["size"] == size
    assert real["uri"] == uri
    assert real["url"] == f"https://storage.googleapis.com/{bucket}/staging/small.raw.tar.gz"
    assert real["source_sha256"] == small_disk.sha256
    assert not check_again.changed
    assert not real_again.changed
    assert not real_again["bucket_created"]
    assert real_again["generation"] == real["generation"]
    assert not again_without_file.changed


def test_a_bucket_that_is_there_is_not_created(cloud: Cloud) -> None:
    cloud.succeeds(MODULE)
    second = cloud.succeeds(MODULE, name="second.tar.gz")
    assert second.changed
    assert not second["bucket_created"]


def test_check_mode_warns_of_a_file_that_is_yet_to_be_made(cloud: Cloud) -> None:
    check = cloud.succeeds(MODULE, check_mode=True, src="/nonexistent/small.raw.tar.gz")
    assert check.changed
    assert check["size"] is None
    assert "does not exist yet" in check.warnings[0]


def _large_archive(folder: Path) -> Path:
    """An archive of several chunks, as Compute Engine imports it."""
    disk, archive = folder / "disk.raw", folder / "large.raw.tar.gz"
    with disk.open("wb") as file:
        file.write(secrets.token_bytes(20 * MIB))
        file.truncate(GIB)
    subprocess.run(
        [
            "tar",
            "--format=oldgnu",
            "-C",
            str(folder),
            "-Igzip -1",
            "-Scf",
            str(archive),
            disk.name,
        ],
        check=True,
    )
    return archive


def test_every_chunk_arrives_in_the_end(cloud: Cloud, tmp_path: Path) -> None:
    cloud.fault("token", service="oauth2", status=503)
    cloud.fault("objects.insert", service="storage", status=429)
    cloud.fault("objects.insert.chunk", service="storage", nth=1, status=503)
    cloud.fault("objects.insert.chunk", service="storage", nth=3, drop="before")
    cloud.fault("objects.insert.chunk", service="storage", nth=4, drop="after")
    before = cloud.mark()
    large = cloud.succeeds(MODULE, name="large.raw.tar.gz", src=str(_large_archive(tmp_path)))
    chunks = [request["status"] for request in cloud.requests(before) if request["operation"] == "objects.insert.chunk"]
    assert large.changed
    assert large["size"] > 20 * MIB
    # 503 and again, dropped and again, its answer lost and again.
    assert chunks == [503, 308, 0, 0, 308, 200]


def test_a_lost_answer_is_not_taken_for_a_strangers_object(cloud: Cloud) -> None:
    cloud.fault("objects.insert", service="storage", drop="after")
    assert cloud.succeeds(MODULE).changed
    assert not cloud.succeeds(MODULE).changed


def test_googles_reason_is_in_the_message(cloud: Cloud, bucket: str) -> None:
    cloud.fault("objects.insert", service="storage", status=403)
    forbidden = cloud.fails(MODULE)
    assert f"Google Cloud could not upload {cloud.options['src']} to gs://{bucket}/" in forbidden.msg
    assert "ordered fault" in forbidden.msg
    failure: dict[str, Any] = forbidden["failure"]
    assert (failure["operation"], failure["status"], failure["code"]) == ("objects.insert", 403, "forbidden")


def test_a_deletion_happens_once(cloud: Cloud, small_disk: SmallDisk) -> None:
    cloud.succeeds(MODULE)
    foreign = cloud.fails(MODULE, state="absent", source_sha256="0" * 64)
    check = cloud.succeeds(MODULE, check_mode=True, state="absent")
    # The answer to the deletion gets lost.
    cloud.fault("objects.delete", service="storage", drop="after")
    start = cloud.mark()
    real = cloud.succeeds(MODULE, state="absent")
    assert set(cloud.writes(start)) == {"objects.delete"}
    before = cloud.mark()
    check_again = cloud.succeeds(MODULE, check_mode=True, state="absent")
    real_again = cloud.succeeds(MODULE, state="absent")
    assert cloud.writes(before) == []
    assert "carries source-sha256" in foreign.msg
    assert check.changed
    assert real.changed
    assert real["diff"]["before"]["size"] == small_disk.gce_tar.stat().st_size
    assert real["diff"]["after"] == {}
    assert real["generation"] is None
    assert not check_again.changed
    assert not real_again.changed


def test_without_its_digest_a_name_is_deleted_whatever_it_holds(cloud: Cloud) -> None:
    cloud.succeeds(MODULE, source_sha256="1" * 64)
    assert cloud.succeeds(MODULE, state="absent", source_sha256=None).changed


def test_nothing_is_kept_of_what_was_removed(cloud: Cloud, bucket: str) -> None:
    cloud.succeeds(MODULE)
    versioned = f"{bucket}-versioned"
    with Google(cloud.sandbox, bucket).session as session:
        storage = f"{cloud.options['storage_endpoint']}/storage/v1/b"
        policy = session.get(f"{storage}/{bucket}").json()["softDeletePolicy"]
        body = {"name": versioned, "versioning": {"enabled": True}}
        assert session.post(f"{storage}?project={cloud.options['project']}", json=body).ok
        cloud.succeeds(MODULE, bucket=versioned)
        cloud.succeeds(MODULE, bucket=versioned, state="absent")
        versions = session.get(f"{storage}/{versioned}/o?versions=true").json()["items"]
    assert policy["retentionDurationSeconds"] == "0"
    assert versions == []
