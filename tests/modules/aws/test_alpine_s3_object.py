# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_s3_object over the sandbox: uploads, also in parts and through faults, and removal."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.support.cloud import Cloud
from tests.support.disks import MIB, SmallDisk

MODULE = "alpine_s3_object"


@pytest.fixture
def large_vhd(tmp_path: Path) -> Path:
    """A VHD that is uploaded in several parts."""
    path = tmp_path / "large.vhd"
    command = ["qemu-img", "create", "-q", "-f", "vpc", "-o", "subformat=fixed,force_size=on", str(path), "40M"]
    subprocess.run(command, check=True)
    return path


@pytest.fixture
def s3(aws: Cloud) -> Any:
    """A client of the local cloud's."""
    return boto3.client(
        "s3",
        region_name=aws.options["region"],
        endpoint_url=aws.options["endpoint_url"],
        verify=aws.options["aws_ca_bundle"],
        aws_access_key_id=aws.options["access_key"],
        aws_secret_access_key=aws.options["secret_key"],
    )


def test_an_upload_into_a_bucket_of_its_own_happens_once(aws: Cloud, small_disk: SmallDisk, sha256: str) -> None:
    objects = aws.with_options(
        key="staging/small.vhd", src=str(small_disk.dynamic_vhd), source_sha256=sha256, create_bucket=True
    )
    unmade = objects.succeeds(MODULE, check_mode=True, src="/nonexistent/small.vhd")
    check = objects.succeeds(MODULE, check_mode=True)
    start = objects.mark()
    real = objects.succeeds(MODULE)
    assert objects.writes(start) == ["CreateBucket", "PutPublicAccessBlock", "PutObject"]
    before = objects.mark()
    check_again = objects.succeeds(MODULE, check_mode=True)
    real_again = objects.succeeds(MODULE)
    assert objects.writes(before) == []

    assert unmade.changed
    assert unmade["size"] is None
    assert "it would be uploaded" in unmade.warnings[0]
    assert check.changed
    assert check["bucket_created"]
    assert re.fullmatch("alpine-cloud-[0-9a-f]{32}", check["bucket"])
    assert check["diff"]["before"] == {}
    assert check["diff"]["after"]["source_sha256"] == sha256
    assert real.changed
    assert real["bucket_created"]
    assert (real["bucket"], real["content_sha256"]) == (check["bucket"], check["content_sha256"])
    assert real["size"] == small_disk.dynamic_vhd.stat().st_size
    assert real["url"] == f"s3://{real['bucket']}/staging/small.vhd"
    assert not check_again.changed
    assert not real_again.changed
    assert not real_again["bucket_created"]
    assert real_again["size"] == real["size"]

    # The bucket stays for as long as others use it.
    objects.succeeds(MODULE, key="other.vhd")
    removal = objects.with_options(src=None, create_bucket=None, state="absent", delete_bucket=True)
    shared = removal.succeeds(MODULE)
    last = removal.succeeds(MODULE, key="other.vhd")
    assert shared.changed
    assert not shared["bucket_deleted"]
    assert last["bucket_deleted"]


def test_content_is_identity(aws: Cloud, small_disk: SmallDisk, bucket: str, sha256: str) -> None:
    objects = aws.with_options(
        bucket=bucket, key="small.vhd", src=str(small_disk.dynamic_vhd), source_sha256=sha256, create_bucket=True
    )
    first = objects.succeeds(MODULE)
    conflict = objects.fails(MODULE, source_sha256="ab" * 32)
    replaced = objects.succeeds(MODULE, src=str(small_disk.fixed_vhd))
    not_removed = objects.fails(MODULE, state="absent", source_sha256="ab" * 32)
    assert "holds other content" in conflict.msg
    assert replaced.changed
    assert replaced["content_sha256"] != first["content_sha256"]
    assert not replaced["bucket_created"]
    assert f"carries source-sha256 {sha256}, not {'ab' * 32}" in not_removed.msg


@pytest.mark.parametrize(
    ("options", "expected", "code"),
    [
        ({"src": "/nonexistent/small.vhd"}, "no such file", None),
        ({"source_sha256": "abc"}, "source_sha256 must be a SHA-256", None),
        ({"region": "mars-north-1"}, "AWS has no region 'mars-north-1'", None),
        ({"create_bucket": False}, "set create_bucket", None),
        ({"access_key": "AKIAWRONG"}, "belongs to another account, or you may not see it", "403"),
        ({"secret_key": "wrong"}, "belongs to another account, or you may not see it", "403"),
        ({"secret_key": ""}, "access_key and secret_key go together", None),
        ({"bucket": None, "source_sha256": None, "state": "absent"}, "bucket is missing", None),
    ],
)
def test_bad_input_is_refused_in_the_words_of_the_option(
    aws: Cloud, small_disk: SmallDisk, bucket: str, options: dict[str, Any], expected: str, code: str | None
) -> None:
    objects = aws.with_options(
        bucket=bucket,
        key="small.vhd",
        src=str(small_disk.dynamic_vhd),
        source_sha256=small_disk.sha256,
        create_bucket=True,
    )
    before = objects.mark()
    refused = objects.fails(MODULE, **options)
    assert expected in refused.msg
    assert refused.result.get("failure", {}).get("code") == code
    assert objects.writes(before) == []


