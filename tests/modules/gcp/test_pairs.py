# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs at once in Google Cloud: they end with one of each thing."""

from __future__ import annotations

import secrets

import pytest

from tests.support.cloud import Cloud
from tests.support.disks import SmallDisk
from tests.support.pairs import at_once

IMAGE = "alpine_gcp_image"


def test_two_imports_of_one_image_make_one(images: Cloud) -> None:
    first, second = at_once(images, IMAGE, "images.insert")
    assert first["id"] == second["id"]
    assert sorted([first.changed, second.changed]) == [False, True]


def test_two_runs_replace_what_a_failed_import_has_left_once(images: Cloud) -> None:
    images.fault("images.insert", service="compute", fail="Out of disks.")
    images.fails(IMAGE)
    first, second = at_once(images, IMAGE, "images.delete")
    assert (first["id"], first["status"]) == (second["id"], "READY")


@pytest.mark.parametrize("held", ["images.delete", "images.setLabels"])
def test_two_changes_of_one_image_agree(images: Cloud, held: str) -> None:
    images.succeeds(IMAGE)
    options = {"state": "absent"} if held == "images.delete" else {"labels": {"team": secrets.token_hex(4)}}
    at_once(images, IMAGE, held, **options)
    assert not images.succeeds(IMAGE, **options).changed


@pytest.mark.parametrize("held", ["objects.insert", "objects.delete"])
def test_two_runs_stage_and_remove_one_archive(images: Cloud, small_disk: SmallDisk, held: str) -> None:
    bucket, name = str(images.options["source"]).removeprefix("gs://").split("/", 1)
    staging = images.with_options(source=None, architecture=None, firmware=None, wait_interval=None)
    staging = staging.with_options(bucket=bucket, name=name, state="absent")
    if held == "objects.insert":
        staging = staging.with_options(
            name=f"{secrets.token_hex(8)}.tar.gz", state="present", src=str(small_disk.gce_tar)
        )
    at_once(staging, "alpine_gcs_object", held)
    assert not staging.succeeds("alpine_gcs_object").changed
