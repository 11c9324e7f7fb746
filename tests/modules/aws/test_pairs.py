# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs of one image at the same time, such as of two pipelines: nothing of them but one image a region is left."""

from __future__ import annotations

import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest

from tests.support.cloud import Cloud
from tests.support.disks import SmallDisk

_COPY = "us-west-1"


class Run:
    """The modules that role alpine_aws runs, in its order."""

    def __init__(self, aws: Cloud, disk: SmallDisk, sha256: str, name: str) -> None:
        self._aws = aws.with_options(source_sha256=sha256)
        self._staged = {"key": "small.vhd", "src": str(disk.dynamic_vhd), "create_bucket": True}
        self._named = {"name": name, "wait_interval": 0}

    def all(self) -> dict[str, str]:
        """Returns the ids of the images by their regions."""
        bucket = self._succeeds("alpine_s3_object", **self._staged)["bucket"]
        snapshot = self._succeeds("alpine_ec2_import_snapshot", bucket=bucket, key="small.vhd", **self._named)
        self._succeeds("alpine_s3_object", key="small.vhd", state="absent", delete_bucket=True)
        image = self._succeeds(
            "alpine_ec2_image",
            snapshot_id=snapshot["snapshot_id"],
            architecture="x86_64",
            boot_mode="uefi",
            **self._named,
        )
        copies = self._succeeds("alpine_ec2_image_copy", image_id=image["image_id"], regions=[_COPY], **self._named)
        return {image["region"]: image["image_id"], _COPY: copies["images"][0]["image_id"]}

    def _succeeds(self, module: str, **options: Any) -> dict[str, Any]:
        # Several run at once: what Cloud.succeeds compares besides would be another's.
        result = self._aws.run(module, **options)
        assert not result.failed, result.result
        return result.result


@pytest.mark.parametrize(
    ("operation", "what"),
    [
        ("PutObject", "request"),
        ("PutObject", "answer"),
        ("ImportSnapshot", "request"),
        ("DeleteObject", "request"),
        ("DeleteBucket", "answer"),
        ("RegisterImage", "request"),
        ("CopyImage", "answer"),
    ],
)
def test_two_runs_at_once_end_as_one(aws: Cloud, small_disk: SmallDisk, sha256: str, operation: str, what: str) -> None:
    run = Run(aws, small_disk, sha256, f"alpine-{secrets.token_hex(8)}")
    with ThreadPoolExecutor(max_workers=1) as pool:
        # One is held where it is; the other overtakes it.
        with aws.held(operation, what):
            held = pool.submit(run.all)
            aws.sandbox.until_struck(aws.name)
            overtaking = run.all()
        assert held.result() == overtaking

    signed_in = {
        "endpoint_url": aws.options["endpoint_url"],
        "verify": aws.options["aws_ca_bundle"],
        "aws_access_key_id": aws.options["access_key"],
        "aws_secret_access_key": aws.options["secret_key"],
    }
    ours = [{"Name": "tag:source-sha256", "Values": [sha256]}]
    for region, image_id in overtaking.items():
        ec2: Any = boto3.client("ec2", region_name=region, **signed_in)
        images = ec2.describe_images(Owners=["self"], Filters=ours)["Images"]
        assert [image["ImageId"] for image in images if image["State"] != "deregistered"] == [image_id]
        assert len(ec2.describe_snapshots(OwnerIds=["self"], Filters=ours)["Snapshots"]) == 1
    s3: Any = boto3.client("s3", region_name=aws.options["region"], **signed_in)
    assert not [bucket for bucket in s3.list_buckets()["Buckets"] if bucket["Name"].startswith("alpine-cloud-")]
