# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mirror of Alpine Linux on loopback: listings of all three eras, images, checksums, signatures, releases.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.sandbox._cloud import Cloud, Context
from tests.sandbox._mirror._images import published_images
from tests.sandbox._mirror._signing import Signers
from tests.sandbox._mirror._site import Site, classify, error_body


class _Mirror(Cloud):
    def start(self) -> dict[str, Any]:
        signers = Signers()
        directory = self.context.directory
        images = published_images(self.context.images)
        site = Site(images, signers, directory)
        url = self.context.serve(site.app, classify=classify, error_body=error_body)
        key_files = {}
        for name, key in signers.public_keys.items():
            key_files[name] = directory / f"{name}.asc"
            key_files[name].write_bytes(key)
        return {
            "alpine_image_mirror_url": [f"{url}/alpine"],
            "alpine_image_releases_url": f"{url}/releases.json",
            "alpine_image_ca_file": str(self.context.ca_file),
            "alpine_image_key": str(key_files["signer"]),
            "alpine_image_fingerprint": signers.fingerprints["signer"],
            "sandbox_mirror_url": url,
            "sandbox_mirror_key_files": {name: str(path) for name, path in key_files.items()},
            "sandbox_mirror_key_fingerprints": signers.fingerprints,
        }

    def export(self, resource_id: str, region: str | None, output: Path) -> None:
        raise LookupError("the mirror imports nothing, so that there is nothing to export")


def create_cloud(context: Context) -> Cloud:
    return _Mirror(context)
