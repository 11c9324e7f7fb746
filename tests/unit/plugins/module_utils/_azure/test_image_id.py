# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from azure.mgmt.compute import models

from ansible_collections.alpine.cloud.plugins.module_utils._azure.image_id import ImageId
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from tests.unit.plugins.module_utils._azure.machine_case import (
    DEFINITION,
    ENDPOINT,
    VERSION,
    Answer,
    MachineClients,
    definition,
)

COMMUNITY = "/CommunityGalleries/alpine-1234/Images/alpine/Versions/3.24.2000"
SHARED = "/SharedGalleries/id-alpine/Images/alpine"


@pytest.mark.parametrize(
    ("given", "key", "found"),
    [
        (VERSION, "id", DEFINITION),
        (f" {DEFINITION}/ ", "id", DEFINITION),
        (VERSION.lower(), "id", DEFINITION.lower()),
        (COMMUNITY, "communityGalleryImageId", None),
        (SHARED, "sharedGalleryImageId", None),
    ],
)
def test_which_image_is_named(given: str, key: str, found: str | None) -> None:
    image = ImageId.parse(given)
    assert (image.id, image.key, image.definition) == (given.strip().rstrip("/"), key, found)


@pytest.mark.parametrize(
    "given", ["alpine", f"{VERSION}/more", "/subscriptions/s/resourceGroups/g", "/CommunityGalleries/x"]
)
def test_what_is_no_image(given: str) -> None:
    with pytest.raises(InputError, match="is not the resource ID of an image version in a compute gallery"):
        ImageId.parse(given)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ({"id": VERSION, "exactVersion": "3.24.2000"}, VERSION),
        ({"communityGalleryImageId": COMMUNITY}, COMMUNITY),
        ({"sharedGalleryImageId": SHARED}, SHARED),
        ({"publisher": "Canonical", "offer": "ubuntu", "sku": "22", "version": "latest"}, None),
        ({"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/images/old"}, None),
    ],
)
def test_the_image_of_a_machine(reference: dict[str, Any], expected: str | None) -> None:
    image = ImageId.of(models.ImageReference(reference))
    assert (image.id if image else None) == expected
    assert ImageId.of(None) is None


def test_case_means_nothing() -> None:
    image = ImageId.parse(VERSION)
    assert image.is_same(ImageId.parse(VERSION.upper().replace("/SUBSCRIPTIONS", "/subscriptions")))
    assert not image.is_same(ImageId.parse(DEFINITION))
    assert not image.is_same(None)


def _needs(image: str, **changes: Any) -> Any:
    clients: Any = MachineClients()
    clients.answers[DEFINITION] = Answer(200, definition(**changes))
    return ImageId.parse(image).needs(clients.compute, ENDPOINT)


def test_what_an_image_needs() -> None:
    needs = _needs(VERSION)
    assert (needs.architecture, needs.hyper_v_generation) == ("x86_64", "V2")
    assert (needs.disk_controller_types, needs.plain, needs.regions) == (("NVMe", "SCSI"), True, ("westeurope",))
    assert _needs(DEFINITION).regions is None
    arm = _needs(VERSION, architecture="Arm64", features=None)
    assert (arm.architecture, arm.disk_controller_types) == ("aarch64", ("SCSI",))
    assert not _needs(VERSION, features=[{"name": "SecurityType", "value": "TrustedLaunchSupported"}]).plain


def test_galleries_of_others_are_not_asked() -> None:
    clients: Any = MachineClients()
    clients.answers = {}
    assert ImageId.parse(COMMUNITY).needs(clients.compute, ENDPOINT) is None


@pytest.mark.parametrize("missing", [DEFINITION, VERSION])
def test_an_image_that_is_not_there(missing: str) -> None:
    clients: Any = MachineClients()
    del clients.answers[missing]
    with pytest.raises(InputError, match=f"image: there is no {missing}: import it first"):
        ImageId.parse(VERSION).needs(clients.compute, ENDPOINT)
