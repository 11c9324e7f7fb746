# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_oci_image_capabilities over the sandbox."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cloud import Cloud

MODULE = "alpine_oci_image_capabilities"
HYBRID: dict[str, Any] = {
    "firmware": "hybrid",
    "capabilities": {
        "Network.IPv6Only": {"default": False},
        "Network.AttachmentType": {"default": "PARAVIRTUALIZED", "values": ["VFIO", "PARAVIRTUALIZED"]},
        "Storage.ConsistentVolumeNaming": None,
    },
}
NVME = {"default": "NVME", "values": ["NVME"]}


@pytest.fixture
def capabilities(oci: Cloud, compartment: str, image_id: str) -> Cloud:
    return oci.with_options(
        image_id=image_id, compartment_id=compartment, architecture="x86_64", firmware="uefi", wait_interval=1
    )


def test_a_schema_is_created_once(capabilities: Cloud) -> None:
    without_image = capabilities.succeeds(MODULE, check_mode=True, image_id=None)
    check = capabilities.succeeds(MODULE, check_mode=True)
    start = capabilities.mark()
    real = capabilities.succeeds(MODULE)
    assert capabilities.writes(start) == ["CreateComputeImageCapabilitySchema"]
    before = capabilities.mark()
    check_again = capabilities.succeeds(MODULE, check_mode=True)
    real_again = capabilities.succeeds(MODULE)
    assert capabilities.writes(before) == []

    assert without_image.changed
    assert without_image["capabilities"] == real["capabilities"]
    assert check.changed
    assert check["schema_id"] is None
    assert check["diff"] == real["diff"]
    assert real.changed
    assert real["schema_id"].startswith("ocid1.computeimgcapschema.")
    assert (real["firmware"], real["launch_options"]["firmware"]) == ("UEFI_64", "BIOS")
    assert real["capabilities"]["Compute.Firmware"] == {"default": "UEFI_64", "values": ["UEFI_64"]}
    assert real["capabilities"]["Compute.SecureBoot"] == {"default": False, "values": None}
    assert real["capabilities"]["Storage.BootVolumeType"]["values"] == ["PARAVIRTUALIZED"]
    attachment = real["capabilities"]["Storage.ParaVirtualization.AttachmentVersion"]
    assert attachment == {"default": 2, "values": [1, 2]}
    assert not check_again.changed
    assert not real_again.changed
    assert real_again["schema_id"] == real["schema_id"]


def test_a_schema_that_exists_is_updated_once(capabilities: Cloud) -> None:
    made = capabilities.succeeds(MODULE)
    capabilities.fault("UpdateComputeImageCapabilitySchema", drop="after")
    hybrid = capabilities.succeeds(MODULE, **HYBRID)
    again = capabilities.succeeds(MODULE, **HYBRID)
    assert hybrid.changed
    assert (hybrid["schema_id"], hybrid["firmware"]) == (made["schema_id"], "UEFI_64")
    assert hybrid["capabilities"]["Compute.Firmware"]["values"] == ["BIOS", "UEFI_64"]
    assert hybrid["capabilities"]["Network.AttachmentType"]["values"] == ["PARAVIRTUALIZED", "VFIO"]
    assert hybrid["capabilities"]["Network.IPv6Only"]["default"] is False
    # Not managed any more, so kept.
    assert hybrid["capabilities"]["Storage.ConsistentVolumeNaming"]["default"] is False
    assert not again.changed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"capabilities": {"Storage.BootVolumeType": NVME}}, "does not allow NVME for"),
        ({"capabilities": {"Compute.Colour": {"default": True}}}, "global schema has no Compute.Colour"),
        ({"image_id": ""}, "image_id is needed"),
    ],
)
def test_the_impossible_is_refused_before_anything_is_written(
    capabilities: Cloud, options: dict[str, Any], message: str
) -> None:
    before = capabilities.mark()
    assert message in capabilities.fails(MODULE, **options).msg
    assert capabilities.writes(before) == []


def test_an_image_that_does_not_exist_is_told(capabilities: Cloud) -> None:
    assert "It does not exist" in capabilities.fails(MODULE, image_id="ocid1.image.oc1..nothing").msg


def test_a_schema_is_deleted_once(capabilities: Cloud) -> None:
    made = capabilities.succeeds(MODULE)
    removal = capabilities.with_options(architecture=None, firmware=None, compartment_id=None, state="absent")
    check = removal.succeeds(MODULE, check_mode=True)
    real = removal.succeeds(MODULE)
    before = removal.mark()
    check_again = removal.succeeds(MODULE, check_mode=True)
    real_again = removal.succeeds(MODULE)
    assert removal.writes(before) == []
    assert check.changed
    assert real.changed
    assert real["schema_id"] == made["schema_id"]
    assert not check_again.changed
    assert not real_again.changed
    assert real_again["schema_id"] is None
