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
