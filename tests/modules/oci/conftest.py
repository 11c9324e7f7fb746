# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of Oracle Cloud's modules start from: a file in a bucket, and names that nobody has taken."""

from __future__ import annotations

import secrets

import pytest

from tests.support.cloud import Cloud
from tests.support.disks import SmallDisk

BUCKET = "modules"


@pytest.fixture
def compartment(oci: Cloud) -> str:
    return str(oci.variables["alpine_oci_compartment_id"])


@pytest.fixture
def staged(oci: Cloud, small_disk: SmallDisk, compartment: str) -> str:
    """The name of an object in ``BUCKET`` that holds the small disk."""
    name = f"{secrets.token_hex(8)}.qcow2"
    oci.succeeds(
        "alpine_oci_object",
        iaas_endpoint=None,
        bucket=BUCKET,
        create_bucket=True,
        compartment_id=compartment,
        name=name,
        src=str(small_disk.qcow2),
    )
    return name


@pytest.fixture
def images(oci: Cloud, small_disk: SmallDisk, compartment: str, staged: str) -> Cloud:
    """Oracle Cloud, with the options for an import of the small disk."""
    return oci.with_options(
        name=f"image-{secrets.token_hex(8)}",
        compartment_id=compartment,
        bucket=BUCKET,
        object_name=staged,
        source_sha256=small_disk.sha256,
        architecture="x86_64",
        firmware="hybrid",
        freeform_tags={"purpose": "test"},
        operating_system_version="3.24.2",
        wait_interval=1,
    )


@pytest.fixture
def image_id(images: Cloud) -> str:
    """An imported image, for whose firmware its launch options say BIOS."""
    return str(images.succeeds("alpine_oci_image", firmware="bios")["image_id"])
