# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""alpine_gcp_instance with images that boot: the machine says its word, lets alpine in, powers itself off."""

from __future__ import annotations

import secrets
import subprocess
from pathlib import Path

import pytest

from tests.image import NEWEST, Arch, build_image
from tests.support.cloud import Cloud
from tests.support.disks import make_gce_tar
from tests.support.login import KeyFile
from tests.support.power_off import USER_DATA, assert_its_end_is_told

MODULE = "alpine_gcp_instance"

# By firmware, architecture and the bus that the machine type has its disk at; what the instance sees of it.
_BOOTS = [
    pytest.param("x86_64", "hybrid", "e2-micro", "uefi", id="x86_64-uefi-scsi"),
    pytest.param("x86_64", "bios", "n4-standard-2", "bios", id="x86_64-bios-nvme"),
    pytest.param("aarch64", "uefi", "c4a-highcpu-1", "uefi", id="aarch64-nvme"),
]


def _import(gcp: Cloud, folder: Path, architecture: Arch, firmware: str) -> Cloud:
    """Google Cloud, with the options for an instance from the newest image of the architecture."""
    raw = folder / "bootable.raw"
    image = build_image(NEWEST[architecture], folder)
    subprocess.run(["qemu-img", "convert", "-O", "raw", str(image), str(raw)], check=True)
    archive = make_gce_tar(raw, folder / "bootable.raw.tar.gz")
    sha256, name = secrets.token_hex(32), f"boots-{secrets.token_hex(4)}"
    staged = gcp.succeeds(
        "alpine_gcs_object",
        bucket="modules-gcp-boots",
        create_bucket=True,
        name=f"{name}.tar.gz",
        src=str(archive),
        source_sha256=sha256,
    )
    imported = gcp.succeeds(
        "alpine_gcp_image",
        name=name,
        source=staged["uri"],
        source_sha256=sha256,
        architecture=architecture,
        firmware=firmware,
        wait_interval=0,
    )
    return gcp.with_options(
        name=name, zone="europe-west1-b", image=imported["self_link"], architecture=architecture, wait_interval=1
    )


@pytest.mark.parametrize(("architecture", "firmware", "machine_type", "seen"), _BOOTS)
def test_an_imported_image_boots_acts_on_user_data_and_lets_alpine_in_until_it_powers_itself_off(
    gcp: Cloud, architecture: Arch, firmware: str, machine_type: str, seen: str, login: KeyFile, tmp_path: Path
) -> None:
    machine = _import(gcp, tmp_path, architecture, firmware)
    try:
        real = machine.succeeds(
            MODULE,
            machine_type=machine_type,
            ssh_public_key=login.public,
            user_data=USER_DATA,
            console_pattern=r"^word (\S+) (\S+)$",
            wait_timeout=120,
        )
        assert real["console_match"] == f"word {seen} {architecture}"
        assert "ALPINE-CLOUD-BOOT-OK" in real["console"]
        assert "word" not in str(real["diff"])
        answer = login.run(gcp.sandbox.directory, real["public_address"], "id -un; uname -m")
        assert answer.split() == ["alpine", architecture]
        assert_its_end_is_told(
            machine,
            MODULE,
            login,
            real["public_address"],
            reads_console="instances.getSerialPortOutput",
            state="TERMINATED",
        )
    finally:
        machine.succeeds(MODULE, state="absent")
    assert gcp.sandbox.holdings("gcp") == {}
