# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from azure.mgmt.compute import models

from ansible_collections.alpine.cloud.plugins.module_utils._azure.gallery_image import (
    GalleryImageRequest,
    ensure_absent,
    ensure_present,
)
from ansible_collections.alpine.cloud.plugins.module_utils._azure.gallery_image_state import GalleryImageState
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import ConflictError, InputError, ProviderError
from tests.sandbox._azure._models import validate
from tests.unit.plugins.module_utils._azure.fakes import Clients

OPTIONS: dict[str, Any] = {
    "resource_group": "group",
    "gallery": "alpine",
    "name": "alpine-x86_64-uefi-tiny",
    "location": "westeurope",
    "architecture": "x86_64",
    "hyper_v_generation": "V2",
    "publisher": "alpinelinux",
    "offer": "alpine",
    "sku": "x86_64-uefi-tiny",
    "disk_controller_types": None,
    "accelerated_networking": None,
    "description": None,
    "end_of_life_date": None,
    "release_note_uri": None,
    "tags": None,
    "append_tags": True,
    "wait": True,
    "wait_timeout": 5,
    "wait_interval": 0,
}
FEATURES = [
    {"name": "IsAcceleratedNetworkSupported", "value": "True"},
    {"name": "DiskControllerTypes", "value": "SCSI, NVMe"},
]


class Case:
    """One definition, as it is and as it is to be."""

    def __init__(self, existing: dict[str, Any] | None = None, **options: Any) -> None:
        self.clients: Any = Clients()
        self.operations = self.clients.compute.gallery_images
        self.operations.resource = existing
        self.subscription = self.clients.subscription
        self.request = GalleryImageRequest.from_params({**OPTIONS, **options})

    def present(self, *, check_mode: bool = False) -> dict[str, Any]:
        return ensure_present(self.clients, self.request, check_mode=check_mode)

    def absent(self, *, check_mode: bool = False) -> dict[str, Any]:
        return ensure_absent(self.clients, self.request, check_mode=check_mode)


def existing(**properties: Any) -> dict[str, Any]:
    return {
        "id": "/ids/alpine-x86_64-uefi-tiny",
        "name": "alpine-x86_64-uefi-tiny",
        "location": "westeurope",
        "tags": {},
        "properties": {
            "osType": "Linux",
            "osState": "Generalized",
            "hyperVGeneration": "V2",
            "architecture": "x64",
            "identifier": {"publisher": "alpinelinux", "offer": "alpine", "sku": "x86_64-uefi-tiny"},
            "features": FEATURES,
            "provisioningState": "Succeeded",
            **properties,
        },
    }


def test_creation_of_generation_2() -> None:
    case = Case(description="Alpine", end_of_life_date="2028-05-01", tags={"a": "b"})
    result = case.present()
    (call,) = case.operations.calls
    assert call.path == ("group", "alpine", "alpine-x86_64-uefi-tiny")
    assert call.body == {
        "location": "westeurope",
        "tags": {"a": "b"},
        "properties": {
            "description": "Alpine",
            "endOfLifeDate": "2028-05-01T00:00:00Z",
            "osType": "Linux",
            "osState": "Generalized",
            "hyperVGeneration": "V2",
            "architecture": "x64",
            "identifier": {"publisher": "alpinelinux", "offer": "alpine", "sku": "x86_64-uefi-tiny"},
            "features": FEATURES,
        },
    }
    assert validate("GalleryImage", call.body, target="galleryImage") == call.body, "what the API allows"
    assert result["changed"] is True
    assert result["security_type"] == "Standard"
    assert result["disk_controller_types"] == ["NVMe", "SCSI"]


def test_creation_of_generation_1_names_no_disk_controllers() -> None:
    case = Case(hyper_v_generation="V1")
    result = case.present()
    body = case.operations.calls[0].body
    assert body is not None
    assert body["properties"]["features"] == [{"name": "IsAcceleratedNetworkSupported", "value": "True"}]
    assert body["properties"]["hyperVGeneration"] == "V1"
    assert result["disk_controller_types"] == ["SCSI"]


