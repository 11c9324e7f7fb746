# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import (
    InputError,
    ProviderError,
    WaitTimeoutError,
)
from ansible_collections.alpine.cloud.plugins.module_utils._oci.capability import (
    ALPINE_CAPABILITIES,
    FIRMWARE,
    Capability,
    fit,
    wanted_capabilities,
)
from ansible_collections.alpine.cloud.plugins.module_utils._oci.image_capabilities import (
    ImageCapabilitiesRequest,
    ensure_absent,
    ensure_present,
)
from tests.support.scripted_oci import COMPARTMENT, Call, ScriptedOracle, error

_IMAGE = "ocid1.image.oc1.eu-frankfurt-1.aaaaaaaaimage"
_SCHEMA = "ocid1.computeimgcapschema.oc1.eu-frankfurt-1.aaaaaaaaschema"
_SCHEMAS = "/computeImageCapabilitySchemas"
_GLOBAL = "/computeGlobalImageCapabilitySchemas"
_UEFI = Capability("UEFI_64", ("UEFI_64",))
_BOTH = Capability("UEFI_64", ("BIOS", "UEFI_64"))


def _strings(source: str, default: str, *values: str) -> dict[str, Any]:
    return {"descriptorType": "enumstring", "source": source, "defaultValue": default, "values": list(values)}


def _boolean(source: str, default: bool) -> dict[str, Any]:
    return {"descriptorType": "boolean", "source": source, "defaultValue": default}


_GLOBAL_DATA = {
    "Compute.Firmware": _strings("GLOBAL", "UEFI_64", "BIOS", "UEFI_64"),
    "Compute.SecureBoot": _boolean("GLOBAL", False),
    "Network.AttachmentType": _strings("GLOBAL", "PARAVIRTUALIZED", "E1000", "VFIO", "PARAVIRTUALIZED"),
    "Storage.ParaVirtualization.AttachmentVersion": {
        "descriptorType": "enuminteger",
        "source": "GLOBAL",
        "defaultValue": 2,
        "values": [1, 2],
    },
}
"""A region that knows few of the capabilities."""

_IMAGE_DATA = {
    "Compute.Firmware": _strings("IMAGE", "UEFI_64", "UEFI_64"),
    "Compute.SecureBoot": _boolean("IMAGE", False),
    "Network.AttachmentType": _strings("IMAGE", "PARAVIRTUALIZED", "PARAVIRTUALIZED"),
    "Storage.ParaVirtualization.AttachmentVersion": {
        "descriptorType": "enuminteger",
        "source": "IMAGE",
        "defaultValue": 2,
        "values": [1, 2],
    },
}
"""What a UEFI image says in that region."""


# What is asked for


@pytest.mark.parametrize(
    ("firmware", "architecture", "capability"),
    [
        ("uefi", "x86_64", _UEFI),
        ("bios", "x86_64", Capability("BIOS", ("BIOS",))),
        ("hybrid", "x86_64", _BOTH),
        ("hybrid", None, _BOTH),
        ("hybrid", "aarch64", _UEFI),
    ],
)
def test_firmware_comes_from_the_disk(firmware: str, architecture: str | None, capability: Capability) -> None:
    assert wanted_capabilities(firmware, architecture, None)[FIRMWARE] == capability


def test_alpine_is_paravirtualized_and_not_signed() -> None:
    wanted = wanted_capabilities("uefi", "x86_64", None)
    assert len(wanted) == 12
    for name in ("Compute.LaunchMode", "Network.AttachmentType", "Storage.BootVolumeType"):
        assert wanted[name] == Capability("PARAVIRTUALIZED", ("PARAVIRTUALIZED",))
    # Data volumes of another class than the boot volume's are refused at launch.
    assert wanted["Storage.RemoteDataVolumeType"] == wanted["Storage.BootVolumeType"]
    assert wanted["Storage.LocalDataVolumeType"] == wanted["Storage.BootVolumeType"]
    assert wanted["Compute.SecureBoot"] == Capability(False)


