# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from oci.core.models import Shape, ShapeMemoryOptions, ShapeOcpuOptions

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError, ProviderError
from ansible_collections.alpine.cloud.plugins.module_utils._oci.image_shapes import (
    DEFAULT_SHAPES,
    ImageShapesRequest,
    ImageShapeState,
    ensure_present,
    is_alias,
    plan,
    shape_architecture,
    wanted_entries,
)
from tests.support.scripted_oci import COMPARTMENT, Call, ScriptedOracle, error

_ID = "ocid1.image.oc1.eu-frankfurt-1.aaaaaaaaimage"
_A1 = ImageShapeState("VM.Standard.A1.Flex", (1, 80), (1, 512))
_A2 = ImageShapeState("VM.Standard.A2.Flex", (1, 78), (1, 946))
_E5 = ImageShapeState("VM.Standard.E5.Flex", (1, 126), (1, 1454))
_BARE = ImageShapeState("BM.Standard.A1.160")
_ALIAS = ImageShapeState("VM.Standard.x86.Generic")


def _flexible(name: str, processor: str, ocpus: float, memory: float) -> Shape:
    return Shape(
        shape=name,
        processor_description=processor,
        ocpu_options=ShapeOcpuOptions(min=1.0, max=ocpus),
        memory_options=ShapeMemoryOptions(min_in_g_bs=1.0, max_in_g_bs=memory),
    )


_OFFERED = {
    shape.shape: shape
    for shape in (
        _flexible("VM.Standard.A1.Flex", "3.0 GHz Ampere® Altra™", 80.0, 512.0),
        _flexible("VM.Standard.A2.Flex", "3.0 GHz AmpereOne®", 78.0, 946.0),
        _flexible("VM.Standard.E5.Flex", "AMD EPYC", 126.0, 1454.0),
        Shape(shape="BM.Standard.A1.160", processor_description="3.0 GHz Ampere® Altra™"),
    )
}
_PROCESSORS = {name: shape.processor_description for name, shape in _OFFERED.items()}


@pytest.mark.parametrize(
    ("name", "processor", "architecture"),
    [
        ("VM.Standard.A1.Flex", None, "aarch64"),
        ("VM.Standard.A4.Flex", "unknown", "aarch64"),
        ("BM.Standard.A1.160", None, "aarch64"),
        ("BM.GPU.GB200.4", None, "aarch64"),
        ("VM.Standard.New.Flex", "3.0 GHz Ampere® Altra™", "aarch64"),
        ("VM.Standard.New.Flex", "NVIDIA Grace CPU", "aarch64"),
        ("VM.Standard.E5.Flex", "AMD EPYC 9J14", "x86_64"),
        # GPUs of NVIDIA, beside x86 processors.
        ("BM.GPU.A10.4", "2.6 GHz Intel® Xeon®", "x86_64"),
        ("BM.GPU.A100-v2.8", None, "x86_64"),
        ("VM.Standard3.Flex", "Intel Charm", "x86_64"),
    ],
)
def test_architecture_of_a_shape(name: str, processor: str | None, architecture: str) -> None:
    assert shape_architecture(name, processor) == architecture


def test_aliases_are_told_by_their_name() -> None:
    assert is_alias("VM.Standard.x86.Generic")
    assert not is_alias("VM.Standard.A1.Flex")


def test_default_shapes_fit_their_architecture() -> None:
    for architecture, names in DEFAULT_SHAPES.items():
        assert names
        assert {shape_architecture(name) for name in names} == {architecture}
        assert not any(is_alias(name) for name in names)


def test_default_shapes_are_those_that_the_region_offers() -> None:
    assert wanted_entries(None, "aarch64", _OFFERED) == [_A1, _A2, _BARE]
    assert wanted_entries(None, "x86_64", _OFFERED) == [_E5]
    assert wanted_entries(None, "x86_64", {}) == []


