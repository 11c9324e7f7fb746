# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mirror, and what is known of the newest image there."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.support.cloud import Cloud

IMAGE = "alpine-3.24.2-x86_64-cloudinit-r10.qcow2"
_FOLDER = "/alpine/v3.24/releases/cloud"


@dataclasses.dataclass(frozen=True)
class Site:
    """Where things are at the sandbox's mirror."""

    variables: dict[str, Any]

    @property
    def root(self) -> str:
        return str(self.variables["sandbox_mirror_url"])

    @property
    def fingerprint(self) -> str:
        return str(self.variables["alpine_image_fingerprint"])

    @property
    def keys(self) -> dict[str, str]:
        """Files of keys, by who signs with them."""
        return dict(self.variables["sandbox_mirror_key_files"])

    @property
    def fingerprints(self) -> dict[str, str]:
        return dict(self.variables["sandbox_mirror_key_fingerprints"])

    def url(self, name: str = IMAGE, condition: str = "") -> str:
        """:param condition: what is wrong with the mirror, such as ``/corrupt``."""
        return f"{self.root}{condition}{_FOLDER}/{name}"

    def get(self, url: str) -> requests.Response:
        with requests.Session() as session:
            session.trust_env = False
            session.verify = str(self.variables["alpine_image_ca_file"])
            return session.get(url, timeout=30)


@pytest.fixture
def site(mirror: Cloud) -> Site:
    return Site(mirror.variables)


@pytest.fixture
def infos(mirror: Cloud, site: Site) -> Cloud:
    """The mirror, with the options by which alpine_image_info finds it."""
    return mirror.with_options(
        mirror_url=site.variables["alpine_image_mirror_url"],
        releases_url=site.variables["alpine_image_releases_url"],
        ca_file=site.variables["alpine_image_ca_file"],
    )


@pytest.fixture
def downloads(mirror: Cloud, site: Site, tmp_path: Path) -> Cloud:
    """The mirror, with the options for a download of the newest image."""
    return mirror.with_options(
        url=[site.url()],
        key_url=f"{site.root}/keys/signer.asc",
        fingerprint=site.fingerprint,
        work_dir=str(tmp_path / "work"),
        ca_file=site.variables["alpine_image_ca_file"],
    )
