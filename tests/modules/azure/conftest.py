# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests start from, each with names of its own."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.support.cloud import Cloud
from tests.support.disks import SmallDisk

PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f someone@else"

_DEFINITION = {
    "architecture": "x86_64",
    "hyper_v_generation": "V2",
    "publisher": "alpinelinux",
    "offer": "alpine",
    "sku": "x86_64-uefi-tiny",
}


def _without(cloud: Cloud, *options: str) -> Cloud:
    return cloud.with_options(**dict.fromkeys(options))


@pytest.fixture
def galleries(azure: Cloud) -> Cloud:
    """Azure, with the options of a gallery that does not exist."""
    return _without(azure, "blob_endpoint").with_options(
        resource_group=azure.variables["alpine_azure_resource_group"],
        name=f"gallery.{secrets.token_hex(8)}",
        location="westeurope",
        wait_interval=1,
    )


@pytest.fixture
def definitions(galleries: Cloud) -> Cloud:
    """Azure, with the options of an image definition that does not exist, in a gallery that does."""
    galleries.succeeds("alpine_azure_gallery")
    return galleries.with_options(gallery=galleries.options["name"], name="alpine-x86_64-uefi-tiny", **_DEFINITION)


@pytest.fixture
def blobs(azure: Cloud, small_disk: SmallDisk) -> Cloud:
    """Azure, with the options of a page blob that does not exist, nor does its container."""
    return azure.with_options(
        storage_account=azure.variables["alpine_azure_storage_account"],
        container=f"container-{secrets.token_hex(8)}",
        create_container=True,
        name="small.vhd",
        src=str(small_disk.fixed_vhd),
        source_sha256=small_disk.sha256,
        wait_interval=0,
    )


@pytest.fixture
def versions(definitions: Cloud, blobs: Cloud, small_disk: SmallDisk) -> Cloud:
    """Azure, with the options of an image version that does not exist, and the definition and the blob for it."""
    definitions.succeeds("alpine_azure_gallery_image")
    uploaded = blobs.succeeds("alpine_azure_page_blob")
    return _without(definitions, *_DEFINITION).with_options(
        gallery_image=definitions.options["name"],
        name="3.24.2000",
        source_sha256=small_disk.sha256,
        source_uri=uploaded["url"],
        storage_account=blobs.options["storage_account"],
        target_regions=[{"name": "North Europe"}],
        end_of_life_date="2028-05-01",
    )


@pytest.fixture(scope="session")
def imported() -> dict[str, str]:
    """The ids of image versions that stay, by what they are of, so that not every launch imports one."""
    return {}


@pytest.fixture
def machines(azure: Cloud, request: pytest.FixtureRequest, imported: dict[str, str]) -> Iterator[Cloud]:
    """Azure, with the options of a machine that does not exist, from an image that does not boot.

    Nothing may be left of it once it has been removed.
    """
    if "small" not in imported:
        versions: Cloud = request.getfixturevalue("versions")
        imported["small"] = versions.succeeds("alpine_azure_gallery_version")["id"]
    machine = _without(azure, "blob_endpoint").with_options(
        resource_group=azure.variables["alpine_azure_resource_group"],
        name=f"machine-{secrets.token_hex(4)}",
        image=imported["small"],
        subnet_id=azure.variables["alpine_azure_subnet_id"],
        ssh_public_key=PUBLIC_KEY,
        # A machine that does not boot costs a processor for as long as it is there.
        wait_interval=0,
    )
    yield machine
    machine.succeeds("alpine_azure_vm", state="absent")
    assert azure.sandbox.holdings("azure") == {}