@pytest.mark.parametrize(
    ("request_", "ocpus", "memory"),
    [
        ({}, (1, 80), (1, 512)),
        ({"ocpu_constraints": {"min": 2, "max": 4}}, (2, 4), (1, 512)),
        ({"ocpu_constraints": {"min": None, "max": 4}}, (1, 4), (1, 512)),
        ({"memory_constraints": {"min_in_gbs": 6, "max_in_gbs": None}}, (1, 80), (6, 512)),
        ({"ocpu_constraints": None, "memory_constraints": None}, (1, 80), (1, 512)),
    ],
)
def test_constraints_are_completed(request_: dict[str, Any], ocpus: Any, memory: Any) -> None:
    requested = [{"name": "VM.Standard.A1.Flex", **request_}]
    assert wanted_entries(requested, "aarch64", _OFFERED) == [ImageShapeState("VM.Standard.A1.Flex", ocpus, memory)]


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ({"name": "VM.Standard.x86.Generic"}, "is an alias that Oracle Cloud manages"),
        ({"name": "VM.Standard.A9.Flex"}, "VM.Standard.A9.Flex is not offered in this region and compartment"),
        ({"name": "VM.Standard.E5.Flex"}, "VM.Standard.E5.Flex is x86_64, but architecture is aarch64"),
        ({"name": "BM.Standard.A1.160", "ocpu_constraints": {"min": 1, "max": 2}}, "is not flexible"),
        (
            {"name": "VM.Standard.A1.Flex", "ocpu_constraints": {"min": 1, "max": 81}},
            "ocpu_constraints of VM.Standard.A1.Flex is 1 to 81, but the shape has 1 to 80",
        ),
        ({"name": "VM.Standard.A1.Flex", "ocpu_constraints": {"min": 5, "max": 4}}, "is 5 to 4"),
        ({"name": "VM.Standard.A1.Flex", "memory_constraints": {"min_in_gbs": 0, "max_in_gbs": 8}}, "is 0 to 8"),
    ],
)
def test_impossible_requests_name_the_option(request_: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"shapes: .*{message}|shapes: {message}"):
        wanted_entries([request_], "aarch64", _OFFERED)


def _plan(
    current: list[ImageShapeState], wanted: list[ImageShapeState], *, architecture: str = "aarch64", purge: bool = False
) -> Any:
    return plan(current, wanted, architecture=architecture, processors=_PROCESSORS, purge=purge)


def test_wrong_architecture_goes_and_the_wanted_come() -> None:
    changes = _plan([_E5, ImageShapeState("VM.Standard2.1"), _ALIAS], [_A1])
    assert changes.remove == ("VM.Standard.E5.Flex", "VM.Standard2.1")
    assert changes.add == (_A1,)


def test_other_constraints_are_replaced() -> None:
    changes = _plan([ImageShapeState("VM.Standard.A1.Flex", (1, 4), (1, 512))], [_A1])
    assert changes.remove == ("VM.Standard.A1.Flex",)
    assert changes.add == (_A1,)


def test_nothing_to_do() -> None:
    changes = _plan([_A1, _A2, _ALIAS], [_A1])
    assert changes.remove == changes.add == ()


def test_purge_removes_what_is_not_wanted_but_no_alias() -> None:
    changes = _plan([_A1, _A2, _ALIAS], [_A1], purge=True)
    assert changes.remove == ("VM.Standard.A2.Flex",)


def test_x86_image_loses_arm_shapes() -> None:
    assert _plan([_A1, _E5], [_E5], architecture="x86_64").remove == ("VM.Standard.A1.Flex",)


# Over the API


def _row(entry: ImageShapeState) -> dict[str, Any]:
    constraints: dict[str, Any] = {}
    if entry.ocpus and entry.memory_in_gbs:
        constraints = {
            "ocpuConstraints": {"min": entry.ocpus[0], "max": entry.ocpus[1]},
            "memoryConstraints": {"minInGBs": entry.memory_in_gbs[0], "maxInGBs": entry.memory_in_gbs[1]},
        }
    return {"imageId": _ID, "shape": entry.name, **constraints}


