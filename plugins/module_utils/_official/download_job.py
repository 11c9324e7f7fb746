# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing one image, whose digest is known, into the work directory; it gets its name only once it is verified."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .._core.errors import AlpineCloudError, InputError
from .._core.urls import without_secrets
from .._core.work_directory import WorkDirectory
from .._image.metadata import SIZE_LIMIT, parse_metadata, sidecar_of
from .checksum import ChecksumError, Digests, digests_of
from .http import FetchError, HttpClient
from .image_result import image_result
from .mirrors import MirrorsError, metadata_of, try_each
from .signature_check import SignatureCheck
from .signature_errors import SignatureRejectedError
from .transfer import Transfer
from .verification import NETWORK_REMEDY, DownloadError


@dataclasses.dataclass(frozen=True)
class DownloadJob:
    """One image with a known digest, and its place in the work directory."""

    urls: Sequence[str]
    """Of the image; the first is asked first."""
    http: HttpClient
    work: WorkDirectory
    name: str
    sha512: str
    fingerprint: str
    """Of the key whose owner has to have signed it."""
    signature: SignatureCheck
    warn: Callable[[str], None]

    @property
    def path(self) -> Path:
        return self.work.folder / self.name

    def look(self) -> tuple[Digests | None, str | None]:
        """What an earlier run has left, if it is still whole, and whose signature that run has checked."""
        try:
            digests = digests_of(self.path)
        except OSError:
            return None, None
        if digests.sha512 != self.sha512:
            return None, None
        kept = self.work.kept(self.name)
        signer = None if kept is None else kept.facts.get("signer")
        # Content with the same digest has the same signature, but the user may trust someone else now.
        return digests, signer if signer == self.fingerprint else None

    def run(self) -> dict[str, Any]:
        """Download what is not there, and verify what is not verified. Needs the lock.

        :raises DownloadError: when no server has the image.
        :raises ChecksumError: when what they have has another digest.
        :raises SignatureUnavailableError: when the signature cannot be checked, but has to be.
        :raises SignatureRejectedError: when the signature is not good.
        """
        digests, signer = self.look()
        if digests is not None:
            if signer is None:
                signer = self._check_signature(self.path)
                if signer is not None:
                    self.work.record(self.name, signer=signer)
            return image_result(path=self.path, sha512=self.sha512, digests=digests, signer=signer)
        if self.path.exists():
            self.warn(f"{self.path} was changed after it had been downloaded, so it is downloaded again")
        transfer = Transfer(self.http, self.path.with_name(f"{self.name}.partial"), self.work.check_space)
        url, digests = self._transfer(transfer)
        signer = self._check_signature(transfer.path)
        self.work.keep(transfer.path, self.name, signer=signer)
        transfer.finish()
        self._fetch_metadata()
        return image_result(
            path=self.path,
            sha512=self.sha512,
            digests=digests,
            signer=signer,
            changed=True,
            url=without_secrets(url),
            resumed=transfer.resumed,
            downloaded_bytes=transfer.received,
        )

    def _fetch_metadata(self) -> None:
        """Have the image's metadata next to it, if a server has it: it is of use, but nothing depends on it."""

        def read(url: str) -> bytes:
            content = self.http.read(url, limit=SIZE_LIMIT)
            parse_metadata(content)
            return content

        try:
            content = try_each(map(metadata_of, self.urls), read, (FetchError, InputError))
        except MirrorsError:
            return
        metadata = sidecar_of(self.path)
        with self.work.partial(metadata.name) as partial:
            partial.write_bytes(content)
            partial.replace(metadata)

    def _transfer(self, transfer: Transfer) -> tuple[str, Digests]:
        """Have the right content in the partial file, and return where it came from."""
        errors: list[AlpineCloudError] = []
        for url in self.urls:
            try:
                return url, self._transfer_from(url, transfer)
            except (FetchError, ChecksumError) as error:
                errors.append(error)
        failure = MirrorsError(errors)
        if all(isinstance(error, ChecksumError) for error in errors):
            raise ChecksumError(
                f"{self.name} is not the image that it should be: {failure.message}. It may be damaged on its way, be "
                "replaced on the mirror at this moment, or be forged: run this again later, or give another mirror in "
                "option url"
            )
        if failure.not_found:
            remedy = (
                "Alpine keeps the images of each release on its mirrors: check release, architecture and revision, "
                "which alpine.cloud.alpine_image_info lists"
            )
        else:
            kept = " What has arrived is kept, and the next run continues there." if transfer.path.exists() else ""
            remedy = f"{NETWORK_REMEDY}.{kept}"
        raise DownloadError(f"{self.name} cannot be downloaded: {failure.message}. {remedy}")

    def _transfer_from(self, url: str, transfer: Transfer) -> Digests:
        while True:
            transfer.run(url)
            digests = digests_of(transfer.path)
            if digests.sha512 == self.sha512:
                return digests
            if transfer.resumed:
                # The parts did not belong together, or were damaged when a machine lost power.
                transfer.discard()
                continue
            rejected = self._reject(transfer.path)
            raise ChecksumError(
                f"{without_secrets(url)} has the SHA-512 {digests.sha512} ({digests.size} bytes) instead of "
                f"{self.sha512}, and was put aside as {rejected}"
            )

    def _check_signature(self, path: Path) -> str | None:
        try:
            return self.signature.check(path)
        except SignatureRejectedError as error:
            rejected = self._reject(path)
            raise SignatureRejectedError(
                f"{self.name} is not trusted: {error.message}. The file was put aside as {rejected}: do not use it"
            ) from error

    def _reject(self, path: Path) -> Path:
        """Put a file aside under a name that nothing takes for an image."""
        path.with_name(f"{path.name}.json").unlink(missing_ok=True)
        return path.replace(self.path.with_name(f"{self.name}.rejected"))
