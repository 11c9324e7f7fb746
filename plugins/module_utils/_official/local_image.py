# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verification of an image that the user has."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .._core.errors import InputError
from .checksum import ChecksumError, digests_of, parse_sha512
from .image_result import image_result
from .signature import fetch_signature, read_signature
from .signature_check import SignatureCheck
from .signature_errors import SignatureRejectedError
from .verification import SHA512_LIMIT, ImageVerification, published_sha512


@dataclasses.dataclass(frozen=True)
class LocalImageRequest:
    """An image that the user has, to be verified where it is. Nothing is written to it or renamed."""

    src: str
    verification: ImageVerification

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> LocalImageRequest:
        """What the module's options ask for.

        :raises InputError: when one of them cannot work.
        """
        return cls(params["src"], ImageVerification.from_params(params))

    def run(self, *, check_mode: bool, warn: Callable[[str], None]) -> dict[str, Any]:
        """Verify, and return the module's result.

        :raises InputError: when the file, or the option ``key``, cannot be used.
        :raises ChecksumError: when it has another digest.
        :raises SignatureUnavailableError: when its signature cannot be checked, but has to be.
        :raises SignatureRejectedError: when its signature is not good.
        """
        wanted = self.verification
        path = Path(self.src).absolute()
        if check_mode and not path.exists():
            warn(f"src {self.src} does not exist yet, so it cannot be verified")
            return image_result(path=path, sha512=wanted.sha512)
        if not path.is_file():
            raise InputError(f"src {self.src}: {'this is no regular file' if path.exists() else 'no such file'}")
        sha512, origin = self._expected_sha512(path)
        signature = SignatureCheck(
            wanted.signature_mode, wanted.key_source(pin=not check_mode), warn, f"src {self.src}"
        )
        signature.prepare(
            lambda: (
                fetch_signature(wanted.signature_urls, wanted.http)
                if wanted.signature_urls
                else read_signature(path.with_name(f"{path.name}.asc"))
            )
        )
        try:
            digests = digests_of(path)
            if digests.sha512 != sha512:
                raise ChecksumError(
                    f"src {self.src} is not the image that it should be: its SHA-512 is {digests.sha512}, but {origin} "
                    f"says {sha512}. The file is left as it is: get the image again"
                )
            signer = signature.check(path)
        except SignatureRejectedError as error:
            raise SignatureRejectedError(f"src {self.src}: {error.message}. The file is left as it is") from error
        except OSError as error:
            raise InputError(f"src {self.src} cannot be read: {error.strerror}") from error
        return image_result(path=path, sha512=sha512, digests=digests, signer=signer)

    def _expected_sha512(self, path: Path) -> tuple[str, str]:
        """The digest, and who says so."""
        wanted = self.verification
        if wanted.sha512 is not None:
            return wanted.sha512, "option sha512"
        if wanted.sha512_urls:
            return published_sha512(wanted, path.name)
        sidecar = path.with_name(f"{path.name}.sha512")
        try:
            with sidecar.open("rb") as file:
                return parse_sha512(file.read(SHA512_LIMIT), path.name, str(sidecar)), str(sidecar)
        except OSError as error:
            raise InputError(
                f"src {self.src}: nothing says what its SHA-512 should be: {sidecar}: {error.strerror}; put it there, "
                "or give option sha512 or sha512_url"
            ) from error
