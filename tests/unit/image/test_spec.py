# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from tests.image._spec import Firmware, ImageSpec


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        (ImageSpec(), "alpine-3.24.2-x86_64-tiny-r0"),
        (ImageSpec("uefi"), "alpine-3.23.6-x86_64-uefi-tiny-r0"),
        (ImageSpec("bios"), "generic_alpine-3.24.1-x86_64-bios-tiny-r0"),
        (ImageSpec("uefi", arch="aarch64"), "alpine-3.24.2-aarch64-tiny-r0"),
        (ImageSpec(release="3.25.0", revision=12), "alpine-3.25.0-x86_64-tiny-r12"),
    ],
)
def test_the_name_follows_the_scheme_of_its_time(spec: ImageSpec, name: str) -> None:
    assert spec.name == name


@pytest.mark.parametrize("firmware", ["bios", "hybrid"])
def test_aarch64_has_uefi_alone(firmware: Firmware) -> None:
    with pytest.raises(ValueError, match=f"no {firmware} images for aarch64"):
        ImageSpec(firmware, arch="aarch64")
