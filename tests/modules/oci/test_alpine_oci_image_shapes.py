# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_oci_image_shapes over the sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cloud import Cloud

MODULE = "alpine_oci_image_shapes"
TWO_SHAPES = [
    {
        "name": "VM.Standard.A1.Flex",
        "ocpu_constraints": {"max": 4},
        "memory_constraints": {"min_in_gbs": 2, "max_in_gbs": 24},
    },
    {"name": "BM.Standard.A1.160"},
]


@pytest.fixture
def shapes(oci: Cloud, compartment: str, image_id: str) -> Cloud:
    return oci.with_options(image_id=image_id, compartment_id=compartment, architecture="aarch64")


def test_the_shapes_are_set_once(shapes: Cloud) -> None:
    without_image = shapes.succeeds(MODULE, check_mode=True, image_id=None)
    check = shapes.succeeds(MODULE, check_mode=True)
    shapes.fault("AddImageShapeCompatibilityEntry", drop="after")
    real = shapes.succeeds(MODULE)
    before = shapes.mark()
    check_again = shapes.succeeds(MODULE, check_mode=True)
    real_again = shapes.succeeds(MODULE)
    assert shapes.writes(before) == []

    assert without_image.changed
    assert without_image["image_id"] is None
    assert without_image["added"] == real["added"]
    assert check.changed
    assert (check["diff"], check["shapes"]) == (real["diff"], real["shapes"])
    assert real.changed
    assert real["added"] == ["BM.Standard.A1.160", "VM.Standard.A1.Flex", "VM.Standard.A2.Flex"]
    assert real["updated"] == []
    assert "VM.Standard2.1" in real["removed"]
    # The alias is Oracle's own affair.
    assert [shape["name"] for shape in real["shapes"]] == [*real["added"], "VM.Standard.x86.Generic"]
    assert real["shapes"][1]["ocpu_constraints"]["max"] == 80
    assert real["shapes"][1]["memory_constraints"]["max_in_gbs"] == 512
    assert real["shapes"][0]["ocpu_constraints"] is None
    assert not check_again.changed
    assert not real_again.changed
    assert real_again["shapes"] == real["shapes"]


def test_constraints_are_narrowed_once(shapes: Cloud) -> None:
    shapes.succeeds(MODULE)
    narrowed = shapes.succeeds(MODULE, shapes=TWO_SHAPES, purge=True)
    before = shapes.mark()
    again = shapes.succeeds(MODULE, shapes=TWO_SHAPES, purge=True)
    assert shapes.writes(before) == []
    assert narrowed.changed
    assert (narrowed["updated"], narrowed["removed"]) == (["VM.Standard.A1.Flex"], ["VM.Standard.A2.Flex"])
    assert narrowed["shapes"][1]["name"] == "VM.Standard.A1.Flex"
    assert narrowed["shapes"][1]["ocpu_constraints"] == {"min": 1, "max": 4}
    assert narrowed["shapes"][1]["memory_constraints"] == {"min_in_gbs": 2, "max_in_gbs": 24}
    assert not again.changed
    assert again["shapes"] == narrowed["shapes"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shapes": [{"name": "VM.Standard.E5.Flex"}]}, "VM.Standard.E5.Flex is x86_64"),
        ({"shapes": [{"name": "VM.Standard.A9.Flex"}]}, "VM.Standard.A9.Flex is not offered"),
        ({"image_id": ""}, "image_id is needed"),
        ({"image_id": "ocid1.image.oc1..nothing"}, "It does not exist"),
    ],
)
def test_the_impossible_is_refused_before_anything_is_written(
    shapes: Cloud, options: dict[str, Any], message: str
) -> None:
    before = shapes.mark()
    assert message in shapes.fails(MODULE, **options).msg
    assert shapes.writes(before) == []
