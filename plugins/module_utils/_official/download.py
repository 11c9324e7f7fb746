# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the URLs of an image to a verified file in the work directory, and the verification of a local file.

What is small is read before what is large: digest, signature and key are at hand before the image itself is fetched, so
that a mistake shows in a second. A file gets its name only after it has been verified.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .._core.diff import diff_of
from .._core.errors import AlpineCloudError, InputError
from .._core.work_directory import WorkDirectory
from .._image.metadata import SIZE_LIMIT, parse_metadata, sidecar_of
from .checksum import (
    ChecksumError,
    Digests,
    checked_sha512,
    digests_of,
    parse_sha512,
)
from .http import (
    FetchError,
    HttpClient,
    check_url,
    without_secrets,
)
from .mirrors import (
    MirrorsError,
    file_name_of,
    metadata_of,
    sibling_of,
    try_each,
)
from .signature import fetch_signature, read_signature
from .signature_check import SignatureCheck, SignatureMode
from .signature_errors import SignatureRejectedError
from .signing_key import SigningKeySource, checked_fingerprint
from .transfer import Transfer

_SHA512_LIMIT = 64 << 10
_NETWORK_REMEDY = (
    "Check the network and the proxy (environment variables https_proxy and no_proxy), or give further mirrors in "
    "option url"
)


class DownloadError(AlpineCloudError):
    """No server has given the image, or its digest."""


@dataclasses.dataclass(frozen=True)
class Verification:
    """What an image is verified by."""

    work_dir: Path
    http: HttpClient
    fingerprint: str
    key_url: str
    key: str | None = None
    sha512: str | None = None
    """The digest, where the user knows it."""
    sha512_urls: list[str] = dataclasses.field(default_factory=list)
    """Where it is published; by default next to the image."""
    signature_urls: list[str] = dataclasses.field(default_factory=list)
    """Where the signature is published; by default next to the image."""
    mode: SignatureMode | None = None
    """By default V(require), unless ``sha512`` is all that the user has given."""

    @property
    def signature_mode(self) -> SignatureMode:
        if self.mode is not None:
            return self.mode
        return "off" if self.sha512 is not None and not self.signature_urls and self.key is None else "require"

    def check_options(self) -> None:
        """:raises InputError: when one of the options cannot work."""
        checked_fingerprint(self.fingerprint)
        check_url(self.key_url, "key_url")
        for option, urls in (("sha512_url", self.sha512_urls), ("signature_url", self.signature_urls)):
            for url in urls:
                check_url(url, option)

    def key_source(self, *, pin: bool) -> SigningKeySource:
        """:param pin: keep what is fetched."""
        fingerprint = checked_fingerprint(self.fingerprint)
        return SigningKeySource(fingerprint, self.key, self.key_url, self.http, self.work_dir, pin)


@dataclasses.dataclass(frozen=True)
class LocalImage:
    """An image that the user has, to be verified where it is. Nothing is written to it or renamed."""

    src: str
    verification: Verification

    def run(self, *, check_mode: bool, warn: Callable[[str], None]) -> dict[str, Any]:
        """Verify, and return the module's result.

        :raises InputError: when options or the file cannot be used.
        :raises ChecksumError: when it has another digest.
        :raises SignatureUnavailableError: when its signature cannot be checked, but has to be.
        :raises SignatureRejectedError: when its signature is not good.
        """
        wanted = self.verification
        wanted.check_options()
        path = Path(self.src).absolute()
        if check_mode and not path.exists():
            warn(f"src {self.src} does not exist yet, so it cannot be verified")
            return _result(path=path, sha512=wanted.sha512)
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
        return _result(path=path, sha512=sha512, digests=digests, signer=signer)

    def _expected_sha512(self, path: Path) -> tuple[str, str]:
        """The digest, and who says so."""
        wanted = self.verification
        if wanted.sha512 is not None:
            return checked_sha512(wanted.sha512), "option sha512"
        if wanted.sha512_urls:
            return _published_sha512(wanted, path.name)
        sidecar = path.with_name(f"{path.name}.sha512")
        try:
            with sidecar.open("rb") as file:
                return parse_sha512(file.read(_SHA512_LIMIT), path.name, str(sidecar)), str(sidecar)
        except OSError as error:
            raise InputError(
                f"src {self.src}: nothing says what its SHA-512 should be: {sidecar}: {error.strerror}; put it there, "
                "or give option sha512 or sha512_url"
            ) from error


