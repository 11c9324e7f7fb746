# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the URLs of an image to a verified file in the work directory.

What is small is read before what is large: digest, signature and key are at hand before the image itself is fetched, so
that a mistake shows in a second.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._core.errors import InputError
from .._core.urls import without_secrets
from .._core.work_directory import WorkDirectory
from .download_job import DownloadJob
from .http import check_url
from .image_result import image_result
from .mirrors import file_name_of, sibling_of
from .signature import fetch_signature
from .signature_check import SignatureCheck
from .verification import ImageVerification, published_sha512


@dataclasses.dataclass(frozen=True)
class DownloadRequest:
    """An image that servers have."""

    urls: Sequence[str]
    """Of the same image; the first is asked first."""
    verification: ImageVerification
    wait_timeout: float = 3600
    """How long to wait for another run that downloads the same image, in seconds."""

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> DownloadRequest:
        """What the module's options ask for.

        :raises InputError: when one of them cannot work.
        """
        urls = params["url"]
        if not urls:
            raise InputError("url must have at least one URL")
        for url in urls:
            check_url(url, "url")
        name = file_name_of(urls[0])
        if not name.strip(".") or "/" in name or "\0" in name:
            raise InputError(f"url {without_secrets(urls[0])} must end with the name of a file")
        return cls(urls, ImageVerification.from_params(params), params["wait_timeout"])

    @property
    def file_name(self) -> str:
        return file_name_of(self.urls[0])

    def run(self, *, check_mode: bool, warn: Callable[[str], None]) -> dict[str, Any]:
        """Download and verify, unless an earlier run has, and return the module's result.

        :param check_mode: read only what is small, and write nothing.
        :param warn: tells the user what has not been verified.
        :raises InputError: when the work directory, or the option ``key``, cannot be used.
        :raises DownloadError: when no server has what is needed.
        :raises ChecksumError: when what they have has another digest.
        :raises SignatureUnavailableError: when the signature cannot be checked, but has to be.
        :raises SignatureRejectedError: when the signature is not good.
        :raises WaitTimeoutError: when another run takes too long.
        """
        name = self.file_name
        wanted = self.verification
        sha512 = wanted.sha512 or published_sha512(self._complete, name)[0]
        work = WorkDirectory(wanted.work_dir, f"downloads/{sha512}")
        signature = SignatureCheck(wanted.signature_mode, wanted.key_source(pin=not check_mode), warn, name)
        job = DownloadJob(self.urls, wanted.http, work, name, sha512, wanted.fingerprint, signature, warn)
        digests, signer = job.look()
        if digests is None or signer is None:
            signature.prepare(lambda: fetch_signature(self._complete.signature_urls, wanted.http))
        if digests is not None and not signature.prepared:
            return image_result(path=job.path, sha512=sha512, digests=digests, signer=signer)
        if check_mode:
            if digests is None:
                work.check_writable()
                return image_result(path=job.path, sha512=sha512, changed=True)
            return image_result(path=job.path, sha512=sha512, digests=digests, signer=signature.check(job.path))
        with work.locked(name, self.wait_timeout):
            return job.run()

    @property
    def _complete(self) -> ImageVerification:
        """With the places where digest and signature are by default."""
        return dataclasses.replace(
            self.verification,
            sha512_urls=self.verification.sha512_urls or [sibling_of(url, ".sha512") for url in self.urls],
            signature_urls=self.verification.signature_urls or [sibling_of(url, ".asc") for url in self.urls],
        )
