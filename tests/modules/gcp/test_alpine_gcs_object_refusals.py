# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_gcs_object over the sandbox: what it refuses, and in which words."""

from __future__ import annotations

import secrets
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.cloud import Cloud
from tests.support.disks import MIB, SmallDisk

MODULE = "alpine_gcs_object"


@pytest.fixture
def cloud(gcp: Cloud, small_disk: SmallDisk) -> Cloud:
    return gcp.with_options(
        bucket=f"modules-gcs-refusals-{secrets.token_hex(8)}",
        create_bucket=True,
        name="new.tar.gz",
        src=str(small_disk.gce_tar),
        source_sha256=small_disk.sha256,
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"src": "/nonexistent/small.tar.gz"}, "src /nonexistent/small.tar.gz: no such file"),
        ({"source_sha256": "abc"}, "source_sha256 must be"),
        ({"bucket": "Capital"}, "bucket must be"),
        ({"name": "small.qcow2"}, "name must end with .tar.gz"),
        ({"ca_file": "/nonexistent/ca.pem"}, "ca_file /nonexistent/ca.pem: No such file"),
        ({"service_account_file": "/nonexistent/key.json"}, "service_account_file /nonexistent/key.json"),
        ({"auth_kind": "accesstoken"}, "needs access_token"),
        ({"auth_kind": "accesstoken", "access_token": "wrong"}, "access_token is not valid"),
        ({"auth_kind": "application"}, "no usable application default credentials"),
    ],
)
def test_each_refusal_says_what_to_do(cloud: Cloud, options: dict[str, Any], words: str) -> None:
    before = cloud.mark()
    assert words in cloud.fails(MODULE, **options).msg
    assert cloud.writes(before) == []


def test_a_file_that_compute_engine_does_not_import_is_refused(
    cloud: Cloud, small_disk: SmallDisk, tmp_path: Path
) -> None:
    # The format that Python and Go prefer.
    (tmp_path / "disk.raw").write_bytes(bytes(MIB))
    pax = tmp_path / "pax.tar.gz"
    subprocess.run(["tar", "--format=pax", "-C", str(tmp_path), "-czf", str(pax), "disk.raw"], check=True)
    before = cloud.mark()
    assert "is not compressed by gzip" in cloud.fails(MODULE, src=str(small_disk.qcow2)).msg
    assert "is not a tar file in GNU format" in cloud.fails(MODULE, src=str(pax)).msg
    assert cloud.writes(before) == []


def test_a_key_file_that_is_none_is_refused(cloud: Cloud, small_disk: SmallDisk) -> None:
    before = cloud.mark()
    refused = cloud.fails(MODULE, service_account_file=str(small_disk.raw))
    assert "is not the JSON key of a service account" in refused.msg
    assert cloud.writes(before) == []


def test_other_content_is_not_overwritten(cloud: Cloud) -> None:
    cloud.succeeds(MODULE)
    before = cloud.mark()
    assert "Choose another name" in cloud.fails(MODULE, source_sha256="0" * 64).msg
    assert cloud.writes(before) == []


def test_a_bucket_that_is_missing_is_named(cloud: Cloud) -> None:
    before = cloud.mark()
    refused = cloud.fails(MODULE, bucket="modules-gcs-no-such-bucket", create_bucket=False)
    assert "bucket modules-gcs-no-such-bucket does not exist" in refused.msg
    # The bucket was asked to take it, since an upload alone needs no permission to look at buckets.
    assert cloud.writes(before) == ["objects.insert"]
