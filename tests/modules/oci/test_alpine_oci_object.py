# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_oci_object over the sandbox: uploads, also in parts and through faults, and deletion."""

from __future__ import annotations

import re
import secrets
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.cloud import Cloud
from tests.support.disks import MIB, SmallDisk

MODULE = "alpine_oci_object"


@pytest.fixture
def objects(oci: Cloud, small_disk: SmallDisk, compartment: str) -> Cloud:
    """Oracle Cloud, with the options for an upload into a bucket that does not exist yet."""
    return oci.with_options(
        bucket=f"modules-{secrets.token_hex(8)}",
        create_bucket=True,
        compartment_id=compartment,
        name="staging/small.qcow2",
        src=str(small_disk.qcow2),
    )


@pytest.fixture
def large(objects: Cloud, tmp_path: Path) -> Cloud:
    """With the options for a file that goes in three parts."""
    path = tmp_path / "large.qcow2"
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-o", "preallocation=full", str(path), "25M"], check=True
    )
    return objects.with_options(name="large.qcow2", src=str(path), part_size=10)


def absent(cloud: Cloud) -> Cloud:
    return cloud.with_options(create_bucket=None, compartment_id=None, src=None, part_size=None, state="absent")


def test_an_upload_happens_once(objects: Cloud, small_disk: SmallDisk) -> None:
    unmade = objects.succeeds(MODULE, check_mode=True, src="/nonexistent/small.qcow2")
    no_bucket = objects.succeeds(MODULE, check_mode=True, create_bucket=False)
    check = objects.succeeds(MODULE, check_mode=True)
    start = objects.mark()
    real = objects.succeeds(MODULE)
    assert objects.writes(start) == ["CreateBucket", "PutObject"]
    before = objects.mark()
    check_again = objects.succeeds(MODULE, check_mode=True)
    real_again = objects.succeeds(MODULE)
    assert objects.writes(before) == []

    assert unmade.changed
    assert "does not exist yet" in unmade.warnings[0]
    assert unmade["size"] is None
    assert no_bucket.changed
    assert "set create_bucket" in no_bucket.warnings[0]
    assert check.changed
    assert check["bucket_created"]
    assert check["etag"] is None
    assert check["diff"] == real["diff"]
    assert check["diff"]["after"]["source_sha256"] == small_disk.sha256
    assert real.changed
    assert real["bucket_created"]
    assert isinstance(real["etag"], str)
    assert real["source_sha256"] == small_disk.sha256
    assert re.match("ax[a-z]+$", real["namespace"])
    assert not check_again.changed
    assert not real_again.changed
    assert real_again["etag"] == real["etag"]
    assert real_again["diff"]["after"] == {}


def test_large_files_arrive_in_parts_through_faults(large: Cloud) -> None:
    large.fault("CreateMultipartUpload", drop="after")
    large.fault("UploadPart", nth=1, status=503)
    large.fault("UploadPart", nth=2, drop="before")
    large.fault("UploadPart", nth=3, drop="after")
    large.fault("CommitMultipartUpload", drop="after")
    real = large.succeeds(MODULE)
    again = large.succeeds(MODULE)
    gone = absent(large).succeeds(MODULE)
    assert real.changed
    assert real["size"] > 25 * MIB
    assert not again.changed
    assert again["etag"] == real["etag"]
    assert gone.changed
    # The lost answer to CreateMultipartUpload left no upload.
    assert gone["aborted_uploads"] == 0


def test_what_a_failure_leaves_the_next_run_removes(large: Cloud) -> None:
    large.fault("UploadPart", status=400, count=20)
    large.fault("AbortMultipartUpload", status=400, count=20)
    refused = large.fails(MODULE)
    assert large.unused_faults() == []
    real = large.succeeds(MODULE)
    assert refused.msg.startswith(f"Could not upload large.qcow2 in bucket {large.options['bucket']}")
    assert (refused["failure"]["operation"], refused["failure"]["status"]) == ("UploadPart", 400)
    assert real.changed
    assert real["aborted_uploads"] == 1


def test_small_files_arrive_in_one_request_through_faults(objects: Cloud) -> None:
    objects.fault("PutObject", status=503)
    objects.fault("PutObject", nth=2, status=429)
    objects.fault("PutObject", nth=3, drop="after")
    assert objects.succeeds(MODULE).changed


def test_content_is_identity(objects: Cloud, large: Cloud) -> None:
    objects.succeeds(MODULE)
    conflict = objects.fails(MODULE, src=large.options["src"])
    other = absent(objects).succeeds(MODULE, source_sha256="0" * 64)
    assert "holds other content" in conflict.msg
    assert not other.changed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"src": "/nonexistent/x.qcow2"}, "no such file"),
        ({"bucket": "missing", "create_bucket": False}, "bucket missing does not exist: create it"),
        ({"region": "mars-north-1", "iaas_endpoint": None}, "region 'mars-north-1' is not a region"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(objects: Cloud, options: dict[str, Any], message: str) -> None:
    before = objects.mark()
    assert message in objects.fails(MODULE, **options).msg
    assert objects.writes(before) == []


def test_what_is_no_image_is_not_uploaded(objects: Cloud, tmp_path: Path) -> None:
    (tmp_path / "text.qcow2").write_text("no image")
    before = objects.mark()
    assert "is not a qcow2 image" in objects.fails(MODULE, src=str(tmp_path / "text.qcow2")).msg
    assert objects.writes(before) == []


def test_credentials_are_asked_for_by_the_names_of_their_options(objects: Cloud) -> None:
    unknown = objects.fails(MODULE, api_user="ocid1.user.oc1..nobody")
    none = objects.fails(MODULE, config_file_location=None)
    assert unknown["failure"]["code"] == "NotAuthenticated"
    assert "Check api_user, api_user_fingerprint" in unknown.msg
    assert "Credentials for Oracle Cloud are incomplete" in none.msg
    assert "api_user is missing" in none.msg


def test_a_deletion_happens_once(objects: Cloud) -> None:
    objects.succeeds(MODULE)
    removal = absent(objects)
    check = removal.succeeds(MODULE, check_mode=True)
    real = removal.succeeds(MODULE)
    before = removal.mark()
    check_again = removal.succeeds(MODULE, check_mode=True)
    real_again = removal.succeeds(MODULE)
    no_bucket = removal.succeeds(MODULE, bucket="missing")
    assert removal.writes(before) == []
    assert check.changed
    assert real.changed
    assert not check_again.changed
    assert not real_again.changed
    assert not no_bucket.changed
