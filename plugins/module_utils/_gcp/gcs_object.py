# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects in Cloud Storage that hold an image to import."""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .._core.dependencies import require
from .._core.diff import diff_of
from .._core.errors import ConflictError, InputError, ProviderError
from .._core.identity import IDENTITY_KEY, checked_sha256
from .._core.progress import Progress
from .._disk.gce_tar import inspect_gce_tar
from .clients import TIMEOUT, storage_retry
from .errors import provider_errors

if TYPE_CHECKING:
    from google.cloud.storage import Blob, Client

CHUNK_SIZE = 8 * 1024 * 1024
"""Of a resumable upload, in bytes: what is sent again after a failure, and held in memory."""

_CHUNK_TIMEOUT = (10.0, 120.0)
_CHUNK_RETRY_SECONDS = 300.0
# https://cloud.google.com/storage/docs/buckets#naming, without the domain-named buckets.
_BUCKET_NAME = re.compile(r"[a-z0-9][-_a-z0-9]{1,61}[a-z0-9]")


@dataclasses.dataclass(frozen=True)
class ObjectSpec:
    """What the options ask for."""

    bucket: str
    name: str
    source_sha256: str | None
    src: str | None = None
    create_bucket: bool = False
    location: str | None = None

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> ObjectSpec:
        """:raises InputError: for an illegal bucket or object name, or SHA-256."""
        if not _BUCKET_NAME.fullmatch(params["bucket"]):
            raise InputError(
                "bucket must be 3 to 63 lower-case letters, digits, dashes and underscores, beginning and ending with "
                f"a letter or digit; got {params['bucket']!r}"
            )
        if not params["name"].endswith(".tar.gz") or len(params["name"].encode()) > 1024:
            raise InputError(f"name must end with .tar.gz and have at most 1024 bytes; got {params['name']!r}")
        sha256 = params["source_sha256"]
        return cls(
            bucket=params["bucket"],
            name=params["name"],
            source_sha256=checked_sha256(sha256) if sha256 else None,
            src=params["src"],
            create_bucket=params["create_bucket"],
            location=params["location"],
        )

    @property
    def uri(self) -> str:
        return f"gs://{self.bucket}/{self.name}"

    @property
    def url(self) -> str:
        """As ``rawDisk.source`` of a Compute Engine image wants it."""
        return f"https://storage.googleapis.com/{self.bucket}/{quote(self.name)}"


def ensure_object(client: Client, spec: ObjectSpec, *, check_mode: bool, warn: Callable[[str], None]) -> dict[str, Any]:
    """Upload the file unless the same content is there.

    :raises ConflictError: when the name holds other content.
    :raises InputError: when the file is missing or is not what Compute Engine imports.
    """
    found = _find(client, spec)
    if found is not None:
        return _result(spec, found, changed=False)
    size = _checked_size(spec, check_mode, warn)
    creates_bucket = spec.create_bucket and not _bucket_exists(client, spec)
    if check_mode:
        made = None
    else:
        if creates_bucket:
            creates_bucket = _create_bucket(client, spec)
        made = _upload(client, spec, str(spec.src))
    result = _result(spec, made, changed=True, bucket_created=creates_bucket, size=size)
    after = {"bucket_created": creates_bucket, "object": spec.uri, "size": size, "source_sha256": spec.source_sha256}
    return {**result, "diff": diff_of({}, after)}


def remove_object(client: Client, spec: ObjectSpec, *, check_mode: bool) -> dict[str, Any]:
    """Delete the object if it is there.

    :raises ConflictError: when ``source_sha256`` is given and the name holds other content.
    """
    found = _find(client, spec)
    if found is None:
        return _result(spec, None, changed=False)
    if not check_mode:
        errors = require("google.api_core.exceptions", "google-api-core")
        # Not found: an earlier attempt's answer got lost.
        with provider_errors("objects.delete", f"delete {spec.uri}"), suppress(errors.NotFound):
            found.delete(if_generation_match=found.generation, timeout=TIMEOUT, retry=storage_retry())
    before = {"object": spec.uri, "size": found.size, "source_sha256": (found.metadata or {}).get(IDENTITY_KEY)}
    return {**_result(spec, None, changed=True), "diff": diff_of(before, {})}


