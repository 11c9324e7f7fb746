# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VHD as an object of S3, where ImportSnapshot can read it."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._core.dependencies import require
from .._core.diff import diff_of
from .._core.digests import sha256_of
from .._core.errors import AlpineCloudError, ConflictError, InputError, ProviderError
from .._core.identity import IDENTITY_KEY, checked_sha256, refuse_other_content
from .._core.progress import Progress
from .._core.units import MIB
from .._disk.vhd import read_vhd_footer
from .clients import AwsClients
from .errors import provider_errors
from .s3_bucket import MISSING, S3Bucket, gone_is_done

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import HeadObjectOutputTypeDef

CONTENT_KEY = "content-sha256"
"""Object metadata: the SHA-256 of the object itself. Two conversions of one image differ in time stamp and UUID."""

_PART_SIZE = 16 * MIB
_PARTS_AT_ONCE = 8
_UPLOADS = 3
"""How often to begin when another run, which has finished with the same image, takes bucket, object or upload away."""


@dataclasses.dataclass(frozen=True)
class S3ObjectAttributes:
    """What is managed of an object."""

    bucket: str
    key: str
    size: int | None
    """In bytes; ``None`` where the file to upload does not exist yet."""
    content_sha256: str | None
    source_sha256: str | None


@dataclasses.dataclass(frozen=True)
class S3ObjectState:
    """An object as S3 tells it."""

    size: int
    """In bytes."""
    content_sha256: str | None
    source_sha256: str | None

    @classmethod
    def of(cls, head: HeadObjectOutputTypeDef) -> S3ObjectState:
        metadata = head.get("Metadata", {})
        return cls(head["ContentLength"], metadata.get(CONTENT_KEY), metadata.get(IDENTITY_KEY))


@dataclasses.dataclass(frozen=True)
class S3ObjectRequest:
    """What the options ask for."""

    key: str
    bucket: str | None
    """``None`` derives its name from the account, the region and the content."""
    source_sha256: str | None
    src: Path | None = None
    create_bucket: bool = False
    delete_bucket: bool = False
    best_effort: bool = False

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> S3ObjectRequest:
        """:raises InputError: when the bucket is neither named nor can be derived."""
        sha256 = params["source_sha256"]
        if not params["bucket"] and not sha256:
            raise InputError("bucket is missing; it can only be left out together with source_sha256")
        return cls(
            key=params["key"],
            bucket=params["bucket"] or None,
            source_sha256=checked_sha256(sha256) if sha256 else None,
            src=Path(params["src"]) if params["src"] else None,
            create_bucket=params["create_bucket"],
            delete_bucket=params["delete_bucket"],
            best_effort=params["best_effort"],
        )


@dataclasses.dataclass(frozen=True)
class S3Remnants:
    """What there is to remove of an object."""

    current: S3ObjectState | None = None
    versions: tuple[str | None, ...] = ()
    """The ids of its versions and delete markers, ``None`` for the object itself where the bucket keeps no versions."""
    uploads: tuple[str, ...] = ()
    """The ids of the multipart uploads to its key that nobody has completed."""
    bucket: bool = False
    """Whether the bucket is to be removed with it."""

    @property
    def count(self) -> int:
        return len(self.versions) + len(self.uploads) + self.bucket


class Removals:
    """Removes one thing after the other; what is refused is an error or, with ``best_effort``, stays."""

    def __init__(self, *, best_effort: bool, warn: Callable[[str], None]) -> None:
        self.remains: list[str] = []
        self._best_effort = best_effort
        self._warn = warn

    @contextlib.contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """Around one step of the removal of ``what``."""
        try:
            with gone_is_done():
                yield
        except AlpineCloudError as error:
            if not self._best_effort:
                raise
            self.remains.append(what)
            self._warn(
                f"{what} stays: {error.message}. Remove it by hand, or have it kept (alpine_aws_keep_staged of role "
                "alpine_aws)"
            )


