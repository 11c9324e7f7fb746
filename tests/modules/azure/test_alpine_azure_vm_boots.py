# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines that boot: imported by the modules, launched as Alpine's guide says, and logged into."""

from __future__ import annotations

import secrets
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.image import NEWEST, Arch, build_image
from tests.support.cloud import Cloud
from tests.support.login import KeyFile

MODULE = "alpine_azure_vm"
WORD = "it-works"
_USER_DATA = f"""#!/bin/sh
[ -d /sys/firmware/efi ] && firmware=uefi || firmware=bios
[ -e /sys/block/nvme0n1 ] && disk=nvme || disk=scsi
echo {WORD} $firmware $(uname -m) $disk >/dev/console
"""


def _imported(azure: Cloud, architecture: Arch, generation: str, directory: Path) -> str:
    """The id of an image version with a system that boots."""
    image = build_image(NEWEST[architecture], directory)
    vhd = image.with_suffix(".vhd")
    command = ["qemu-img", "convert", "-O", "vpc", "-o", "subformat=fixed,force_size=on", str(image), str(vhd)]
    subprocess.run(command, check=True)
    sha256 = secrets.token_hex(32)
    group = azure.variables["alpine_azure_resource_group"]
    place: dict[str, Any] = {"location": "westeurope", "wait_interval": 1, "blob_endpoint": None}
    gallery = f"gallery.{secrets.token_hex(8)}"
    azure.succeeds("alpine_azure_gallery", resource_group=group, name=gallery, **place)
    azure.succeeds(
        "alpine_azure_gallery_image",
        resource_group=group,
        gallery=gallery,
        name="alpine",
        architecture=architecture,
        hyper_v_generation=generation,
        publisher="alpinelinux",
        offer="alpine",
        sku="tiny",
        **place,
    )
    account = azure.variables["alpine_azure_storage_account"]
    blob = azure.succeeds(
        "alpine_azure_page_blob",
        storage_account=account,
        container=f"container-{secrets.token_hex(8)}",
        create_container=True,
        name="disk.vhd",
        src=str(vhd),
        source_sha256=sha256,
    )
    version = azure.succeeds(
        "alpine_azure_gallery_version",
        resource_group=group,
        gallery=gallery,
        gallery_image="alpine",
        name="3.24.2000",
        source_sha256=sha256,
        source_uri=blob["url"],
        storage_account=account,
        **place,
    )
    return str(version["id"])


@pytest.mark.parametrize(
    ("architecture", "generation", "size", "said"),
    [
        pytest.param("x86_64", "V2", None, "uefi x86_64 scsi", id="x86_64-uefi-scsi"),
        pytest.param("x86_64", "V1", None, "bios x86_64 scsi", id="x86_64-bios-scsi"),
        pytest.param("aarch64", "V2", "Standard_D2ps_v6", "uefi aarch64 nvme", id="aarch64-uefi-nvme"),
    ],
)
def test_an_imported_image_boots_acts_on_user_data_and_lets_alpine_in(
    azure: Cloud, architecture: Arch, generation: str, size: str | None, said: str, tmp_path: Path
) -> None:
    key = KeyFile.make(tmp_path)
    machine = azure.with_options(
        blob_endpoint=None,
        resource_group=azure.variables["alpine_azure_resource_group"],
        name=f"machine-{secrets.token_hex(4)}",
        architecture=architecture,
        image=_imported(azure, architecture, generation, tmp_path),
        size=size,
        subnet_id=azure.variables["alpine_azure_subnet_id"],
        network_security_group_id=azure.variables["alpine_azure_network_security_group_id"],
        ssh_public_key=key.public,
        user_data=_USER_DATA,
        wait_interval=1,
        wait_timeout=120,
    )
    real = machine.succeeds(MODULE, console_pattern=rf"^{WORD} .*$")
    assert real["console_match"] == f"{WORD} {said}"
    assert "ALPINE-CLOUD-BOOT-OK" in real["console"]
    assert (real["running"], real["provisioning"], real["user"]) == (True, "timed_out", "alpine")
    assert "OSProvisioningTimedOut" in "".join(real.warnings)
    assert key.public.endswith("somebody@elsewhere")
    answer = key.run(azure.sandbox.directory, real["public_address"], "id -un; uname -m")
    assert answer.split() == ["alpine", architecture]
    machine.succeeds(MODULE, state="absent")
    assert azure.sandbox.holdings("azure") == {}