def test_what_is_no_vhd_is_not_uploaded(aws: Cloud, small_disk: SmallDisk, bucket: str) -> None:
    before = aws.mark()
    refused = aws.fails(
        MODULE,
        bucket=bucket,
        key="small.vhd",
        src=str(small_disk.qcow2),
        source_sha256=small_disk.sha256,
        create_bucket=True,
    )
    assert "not a VHD" in refused.msg
    assert aws.requests(before) == []


def test_a_bucket_of_another_region_is_refused(imports: Cloud, small_disk: SmallDisk) -> None:
    objects = imports.with_options(name=None, tags=None, wait_interval=None, wait_timeout=None)
    before = objects.mark()
    refused = objects.fails(MODULE, src=str(small_disk.dynamic_vhd), region="eu-west-1")
    assert "is in eu-central-1" in refused.msg
    assert objects.writes(before) == []


def test_an_upload_in_parts_gets_through_faults(aws: Cloud, bucket: str, sha256: str, large_vhd: Path) -> None:
    objects = aws.with_options(bucket=bucket, key="large.vhd", source_sha256=sha256, src=str(large_vhd))
    objects.fault("UploadPart", nth=2, status=503)
    objects.fault("UploadPart", nth=3, drop="before")
    objects.fault("CreateMultipartUpload", drop="after")
    objects.fault("CompleteMultipartUpload", status=503)
    start = objects.mark()
    large = objects.succeeds(MODULE, create_bucket=True)
    again = objects.succeeds(MODULE)
    assert large.changed
    assert large["size"] == 40 * MIB + 512
    assert not again.changed
    assert objects.operations(start).count("UploadPart") >= 5

    # The first answer to CreateMultipartUpload got lost: what it began is aborted.
    removal = objects.with_options(src=None, state="absent", delete_bucket=True)
    check = removal.succeeds(MODULE, check_mode=True)
    start = removal.mark()
    gone = removal.succeeds(MODULE)
    assert removal.writes(start) == ["AbortMultipartUpload", "DeleteObject", "DeleteBucket"]
    before = removal.mark()
    check_again = removal.succeeds(MODULE, check_mode=True)
    gone_again = removal.succeeds(MODULE)
    assert removal.writes(before) == []
    assert check.changed
    assert check["bucket_deleted"]
    assert gone.changed
    assert gone["bucket_deleted"]
    assert gone["diff"]["before"]["size"] == large["size"]
    assert gone["diff"]["after"] == {}
    assert not check_again.changed
    assert not gone_again.changed


def test_of_an_upload_that_fails_nothing_is_left(aws: Cloud, bucket: str, sha256: str, large_vhd: Path) -> None:
    aws.fault("UploadPart", nth=2, status=403)
    start = aws.mark()
    in_vain = aws.fails(
        MODULE, bucket=bucket, key="large.vhd", source_sha256=sha256, src=str(large_vhd), create_bucket=True
    )
    assert in_vain["failure"]["operation"] == "UploadPart"
    assert f"upload {large_vhd}" in in_vain.msg
    assert aws.operations(start)[-2:] == ["AbortMultipartUpload", "DeleteBucket"]


def test_all_versions_go_but_those_of_other_content(
    aws: Cloud, s3: Any, small_disk: SmallDisk, bucket: str, sha256: str
) -> None:
    staged = aws.with_options(bucket=bucket, key="small.vhd", source_sha256=sha256)
    staged.succeeds(MODULE, src=str(small_disk.dynamic_vhd), create_bucket=True)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    staged.succeeds(MODULE, src=str(small_disk.fixed_vhd))
    s3.delete_object(Bucket=bucket, Key="small.vhd")
    others = s3.put_object(Bucket=bucket, Key="small.vhd", Body=b"other")["VersionId"]
    assert "carries no source-sha256" in staged.fails(MODULE, state="absent").msg
    s3.delete_object(Bucket=bucket, Key="small.vhd")

    assert staged.succeeds(MODULE, state="absent", check_mode=True).changed
    removed = staged.succeeds(MODULE, state="absent")
    assert removed.changed
    assert [version["VersionId"] for version in s3.list_object_versions(Bucket=bucket)["Versions"]] == [others]
    assert not staged.succeeds(MODULE, state="absent").changed
    # By its key alone, all of it goes, and the bucket can follow.
    assert staged.succeeds(MODULE, state="absent", source_sha256=None, delete_bucket=True)["bucket_deleted"]


def test_what_cannot_be_removed_is_told_and_no_failure(aws: Cloud, small_disk: SmallDisk, bucket: str) -> None:
    staged = aws.with_options(bucket=bucket, key="small.vhd", source_sha256=small_disk.sha256)
    staged.succeeds(MODULE, src=str(small_disk.dynamic_vhd), create_bucket=True)
    staged.fault("DeleteObject", status=403)
    stays = staged.succeeds(MODULE, state="absent", best_effort=True)
    assert stays["remains"] == [f"s3://{bucket}/small.vhd"]
    assert not stays.changed
    assert "AccessDenied" in stays.warnings[0]
    assert "alpine_aws_keep_staged" in stays.warnings[0]
    assert staged.succeeds(MODULE, state="absent", best_effort=True)["remains"] == []
