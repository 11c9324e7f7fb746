# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests start from, each with names of its own."""

from __future__ import annotations

import secrets

import pytest

from tests.support.cloud import Cloud
from tests.support.disks import SmallDisk

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
