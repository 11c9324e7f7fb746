# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._core.words import Architecture, Firmware
from ansible_collections.alpine.cloud.plugins.module_utils._gcp.guest_os import guest_os_features


@pytest.mark.parametrize(
    ("architecture", "firmware", "more", "expected"),
    [
        ("x86_64", "bios", ["GVNIC"], ["GVNIC"]),
        ("x86_64", "uefi", ["GVNIC"], ["GVNIC", "UEFI_COMPATIBLE"]),
        ("x86_64", "hybrid", ["GVNIC"], ["GVNIC", "UEFI_COMPATIBLE"]),
        ("x86_64", "hybrid", ["UEFI_COMPATIBLE", "TDX_CAPABLE"], ["TDX_CAPABLE", "UEFI_COMPATIBLE"]),
        (
            "aarch64",
            "uefi",
            ["VIRTIO_SCSI_MULTIQUEUE", "GVNIC"],
            ["GVNIC", "UEFI_COMPATIBLE", "VIRTIO_SCSI_MULTIQUEUE"],
        ),
        ("aarch64", "hybrid", [], ["UEFI_COMPATIBLE"]),
    ],
)
def test_features_follow_firmware_and_architecture(
    architecture: Architecture, firmware: Firmware, more: list[str], expected: list[str]
) -> None:
    assert guest_os_features(firmware, architecture, more) == expected


@pytest.mark.parametrize(
    ("architecture", "firmware", "more", "words"),
    [
        ("aarch64", "bios", [], "firmware=bios with architecture=aarch64 cannot boot: Arm machines have UEFI only"),
        (
            "aarch64",
            "uefi",
            ["TDX_CAPABLE", "GVNIC", "SEV_CAPABLE"],
            "guest_os_features SEV_CAPABLE, TDX_CAPABLE exist on x86_64 only",
        ),
        ("x86_64", "bios", ["UEFI_COMPATIBLE"], "guest_os_features UEFI_COMPATIBLE contradicts firmware=bios"),
    ],
)
def test_what_cannot_be_is_refused(architecture: Architecture, firmware: Firmware, more: list[str], words: str) -> None:
    with pytest.raises(InputError) as refusal:
        guest_os_features(firmware, architecture, more)
    assert words in refusal.value.message
