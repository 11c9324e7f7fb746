# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of Oracle Cloud's modules start from: a file in a bucket, and names that nobody has taken."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cloud import Cloud
from tests.support.disks import SmallDisk
from tests.support.login import KeyFile

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


@pytest.fixture
def lasting_image_id(request: pytest.FixtureRequest, imported: dict[str, str]) -> str:
    """The same, for tests that leave it as it is."""
    if "oci" not in imported:
        imported["oci"] = request.getfixturevalue("image_id")
    return imported["oci"]


@pytest.fixture
def login(tmp_path: Path) -> KeyFile:
    return KeyFile.make(tmp_path)


@pytest.fixture
def machines(oci: Cloud, lasting_image_id: str, compartment: str, login: KeyFile) -> Iterator[Cloud]:
    """Oracle Cloud, with the options for an instance from an image of the small disk, which boots nothing."""
    cloud = oci.with_options(
        name=f"machine-{secrets.token_hex(4)}",
        compartment_id=compartment,
        image_id=lasting_image_id,
        subnet_id=oci.variables["alpine_oci_subnet_id"],
        ssh_public_key=login.public,
        wait_interval=0,
    )
    yield cloud
    cloud.sandbox.clear_faults("oci")
    cloud.run("alpine_oci_instance", state="absent")
    assert cloud.sandbox.holdings("oci") == {}
