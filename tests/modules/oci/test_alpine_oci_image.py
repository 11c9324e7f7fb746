# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_oci_image over the sandbox: imports, changes and deletions that come to a good end."""

from __future__ import annotations

from typing import Any

from tests.support.cloud import Cloud
from tests.support.disks import SmallDisk

MODULE = "alpine_oci_image"
ABSENT: dict[str, Any] = {
    "bucket": None, "object_name": None, "architecture": None, "firmware": None, "freeform_tags": None,
    "operating_system_version": None, "source_sha256": None, "state": "absent",
}  # fmt: skip


def test_an_import_happens_once(images: Cloud, small_disk: SmallDisk) -> None:
    # The object may have yet to be uploaded.
    check = images.succeeds(MODULE, check_mode=True, object_name="missing.qcow2")
    images.fault("CreateImage", status=429)
    images.fault("CreateImage", nth=2, drop="after")
    real = images.succeeds(MODULE)
    before = images.mark()
    check_again = images.succeeds(MODULE, check_mode=True)
    real_again = images.succeeds(MODULE)
    assert images.writes(before) == []

    assert check.changed
    assert (check["image_id"], check["firmware_from"]) == (None, None)
    assert check["diff"]["after"]["firmware"] == "UEFI_64"
    assert real.changed
    assert real["image_id"].startswith("ocid1.image.oc1.")
    assert (real["lifecycle_state"], real["launch_mode"]) == ("AVAILABLE", "CUSTOM")
    assert real["launch_options"]["firmware"] == "UEFI_64"
    assert real["launch_options"]["boot_volume_type"] == "PARAVIRTUALIZED"
    assert (real["firmware"], real["firmware_from"]) == ("UEFI_64", "launch_options")
    assert real["freeform_tags"] == {"purpose": "test", "source-sha256": small_disk.sha256}
    assert real["size_in_mbs"] == 16
    assert real["work_request_id"].startswith("ocid1.coreservicesworkrequest.")
    assert not check_again.changed
    assert not real_again.changed
    assert real_again["image_id"] == real["image_id"]
    assert real_again["diff"]["after"] == {}

    # Despite the lost answer, there is one.
    gone = images.succeeds(MODULE, **ABSENT)
    assert gone["image_ids"] == [real["image_id"]]


def test_what_can_be_changed_is_changed_once(images: Cloud) -> None:
    made = images.succeeds(MODULE)
    changes: dict[str, Any] = {"freeform_tags": {"stage": "production"}, "operating_system_version": "3.24.3"}
    check = images.succeeds(MODULE, check_mode=True, **changes)
    start = images.mark()
    real = images.succeeds(MODULE, **changes)
    assert images.writes(start) == ["UpdateImage"]
    again = images.succeeds(MODULE, **changes)
    assert check.changed
    assert check["diff"] == real["diff"]
    assert real.changed
    assert real["image_id"] == made["image_id"]
    assert (real["freeform_tags"]["purpose"], real["freeform_tags"]["stage"]) == ("test", "production")
    assert real["diff"]["after"]["operating_system_version"] == "3.24.3"
    assert not again.changed


def test_an_import_under_way_is_adopted(images: Cloud) -> None:
    unwaited = images.succeeds(MODULE, wait=False)
    adopted = images.succeeds(MODULE)
    impatient = images.fails(MODULE, name=f"{images.options['name']}-slow", wait_timeout=0)
    assert unwaited.changed
    assert (unwaited["lifecycle_state"], unwaited["firmware_from"]) == ("IMPORTING", None)
    assert not adopted.changed
    assert (adopted["image_id"], adopted["lifecycle_state"]) == (unwaited["image_id"], "AVAILABLE")
    assert "Gave up after 0 seconds (wait_timeout)" in impatient.msg


def test_where_launch_options_are_ignored_firmware_is_left_to_the_capabilities(images: Cloud) -> None:
    images.fault("CreateImage.launchOptions", fail="ignore")
    ignored = images.succeeds(MODULE)
    assert ignored.changed
    assert (ignored["firmware"], ignored["firmware_from"]) == ("UEFI_64", "capabilities")
    assert ignored["launch_options"]["firmware"] == "BIOS"
    assert "has firmware BIOS in its launch options, not UEFI_64" in " ".join(ignored.warnings)


def test_where_launch_options_are_refused_the_import_goes_without(images: Cloud) -> None:
    images.fault("CreateImage.launchOptions", fail="unsupported")
    refused = images.succeeds(MODULE)
    assert refused.changed
    assert (refused["firmware_from"], refused["launch_mode"]) == ("capabilities", "PARAVIRTUALIZED")
    assert "This region refuses launch options at import" in " ".join(refused.warnings)


def test_a_bios_image_needs_no_launch_options_and_is_followed_through_faults(images: Cloud) -> None:
    images.fault("GetImage", status=500)
    images.fault("GetWorkRequest", drop="before")
    bios = images.succeeds(MODULE, firmware="bios")
    assert (bios["firmware"], bios["firmware_from"], bios["launch_mode"]) == (
        "BIOS", "launch_options", "PARAVIRTUALIZED",
    )  # fmt: skip
    assert bios.warnings == []


def test_a_deletion_happens_once(images: Cloud) -> None:
    made = images.succeeds(MODULE)
    removal = images.with_options(**ABSENT)
    check = removal.succeeds(MODULE, check_mode=True)
    other = removal.fails(MODULE, source_sha256="0" * 64)
    real = removal.succeeds(MODULE)
    before = removal.mark()
    check_again = removal.succeeds(MODULE, check_mode=True)
    real_again = removal.succeeds(MODULE)
    assert removal.writes(before) == []
    assert check.changed
    assert f"{made['image_id']}) carries source-sha256" in other.msg
    assert real.changed
    assert real["image_ids"] == [made["image_id"]]
    assert not check_again.changed
    assert not real_again.changed
