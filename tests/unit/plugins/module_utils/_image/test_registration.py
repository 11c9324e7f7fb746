# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._core.words import Architecture, Firmware
from ansible_collections.alpine.cloud.plugins.module_utils._image.registration import (
    ec2_boot_mode,
    firmware_of,
    firmware_of_features,
    hyper_v_generation,
    image_family,
    image_tags,
)
from ansible_collections.alpine.cloud.plugins.module_utils._oci.firmware import allowed_firmware


@pytest.mark.parametrize(
    ("word", "firmware"),
    [
        ("uefi-preferred", "hybrid"),
        ("uefi", "uefi"),
        ("legacy-bios", "bios"),
        ("V1", "bios"),
        ("V2", "uefi"),
        ("UEFI_64", "uefi"),
        ("BIOS", "bios"),
    ],
)
def test_the_words_of_clouds_mean_a_firmware(word: str, firmware: Firmware) -> None:
    assert firmware_of(word) == firmware


@pytest.mark.parametrize("word", ["", "hybrid", "V3", "Bios"])
def test_a_word_that_no_cloud_has_is_refused(word: str) -> None:
    with pytest.raises(InputError, match=f"no cloud calls a firmware '{word}'; known are uefi-preferred, uefi, "):
        firmware_of(word)


def test_compute_engine_starts_by_uefi_what_says_so() -> None:
    assert firmware_of_features(["GVNIC", "UEFI_COMPATIBLE"]) == "uefi"
    assert firmware_of_features(["GVNIC"]) == "bios"
    assert firmware_of_features([]) == "bios"


@pytest.mark.parametrize(
    ("firmware", "architecture", "boot_mode"),
    [
        ("hybrid", "x86_64", "uefi-preferred"),
        ("uefi", "x86_64", "uefi"),
        ("bios", "x86_64", "legacy-bios"),
        ("hybrid", "aarch64", "uefi"),
        ("uefi", "aarch64", "uefi"),
    ],
)
def test_ec2_boot_modes(firmware: Firmware, architecture: Architecture, boot_mode: str) -> None:
    assert ec2_boot_mode(firmware, architecture) == boot_mode


@pytest.mark.parametrize(("firmware", "generation"), [("bios", "V1"), ("uefi", "V2"), ("hybrid", "V2")])
def test_azures_generations(firmware: Firmware, generation: str) -> None:
    assert hyper_v_generation(firmware) == generation


def test_each_word_that_a_cloud_is_told_has_a_meaning() -> None:
    kinds: list[Firmware] = ["bios", "uefi", "hybrid"]
    for firmware in kinds:
        assert firmware_of(ec2_boot_mode(firmware, "x86_64")) == firmware
        assert firmware_of(hyper_v_generation(firmware)) == ("bios" if firmware == "bios" else "uefi")
        assert [firmware_of(word) for word in allowed_firmware(firmware, "x86_64")] == (
            ["uefi", "bios"] if firmware == "hybrid" else [firmware]
        )


@pytest.mark.parametrize(
    ("firmware", "machine", "family"),
    [
        ("hybrid", "vm", "alpine-x86_64-uefi-tiny"),
        ("uefi", "vm", "alpine-x86_64-uefi-tiny"),
        ("bios", "vm", "alpine-x86_64-bios-tiny"),
        ("uefi", "metal", "alpine-x86_64-uefi-tiny-metal"),
    ],
)
def test_a_family_is_the_name_without_version(firmware: Firmware, machine: str, family: str) -> None:
    assert image_family("x86_64", firmware, "tiny", machine) == family


def test_tags_tell_what_an_image_is() -> None:
    tags = {"alpine-image": "alpine-3.24.2-x86_64-tiny-r1", "alpine-release": "3.24.2", "alpine-revision": "1"}
    assert image_tags("alpine-3.24.2-x86_64-tiny-r1", "3.24.2", 1) == tags
    assert image_tags("alpine-3.24.2-x86_64-tiny-r1", "3.24.2", 1, "2028-05-01") == {
        **tags,
        "alpine-end-of-life": "2028-05-01",
    }
