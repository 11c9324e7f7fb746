# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_gcp_image over the sandbox: what it refuses, what fails in Google Cloud, and what earlier runs have left."""

from __future__ import annotations

import secrets
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.cloud import Cloud
from tests.support.disks import GIB, SmallDisk

MODULE = "alpine_gcp_image"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"name": "alpine-3.24.2-x86_64-tiny-r0"}, "Legal would be 'alpine-3-24-2-x86-64-tiny-r0'"),
        ({"storage_locations": ["mars-west1"]}, "there is no region mars-west1"),
        ({"project": "no-such-project"}, "The resource 'projects/no-such-project' was not found"),
    ],
)
def test_each_refusal_says_what_to_do(images: Cloud, options: dict[str, Any], words: str) -> None:
    before = images.mark()
    assert words in images.fails(MODULE, **options).msg
    assert images.writes(before) == []


def test_an_image_that_differs_is_left_alone(images: Cloud) -> None:
    images.succeeds(MODULE, storage_locations=["europe-west3"])
    before = images.mark()
    refusals: list[tuple[dict[str, Any], str]] = [
        ({"source_sha256": "1" * 64}, "Choose another name"),
        ({"source_sha256": "1" * 64, "state": "absent"}, "is not removed"),
        ({"guest_os_features": ["GVNIC"]}, "To replace it, delete it first (state=absent)"),
        ({"firmware": "bios"}, "guest_os_features is"),
        ({"architecture": "aarch64"}, "architecture is 'X86_64', not 'ARM64'"),
        ({"storage_locations": ["us"]}, "storage_locations is ['europe-west3'], not ['us']"),
    ]
    for options, words in refusals:
        assert words in images.fails(MODULE, **options).msg
    assert images.writes(before) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"source": "gs://modules-gcp-image/missing.tar.gz"}, "was not found"),
        ({"guest_os_features": ["TELEPATHY"]}, "TELEPATHY"),
    ],
)
def test_googles_refusal_is_in_the_message(images: Cloud, options: dict[str, Any], words: str) -> None:
    refused = images.fails(MODULE, **options)
    assert f"Google Cloud could not import image {images.options['name']}" in refused.msg
    assert words in refused.msg


def test_an_answer_that_breaks_off_is_asked_for_again(images: Cloud) -> None:
    images.fault("images.get", service="compute", drop="during")
    assert images.succeeds(MODULE).changed


def test_what_a_failed_import_has_left_is_replaced(
    images: Cloud, gcp: Cloud, small_disk: SmallDisk, tmp_path: Path
) -> None:
    with (tmp_path / "disk.raw").open("wb") as disk:
        disk.truncate(GIB)
    (tmp_path / "second").write_text("second")
    archive = tmp_path / "two-members.tar.gz"
    # It looks good from its beginning.
    members = ["disk.raw", "second"]
    subprocess.run(["tar", "--format=oldgnu", "-C", str(tmp_path), "-Sczf", str(archive), *members], check=True)
    staged = gcp.succeeds(
        "alpine_gcs_object",
        bucket="modules-gcp-image",
        name=f"{secrets.token_hex(8)}.tar.gz",
        src=str(archive),
        source_sha256=small_disk.sha256,
    )
    failed = images.fails(MODULE, source=staged["uri"])
    check = images.succeeds(MODULE, check_mode=True)
    start = images.mark()
    real = images.succeeds(MODULE)
    assert images.writes(start) == ["images.delete", "images.insert"]
    assert f"could not import image {images.options['name']}" in failed.msg
    assert "The tar archive is not a valid image." in failed.msg
    assert (failed["failure"]["operation"], failed["failure"]["code"]) == ("images.insert", "INVALID_IMAGE_TAR")
    assert (check.changed, check["status"]) == (True, "FAILED")
    assert (real.changed, real["status"]) == (True, "READY")


def test_an_import_under_way_is_adopted(images: Cloud) -> None:
    with images.held("images.insert"):
        begun = images.succeeds(MODULE, wait=False)
        before = images.mark()
        begun_again = images.succeeds(MODULE, wait=False)
        mark = images.mark()
        joining = images.start(MODULE)
        images.until("images.get", mark)
    awaited = joining.result()
    assert images.writes(before) == []
    assert (begun.changed, begun["status"]) == (True, "PENDING")
    assert not begun_again.changed
    assert not awaited.changed
    assert awaited["status"] == "READY"
    assert awaited["id"] == begun["id"]


def test_waiting_has_a_bound(images: Cloud) -> None:
    gave_up = images.fails(MODULE, wait_timeout=0)
    assert "wait_timeout" in gave_up.msg
    # It was not in vain: the next run picks it up.
    assert not images.succeeds(MODULE).changed


def test_an_import_that_was_not_waited_for_may_fail(images: Cloud) -> None:
    images.fault("images.insert", service="compute", fail="Out of disks.")
    with images.held("images.insert"):
        doomed = images.succeeds(MODULE, wait=False)
        before = images.mark()
        joining = images.start(MODULE)
        images.until("images.get", before)
    awaited = joining.result()
    assert doomed.changed
    assert awaited.failed
    assert "Out of disks." in awaited.msg
    # What has failed before it is looked at is replaced.
    assert images.succeeds(MODULE)["id"] != doomed["id"]
