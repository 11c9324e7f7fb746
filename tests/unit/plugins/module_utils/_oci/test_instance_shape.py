# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from oci.core import models

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._oci.image_shapes import ImageShapeState
from ansible_collections.alpine.cloud.plugins.module_utils._oci.instance_request import OciInstanceRequest
from ansible_collections.alpine.cloud.plugins.module_utils._oci.instance_shape import (
    LaunchShape,
    launch_shape,
    unchecked_shape,
)
from tests.support.oci_instances import options
from tests.support.scripted_oci import ScriptedOracle

E4, E5, A1, FIXED = "VM.Standard.E4.Flex", "VM.Standard.E5.Flex", "VM.Standard.A1.Flex", "VM.Standard2.1"
METAL = "BM.Standard.A1.160"


def _flexible(name: str, processor: str = "AMD", per_ocpu: int | None = None) -> models.Shape:
    return models.Shape(
        shape=name,
        processor_description=processor,
        ocpu_options=models.ShapeOcpuOptions(min=1.0, max=64.0),
        memory_options=models.ShapeMemoryOptions(min_in_g_bs=1.0, max_in_g_bs=512.0, min_per_ocpu_in_gbs=per_ocpu),
    )


OFFERED = {
    E4: _flexible(E4),
    E5: _flexible(E5),
    A1: _flexible(A1, "Ampere", 2),
    FIXED: models.Shape(shape=FIXED, processor_description="Intel", ocpus=1.0, memory_in_gbs=15.0),
    METAL: models.Shape(shape=METAL, processor_description="Ampere", ocpus=160.0, memory_in_gbs=1024.0),
}


def _chosen(oracle: ScriptedOracle, *compatible: ImageShapeState | str, **given: Any) -> LaunchShape:
    entries = [ImageShapeState(entry) if isinstance(entry, str) else entry for entry in compatible]
    request = OciInstanceRequest.from_params(options(oracle, **given))
    return launch_shape(request, {entry.name: entry for entry in entries}, OFFERED)


def test_the_smallest_of_the_first_that_fits_is_taken(oracle: ScriptedOracle) -> None:
    assert _chosen(oracle, E5, E4) == LaunchShape(E4, 1.0, 1.0, flexible=True)
    assert _chosen(oracle, E5, FIXED) == LaunchShape(E5, 1.0, 1.0, flexible=True)
    # As much memory as its OCPUs need at least.
    assert _chosen(oracle, A1, architecture="aarch64") == LaunchShape(A1, 1.0, 2.0, flexible=True)


def test_a_shape_of_whole_servers_is_never_taken_by_itself(oracle: ScriptedOracle) -> None:
    with pytest.raises(InputError, match=r"shape must be given: image .* is compatible with BM.Standard.A1.160"):
        _chosen(oracle, METAL, architecture="aarch64")
    assert _chosen(oracle, METAL, architecture="aarch64", shape=METAL).ocpus == 160.0


def test_the_image_bounds_what_a_flexible_shape_has(oracle: ScriptedOracle) -> None:
    bounded = ImageShapeState(E4, (2, 4), (8, 16))
    assert _chosen(oracle, bounded) == LaunchShape(E4, 2.0, 8.0, flexible=True)
    assert _chosen(oracle, bounded, ocpus=4.0, memory_in_gbs=16.0) == LaunchShape(E4, 4.0, 16.0, flexible=True)
    with pytest.raises(InputError, match=r"ocpus is 4.5, but an instance of this image with shape .* has 2 to 4"):
        _chosen(oracle, bounded, ocpus=4.5)
    with pytest.raises(InputError, match=r"memory_in_gbs is 7, but an instance of this image .* has 8 to 16"):
        _chosen(oracle, bounded, memory_in_gbs=7.0)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"shape": A1, "architecture": "aarch64"}, "is not compatible with it, but with VM.Standard.E4.Flex, VM.St"),
        ({"shape": E4, "architecture": "aarch64"}, "shape VM.Standard.E4.Flex is x86_64, but architecture is aarch64"),
        ({"shape": "VM.Standard.x86.Generic"}, "is not offered in this region"),
        ({"shape": FIXED, "ocpus": 1.0}, "is not flexible"),
        ({"shape": FIXED, "memory_in_gbs": 15.0}, "is not flexible"),
    ],
)
def test_what_does_not_fit_is_refused(oracle: ScriptedOracle, given: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        _chosen(oracle, E4, FIXED, "VM.Standard.x86.Generic", **given)


def test_a_shape_that_is_not_flexible_is_taken_as_it_is(oracle: ScriptedOracle) -> None:
    assert _chosen(oracle, FIXED, shape=FIXED) == LaunchShape(FIXED, 1.0, 15.0, flexible=False)


def test_before_the_import_the_first_one_is_likely(oracle: ScriptedOracle) -> None:
    request = OciInstanceRequest.from_params(options(oracle, architecture="aarch64", ocpus=2.0))
    assert unchecked_shape(request) == LaunchShape(A1, 2.0, None, flexible=True)
