# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_oci_instance with images that boot: the machine says its word, lets alpine in, powers itself off."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import Any

import pytest

from tests.image import NEWEST, Arch, build_image
from tests.support.cloud import Cloud
from tests.support.login import KeyFile
from tests.support.power_off import USER_DATA, assert_its_end_is_told

MODULE = "alpine_oci_instance"

# By architecture and what the capability schema says of the firmware; what the instance sees of it.
_BOOTS = [
    pytest.param("x86_64", "hybrid", "uefi", "VM.Standard.E4.Flex", id="x86_64-uefi"),
    pytest.param("x86_64", "bios", "bios", "VM.Standard.E4.Flex", id="x86_64-bios"),
    pytest.param("aarch64", "uefi", "uefi", "VM.Standard.A1.Flex", id="aarch64"),
]


def _import(oci: Cloud, compartment: str, folder: Path, architecture: Arch, firmware: str) -> Cloud:
    """Oracle Cloud, with the options for an instance from the newest image of the architecture."""
    image = build_image(NEWEST[architecture], folder)
    name, sha256 = f"boots-{secrets.token_hex(4)}", hashlib.sha256(image.read_bytes()).hexdigest()
    bucket: dict[str, Any] = {"bucket": "modules-boots", "compartment_id": compartment}
    cloud = oci.with_options(compartment_id=compartment)
    oci.succeeds(
        "alpine_oci_object", **bucket, create_bucket=True, name=f"{name}.qcow2", src=str(image), source_sha256=sha256
    )
    imported = oci.succeeds(
        "alpine_oci_image",
        **bucket,
        name=name,
        object_name=f"{name}.qcow2",
        source_sha256=sha256,
        architecture=architecture,
        firmware=firmware,
        wait_interval=0,
    )["image_id"]
    cloud.succeeds("alpine_oci_image_shapes", image_id=imported, architecture=architecture)
    cloud.succeeds(
        "alpine_oci_image_capabilities", image_id=imported, architecture=architecture, firmware=firmware, name=name
    )
    return cloud.with_options(
        name=name,
        image_id=imported,
        architecture=architecture,
        subnet_id=oci.variables["alpine_oci_subnet_id"],
        wait_interval=1,
    )


@pytest.mark.parametrize(("architecture", "firmware", "seen", "shape"), _BOOTS)
def test_an_imported_image_boots_acts_on_user_data_and_lets_alpine_in_until_it_powers_itself_off(
    oci: Cloud,
    compartment: str,
    architecture: Arch,
    firmware: str,
    seen: str,
    shape: str,
    login: KeyFile,
    tmp_path: Path,
) -> None:
    machine = _import(oci, compartment, tmp_path, architecture, firmware)
    try:
        real = machine.succeeds(
            MODULE,
            ssh_public_key=login.public,
            user_data=USER_DATA,
            console_pattern=r"^word (\S+) (\S+)$",
            wait_timeout=180,
        )
        assert real["console_match"] == f"word {seen} {architecture}"
        assert "ALPINE-CLOUD-BOOT-OK" in real["console"]
        assert real["shape"] == shape
        assert "word" not in str(real["diff"])
        assert "console_histories" not in oci.sandbox.holdings("oci")
        answer = login.run(oci.sandbox.directory, real["public_address"], "id -un; uname -m")
        assert answer.split() == ["alpine", architecture]
        assert_its_end_is_told(
            machine, MODULE, login, real["public_address"], reads_console="CaptureConsoleHistory", state="STOPPED"
        )
    finally:
        machine.succeeds(MODULE, state="absent")
    assert oci.sandbox.holdings("oci") == {}
