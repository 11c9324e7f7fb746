# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_azure_gallery_version over the sandbox: what fails in Azure, and what earlier runs have left."""

from __future__ import annotations

from tests.support.cloud import Cloud

MODULE = "alpine_azure_gallery_version"
CREATE = "GalleryImageVersions_CreateOrUpdate"


def test_what_a_failed_import_has_left_is_replaced(versions: Cloud) -> None:
    missing = versions.options["source_uri"].replace("small.vhd", "missing.vhd")
    no_blob = versions.fails(MODULE, source_uri=missing)
    check = versions.succeeds(MODULE, check_mode=True)
    start = versions.mark()
    real = versions.succeeds(MODULE)
    assert versions.writes(start) == ["GalleryImageVersions_Delete", CREATE]
    assert "/missing.vhd was not found" in no_blob.msg
    assert (check.changed, check["import_needed"]) == (True, True)
    assert (real.changed, real["import_needed"], real["provisioning_state"]) == (True, True, "Succeeded")
    assert real["diff"] == check["diff"]


def test_an_operation_that_takes_back_its_promise_is_a_failure(versions: Cloud) -> None:
    versions.fault(CREATE, fail="Out-of-memory")
    failed = versions.fails(MODULE)
    assert "Out-of-memory" in failed.msg
    assert failed["failure"]["operation"] == CREATE


def test_a_lost_answer_is_no_failure(versions: Cloud) -> None:
    versions.fault(CREATE, drop="after")
    retried = versions.succeeds(MODULE)
    assert (retried.changed, retried["provisioning_state"]) == (True, "Succeeded")


def test_an_operation_that_cannot_be_asked_for_is_asked_for_again(versions: Cloud) -> None:
    versions.fault("Operations_Get", count=2, status=503)
    retried = versions.succeeds(MODULE)
    assert (retried.changed, retried["provisioning_state"]) == (True, "Succeeded")


def test_an_import_that_took_too_long_is_picked_up(versions: Cloud) -> None:
    late = versions.fails(MODULE, wait_timeout=0)
    before = versions.mark()
    picked_up = versions.succeeds(MODULE)
    assert versions.writes(before) == []
    assert "Gave up after 0 seconds (wait_timeout)" in late.msg
    assert (picked_up.changed, picked_up["provisioning_state"]) == (False, "Succeeded")


def test_an_import_under_way_is_adopted(versions: Cloud) -> None:
    with versions.held("GalleryImageVersions_CreateOrUpdate"):
        begun = versions.succeeds(MODULE, wait=False)
        before = versions.mark()
        under_way = versions.succeeds(MODULE, check_mode=True)
        mark = versions.mark()
        joining = versions.start(MODULE)
        versions.until("GalleryImageVersions_Get", mark)
    awaited = joining.result()
    assert versions.writes(before) == []
    assert begun.changed
    assert not under_way.changed
    assert (awaited.changed, awaited["provisioning_state"]) == (False, "Succeeded")
    assert awaited["id"] == begun["id"]


def test_a_region_that_fails_is_mended(versions: Cloud) -> None:
    versions.fault("GalleryImageVersions_Replicate", fail="No capacity.")
    failed = versions.fails(MODULE)
    check = versions.succeeds(MODULE, check_mode=True, source_uri=None)
    start = versions.mark()
    mended = versions.succeeds(MODULE, source_uri=None)
    assert "{region:northeurope, detail:No capacity.}" in failed.msg
    assert versions.writes(start) == ["GalleryImageVersions_Update"] * 2
    assert (check.changed, check["import_needed"]) == (True, False)
    assert (mended.changed, mended["import_needed"], mended["provisioning_state"]) == (True, False, "Succeeded")
    assert [region["name"] for region in mended["target_regions"]] == ["northeurope", "westeurope"]


def test_a_region_is_taken_away(versions: Cloud) -> None:
    versions.succeeds(MODULE)
    kept = versions.succeeds(MODULE, target_regions=[])
    taken = versions.succeeds(MODULE, target_regions=[], purge_target_regions=True)
    again = versions.succeeds(MODULE, target_regions=[], purge_target_regions=True)
    assert (kept.changed, taken.changed, again.changed) == (False, True, False)
    assert [region["name"] for region in taken["target_regions"]] == ["westeurope"]


def test_a_deletion_under_way_is_joined(versions: Cloud) -> None:
    versions.succeeds(MODULE)
    with versions.held("GalleryImageVersions_Delete"):
        versions.succeeds(MODULE, state="absent", wait=False)
        mark = versions.mark()
        joining = versions.start(MODULE, state="absent")
        versions.until("GalleryImageVersions_Get", mark)
    assert not joining.result().failed
    assert versions.writes(mark) == []


def test_a_lost_answer_to_a_deletion_is_no_failure(versions: Cloud) -> None:
    versions.succeeds(MODULE)
    versions.fault("GalleryImageVersions_Delete", drop="after")
    assert versions.succeeds(MODULE, state="absent").changed