@dataclasses.dataclass(frozen=True)
class ImageDownload:
    """An image that servers have."""

    urls: list[str]
    """Of the same image; the first is asked first."""
    verification: Verification
    wait_timeout: float = 3600
    """How long to wait for another run that downloads the same image, in seconds."""

    def run(self, *, check_mode: bool, warn: Callable[[str], None]) -> dict[str, Any]:
        """Download and verify, unless an earlier run has, and return the module's result.

        :param check_mode: read only what is small, and write nothing.
        :param warn: tells the user what has not been verified.
        :raises InputError: when an option or the work directory cannot be used.
        :raises DownloadError: when no server has what is needed.
        :raises ChecksumError: when what they have has another digest.
        :raises SignatureUnavailableError: when the signature cannot be checked, but has to be.
        :raises SignatureRejectedError: when the signature is not good.
        :raises WaitTimeoutError: when another run takes too long.
        """
        name = self._check_options()
        wanted = self.verification
        sha512 = (
            checked_sha512(wanted.sha512) if wanted.sha512 is not None else _published_sha512(self._complete, name)[0]
        )
        work = WorkDirectory(wanted.work_dir, f"downloads/{sha512}")
        signature = SignatureCheck(wanted.signature_mode, wanted.key_source(pin=not check_mode), warn, name)
        job = _Job(self, work, name, sha512, signature, warn)
        digests, signer = job.look()
        if digests is None or signer is None:
            signature.prepare(lambda: fetch_signature(self._complete.signature_urls, wanted.http))
        if digests is not None and not signature.prepared:
            return _result(path=job.path, sha512=sha512, digests=digests, signer=signer)
        if check_mode:
            if digests is None:
                work.check_writable()
                return _result(path=job.path, sha512=sha512, changed=True)
            return _result(path=job.path, sha512=sha512, digests=digests, signer=signature.check(job.path))
        with work.locked(name, self.wait_timeout):
            return job.run()

    def _check_options(self) -> str:
        """Return the image's file name."""
        if not self.urls:
            raise InputError("url must have at least one URL")
        for url in self.urls:
            check_url(url, "url")
        self.verification.check_options()
        name = file_name_of(self.urls[0])
        if not name.strip(".") or "/" in name or "\0" in name:
            raise InputError(f"url {without_secrets(self.urls[0])} must end with the name of a file")
        return name

    @property
    def _complete(self) -> Verification:
        """With the places where digest and signature are by default."""
        return dataclasses.replace(
            self.verification,
            sha512_urls=self.verification.sha512_urls or [sibling_of(url, ".sha512") for url in self.urls],
            signature_urls=self.verification.signature_urls or [sibling_of(url, ".asc") for url in self.urls],
        )


@dataclasses.dataclass(frozen=True)
class _Job:
    """One image with a known digest."""

    download: ImageDownload
    work: WorkDirectory
    name: str
    sha512: str
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

    @property
    def fingerprint(self) -> str:
        return checked_fingerprint(self.download.verification.fingerprint)

    def run(self) -> dict[str, Any]:
        """Download what is not there, and verify what is not verified. Needs the lock."""
        digests, signer = self.look()
        if digests is not None:
            if signer is None:
                signer = self._check_signature(self.path)
                if signer is not None:
                    self.work.record(self.name, signer=signer)
            return _result(path=self.path, sha512=self.sha512, digests=digests, signer=signer)
        if self.path.exists():
            self.warn(f"{self.path} was changed after it had been downloaded, so it is downloaded again")
        transfer = Transfer(self.download.verification.http, self.path.with_name(f"{self.name}.partial"), self._space)
        url, digests = self._transfer(transfer)
        signer = self._check_signature(transfer.path)
        self.work.keep(transfer.path, self.name, signer=signer)
        transfer.finish()
        self._fetch_metadata()
        return _result(
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
        http = self.download.verification.http

        def read(url: str) -> bytes:
            content = http.read(url, limit=SIZE_LIMIT)
            parse_metadata(content)
            return content

        try:
            content = try_each(map(metadata_of, self.download.urls), read, (FetchError, InputError))
        except MirrorsError:
            return
        metadata = sidecar_of(self.path)
        with self.work.partial(metadata.name) as partial:
            partial.write_bytes(content)
            partial.replace(metadata)

    def _space(self, needed: int) -> None:
        self.work.check_space(needed)

    def _transfer(self, transfer: Transfer) -> tuple[str, Digests]:
        """Have the right content in the partial file, and return where it came from."""
        errors: list[AlpineCloudError] = []
        for url in self.download.urls:
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
            remedy = f"{_NETWORK_REMEDY}.{kept}"
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


def _published_sha512(wanted: Verification, file_name: str) -> tuple[str, str]:
    """The digest at the first URL that has it, and that URL."""

    def read(url: str) -> tuple[str, str]:
        origin = without_secrets(url)
        return parse_sha512(wanted.http.read(url, limit=_SHA512_LIMIT), file_name, origin), origin

    try:
        return try_each(wanted.sha512_urls, read, (FetchError, ChecksumError))
    except MirrorsError as error:
        if all(isinstance(reason, ChecksumError) for reason in error.errors):
            raise ChecksumError(f"{file_name} cannot be verified: {error.message}") from error
        what, remedy = (
            (
                "there is no SHA-512 of it",
                "Check the URL: alpine.cloud.alpine_image_info lists what there is. Or give the place of the digest in "
                "option sha512_url, or the digest itself in option sha512",
            )
            if error.not_found
            else ("its SHA-512 cannot be read", _NETWORK_REMEDY)
        )
        raise DownloadError(f"{file_name} cannot be verified: {what}: {error.message}. {remedy}") from error


def _result(
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