def test_creation_for_aarch64() -> None:
    case = Case(architecture="aarch64")
    result = case.present()
    body = case.operations.calls[0].body
    assert body is not None
    assert body["properties"]["architecture"] == "Arm64"
    assert result["architecture"] == "aarch64"


def test_creation_without_what_the_image_has_no_drivers_for() -> None:
    case = Case(disk_controller_types=["SCSI"], accelerated_networking=False)
    case.present()
    body = case.operations.calls[0].body
    assert body is not None
    assert body["properties"]["features"] == [
        {"name": "IsAcceleratedNetworkSupported", "value": "False"},
        {"name": "DiskControllerTypes", "value": "SCSI"},
    ]


def test_creation_foreseen() -> None:
    foreseen, made = Case(), Case()
    check, real = foreseen.present(check_mode=True), made.present()
    assert foreseen.operations.calls == []
    assert check == {**real, "id": None}


@pytest.mark.parametrize("controllers", ["SCSI, NVMe", "NVMe, SCSI", "NVMe,SCSI", " SCSI ,NVMe"])
def test_order_of_disk_controllers_means_nothing(controllers: str) -> None:
    features = [FEATURES[0], {"name": "DiskControllerTypes", "value": controllers}]
    case = Case(existing(features=features))
    assert case.present()["changed"] is False
    assert case.operations.calls == []


@pytest.mark.parametrize("security", ["", "None", "Standard"])
def test_plain_security_types(security: str) -> None:
    features = [*FEATURES, {"name": "SecurityType", "value": security}]
    assert Case(existing(features=features)).present()["changed"] is False


def test_features_of_others_do_no_harm() -> None:
    features = [*FEATURES, {"name": "IsHibernateSupported", "value": "True"}]
    assert Case(existing(features=features)).present()["changed"] is False


