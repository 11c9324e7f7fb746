# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_azure_gallery over the sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cloud import Cloud

MODULE = "alpine_azure_gallery"
OPTIONS: dict[str, Any] = {"location": "West Europe", "description": "A test", "tags": {"purpose": "test"}}


def test_a_creation_happens_once(galleries: Cloud) -> None:
    check = galleries.succeeds(MODULE, check_mode=True, **OPTIONS)
    start = galleries.mark()
    real = galleries.succeeds(MODULE, **OPTIONS)
    assert galleries.writes(start) == ["Galleries_CreateOrUpdate"]
    before = galleries.mark()
    check_again = galleries.succeeds(MODULE, check_mode=True, **OPTIONS)
    again = galleries.succeeds(MODULE, **OPTIONS)
    assert galleries.writes(before) == []
    assert (check.changed, check["id"]) == (True, None)
    assert real.changed
    assert real["id"].endswith(f"/galleries/{galleries.options['name']}")
    assert (real["location"], real["description"], real["tags"]) == ("westeurope", "A test", {"purpose": "test"})
    assert real["diff"] == check["diff"]
    assert not check_again.changed
    assert not again.changed
    assert check_again["id"] == again["id"] == real["id"]


def test_only_what_differs_changes(galleries: Cloud) -> None:
    galleries.succeeds(MODULE, **OPTIONS)
    options = {**OPTIONS, "description": "Another text", "tags": {"owner": "me"}}
    check = galleries.succeeds(MODULE, check_mode=True, **options)
    start = galleries.mark()
    real = galleries.succeeds(MODULE, **options)
    assert galleries.writes(start) == ["Galleries_Update"]
    before = galleries.mark()
    check_again = galleries.succeeds(MODULE, check_mode=True, **options)
    again = galleries.succeeds(MODULE, **options)
    assert galleries.writes(before) == []
    assert check.changed
    assert check["diff"]["before"] == {"description": "A test", "tags": {"purpose": "test"}}
    assert real.changed
    assert real["description"] == "Another text"
    assert real["tags"] == {"purpose": "test", "owner": "me"}
    assert not check_again.changed
    assert not again.changed
    replaced = galleries.succeeds(MODULE, tags={"purpose": "test"}, append_tags=False)
    assert replaced.changed
    assert (replaced["tags"], replaced["description"]) == ({"purpose": "test"}, "Another text")


def test_a_gallery_in_another_region_is_not_moved(galleries: Cloud) -> None:
    galleries.succeeds(MODULE)
    before = galleries.mark()
    assert "cannot be moved" in galleries.fails(MODULE, location="eastus").msg
    assert galleries.writes(before) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"location": "atlantis"}, "is not a region of this subscription"),
        ({"resource_group": "nowhere"}, "Option resource_group"),
        ({"subscription_id": "00000000-0000-0000-0000-000000000000"}, "Option subscription_id"),
        ({"name": "with-dash"}, "is not a gallery"),
        ({"location": None}, "location is needed"),
    ],
)
def test_each_refusal_says_what_to_do(galleries: Cloud, options: dict[str, Any], words: str) -> None:
    before = galleries.mark()
    assert words in galleries.fails(MODULE, **options).msg
    assert galleries.writes(before) == []


def test_transient_faults_are_got_over(galleries: Cloud) -> None:
    galleries.fault("Galleries_Get", status=429)
    galleries.fault("Galleries_CreateOrUpdate", drop="after")
    made = galleries.succeeds(MODULE)
    assert made.changed
    assert made["id"]


def test_an_answer_that_breaks_off_is_asked_for_again(galleries: Cloud) -> None:
    galleries.fault("Galleries_Get", drop="during")
    assert galleries.succeeds(MODULE).changed


def test_a_gallery_that_is_not_empty_stays(definitions: Cloud) -> None:
    definitions.succeeds("alpine_azure_gallery_image")
    gallery = definitions.with_options(
        name=definitions.options["gallery"], gallery=None, architecture=None, hyper_v_generation=None,
        publisher=None, offer=None, sku=None,
    )  # fmt: skip
    refused = gallery.fails(MODULE, state="absent")
    assert (refused["failure"]["operation"], refused["failure"]["code"]) == ("Galleries_Delete", "CannotDeleteResource")


def test_a_deletion_happens_once(galleries: Cloud) -> None:
    galleries.succeeds(MODULE)
    check = galleries.succeeds(MODULE, check_mode=True, state="absent")
    start = galleries.mark()
    real = galleries.succeeds(MODULE, state="absent")
    assert galleries.writes(start) == ["Galleries_Delete"]
    before = galleries.mark()
    check_again = galleries.succeeds(MODULE, check_mode=True, state="absent")
    again = galleries.succeeds(MODULE, state="absent")
    assert galleries.writes(before) == []
    assert check.changed
    assert check["diff"] == real["diff"]
    assert real.changed
    assert (real["diff"]["before"]["location"], real["diff"]["after"]) == ("westeurope", {})
    assert not check_again.changed
    assert not again.changed