def _shape_row(name: str) -> dict[str, Any]:
    shape = _OFFERED[name]
    row: dict[str, Any] = {"shape": name, "processorDescription": shape.processor_description}
    if shape.ocpu_options:
        row["ocpuOptions"] = {"min": shape.ocpu_options.min, "max": shape.ocpu_options.max}
        row["memoryOptions"] = {
            "minInGBs": shape.memory_options.min_in_g_bs,
            "maxInGBs": shape.memory_options.max_in_g_bs,
        }
    return row


def _offer(*names: str) -> Call:
    # A region with two availability domains has each shape twice.
    rows = [_shape_row(name) for name in (names or _OFFERED)] * 2
    return Call("GET", "/shapes", rows, query={"compartmentId": COMPARTMENT})


def _entries(*entries: ImageShapeState) -> Call:
    return Call("GET", f"/images/{_ID}/shapes", [_row(entry) for entry in entries])


def _add(entry: ImageShapeState) -> Call:
    body = {name: value for name, value in _row(entry).items() if name not in ("imageId", "shape")}
    return Call("PUT", f"/images/{_ID}/shapes/{entry.name}", _row(entry), body=body)


def _remove(name: str) -> Call:
    return Call("DELETE", f"/images/{_ID}/shapes/{name}", status=204)