@pytest.mark.parametrize(
    ("properties", "options", "difference"),
    [
        ({"hyperVGeneration": "V1"}, {}, "hyper_v_generation is 'V1', not 'V2'"),
        ({"architecture": "Arm64"}, {}, "architecture is 'aarch64', not 'x86_64'"),
        ({"osType": "Windows"}, {}, "os_type is 'Windows', not 'Linux'"),
        ({"osState": "Specialized"}, {}, "os_state is 'Specialized', not 'Generalized'"),
        (
            {"features": FEATURES[:1]},
            {"disk_controller_types": ["SCSI", "NVMe"]},
            r"disk_controller_types is \['SCSI'\], not \['NVMe', 'SCSI'\]",
        ),
        ({"features": FEATURES[1:]}, {"accelerated_networking": True}, "accelerated_networking is False, not True"),
        (
            {"features": [*FEATURES, {"name": "SecurityType", "value": "ConfidentialVM"}]},
            {},
            "security_type is 'ConfidentialVM', not 'Standard'",
        ),
        ({}, {"sku": "other"}, "sku is 'x86_64-uefi-tiny', not 'other'"),
        ({}, {"location": "eastus"}, "location is 'westeurope', not 'eastus'"),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_what_cannot_be_changed(
    properties: dict[str, Any], options: dict[str, Any], difference: str, check_mode: bool
) -> None:
    case = Case(existing(**properties), **options)
    with pytest.raises(ConflictError, match=f"{difference}.*such as 'alpine-x86_64-uefi-tiny-2'"):
        case.present(check_mode=check_mode)
    assert case.operations.calls == []


def test_users_may_write_the_region_otherwise() -> None:
    assert Case(existing(), location="West Europe").present()["changed"] is False


def test_what_can_be_changed() -> None:
    case = Case(
        existing(description="Old", eula="Theirs"),
        description="New",
        release_note_uri="https://a.example/",
        tags={"a": "b"},
    )
    result = case.present()
    (call,) = case.operations.calls
    assert call.name == "update"
    assert call.body == {
        "tags": {"a": "b"},
        "properties": {
            # Whatever is not named counts as its default, and has thus changed.
            **{name: held for name, held in existing()["properties"].items() if name != "provisioningState"},
            "eula": "Theirs",
            "description": "New",
            "releaseNoteUri": "https://a.example/",
        },
    }
    assert validate("GalleryImageUpdate", call.body, target="galleryImage", partial=True) == call.body
    assert result["diff"] == {
        "before": {"description": "Old", "release_note_uri": None, "tags": {}},
        "after": {"description": "New", "release_note_uri": "https://a.example/", "tags": {"a": "b"}},
    }


def test_what_is_not_given_is_left_alone() -> None:
    uri = "https://alpinelinux.org/posts/"
    before = existing(description="Old", endOfLifeDate="2028-05-01T00:00:00+00:00", releaseNoteUri=uri)
    case = Case({**before, "tags": {"owner": "me"}})
    result = case.present()
    assert result["changed"] is False
    assert (result["release_note_uri"], result["tags"]) == (uri, {"owner": "me"})
    assert (result["description"], result["end_of_life_date"]) == ("Old", "2028-05-01T00:00:00Z")


TRUSTED_LAUNCH = [*FEATURES, {"name": "SecurityType", "value": "TrustedLaunchSupported"}]


@pytest.mark.parametrize("check_mode", [True, False])
def test_trusted_launch_by_default_is_explained(check_mode: bool) -> None:
    case = Case(existing(features=TRUSTED_LAUNCH))
    with pytest.raises(
        ConflictError, match=r"Trusted Launch as the default of generation 2.*SecurityType=None"
    ) as caught:
        case.present(check_mode=check_mode)
    assert "-2" not in caught.value.message, "another name would be none the better"


def test_defaults_are_no_wish_for_what_exists() -> None:
    features = [{"name": "DiskControllerTypes", "value": "SCSI"}]
    case = Case(existing(features=features))
    result = case.present()
    assert (result["changed"], result["disk_controller_types"], result["accelerated_networking"]) == (
        False,
        ["SCSI"],
        False,
    )


def test_failed_definition_is_mended() -> None:
    case = Case(existing(provisioningState="Failed"))
    assert case.present()["changed"] is True
    assert case.operations.writes == ["update"]


def test_what_azure_makes_of_it_is_read_back() -> None:
    case = Case()
    case.operations.created = {"features": TRUSTED_LAUNCH}
    with pytest.raises(
        ProviderError, match=r"security_type is 'TrustedLaunchSupported'.* Trusted Launch as the default"
    ) as caught:
        case.present()
    assert caught.value.operation == "GalleryImages_CreateOrUpdate"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "blank blank"}, "name 'blank blank' is not an image definition's name"),
        ({"name": "-x"}, "is not an image definition's name"),
        ({"gallery": "with-dash"}, "gallery 'with-dash' is not a gallery's name"),
        ({"architecture": "aarch64", "hyper_v_generation": "V1"}, "does not exist for aarch64"),
        ({"hyper_v_generation": "V1", "disk_controller_types": ["NVMe"]}, "NVMe needs hyper_v_generation V2"),
        ({"publisher": "a b"}, "publisher 'a b' must be"),
        ({"publisher": "p" * 129}, "1 to 128"),
        ({"offer": "o" * 65}, "1 to 64"),
        ({"sku": "dot."}, "not end with a dot"),
        ({"end_of_life_date": "soon"}, "end_of_life_date must be a date"),
    ],
)
def test_illegal_input(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Case(**options)


def test_new_definition_needs_a_location() -> None:
    with pytest.raises(InputError, match="location is needed"):
        Case(location=None).present(check_mode=True)


def test_existing_definition_needs_no_location() -> None:
    assert Case(existing(), location=None).present()["changed"] is False


def test_shown_defaults_of_old_definitions() -> None:
    properties = existing(features=None)["properties"]
    del properties["hyperVGeneration"], properties["architecture"]
    shown = GalleryImageState.of(models.GalleryImage({**existing(), "properties": properties})).managed
    assert (shown.hyper_v_generation, shown.architecture) == ("V1", "x86_64")
    assert (shown.disk_controller_types, shown.accelerated_networking) == (["SCSI"], False)


def test_deletion() -> None:
    case = Case(existing())
    assert case.absent(check_mode=True)["changed"] is True
    assert case.operations.calls == []
    assert case.absent(check_mode=False)["changed"] is True
    assert case.operations.writes == ["delete"]
    assert case.absent(check_mode=False)["changed"] is False
