# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs at once in Oracle Cloud: they end with one of each thing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.modules.oci.test_alpine_oci_image import ABSENT
from tests.support.cloud import Cloud
from tests.support.pairs import at_once

IMAGE = "alpine_oci_image"


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
