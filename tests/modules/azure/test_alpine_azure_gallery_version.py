# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_azure_gallery_version over the sandbox: what comes to a good end, and what is refused."""

from __future__ import annotations

from typing import Any

from tests.support.cloud import Cloud
from tests.support.disks import SmallDisk

MODULE = "alpine_azure_gallery_version"


def _names(regions: list[dict[str, Any]]) -> list[str]:
    return [region["name"] for region in regions]


def test_an_import_happens_once(versions: Cloud, small_disk: SmallDisk) -> None:
    check = versions.succeeds(MODULE, check_mode=True)
    start = versions.mark()
    real = versions.succeeds(MODULE)
    assert versions.writes(start) == ["GalleryImageVersions_CreateOrUpdate"]
    before = versions.mark()
    check_again = versions.succeeds(MODULE, check_mode=True)
    again = versions.succeeds(MODULE)
    short = versions.succeeds(MODULE, source_uri=None, storage_account=None, target_regions=None)
    assert versions.writes(before) == []
    assert (check.changed, check["import_needed"], check["id"]) == (True, True, None)
    assert (check["provisioning_state"], check["published_date"]) == (None, None)
    assert (real.changed, real["import_needed"]) == (True, True)
    assert real["id"].endswith("/versions/3.24.2000")
    assert real["provisioning_state"] == "Succeeded"
    assert real["published_date"]
    assert _names(real["target_regions"]) == ["northeurope", "westeurope"]
    assert real["end_of_life_date"] == "2028-05-01T00:00:00Z"
    assert real["tags"]["source-sha256"] == small_disk.sha256
    assert real["diff"] == check["diff"]
    for result in (check_again, again, short):
        assert (result.changed, result["import_needed"], result["id"]) == (False, False, real["id"])


def test_check_mode_foresees_an_import_into_a_gallery_yet_to_be_made(versions: Cloud) -> None:
    foreseen = versions.succeeds(MODULE, check_mode=True, gallery="yet.to.be.made")
    assert (foreseen.changed, foreseen["import_needed"]) == (True, True)


def test_what_can_be_changed_needs_no_import(versions: Cloud) -> None:
    made = versions.succeeds(MODULE)
    options: dict[str, Any] = {
        "target_regions": [{"name": "eastus", "regional_replica_count": 2}],
        "exclude_from_latest": True,
        "end_of_life_date": "2029-05-01",
        "tags": {"owner": "me"},
    }
    check = versions.succeeds(MODULE, check_mode=True, **options)
    start = versions.mark()
    real = versions.succeeds(MODULE, **options)
    assert versions.writes(start) == ["GalleryImageVersions_Update"]
    before = versions.mark()
    check_again = versions.succeeds(MODULE, check_mode=True, **options)
    again = versions.succeeds(MODULE, **options)
    assert versions.writes(before) == []
    assert (check.changed, check["import_needed"]) == (True, False)
    assert check["diff"] == real["diff"]
    assert (real.changed, real["import_needed"], real["id"]) == (True, False, made["id"])
    assert real["exclude_from_latest"] is True
    assert real["end_of_life_date"] == "2029-05-01T00:00:00Z"
    assert real["tags"]["owner"] == "me"
    assert _names(real["target_regions"]) == ["eastus", "northeurope", "westeurope"]
    assert real["target_regions"][0]["regional_replica_count"] == 2
    assert not check_again.changed
    assert not again.changed


def test_each_refusal_says_what_to_do(versions: Cloud) -> None:
    versions.succeeds(MODULE)
    uri = versions.options["source_uri"]
    before = versions.mark()
    refusals: list[tuple[dict[str, Any], str]] = [
        ({"source_sha256": "0" * 64}, "holds other content"),
        ({"name": "3.24.2-r1"}, "is not a version"),
        ({"name": "3.24.2147483648"}, "each at most 2147483647"),
        ({"name": "3.24.3", "target_regions": [{"name": "atlantis"}]}, "atlantis"),
        ({"name": "3.24.3", "storage_account": "nosuchaccount"}, "az storage account create"),
        (
            {"name": "3.24.3", "source_uri": "https://other.blob.core.windows.net/c/b.vhd"},
            "is not in storage account",
        ),
        ({"name": "3.24.3", "source_uri": uri.replace(".vhd", ".img")}, "must end with"),
    ]
    for options, words in refusals:
        assert words in versions.fails(MODULE, **options).msg
    assert versions.writes(before) == []


def test_a_deletion_happens_once(versions: Cloud, small_disk: SmallDisk) -> None:
    versions.succeeds(MODULE)
    start = versions.mark()
    for check_mode in (True, False):
        kept = versions.fails(MODULE, check_mode=check_mode, state="absent", source_sha256="0" * 64)
        assert f"carries source-sha256 {small_disk.sha256}, not {'0' * 64}" in kept.msg
    assert versions.writes(start) == []
    check = versions.succeeds(MODULE, check_mode=True, state="absent")
    start = versions.mark()
    real = versions.succeeds(MODULE, state="absent")
    assert versions.writes(start) == ["GalleryImageVersions_Delete"]
    before = versions.mark()
    check_again = versions.succeeds(MODULE, check_mode=True, state="absent")
    again = versions.succeeds(MODULE, state="absent")
    assert versions.writes(before) == []
    assert check.changed
    assert check["diff"] == real["diff"]
    assert real.changed
    assert real["diff"]["before"]["tags"]["source-sha256"] == small_disk.sha256
    assert real["diff"]["after"] == {}
    assert not check_again.changed
    assert not again.changed
