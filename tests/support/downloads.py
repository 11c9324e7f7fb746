# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user downloads in unit tests, and from where."""

from __future__ import annotations

import dataclasses
import hashlib
import random
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import AlpineCloudError
from ansible_collections.alpine.cloud.plugins.module_utils._official.download import DownloadRequest
from ansible_collections.alpine.cloud.plugins.module_utils._official.local_image import LocalImageRequest
from tests.support.mirror import File, Mirror
from tests.support.openpgp import Signer

MIB = 1 << 20
NAME = "alpine-3.24.2-x86_64-tiny-r0.qcow2"
CONTENT = random.Random(3).randbytes(3 * MIB // 2)
SHA512 = hashlib.sha512(CONTENT).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FORGED = CONTENT[::-1]
DAY = 86400


def published(signer: Signer, content: bytes = CONTENT) -> dict[str, File]:
    """An image as Alpine publishes it, on two mirrors, and the key."""
    files = {
        NAME: content,
        f"{NAME}.sha512": hashlib.sha512(content).hexdigest().encode(),
        f"{NAME}.asc": signer.sign(content),
    }
    return {
        **{f"/{mirror}/{name}": File(content) for mirror in ("a", "b") for name, content in files.items()},
        "/key.asc": File(signer.public_key),
    }


@dataclasses.dataclass
class World:
    """What a user does, and what is there afterwards."""

    mirror: Mirror
    work: Path
    fingerprint: str
    warnings: list[str] = dataclasses.field(default_factory=list)

    @property
    def image(self) -> Path:
        return self.work / "downloads" / SHA512 / NAME

    def urls(self, mirrors: str = "a") -> list[str]:
        return [self.mirror.url(f"/{mirror}/{NAME}") for mirror in mirrors]

    def params(self, **options: Any) -> dict[str, Any]:
        """The module's options, with those that tests differ in."""
        return {
            **dict.fromkeys(("key", "sha512", "sha512_url", "signature_url", "verify_signature", "ca_file")),
            "work_dir": str(self.work),
            "fingerprint": self.fingerprint,
            "key_url": self.mirror.url("/key.asc"),
            "validate_certs": True,
            "timeout": 5,
            "wait_timeout": 30,
            **options,
        }

    def download(self, mirrors: str = "a", *, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        request = DownloadRequest.from_params(self.params(**{"url": self.urls(mirrors), **options}))
        return request.run(check_mode=check_mode, warn=self.warnings.append)

    def failure(self, error: type[AlpineCloudError], mirrors: str = "a", **options: Any) -> str:
        with pytest.raises(error) as caught:
            self.download(mirrors, **options)
        assert caught.type is error
        return caught.value.message

    def verify(self, src: Path, *, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        request = LocalImageRequest.from_params(self.params(src=str(src), **options))
        return request.run(check_mode=check_mode, warn=self.warnings.append)

    def requests(self) -> list[str]:
        """For the image itself."""
        return [exchange.path for exchange in self.mirror.exchanges if exchange.path.endswith(NAME)]

    def left(self) -> set[str]:
        """The files in the image's folder."""
        return {path.name for path in self.image.parent.iterdir()} if self.image.parent.exists() else set()