def test_capabilities_can_be_overridden_added_and_left_out() -> None:
    wanted = wanted_capabilities(
        "uefi",
        "x86_64",
        {
            "Network.AttachmentType": {"default": "VFIO", "values": ["VFIO", "PARAVIRTUALIZED"]},
            "Network.IPv6Only": {"default": True},
            "Compute.LaunchMode": None,
            "Compute.Unheard": None,
        },
    )
    assert wanted["Network.AttachmentType"] == Capability("VFIO", ("PARAVIRTUALIZED", "VFIO"))
    assert wanted["Network.IPv6Only"] == Capability(True)
    assert "Compute.LaunchMode" not in wanted
    assert "Compute.Unheard" not in wanted
    assert "Compute.LaunchMode" in ALPINE_CAPABILITIES


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("VFIO", "must be a dictionary with default"),
        ({"values": ["VFIO"]}, "must be a dictionary with default"),
        ({"default": "VFIO", "value": ["VFIO"]}, "must be a dictionary with default"),
        ({"default": "VFIO"}, "needs values, since its default 'VFIO' is not a boolean"),
        ({"default": "VFIO", "values": ["E1000"]}, "must be one of its values"),
        ({"default": "VFIO", "values": "VFIO"}, "must be one of its values"),
    ],
)
def test_malformed_overrides_are_refused(override: Any, message: str) -> None:
    with pytest.raises(InputError, match=f"capabilities: .*{message}"):
        wanted_capabilities("uefi", "x86_64", {"Network.AttachmentType": override})


def test_bios_on_arm_is_refused() -> None:
    with pytest.raises(InputError, match="firmware bios is impossible"):
        wanted_capabilities("bios", "aarch64", None)


# What the region allows

_ALLOWED = {"A": Capability("x", ("x", "y")), "B": Capability(False), FIRMWARE: _BOTH}


@pytest.mark.parametrize(
    ("name", "capability", "reason"),
    [
        ("C", Capability(True), "has no C"),
        ("A", Capability(True), "has A of another type"),
        ("B", Capability("x", ("x",)), "has B of another type"),
        ("A", Capability("z", ("x", "z")), "does not allow z for A"),
    ],
)
def test_what_the_region_lacks_is_left_to_it_or_an_error(name: str, capability: Capability, reason: str) -> None:
    warnings: list[str] = []
    assert fit({name: capability}, _ALLOWED, {FIRMWARE}, warnings.append) == {}
    assert len(warnings) == 1
    assert reason in warnings[0]
    with pytest.raises(InputError, match=f"{reason}, so {name} cannot be set as asked for"):
        fit({name: capability}, _ALLOWED, {name}, warnings.append)


def test_what_the_region_allows_is_kept() -> None:
    wanted = {"A": Capability("y", ("y",)), "B": Capability(True), FIRMWARE: _UEFI}
    warnings: list[str] = []
    assert fit(wanted, _ALLOWED, {FIRMWARE}, warnings.append) == wanted
    assert warnings == []


# Over the API


def _none() -> Call:
    return Call("GET", _SCHEMAS, [], query={"imageId": _IMAGE})


def _one() -> Call:
    return Call("GET", _SCHEMAS, [{"id": _SCHEMA}], query={"imageId": _IMAGE})


def _schema(data: dict[str, Any], state: str | None = "ACTIVE") -> Call:
    answer = {
        "id": _SCHEMA,
        "imageId": _IMAGE,
        "computeGlobalImageCapabilitySchemaVersionName": "v1",
        "lifecycleState": state,
        "schemaData": data,
    }
    return Call("GET", f"{_SCHEMAS}/{_SCHEMA}", answer)


def _global(version: str = "v2") -> tuple[Call, Call]:
    return (
        Call("GET", _GLOBAL, [{"id": "global", "currentVersionName": "v2"}]),
        Call("GET", f"{_GLOBAL}/global/versions/{version}", {"name": version, "schemaData": _GLOBAL_DATA}),
    )


def _launch() -> Call:
    return Call("GET", f"/images/{_IMAGE}", {"id": _IMAGE, "launchOptions": {"firmware": "BIOS"}})


def _create() -> Call:
    body = {
        "compartmentId": COMPARTMENT,
        "imageId": _IMAGE,
        "computeGlobalImageCapabilitySchemaVersionName": "v2",
        "displayName": "alpine",
        "schemaData": _IMAGE_DATA,
    }
    return Call("POST", _SCHEMAS, {"id": _SCHEMA, "schemaData": _IMAGE_DATA, "lifecycleState": "CREATING"}, body=body)