def _find(client: Client, spec: ObjectSpec) -> Blob | None:
    with provider_errors("objects.get", f"look for {spec.uri}"):
        found = client.bucket(spec.bucket).get_blob(spec.name, timeout=TIMEOUT, retry=storage_retry())
    if found is not None and spec.source_sha256 is not None:
        held = (found.metadata or {}).get(IDENTITY_KEY)
        if held != spec.source_sha256:
            content = f"the image with SHA-256 {held}" if held else "something that this collection has not put there"
            raise ConflictError(
                f"{spec.uri} holds {content}, not {spec.source_sha256} (source_sha256). Choose another name, or "
                "delete the object (state=absent without source_sha256)."
            )
    return found


def _checked_size(spec: ObjectSpec, check_mode: bool, warn: Callable[[str], None]) -> int | None:
    if not spec.src:
        if check_mode:
            return None
        raise InputError(f"src is needed: {spec.uri} is not there yet")
    if not Path(spec.src).exists():
        if not check_mode:
            raise InputError(f"src {spec.src}: no such file")
        warn(f"src {spec.src} does not exist yet; it would be uploaded")
        return None
    inspect_gce_tar(spec.src)
    return Path(spec.src).stat().st_size


def _bucket_exists(client: Client, spec: ObjectSpec) -> bool:
    with provider_errors("buckets.get", f"look for bucket {spec.bucket}"):
        return client.lookup_bucket(spec.bucket, timeout=TIMEOUT, retry=storage_retry()) is not None


def _create_bucket(client: Client, spec: ObjectSpec) -> bool:
    """Create a private bucket; false when another run was faster."""
    bucket = client.bucket(spec.bucket)
    bucket.iam_configuration.uniform_bucket_level_access_enabled = True
    bucket.iam_configuration.public_access_prevention = "enforced"
    where = f" in location {spec.location}" if spec.location else ""
    try:
        with provider_errors("buckets.insert", f"create bucket {spec.bucket}{where} (create_bucket)"):
            client.create_bucket(bucket, location=spec.location, timeout=TIMEOUT, retry=storage_retry())
    except ProviderError as error:
        if error.status == 409 and _bucket_exists(client, spec):
            return False
        raise
    return True


class _ReportingReader(io.BufferedReader):
    """A file that tells how far it has been read."""

    def __init__(self, path: str, progress: Progress) -> None:
        super().__init__(io.FileIO(path))
        self._progress = progress

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self._progress.update(self.tell())
        return data


def _upload(client: Client, spec: ObjectSpec, src: str) -> Blob:
    errors = require("google.cloud.storage.exceptions", "google-cloud-storage")
    size = Path(src).stat().st_size
    blob = client.bucket(spec.bucket).blob(spec.name, chunk_size=CHUNK_SIZE)
    blob.metadata = {IDENTITY_KEY: spec.source_sha256}
    try:
        with (
            provider_errors("objects.insert", f"upload {src} to {spec.uri}"),
            _ReportingReader(src, Progress("upload", size)) as file,
        ):
            # Zero: only if there is no such object. The crc32c goes along and is compared on both sides.
            blob.upload_from_file(
                file,
                size=size,
                content_type="application/gzip",
                if_generation_match=0,
                checksum="crc32c",
                timeout=_CHUNK_TIMEOUT,
                retry=storage_retry(_CHUNK_RETRY_SECONDS),
            )
    except errors.DataCorruption as error:
        raise ProviderError(
            f"{spec.uri} did not arrive as it was sent, and was deleted: its crc32c differs. Run the task again.",
            operation="objects.insert",
            code="DataCorruption",
        ) from error
    except ProviderError as error:
        if error.status == 404:
            raise InputError(
                f"bucket {spec.bucket} does not exist: create it, name another, or set create_bucket=true"
            ) from error
        # Another run was faster, or the answer to our own last request got lost.
        made = _find(client, spec) if error.status == 412 else None
        if made is None:
            raise
        return made
    return blob


def _result(
    spec: ObjectSpec, blob: Blob | None, *, changed: bool, bucket_created: bool = False, size: int | None = None
) -> dict[str, Any]:
    return {
        "changed": changed,
        "bucket": spec.bucket,
        "bucket_created": bucket_created,
        "name": spec.name,
        "uri": spec.uri,
        "url": spec.url,
        "size": blob.size if blob else size,
        "crc32c": blob.crc32c if blob else None,
        "generation": str(blob.generation) if blob else None,
        "source_sha256": spec.source_sha256,
    }