class S3Object:
    """The place of one object, and what is read and written there."""

    def __init__(self, clients: AwsClients, request: S3ObjectRequest) -> None:
        self._s3 = clients.s3
        self.key = request.key
        self.bucket = (
            S3Bucket(clients, request.bucket, {})
            if request.bucket
            else S3Bucket.derived(clients, request.source_sha256 or "")
        )

    @property
    def url(self) -> str:
        return f"s3://{self.bucket.name}/{self.key}"

    def attributes(self, state: S3ObjectState | None) -> S3ObjectAttributes | None:
        if state is None:
            return None
        return S3ObjectAttributes(self.bucket.name, self.key, state.size, state.content_sha256, state.source_sha256)

    def head(self, version_id: str | None = None) -> S3ObjectState | None:
        """What S3 says of it; ``None`` when it is not there."""
        return self._look(version_id)[0]

    def _look(self, version_id: str | None = None) -> tuple[S3ObjectState | None, bool]:
        """The object, if it is there, and whether the bucket keeps versions of it."""
        version: dict[str, Any] = {"VersionId": version_id} if version_id else {}
        with provider_errors("HeadObject", f"look for {self.url}"):
            try:
                head = self._s3.head_object(Bucket=self.bucket.name, Key=self.key, **version, **self.bucket.owner)
            except self._s3.exceptions.ClientError as error:
                if error.response["Error"]["Code"] not in MISSING:
                    raise
                headers = error.response["ResponseMetadata"].get("HTTPHeaders", {})
                return None, "x-amz-delete-marker" in headers
        return S3ObjectState.of(head), "VersionId" in head

    def remnants(self, request: S3ObjectRequest) -> S3Remnants:
        """What is to be removed.

        :raises ConflictError: when the object has other content than is named.
        """
        if not self.bucket.exists():
            return S3Remnants()
        current, versioned = self._look()
        if current is not None:
            refuse_other_content(self.url, held=current.source_sha256, wanted=request.source_sha256)
        whole: tuple[str | None, ...] = (None,) if current is not None else ()
        return S3Remnants(
            current=current,
            versions=self._versions(request.source_sha256) if versioned else whole,
            uploads=tuple(self._interrupted_uploads()),
            bucket=request.delete_bucket and self.bucket.is_empty(but_for=self.key),
        )

    def _versions(self, sha256: str | None) -> tuple[str, ...]:
        """The versions of this content, or all; with the delete markers, if no version is left below them."""
        with provider_errors("ListObjectVersions", f"list the versions of {self.url}"):
            pages = list(
                self._s3.get_paginator("list_object_versions").paginate(
                    Bucket=self.bucket.name, Prefix=self.key, **self.bucket.owner
                )
            )
        versions = [item["VersionId"] for page in pages for item in page.get("Versions", []) if item["Key"] == self.key]
        markers = [
            item["VersionId"] for page in pages for item in page.get("DeleteMarkers", []) if item["Key"] == self.key
        ]
        doomed = [version for version in versions if sha256 is None or self._holds(version, sha256)]
        return (*doomed, *(markers if doomed == versions else ()))

    def _holds(self, version_id: str, sha256: str) -> bool:
        state = self.head(version_id)
        return state is not None and state.source_sha256 == sha256

    def upload(self, src: Path, *, content: str, source_sha256: str) -> None:
        transfer = require("boto3.s3.transfer", "boto3")
        progress = Progress("upload", src.stat().st_size)
        with provider_errors("PutObject", f"upload {src} to {self.url}"):
            # Aborts the multipart upload when a part fails for good.
            self._s3.upload_file(
                str(src),
                self.bucket.name,
                self.key,
                ExtraArgs={
                    "Metadata": {IDENTITY_KEY: source_sha256, CONTENT_KEY: content},
                    **self.bucket.owner,
                },
                Callback=progress.advance,
                Config=transfer.TransferConfig(
                    multipart_threshold=_PART_SIZE, multipart_chunksize=_PART_SIZE, max_concurrency=_PARTS_AT_ONCE
                ),
            )

    def _interrupted_uploads(self) -> list[str]:
        with provider_errors("ListMultipartUploads", f"look for interrupted uploads to {self.url}"):
            pages = self._s3.get_paginator("list_multipart_uploads").paginate(
                Bucket=self.bucket.name, Prefix=self.key, **self.bucket.owner
            )
            uploads = [upload for page in pages for upload in page.get("Uploads", [])]
        return [upload["UploadId"] for upload in uploads if upload["Key"] == self.key]

    def remove(self, remnants: S3Remnants, removals: Removals) -> bool:
        """Tells whether the bucket is gone, too."""
        for upload_id in remnants.uploads:
            with (
                removals.attempt(f"Upload {upload_id} to {self.url}"),
                provider_errors("AbortMultipartUpload", f"abort an interrupted upload to {self.url}"),
            ):
                self._s3.abort_multipart_upload(
                    Bucket=self.bucket.name, Key=self.key, UploadId=upload_id, **self.bucket.owner
                )
        for version_id in remnants.versions:
            version: dict[str, Any] = {"VersionId": version_id} if version_id else {}
            what = f"Version {version_id} of {self.url}" if version_id else self.url
            with removals.attempt(what), provider_errors("DeleteObject", f"delete {self.url}"):
                self._s3.delete_object(Bucket=self.bucket.name, Key=self.key, **version, **self.bucket.owner)
        if remnants.bucket:
            with removals.attempt(f"Bucket {self.bucket.name}"):
                return self.bucket.delete()
        return False


def checked_vhd(src: Path) -> str:
    """Return the SHA-256 of a VHD that ImportSnapshot will take.

    :raises InputError: when it is none, or a differencing one.
    """
    footer = read_vhd_footer(src)
    if footer.disk_type == "differencing":
        raise InputError(f"src {src}: a differencing VHD needs its parent; convert it to a fixed or dynamic one")
    return sha256_of(src)


