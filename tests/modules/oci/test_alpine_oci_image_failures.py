# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_oci_image over the sandbox: imports that fail, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.modules.oci.conftest import BUCKET
from tests.support.cloud import Cloud
from tests.support.disks import SmallDisk

MODULE = "alpine_oci_image"


def test_a_truncated_image_fails_with_oracles_reason(
    images: Cloud, oci: Cloud, small_disk: SmallDisk, tmp_path: Path
) -> None:
    truncated = tmp_path / "truncated.qcow2"
    truncated.write_bytes(small_disk.qcow2.read_bytes()[:700_000])
    name = f"{images.options['name']}.qcow2"
    oci.succeeds("alpine_oci_object", iaas_endpoint=None, bucket=BUCKET, name=name, src=str(truncated))
    failed = images.fails(MODULE, object_name=name)
    assert "The image is corrupt or truncated" in failed.msg
    assert (failed["failure"]["operation"], failed["failure"]["code"]) == ("CreateImage", "InvalidImage")
    assert failed["failure"]["details"]["image_id"].startswith("ocid1.image.")


def test_a_failed_import_is_no_hindrance_to_the_next(images: Cloud) -> None:
    images.fault("CreateImage", fail="The moon is in the wrong phase")
    failed = images.fails(MODULE)
    retried = images.succeeds(MODULE)
    assert "and the image is DELETED: The moon is in the wrong phase" in failed.msg
    assert retried.changed
    assert retried["image_id"] != failed["failure"]["details"]["image_id"]


def test_what_does_not_exist_or_may_not_be_seen(images: Cloud) -> None:
    missing = images.fails(MODULE, object_name="missing.qcow2")
    foreign = images.fails(MODULE, compartment_id="ocid1.compartment.oc1..aaaaaaaaforeign")
    assert missing["failure"]["code"] == "InvalidParameter"
    assert foreign["failure"]["code"] == "NotAuthorizedOrNotFound"
    assert "a policy is missing" in foreign.msg


def test_other_content_of_the_same_name_is_a_conflict(images: Cloud) -> None:
    made = images.succeeds(MODULE)
    conflict = images.fails(MODULE, source_sha256="0" * 64)
    assert f"of other content: {made['image_id']}" in conflict.msg


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"architecture": "aarch64", "firmware": "bios"}, "firmware bios is impossible"),
        ({"bucket": ""}, "bucket must say which object to import"),
    ],
)
def test_the_impossible_is_refused_before_anything_is_written(
    images: Cloud, options: dict[str, Any], message: str
) -> None:
    before = images.mark()
    assert message in images.fails(MODULE, **options).msg
    assert images.writes(before) == []