def _manage(oracle: ScriptedOracle, warnings: list[str], *, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    params = {
        "state": "present",
        "image_id": _IMAGE,
        "compartment_id": COMPARTMENT,
        "name": "alpine",
        "firmware": "uefi",
        "architecture": "x86_64",
        "capabilities": None,
        "wait": True,
        "wait_timeout": 10,
        "wait_interval": 0,
        **options,
    }
    clients, request = oracle.connection(), ImageCapabilitiesRequest.from_params(params)
    if params["state"] == "absent":
        return ensure_absent(clients, request, check_mode=check_mode)
    return ensure_present(clients, request, check_mode=check_mode, warn=warnings.append)


def test_schema_is_created_of_what_the_region_knows(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_none(), *_global(), _create(), _schema(_IMAGE_DATA, "CREATING"), _schema(_IMAGE_DATA), _launch())
    result = _manage(oracle, warnings)
    assert result["changed"] is True
    assert result["schema_id"] == _SCHEMA
    assert result["global_schema_version"] == "v2"
    assert result["firmware"] == "UEFI_64"
    assert result["capabilities"]["Compute.Firmware"] == {"default": "UEFI_64", "values": ["UEFI_64"]}
    assert result["capabilities"]["Compute.SecureBoot"] == {"default": False, "values": None}
    assert result["launch_options"]["firmware"] == "BIOS"
    assert result["diff"] == {"before": {}, "after": result["capabilities"]}
    assert len(warnings) == 8
    assert all("is left to the region" in warning for warning in warnings)


def test_schema_of_an_image_is_named_after_it(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_none(), *_global(), Call("POST", _SCHEMAS, {"id": _SCHEMA}), _schema(_IMAGE_DATA), _launch())
    _manage(oracle, warnings, name=None)
    assert b'"displayName": "capabilities-of-aaaaaaaaimage"' in oracle.bodies[3].encode()


def test_right_schema_is_left_alone(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_one(), _schema(_IMAGE_DATA), *_global("v1"), _launch())
    result = _manage(oracle, warnings)
    assert result["changed"] is False
    assert result["diff"] == {"before": {}, "after": {}}


def test_order_of_values_does_not_matter(oracle: ScriptedOracle, warnings: list[str]) -> None:
    data = {**_IMAGE_DATA, "Compute.Firmware": _strings("IMAGE", "UEFI_64", "UEFI_64", "BIOS")}
    oracle.expect(_one(), _schema(data), *_global("v1"), _launch())
    assert _manage(oracle, warnings, firmware="hybrid")["changed"] is False


def test_existing_schema_is_updated_and_keeps_what_is_not_ours(oracle: ScriptedOracle, warnings: list[str]) -> None:
    foreign = {"Network.IPv6Only": _boolean("IMAGE", True)}
    old = {"Compute.Firmware": _strings("IMAGE", "BIOS", "BIOS"), **foreign}
    new = {**_IMAGE_DATA, **foreign}
    oracle.expect(
        _one(),
        _schema(old),
        *_global("v1"),
        Call("PUT", f"{_SCHEMAS}/{_SCHEMA}", {"id": _SCHEMA}, body={"schemaData": new}),
        _schema(new),
        _launch(),
    )
    result = _manage(oracle, warnings)
    assert result["changed"] is True
    assert result["capabilities"]["Network.IPv6Only"] == {"default": True, "values": None}
    assert result["diff"]["before"] == {"Compute.Firmware": {"default": "BIOS", "values": ["BIOS"]}}


def test_what_others_have_stated_stays_unless_it_was_asked_for(oracle: ScriptedOracle, warnings: list[str]) -> None:
    stated = {**_IMAGE_DATA, "Network.AttachmentType": _strings("IMAGE", "VFIO", "VFIO")}
    oracle.expect(_one(), _schema(stated), *_global("v1"), _launch())
    assert _manage(oracle, warnings)["changed"] is False


def test_a_descriptor_of_a_type_that_the_sdk_does_not_know_is_neither_read_nor_lost(
    oracle: ScriptedOracle, warnings: list[str]
) -> None:
    future = {"Compute.Future": {"descriptorType": "future", "source": "GLOBAL"}}
    version, data = _global("v1")
    known = dataclasses.replace(data, answer={"name": "v1", "schemaData": {**_GLOBAL_DATA, **future}})
    oracle.expect(_one(), _schema({**_IMAGE_DATA, **future}), version, known, _launch())
    assert _manage(oracle, warnings)["changed"] is False
    oracle.expect(_one(), _schema(future), version, known)
    with pytest.raises(InputError, match=r"Compute\.Future of a type that this version"):
        _manage(oracle, warnings)


def test_schema_that_appears_meanwhile_is_updated(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(
        _none(),
        *_global(),
        error("POST", _SCHEMAS, 409, "Conflict"),
        _one(),
        _schema({}),
        Call("PUT", f"{_SCHEMAS}/{_SCHEMA}", {"id": _SCHEMA}, body={"schemaData": _IMAGE_DATA}),
        _schema(_IMAGE_DATA),
        _launch(),
    )
    assert _manage(oracle, warnings)["schema_id"] == _SCHEMA


def test_conflict_without_a_schema_is_an_error(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_none(), *_global(), error("POST", _SCHEMAS, 409, "Conflict"), _none())
    with pytest.raises(ProviderError, match="has a capability schema, but lists none"):
        _manage(oracle, warnings)


def test_other_refusals_are_told(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_none(), *_global(), error("POST", _SCHEMAS, 400, "InvalidParameter", "Bad schema."))
    with pytest.raises(ProviderError, match=f"Could not set the capabilities of image {_IMAGE}: Bad schema"):
        _manage(oracle, warnings)


def test_firmware_is_read_back(oracle: ScriptedOracle, warnings: list[str]) -> None:
    wrong = {**_IMAGE_DATA, "Compute.Firmware": _strings("IMAGE", "BIOS", "BIOS", "UEFI_64")}
    oracle.expect(_none(), *_global(), _create(), _schema(wrong))
    with pytest.raises(ProviderError, match=r"not as asked for: Compute\.Firmware") as caught:
        _manage(oracle, warnings)
    assert caught.value.details == {"Compute.Firmware": {"default": "BIOS", "values": ["BIOS", "UEFI_64"]}}


def test_waiting_for_the_schema_is_bounded(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_none(), *_global(), _create(), _schema(_IMAGE_DATA, "CREATING"))
    with pytest.raises(WaitTimeoutError, match="to be active"):
        _manage(oracle, warnings, wait_timeout=0)


def test_region_without_a_global_schema_is_an_error(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_none(), Call("GET", _GLOBAL, []))
    with pytest.raises(ProviderError, match="no global image capability schema"):
        _manage(oracle, warnings)


def test_what_the_user_asks_for_must_be_possible(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_none(), *_global())
    nvme = {"Network.AttachmentType": {"default": "VDPA", "values": ["VDPA"]}}
    with pytest.raises(InputError, match=r"does not allow VDPA for Network\.AttachmentType"):
        _manage(oracle, warnings, capabilities=nvme)


def test_check_mode_writes_nothing(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_none(), *_global(), _launch())
    result = _manage(oracle, warnings, check_mode=True)
    assert result["changed"] is True
    assert result["schema_id"] is None
    assert result["firmware"] == "UEFI_64"


@pytest.mark.parametrize("image_id", [None, ""])
def test_check_mode_before_the_import(oracle: ScriptedOracle, warnings: list[str], image_id: str | None) -> None:
    oracle.expect(*_global())
    result = _manage(oracle, warnings, check_mode=True, image_id=image_id)
    assert result["changed"] is True
    assert result["launch_options"] == {}
    with pytest.raises(InputError, match="image_id is needed"):
        _manage(oracle, warnings, image_id=image_id)


def test_schema_is_deleted(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_one(), _schema(_IMAGE_DATA), Call("DELETE", f"{_SCHEMAS}/{_SCHEMA}", status=204), _launch())
    result = _manage(oracle, warnings, state="absent")
    assert result["changed"] is True
    assert result["capabilities"] == {}
    assert result["firmware"] is None


def test_schema_is_not_deleted_in_check_mode(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_one(), _schema(_IMAGE_DATA), _launch())
    assert _manage(oracle, warnings, state="absent", check_mode=True)["changed"] is True


def test_no_schema_to_delete(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_none(), _launch())
    assert _manage(oracle, warnings, state="absent")["changed"] is False
