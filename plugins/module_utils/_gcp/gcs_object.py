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

from .._core.dependencies import require
from .._core.diff import diff_of
from .._core.errors import ConflictError, InputError, ProviderError
from .._core.identity import IDENTITY_KEY, checked_sha256, refuse_other_content
from .._core.progress import Progress
from .._core.units import MIB
from .._disk.gce_tar import inspect_gce_tar
from .clients import GcpClients, call_options
from .errors import DATA_CORRUPTION, provider_errors
from .names import object_url

if TYPE_CHECKING:
    from google.cloud.storage import Blob

_CHUNK_SIZE = 8 * MIB
"""Of a resumable upload, in bytes: what is sent again after a failure, and held in memory."""

_CHUNK_TIMEOUT = (10.0, 120.0)
_CHUNK_RETRY_SECONDS = 300.0

_BUCKET_PART = re.compile(r"[a-z0-9]([-_a-z0-9]{0,61}[a-z0-9])?")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")


def _checked_bucket(name: str) -> str:
    """Return ``name``.

    The rules: https://cloud.google.com/storage/docs/buckets#naming

    :raises InputError: when Cloud Storage allows no bucket of that name.
    """
    spelt = 3 <= len(name) <= 222 and all(_BUCKET_PART.fullmatch(part) for part in name.split("."))
    if not spelt or _ADDRESS.fullmatch(name):
        raise InputError(
            "bucket must be 3 to 63 lower-case letters, digits, dashes and underscores, beginning and ending with a "
            f"letter or digit, or several such parts with dots between, and no IP address; got {name!r}"
        )
    if name.startswith("goog") or "google" in name:
        raise InputError(f"bucket must neither begin with 'goog' nor have 'google' in it; got {name!r}")
    return name


@dataclasses.dataclass(frozen=True)
class GcsObjectAttributes:
    """What is managed of an object, by the names that ``--diff`` shows."""

    object: str
    """Its gs:// URI."""
    size: int | None
    """In bytes; ``None`` while the file is yet to be made."""
    source_sha256: str | None
    bucket_created: bool | None = None
    """Whether the bucket came with it; ``None`` where that is no matter any more."""


@dataclasses.dataclass(frozen=True)
class GcsObjectState:
    """An object as Cloud Storage tells it."""

    uri: str
    size: int
    """In bytes."""
    crc32c: str
    """In Base64, big-endian."""
    generation: int
    source_sha256: str | None

    @classmethod
    def of(cls, blob: Blob) -> GcsObjectState:
        return cls(
            uri=f"gs://{blob.bucket.name}/{blob.name}",
            size=blob.size,
            crc32c=blob.crc32c,
            generation=blob.generation,
            source_sha256=(blob.metadata or {}).get(IDENTITY_KEY),
        )

    @property
    def managed(self) -> GcsObjectAttributes:
        return GcsObjectAttributes(self.uri, self.size, self.source_sha256)


@dataclasses.dataclass(frozen=True)
class GcsObjectRequest:
    """What the options ask for."""

    bucket: str
    name: str
    source_sha256: str | None
    src: str | None = None
    create_bucket: bool = False
    location: str | None = None
    best_effort: bool = False

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> GcsObjectRequest:
        """:raises InputError: for an illegal bucket or object name, or SHA-256."""
        if not params["name"].endswith(".tar.gz") or len(params["name"].encode()) > 1024:
            raise InputError(f"name must end with .tar.gz and have at most 1024 bytes; got {params['name']!r}")
        sha256 = params["source_sha256"]
        return cls(
            bucket=_checked_bucket(params["bucket"]),
            name=params["name"],
            source_sha256=checked_sha256(sha256) if sha256 else None,
            src=params["src"],
            create_bucket=params["create_bucket"],
            location=params["location"],
            best_effort=params["best_effort"],
        )

    @property
    def uri(self) -> str:
        return f"gs://{self.bucket}/{self.name}"

    def wanted(self, size: int | None, bucket_created: bool) -> GcsObjectAttributes:
        """The attributes that a new object is to have.

        :param size: of the file ``src``, in bytes.
        """
        return GcsObjectAttributes(self.uri, size, self.source_sha256, bucket_created)


def ensure_present(
    clients: GcpClients, request: GcsObjectRequest, *, check_mode: bool, warn: Callable[[str], None]
) -> dict[str, Any]:
    """Upload the file unless the same content is there.

    :raises ConflictError: when the name holds other content.
    :raises InputError: when the file is missing or is not what Compute Engine imports.
    """
    found = _find(clients, request)
    if found is not None:
        return _result(request, found)
    size = _checked_size(request, check_mode, warn)
    creates_bucket = request.create_bucket and not _bucket_exists(clients, request)
    made = None
    if not check_mode:
        if creates_bucket:
            creates_bucket = _create_bucket(clients, request)
        made = _upload(clients, request, str(request.src))
    return _result(request, made, after=request.wanted(size, creates_bucket))


def ensure_absent(
    clients: GcpClients, request: GcsObjectRequest, *, check_mode: bool, warn: Callable[[str], None]
) -> dict[str, Any]:
    """Delete the object if it is there.

    :param warn: is told what remains, where ``best_effort`` is asked for.
    :raises ConflictError: when ``source_sha256`` is given and the name holds other content.
    """
    try:
        found = _read(clients, request)
        if found is None:
            return {**_result(request, None), "remains": []}
        refuse_other_content(request.uri, held=found.source_sha256, wanted=request.source_sha256)
        if not check_mode:
            _delete(clients, request, found)
    except (ConflictError, ProviderError) as error:
        if not request.best_effort:
            raise
        warn(
            f"{request.uri} remains: {error.message} Remove it by hand, or leave it there on purpose (keep_staged, in "
            "the role alpine_gcp_keep_staged)."
        )
        return {**_result(request, None), "remains": [request.uri]}
    return {**_result(request, None, before=found.managed), "remains": []}


