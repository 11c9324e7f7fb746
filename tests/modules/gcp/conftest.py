# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of images start from: an archive in Cloud Storage, and a name that nobody has taken."""

from __future__ import annotations

import secrets

import pytest

from tests.support.cloud import Cloud
from tests.support.disks import SmallDisk

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
