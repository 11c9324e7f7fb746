# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs at once in Oracle Cloud: they end with one of each thing."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.modules.oci.conftest import BUCKET
from tests.modules.oci.test_alpine_oci_image import ABSENT
from tests.support.cloud import Cloud
from tests.support.pairs import at_once

IMAGE = "alpine_oci_image"
OBJECT = "alpine_oci_object"


@pytest.mark.parametrize("other", [{}, {"freeform_tags": {"purpose": "another"}}], ids=["identical", "other tags"])
def test_two_imports_of_one_image_make_one(images: Cloud, other: dict[str, Any]) -> None:
    first, second = at_once(images, IMAGE, "CreateImage", other=other)
    assert first["image_id"] == second["image_id"]
    before = images.mark()
    assert images.succeeds(IMAGE, freeform_tags={}).changed is False
    assert images.writes(before) == []
    assert images.succeeds(IMAGE, **ABSENT)["image_ids"] == [first["image_id"]]


def test_two_removals_of_one_image_are_both_content(images: Cloud) -> None:
    images.succeeds(IMAGE)
    removal = images.with_options(**ABSENT)
    at_once(removal, IMAGE, "DeleteImage")
    assert not removal.succeeds(IMAGE).changed


@pytest.mark.parametrize("held", ["PutObject", "DeleteObject", "CreateMultipartUpload", "CommitMultipartUpload"])
def test_two_runs_stage_and_remove_one_file(oci: Cloud, held: str, staged: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"iaas_endpoint": None, "bucket": BUCKET, "name": staged}
    if held == "DeleteObject":
        options["state"] = "absent"
    else:
        size = "25M" if "Multipart" in held else "1M"
        file = tmp_path / "file.qcow2"
        preallocated = ["-o", "preallocation=full"]
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *preallocated, str(file), size], check=True)
        options |= {"name": f"two-{staged}", "src": str(file), "part_size": 10}
    at_once(oci, OBJECT, held, **options)
    before = oci.mark()
    assert not oci.succeeds(OBJECT, **options).changed
    assert oci.writes(before) == []


def test_two_runs_set_the_same_shapes_and_capabilities(oci: Cloud, image_id: str, compartment: str) -> None:
    options: dict[str, Any] = {"image_id": image_id, "compartment_id": compartment, "architecture": "aarch64"}
    at_once(oci, "alpine_oci_image_shapes", "RemoveImageShapeCompatibilityEntry", **options)
    options |= {"firmware": "uefi", "wait_interval": 0}
    first, second = at_once(oci, "alpine_oci_image_capabilities", "CreateComputeImageCapabilitySchema", **options)
    assert first["schema_id"] == second["schema_id"]
    removal: dict[str, Any] = {"image_id": image_id, "state": "absent"}
    at_once(oci, "alpine_oci_image_capabilities", "DeleteComputeImageCapabilitySchema", **removal)
