# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of AWS's modules start from. Content is identity, so each test has an image of its own."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator

import pytest

from tests.support.cloud import Cloud
from tests.support.disks import SmallDisk


@pytest.fixture
def sha256() -> str:
    """Of an image that no other test has."""
    return hashlib.sha256(secrets.token_bytes()).hexdigest()


@pytest.fixture
def bucket(aws: Cloud) -> Iterator[str]:
    """The name of a bucket that does not exist yet."""
    name = f"modules-{secrets.token_hex(8)}"
    yield name
    for key in ("small.vhd", "large.vhd", "other.vhd"):
        aws.run("alpine_s3_object", bucket=name, key=key, state="absent", delete_bucket=True)


@pytest.fixture
def imports(aws: Cloud, small_disk: SmallDisk, bucket: str, sha256: str) -> Cloud:
    """AWS, with the options for an import of the small disk, which is staged."""
    aws.succeeds(
        "alpine_s3_object",
        bucket=bucket,
        key="small.vhd",
        src=str(small_disk.dynamic_vhd),
        source_sha256=sha256,
        create_bucket=True,
    )
    return aws.with_options(
        name=f"alpine-{secrets.token_hex(8)}",
        source_sha256=sha256,
        bucket=bucket,
        key="small.vhd",
        tags={"team": "platform"},
        wait_interval=1,
        wait_timeout=60,
    )


@pytest.fixture
def amis(imports: Cloud) -> Cloud:
    """AWS, with the options for an AMI of the small disk, whose snapshot is imported."""
    snapshot = imports.succeeds("alpine_ec2_import_snapshot")
    return imports.with_options(
        bucket=None,
        key=None,
        snapshot_id=snapshot["snapshot_id"],
        architecture="x86_64",
        boot_mode="uefi-preferred",
        description="Alpine for tests",
    )
