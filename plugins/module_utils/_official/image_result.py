# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module that downloads an image, or verifies one, tells of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .._core.diff import diff_of
from .._image.metadata import sidecar_of
from .checksum import Digests


def image_result(
    *,
    path: Path,
    sha512: str | None,
    digests: Digests | None = None,
    signer: str | None = None,
    changed: bool = False,
    url: str | None = None,
    resumed: bool = False,
    downloaded_bytes: int = 0,
) -> dict[str, Any]:
    """As the module's RETURN documents it.

    :param sha512: the digest that the file has, or should have.
    :param digests: those of the file, where it is there and has been compared.
    :param signer: the fingerprint of the key whose owner has signed it, where that has been checked.
    :param changed: whether the file is new, or would be.
    :param url: where it was downloaded from.
    :param downloaded_bytes: how much of it has come over the network.
    """
    after = {"path": str(path), "sha512": sha512}
    metadata = sidecar_of(path)
    return {
        "path": str(path),
        "size": None if digests is None else digests.size,
        "sha512": sha512,
        "sha256": None if digests is None else digests.sha256,
        "verified": {
            "checksum": digests is not None,
            "signature": signer is not None,
            "fingerprint": signer,
        },
        "metadata": str(metadata) if metadata.exists() else None,
        "url": url,
        "resumed": resumed,
        "downloaded_bytes": downloaded_bytes,
        "changed": changed,
        "diff": diff_of({} if changed else after, after),
    }