def _delete(clients: GcpClients, request: GcsObjectRequest, found: GcsObjectState) -> None:
    errors = require("google.api_core.exceptions", "google-api-core")
    # Not found: an earlier attempt's answer got lost, or another run was faster. By its generation, so that a bucket
    # with versioning keeps no copy.
    with provider_errors("objects.delete", f"delete {request.uri}"), suppress(errors.NotFound):
        blob = clients.storage.bucket(request.bucket).blob(request.name, generation=found.generation)
        blob.delete(**call_options())


def _read(clients: GcpClients, request: GcsObjectRequest) -> GcsObjectState | None:
    with provider_errors("objects.get", f"look for {request.uri}"):
        blob = clients.storage.bucket(request.bucket).get_blob(request.name, **call_options())
    return None if blob is None else GcsObjectState.of(blob)


def _find(clients: GcpClients, request: GcsObjectRequest) -> GcsObjectState | None:
    found = _read(clients, request)
    if found is not None and found.source_sha256 != request.source_sha256:
        held = found.source_sha256
        content = f"the image with SHA-256 {held}" if held else "something that this collection has not put there"
        raise ConflictError(
            f"{request.uri} holds {content}, not {request.source_sha256} (source_sha256). Choose another name, or "
            "delete the object (state=absent without source_sha256)."
        )
    return found


def _checked_size(request: GcsObjectRequest, check_mode: bool, warn: Callable[[str], None]) -> int | None:
    if not request.src:
        if check_mode:
            return None
        raise InputError(f"src is needed: {request.uri} is not there yet")
    if not Path(request.src).exists():
        if not check_mode:
            raise InputError(f"src {request.src}: no such file")
        warn(f"src {request.src} does not exist yet; it would be uploaded")
        return None
    inspect_gce_tar(request.src)
    return Path(request.src).stat().st_size


def _bucket_exists(clients: GcpClients, request: GcsObjectRequest) -> bool:
    with provider_errors("buckets.get", f"look for bucket {request.bucket}"):
        return clients.storage.lookup_bucket(request.bucket, **call_options()) is not None


def _create_bucket(clients: GcpClients, request: GcsObjectRequest) -> bool:
    """Create a private bucket; false when another run was faster."""
    where = f" in location {request.location}" if request.location else ""
    try:
        with provider_errors("buckets.insert", f"create bucket {request.bucket}{where} (create_bucket)"):
            bucket = clients.storage.bucket(request.bucket)
            bucket.iam_configuration.uniform_bucket_level_access_enabled = True
            bucket.iam_configuration.public_access_prevention = "enforced"
            # Nothing else keeps and bills what is staged for seven days after its deletion. The SDK has no setter.
            bucket._patch_property("softDeletePolicy", {"retentionDurationSeconds": "0"})
            clients.storage.create_bucket(bucket, location=request.location, **call_options())
    except ProviderError as error:
        if error.status == 409 and _bucket_exists(clients, request):
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


def _upload(clients: GcpClients, request: GcsObjectRequest, src: str) -> GcsObjectState:
    size = Path(src).stat().st_size
    try:
        with (
            _ReportingReader(src, Progress("upload", size)) as file,
            provider_errors("objects.insert", f"upload {src} to {request.uri}"),
        ):
            blob = clients.storage.bucket(request.bucket).blob(request.name, chunk_size=_CHUNK_SIZE)
            blob.metadata = {IDENTITY_KEY: request.source_sha256}
            # Zero: only if there is no such object. The crc32c goes along and is compared on both sides.
            blob.upload_from_file(
                file,
                size=size,
                content_type="application/gzip",
                if_generation_match=0,
                checksum="crc32c",
                **call_options(_CHUNK_TIMEOUT, _CHUNK_RETRY_SECONDS),
            )
    except ProviderError as error:
        if error.code == DATA_CORRUPTION:
            raise ProviderError(
                f"{request.uri} did not arrive as it was sent, and was deleted: its crc32c differs. Run the task "
                "again.",
                operation="objects.insert",
                code=DATA_CORRUPTION,
            ) from error
        if error.status == 404:
            raise InputError(
                f"bucket {request.bucket} does not exist: create it, name another, or set create_bucket=true"
            ) from error
        # Another run was faster, or the answer to our own last request got lost.
        made = _find(clients, request) if error.status == 412 else None
        if made is None:
            raise
        return made
    return GcsObjectState.of(blob)


def _result(
    request: GcsObjectRequest,
    found: GcsObjectState | None,
    *,
    before: GcsObjectAttributes | None = None,
    after: GcsObjectAttributes | None = None,
) -> dict[str, Any]:
    """A run's result; it has changed something where ``before`` or ``after`` is given."""
    result: dict[str, Any] = {
        "changed": before is not None or after is not None,
        "bucket": request.bucket,
        "bucket_created": bool(after and after.bucket_created),
        "name": request.name,
        "uri": request.uri,
        "url": object_url(request.bucket, request.name),
        "size": found.size if found else (after.size if after else None),
        "crc32c": found.crc32c if found else None,
        "generation": str(found.generation) if found else None,
        "source_sha256": request.source_sha256,
    }
    return {**result, "diff": diff_of(before, after)} if result["changed"] else result
