# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_gcp_image over the sandbox: imports, changes and deletions that come to a good end."""

from __future__ import annotations

import re
from typing import Any

from tests.support.cloud import Cloud
from tests.support.disks import SmallDisk

MODULE = "alpine_gcp_image"
FEATURES = ["GVNIC", "UEFI_COMPATIBLE", "VIRTIO_SCSI_MULTIQUEUE"]


def test_an_import_happens_once(images: Cloud, small_disk: SmallDisk) -> None:
    options: dict[str, Any] = {
        "family": "alpine-x86-64-uefi-tiny",
        "labels": {"team": "platform"},
        "storage_locations": ["europe-west3"],
    }
    check = images.succeeds(MODULE, check_mode=True, **options)
    # All of them transient.
    images.fault("images.get", service="compute", status=503)
    images.fault("images.insert", service="compute", drop="after")
    images.fault("globalOperations.get", service="compute", status=429)
    start = images.mark()
    real = images.succeeds(MODULE, **options)
    # The answer was lost, and the request was repeated with its id.
    assert images.writes(start) == ["images.insert", "images.insert"]

    before = images.mark()
    check_again = images.succeeds(MODULE, check_mode=True, **options)
    real_again = images.succeeds(MODULE, **options)
    short = images.succeeds(MODULE, source=None, firmware="uefi")
    assert images.writes(before) == []

    assert check.changed
    assert (check["id"], check["status"], check["architecture"]) == (None, None, "X86_64")
    assert check["diff"]["before"] == {}
    assert check["diff"]["after"]["guest_os_features"] == FEATURES
    assert real.changed
    assert re.fullmatch("[0-9]+", real["id"])
    assert real["self_link"].endswith(f"/global/images/{images.options['name']}")
    assert (real["status"], real["architecture"], real["disk_size_gb"]) == ("READY", "X86_64", 1)
    assert real["guest_os_features"] == FEATURES
    assert real["family"] == "alpine-x86-64-uefi-tiny"
    assert real["labels"] == {"team": "platform", "source-sha256": small_disk.sha256[:63]}
    assert real["storage_locations"] == ["europe-west3"]
    assert real["archive_size_bytes"] == small_disk.gce_tar.stat().st_size
    assert real["creation_timestamp"]
    assert not check_again.changed
    assert not real_again.changed
    assert not short.changed
    assert {again["id"] for again in (check_again, real_again, short)} == {real["id"]}
    assert short["family"] == real["family"]


def test_what_can_be_changed_is_changed_once_and_in_place(images: Cloud, small_disk: SmallDisk) -> None:
    made = images.succeeds(MODULE, family="alpine-x86-64-uefi-tiny", labels={"team": "platform"})
    options: dict[str, Any] = {"family": "alpine", "labels": {}, "description": "A small image."}
    check = images.succeeds(MODULE, check_mode=True, **options)
    start = images.mark()
    real = images.succeeds(MODULE, **options)
    assert images.writes(start) == ["images.patch", "images.setLabels"]
    before = images.mark()
    check_again = images.succeeds(MODULE, check_mode=True, **options)
    real_again = images.succeeds(MODULE, **options)
    assert images.writes(before) == []
    assert check.changed
    assert check["diff"] == real["diff"]
    assert sorted(real["diff"]["before"]) == ["description", "family", "labels"]
    assert real["diff"]["before"]["family"] == "alpine-x86-64-uefi-tiny"
    assert real.changed
    assert real["id"] == made["id"]
    assert (real["family"], real["description"]) == ("alpine", "A small image.")
    assert real["labels"] == {"source-sha256": small_disk.sha256[:63]}
    assert not check_again.changed
    assert not real_again.changed


def test_lost_answers_to_changes_are_no_failures(images: Cloud) -> None:
    images.succeeds(MODULE)
    images.fault("images.patch", service="compute", drop="after")
    images.fault("images.setLabels", service="compute", drop="after")
    changed = images.succeeds(MODULE, family="alpine", labels={"team": "platform"})
    assert changed.changed
    assert (changed["family"], changed["labels"]["team"]) == ("alpine", "platform")


def test_a_deletion_happens_once(images: Cloud) -> None:
    images.succeeds(MODULE)
    check = images.succeeds(MODULE, check_mode=True, state="absent")
    images.fault("images.delete", service="compute", drop="after")
    real = images.succeeds(MODULE, state="absent")
    before = images.mark()
    check_again = images.succeeds(MODULE, check_mode=True, state="absent")
    real_again = images.succeeds(MODULE, state="absent")
    assert images.writes(before) == []
    assert check.changed
    assert real.changed
    assert real["id"] is None
    assert real["diff"]["before"]["name"] == images.options["name"]
    assert real["diff"]["after"] == {}
    assert not check_again.changed
    assert not real_again.changed
