# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of images and instances start from: an archive in Cloud Storage, and a name that nobody has taken."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cloud import Cloud
from tests.support.disks import SmallDisk
from tests.support.login import KeyFile

_BUCKET = "modules-gcp-image"


@pytest.fixture
def images(gcp: Cloud, small_disk: SmallDisk) -> Cloud:
    """Google Cloud, with the options for an import of the small disk."""
    archive = gcp.succeeds(
        "alpine_gcs_object",
        bucket=_BUCKET,
        create_bucket=True,
        name=f"{secrets.token_hex(8)}.tar.gz",
        src=str(small_disk.gce_tar),
        source_sha256=small_disk.sha256,
    )
    return gcp.with_options(
        name=f"image-{secrets.token_hex(8)}",
        source=archive["uri"],
        source_sha256=small_disk.sha256,
        architecture="x86_64",
        firmware="hybrid",
        wait_interval=0,
    )


ZONE = "europe-west1-b"


@pytest.fixture
def login(tmp_path: Path) -> KeyFile:
    return KeyFile.make(tmp_path)


@pytest.fixture
def machines(gcp: Cloud, login: KeyFile, request: pytest.FixtureRequest, imported: dict[str, str]) -> Iterator[Cloud]:
    """Google Cloud, with the options for an instance from an image of the small disk, which boots nothing."""
    if "gcp" not in imported:
        images: Cloud = request.getfixturevalue("images")
        # Where there is nothing to boot, BIOS stops sooner than UEFI.
        imported["gcp"] = images.succeeds("alpine_gcp_image", firmware="bios")["self_link"]
    cloud = gcp.with_options(
        name=f"machine-{secrets.token_hex(4)}",
        zone=ZONE,
        image=imported["gcp"],
        ssh_public_key=login.public,
        storage_endpoint=None,
        wait_interval=0,
    )
    yield cloud
    cloud.sandbox.clear_faults("gcp")
    cloud.run("alpine_gcp_instance", state="absent")
    assert cloud.sandbox.holdings("gcp") == {}
