# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_azure_gallery_image over the sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cloud import Cloud

MODULE = "alpine_azure_gallery_image"


def test_a_creation_happens_once(definitions: Cloud) -> None:
    check = definitions.succeeds(MODULE, check_mode=True)
    start = definitions.mark()
    real = definitions.succeeds(MODULE)
    assert definitions.writes(start) == ["GalleryImages_CreateOrUpdate"]
    before = definitions.mark()
    check_again = definitions.succeeds(MODULE, check_mode=True)
    again = definitions.succeeds(MODULE)
    assert definitions.writes(before) == []
    assert (check.changed, check["id"]) == (True, None)
    assert real.changed
    assert real["id"].endswith("/images/alpine-x86_64-uefi-tiny")
    assert real["diff"] == check["diff"]
    assert (real["hyper_v_generation"], real["architecture"]) == ("V2", "x86_64")
    assert real["disk_controller_types"] == ["NVMe", "SCSI"]
    assert real["accelerated_networking"] is True
    assert (real["os_type"], real["os_state"], real["security_type"]) == ("Linux", "Generalized", "Standard")
    assert not check_again.changed
    assert not again.changed


def test_check_mode_foresees_a_definition_in_a_gallery_yet_to_be_made(definitions: Cloud) -> None:
    assert definitions.succeeds(MODULE, check_mode=True, gallery="yet.to.be.made").changed


def test_what_can_be_changed_is_changed_once(definitions: Cloud) -> None:
    definitions.succeeds(MODULE)
    options: dict[str, Any] = {
        "description": "An image",
        "end_of_life_date": "2028-05-01",
        "release_note_uri": "https://alpinelinux.org/posts/",
        "tags": {"owner": "me"},
    }
    check = definitions.succeeds(MODULE, check_mode=True, **options)
    start = definitions.mark()
    real = definitions.succeeds(MODULE, **options)
    assert definitions.writes(start) == ["GalleryImages_Update"]
    before = definitions.mark()
    check_again = definitions.succeeds(MODULE, check_mode=True, **options)
    again = definitions.succeeds(MODULE, **options)
    left = definitions.succeeds(MODULE)
    assert definitions.writes(before) == []
    assert check.changed
    assert check["diff"] == real["diff"]
    assert real.changed
    assert real["end_of_life_date"] == "2028-05-01T00:00:00Z"
    assert sorted(real["diff"]["after"]) == ["description", "end_of_life_date", "release_note_uri", "tags"]
    assert not check_again.changed
    assert not again.changed
    assert not left.changed
    assert (left["description"], left["tags"]) == ("An image", {"owner": "me"})


def test_what_cannot_be_changed_is_refused(definitions: Cloud) -> None:
    definitions.succeeds(MODULE)
    before = definitions.mark()
    other_generation = definitions.fails(MODULE, hyper_v_generation="V1")
    other_controllers = definitions.fails(MODULE, check_mode=True, disk_controller_types=["SCSI"])
    assert definitions.writes(before) == []
    assert "alpine-x86_64-uefi-tiny-2" in other_generation.msg
    assert "disk_controller_types is" in other_controllers.msg


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"architecture": "aarch64", "hyper_v_generation": "V1"}, "does not exist for aarch64"),
        ({"hyper_v_generation": "V1", "disk_controller_types": ["SCSI", "NVMe"]}, "NVMe needs hyper_v_generation V2"),
        ({"location": "atlantis"}, "is not a region of this subscription"),
    ],
)
def test_each_refusal_says_why(definitions: Cloud, options: dict[str, Any], words: str) -> None:
    before = definitions.mark()
    assert words in definitions.fails(MODULE, **options).msg
    assert definitions.writes(before) == []


def test_azures_refusal_is_in_the_message(definitions: Cloud) -> None:
    definitions.succeeds(MODULE)
    taken = definitions.fails(MODULE, name="other")
    assert "must be unique in the gallery" in taken.msg
    assert taken["failure"]["operation"] == "GalleryImages_CreateOrUpdate"


@pytest.mark.parametrize(
    ("options", "controllers"),
    [
        ({"name": "bios", "hyper_v_generation": "V1", "sku": "bios"}, ["SCSI"]),
        ({"name": "arm", "architecture": "aarch64", "sku": "arm"}, ["NVMe", "SCSI"]),
    ],
)
def test_other_definitions_are_created_once_too(
    definitions: Cloud, options: dict[str, Any], controllers: list[str]
) -> None:
    made = definitions.succeeds(MODULE, **options)
    again = definitions.succeeds(MODULE, **options)
    assert made.changed
    assert made["disk_controller_types"] == controllers
    assert made["architecture"] == options.get("architecture", "x86_64")
    assert not again.changed


def test_trusted_launch_by_default_is_explained(definitions: Cloud) -> None:
    definitions.fault("GalleryImages_CreateOrUpdate.trustedLaunch", fail="default")
    made = definitions.fails(MODULE)
    again = definitions.fails(MODULE)
    for refused in (made, again):
        assert "security_type is 'TrustedLaunchSupported', not 'Standard'" in refused.msg
        assert "SecurityType=None" in refused.msg


def test_a_definition_goes_after_its_versions(definitions: Cloud, versions: Cloud) -> None:
    versions.succeeds("alpine_azure_gallery_version")
    assert "nested resources exist" in definitions.fails(MODULE, state="absent").msg
    with versions.held("GalleryImageVersions_Delete"):
        versions.succeeds("alpine_azure_gallery_version", state="absent", wait=False)
        mark = versions.mark()
        going = definitions.start(MODULE, state="absent")
        versions.until("GalleryImageVersions_List", mark)
    assert going.result().result["changed"]


def test_a_deletion_under_way_is_joined(definitions: Cloud) -> None:
    definitions.succeeds(MODULE)
    with definitions.held("GalleryImages_Delete"):
        definitions.succeeds(MODULE, state="absent", wait=False)
        mark = definitions.mark()
        joining = definitions.start(MODULE, state="absent")
        definitions.until("GalleryImages_Get", mark)
    assert not joining.result().failed
    assert definitions.writes(mark) == []


def test_a_lost_answer_to_a_deletion_is_no_failure(definitions: Cloud) -> None:
    definitions.succeeds(MODULE)
    definitions.fault("GalleryImages_Delete", drop="after")
    assert definitions.succeeds(MODULE, state="absent").changed


def test_a_lost_answer_is_no_failure(definitions: Cloud) -> None:
    definitions.fault("GalleryImages_CreateOrUpdate", drop="after")
    assert definitions.succeeds(MODULE).changed


def test_a_deletion_happens_once(definitions: Cloud) -> None:
    definitions.succeeds(MODULE)
    check = definitions.succeeds(MODULE, check_mode=True, state="absent")
    start = definitions.mark()
    real = definitions.succeeds(MODULE, state="absent")
    assert definitions.writes(start) == ["GalleryImages_Delete"]
    before = definitions.mark()
    check_again = definitions.succeeds(MODULE, check_mode=True, state="absent")
    again = definitions.succeeds(MODULE, state="absent")
    assert definitions.writes(before) == []
    assert check.changed
    assert check["diff"] == real["diff"]
    assert real.changed
    assert (real["diff"]["before"]["publisher"], real["diff"]["after"]) == ("alpinelinux", {})
    assert not check_again.changed
    assert not again.changed