def ensure_present(
    clients: AwsClients, request: S3ObjectRequest, *, check_mode: bool, warn: Callable[[str], None]
) -> dict[str, Any]:
    """Upload the VHD unless it is there.

    :param warn: tells the user what only check mode lets pass.
    :raises ConflictError: when the key holds other content.
    :raises InputError: when the file is missing or is no VHD, or the bucket is missing.
    :raises ProviderError: when the object does not read back as uploaded.
    """
    src = request.src
    if src is None or request.source_sha256 is None:
        raise InputError("src and source_sha256 are needed to upload a VHD")
    content = _content_of(src, check_mode=check_mode, warn=warn)
    size = src.stat().st_size if content else None
    place = S3Object(clients, request)
    has_bucket = place.bucket.exists()
    if not has_bucket and not request.create_bucket:
        message = f"bucket {place.bucket.name} does not exist: create it first, or set create_bucket"
        if not check_mode:
            raise InputError(message)
        warn(message)
    found = place.head() if has_bucket else None
    before = place.attributes(found)
    if found is not None:
        _check_identity(place, request, found)
        if content is None or (found.content_sha256, found.size) == (content, size):
            result = _result(clients, request, place, changed=False, before=before, after=before)
            return result | {"bucket_created": False}
    if check_mode or content is None:
        after = S3ObjectAttributes(place.bucket.name, place.key, size, content, request.source_sha256)
        result = _result(clients, request, place, changed=True, before=before, after=after)
        return result | {"bucket_created": not has_bucket and request.create_bucket}
    if not has_bucket:
        place.bucket.create(warn)
    try:
        uploaded = _upload(place, request, src, content, warn)
    except BaseException:
        if place.bucket.created:
            place.bucket.discard(warn)
        raise
    if uploaded is None or uploaded.content_sha256 != content:
        raise ProviderError(
            f"{place.url} does not hold what was uploaded",
            operation="HeadObject",
            details=dataclasses.asdict(uploaded) if uploaded else None,
        )
    result = _result(clients, request, place, changed=True, before=before, after=place.attributes(uploaded))
    return result | {"bucket_created": place.bucket.created}


def ensure_absent(
    clients: AwsClients, request: S3ObjectRequest, *, check_mode: bool, warn: Callable[[str], None]
) -> dict[str, Any]:
    """Delete the object, all its versions, what is left of interrupted uploads and, on request, the emptied bucket.

    :param warn: tells the user what stays, with ``best_effort``.
    :raises ConflictError: when ``source_sha256`` is given and the key holds other content.
    """
    place = S3Object(clients, request)
    removals = Removals(best_effort=request.best_effort, warn=warn)
    remnants = S3Remnants()
    with removals.attempt(place.url):
        remnants = place.remnants(request)
    bucket_deleted = remnants.bucket if check_mode else place.remove(remnants, removals)
    changed = remnants.count > len(removals.remains)
    before = place.attributes(remnants.current) if changed else None
    result = _result(clients, request, place, changed=changed, before=before, after=None)
    return result | {"bucket_deleted": bucket_deleted, "remains": removals.remains}


def _upload(
    place: S3Object, request: S3ObjectRequest, src: Path, content: str, warn: Callable[[str], None]
) -> S3ObjectState | None:
    """Upload, and read back; again where another run of the same import has cleaned up meanwhile.

    The last parts of an upload may also have arrived although S3 does not know it any more.
    """
    uploaded = None
    for left in reversed(range(_UPLOADS)):
        code = None
        try:
            place.upload(src, content=content, source_sha256=request.source_sha256 or "")
        except ProviderError as error:
            code = error.code
            if code not in ("NoSuchBucket", "NoSuchUpload") or not left:
                raise
            if code == "NoSuchBucket" and not request.create_bucket:
                raise
        if code == "NoSuchBucket":
            place.bucket.create(warn)
            continue
        uploaded = place.head()
        if uploaded is not None and (code is None or uploaded.content_sha256 == content):
            break
    return uploaded


def _content_of(src: Path, *, check_mode: bool, warn: Callable[[str], None]) -> str | None:
    """The SHA-256 of the file to upload; ``None`` in check mode, when it does not exist yet."""
    if src.exists():
        return checked_vhd(src)
    message = f"src {src}: no such file"
    if not check_mode:
        raise InputError(message)
    warn(f"{message} yet; it would be uploaded")
    return None


def _check_identity(place: S3Object, request: S3ObjectRequest, found: S3ObjectState) -> None:
    if found.source_sha256 != request.source_sha256:
        raise ConflictError(
            f"{place.url} holds other content (its metadata {IDENTITY_KEY} is {found.source_sha256}, not "
            f"{request.source_sha256}): choose another key, or delete that object"
        )


def _result(
    clients: AwsClients,
    request: S3ObjectRequest,
    place: S3Object,
    *,
    changed: bool,
    before: S3ObjectAttributes | None,
    after: S3ObjectAttributes | None,
) -> dict[str, Any]:
    shown = after or before
    return {
        "changed": changed,
        "bucket": place.bucket.name,
        "key": place.key,
        "url": place.url,
        "region": clients.region,
        "size": shown.size if shown else None,
        "content_sha256": shown.content_sha256 if shown else None,
        "source_sha256": request.source_sha256,
        "diff": diff_of(before, after),
    }
