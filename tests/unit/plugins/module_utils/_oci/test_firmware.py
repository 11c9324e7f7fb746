# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._oci.firmware import allowed_firmware, launch_firmware


@pytest.mark.parametrize(
    ("firmware", "architecture", "allowed"),
    [
        ("bios", "x86_64", ["BIOS"]),
        ("bios", None, ["BIOS"]),
        ("uefi", "x86_64", ["UEFI_64"]),
        ("uefi", "aarch64", ["UEFI_64"]),
        ("hybrid", "x86_64", ["UEFI_64", "BIOS"]),
        ("hybrid", None, ["UEFI_64", "BIOS"]),
        ("hybrid", "aarch64", ["UEFI_64"]),
    ],
)
def test_firmware_in_oracles_words(firmware: str, architecture: str | None, allowed: list[str]) -> None:
    assert allowed_firmware(firmware, architecture) == allowed
    assert launch_firmware(firmware, architecture) == allowed[0]


def test_bios_on_arm_is_impossible() -> None:
    with pytest.raises(InputError, match="firmware bios is impossible on architecture aarch64"):
        launch_firmware("bios", "aarch64")
