# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_gcs_object over the sandbox."""

from __future__ import annotations

import pytest

from tests.support.cloud import Cloud
from tests.support.disks import SmallDisk

MODULE = "alpine_gcs_object"


@pytest.fixture
def bucket(gcp: Cloud, small_disk: SmallDisk) -> Cloud:
    return gcp.with_options(
        bucket="modules-gcs-object",
        create_bucket=True,
        src=str(small_disk.gce_tar),
        source_sha256=small_disk.sha256,
    )


def test_an_upload_happens_once(bucket: Cloud) -> None:
    options = {"name": "once.tar.gz"}
    check = bucket.succeeds(MODULE, check_mode=True, **options)
    real = bucket.succeeds(MODULE, **options)
    before = bucket.mark()
    again = bucket.succeeds(MODULE, **options)
    assert check.changed
    assert real.changed
    assert real["uri"] == "gs://modules-gcs-object/once.tar.gz"
    assert not again.changed
    assert bucket.writes(before) == []


def test_a_bucket_that_is_missing_is_named(bucket: Cloud) -> None:
    refused = bucket.fails(MODULE, name="a.tar.gz", bucket="modules-gcs-missing", create_bucket=False)
    assert "bucket modules-gcs-missing does not exist" in refused.msg