def _manage(oracle: ScriptedOracle, *, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    params = {
        "image_id": _ID,
        "compartment_id": COMPARTMENT,
        "architecture": "aarch64",
        "shapes": None,
        "purge": False,
        **options,
    }
    request = ImageShapesRequest.from_params(params)
    return ensure_present(oracle.connection(), request, check_mode=check_mode)


def test_entries_are_added_before_others_are_removed(oracle: ScriptedOracle) -> None:
    oracle.expect(
        _offer(),
        _entries(_E5, _ALIAS),
        _add(_A1),
        _add(_A2),
        _add(_BARE),
        _remove("VM.Standard.E5.Flex"),
        _entries(_A1, _A2, _BARE, _ALIAS),
    )
    result = _manage(oracle)
    assert result["changed"] is True
    assert result["added"] == ["BM.Standard.A1.160", "VM.Standard.A1.Flex", "VM.Standard.A2.Flex"]
    assert result["removed"] == ["VM.Standard.E5.Flex"]
    assert result["updated"] == []
    assert result["shapes"][1] == {
        "name": "VM.Standard.A1.Flex",
        "ocpu_constraints": {"min": 1, "max": 80},
        "memory_constraints": {"min_in_gbs": 1, "max_in_gbs": 512},
    }
    assert result["diff"]["before"].keys() == {"VM.Standard.E5.Flex"}
    assert result["diff"]["after"].keys() == set(result["added"])


def test_constraints_are_changed_by_removing_and_adding(oracle: ScriptedOracle) -> None:
    old = ImageShapeState("VM.Standard.A1.Flex", (1, 4), (1, 24))
    new = ImageShapeState("VM.Standard.A1.Flex", (1, 80), (1, 24))
    oracle.expect(
        _offer("VM.Standard.A1.Flex"), _entries(old), _remove("VM.Standard.A1.Flex"), _add(new), _entries(new)
    )
    asked = {"name": "VM.Standard.A1.Flex", "ocpu_constraints": {"min": None, "max": 80}, "memory_constraints": None}
    result = _manage(oracle, shapes=[asked])
    assert result["updated"] == ["VM.Standard.A1.Flex"]
    assert result["added"] == result["removed"] == []


def test_constraints_that_nobody_asked_for_stay(oracle: ScriptedOracle) -> None:
    narrowed = ImageShapeState("VM.Standard.A1.Flex", (1, 4), (1, 24))
    oracle.expect(_offer("VM.Standard.A1.Flex"), _entries(narrowed))
    assert _manage(oracle)["changed"] is False
    bare = ImageShapeState("VM.Standard.A1.Flex")
    oracle.expect(_offer("VM.Standard.A1.Flex"), _entries(bare), _remove(bare.name), _add(_A1), _entries(_A1))
    assert _manage(oracle)["updated"] == [bare.name]


@pytest.mark.parametrize("order", [1, -1])
def test_availability_domains_may_differ_in_any_order(oracle: ScriptedOracle, order: int) -> None:
    small = {**_shape_row("VM.Standard.A1.Flex"), "ocpuOptions": {"min": 1, "max": 2}}
    rows = [_shape_row("VM.Standard.A1.Flex"), small][::order]
    oracle.expect(Call("GET", "/shapes", rows), _entries(_A1))
    assert _manage(oracle)["changed"] is False


def test_an_entry_that_goes_meanwhile_is_gone(oracle: ScriptedOracle) -> None:
    gone = error("DELETE", f"/images/{_ID}/shapes/{_E5.name}", 404, "NotAuthorizedOrNotFound")
    oracle.expect(_offer("VM.Standard.A1.Flex"), _entries(_A1, _E5), gone, _entries(_A1), _entries(_A1))
    assert _manage(oracle)["removed"] == [_E5.name]
    oracle.expect(_offer("VM.Standard.A1.Flex"), _entries(_A1, _E5), gone, _entries(_A1, _E5))
    with pytest.raises(ProviderError, match="a policy is missing"):
        _manage(oracle)


def test_right_entries_are_left_alone(oracle: ScriptedOracle) -> None:
    oracle.expect(_offer("VM.Standard.A1.Flex"), _entries(_A1, _ALIAS))
    result = _manage(oracle)
    assert result["changed"] is False
    assert result["diff"] == {"before": {}, "after": {}}


def test_check_mode_writes_nothing(oracle: ScriptedOracle) -> None:
    oracle.expect(_offer("VM.Standard.A1.Flex"), _entries(_E5))
    result = _manage(oracle, check_mode=True)
    assert result["changed"] is True
    assert [shape["name"] for shape in result["shapes"]] == ["VM.Standard.A1.Flex"]


@pytest.mark.parametrize("image_id", [None, ""])
def test_check_mode_before_the_import(oracle: ScriptedOracle, image_id: str | None) -> None:
    oracle.expect(_offer("VM.Standard.A1.Flex"))
    result = _manage(oracle, check_mode=True, image_id=image_id)
    assert result["changed"] is True
    assert result["image_id"] is None
    with pytest.raises(InputError, match="image_id is needed"):
        _manage(oracle, image_id=image_id)


def test_what_the_service_made_of_it_is_checked(oracle: ScriptedOracle) -> None:
    kept = ImageShapeState("VM.Standard.A1.Flex", (1, 4), (1, 24))
    oracle.expect(
        _offer("VM.Standard.A1.Flex"),
        _entries(_E5),
        _add(_A1),
        _remove("VM.Standard.E5.Flex"),
        _entries(kept, _E5),
    )
    with pytest.raises(ProviderError, match=r"not as asked for: VM.Standard.A1.Flex, VM.Standard.E5.Flex") as caught:
        _manage(oracle)
    assert caught.value.details["VM.Standard.A1.Flex"]["ocpu_constraints"] == {"min": 1, "max": 4}


def test_refusal_is_told(oracle: ScriptedOracle) -> None:
    oracle.expect(
        _offer("VM.Standard.A1.Flex"),
        _entries(),
        error("PUT", f"/images/{_ID}/shapes/VM.Standard.A1.Flex", 409, "IncorrectState", "Busy."),
    )
    with pytest.raises(ProviderError, match=f"Could not add shape VM.Standard.A1.Flex to image {_ID}: Busy"):
        _manage(oracle)
