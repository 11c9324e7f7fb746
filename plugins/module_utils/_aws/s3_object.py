# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VHD as an object of S3, where ImportSnapshot can read it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
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
from .s3_bucket import CLEANED_UP, MISSING, S3Bucket, checked_bucket_name

if TYPE_CHECKING:
    from types_boto3_s3.type_defs import HeadObjectOutputTypeDef

CONTENT_KEY = "content-sha256"
"""Object metadata: the SHA-256 of the object itself. Two conversions of one image differ in time stamp and UUID."""

_PART_SIZE = 16 * MIB
_UPLOADS = 3
"""How often an upload is begun, when other runs take it away."""
_PARTS_AT_ONCE = 8


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
            bucket=checked_bucket_name(params["bucket"]) if params["bucket"] else None,
            source_sha256=checked_sha256(sha256) if sha256 else None,
            src=Path(params["src"]) if params["src"] else None,
            create_bucket=params["create_bucket"],
            delete_bucket=params["delete_bucket"],
            best_effort=params["best_effort"],
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

    def head(self) -> S3ObjectState | None:
        """What S3 says of it; ``None`` when it is not there."""
        try:
            with provider_errors("HeadObject", f"look for {self.url}"):
                head = self._s3.head_object(Bucket=self.bucket.name, Key=self.key, **self.bucket.owner)
                return S3ObjectState.of(head)
        except ProviderError as error:
            if error.code in MISSING:
                return None
            raise

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

    def interrupted_uploads(self) -> list[str]:
        """The ids of the multipart uploads to this key that nobody has completed."""
        try:
            with provider_errors("ListMultipartUploads", f"look for interrupted uploads to {self.url}"):
                pages = self._s3.get_paginator("list_multipart_uploads").paginate(
                    Bucket=self.bucket.name, Prefix=self.key, **self.bucket.owner
                )
                uploads = [upload for page in pages for upload in page.get("Uploads", [])]
        except ProviderError as error:
            if error.code in MISSING:
                return []
            raise
        return [upload["UploadId"] for upload in uploads if upload["Key"] == self.key]

    def abort(self, upload_id: str) -> None:
        """Abort the upload, unless it is over: by a first attempt whose answer got lost, or by another run."""
        try:
            with provider_errors("AbortMultipartUpload", f"abort an interrupted upload to {self.url}"):
                self._s3.abort_multipart_upload(
                    Bucket=self.bucket.name, Key=self.key, UploadId=upload_id, **self.bucket.owner
                )
        except ProviderError as error:
            if error.code not in CLEANED_UP:
                raise

    def delete(self) -> None:
        """Delete the object, unless it is gone with its bucket."""
        try:
            with provider_errors("DeleteObject", f"delete {self.url}"):
                self._s3.delete_object(Bucket=self.bucket.name, Key=self.key, **self.bucket.owner)
        except ProviderError as error:
            if error.code not in MISSING:
                raise


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
    bucket_created = _upload(place, request, src, content, request.source_sha256, has_bucket=has_bucket)
    uploaded = place.head()
    if uploaded is None or uploaded.content_sha256 != content:
        raise ProviderError(
            f"{place.url} does not hold what was uploaded",
            operation="HeadObject",
            details=dataclasses.asdict(uploaded) if uploaded else None,
        )
    result = _result(clients, request, place, changed=True, before=before, after=place.attributes(uploaded))
    return result | {"bucket_created": bucket_created}


def _upload(
    place: S3Object, request: S3ObjectRequest, src: Path, content: str, source_sha256: str, *, has_bucket: bool
) -> bool:
    """Upload it, and tell whether a bucket was created for it; on failure, that one goes again.

    Another run that is done with the same image removes what it has staged, and with it what this run is uploading:
    then this begins anew, since only the step that follows can tell that nothing is left to import.
    """
    created = False
    for again in reversed(range(_UPLOADS)):
        try:
            if not has_bucket:
                place.bucket.create()
                created = True
            place.upload(src, content=content, source_sha256=source_sha256)
            return created
        except BaseException as error:
            if again and isinstance(error, ProviderError) and error.code in CLEANED_UP:
                has_bucket = place.bucket.exists()
                if has_bucket or request.create_bucket:
                    continue
            if created:
                place.bucket.delete()
            raise
    return created


def ensure_absent(
    clients: AwsClients, request: S3ObjectRequest, *, check_mode: bool, warn: Callable[[str], None]
) -> dict[str, Any]:
    """Delete the object with what is left of interrupted uploads and, on request, the bucket if that empties it.

    :param warn: tells the user what stays, by ``best_effort``.
    :raises ConflictError: when ``source_sha256`` is given and the key holds other content.
    """
    place = None
    try:
        place = S3Object(clients, request)
        return _removed(clients, request, place, check_mode=check_mode) | {"remains": []}
    except AlpineCloudError as error:
        if not request.best_effort:
            raise
        bucket = place.bucket.name if place else request.bucket
        remains = f"{request.key} in bucket {bucket}: {error.message}"
        warn(f"What was staged stays, and is billed: {remains}. Remove it by hand, or keep it on purpose (keep_staged)")
        return {
            "changed": False,
            "bucket": bucket,
            "key": request.key,
            "url": f"s3://{bucket}/{request.key}",
            "region": clients.region,
            "size": None,
            "content_sha256": None,
            "source_sha256": request.source_sha256,
            "diff": diff_of(None, None),
            "bucket_deleted": False,
            "remains": [remains],
        }


def _removed(clients: AwsClients, request: S3ObjectRequest, place: S3Object, *, check_mode: bool) -> dict[str, Any]:
    if not place.bucket.exists():
        return _result(clients, request, place, changed=False, before=None, after=None) | {"bucket_deleted": False}
    found = place.head()
    if found is not None:
        refuse_other_content(place.url, held=found.source_sha256, wanted=request.source_sha256)
    uploads = place.interrupted_uploads()
    delete_bucket = request.delete_bucket and place.bucket.is_empty(but_for=place.key)
    changed = found is not None or bool(uploads) or delete_bucket
    if not check_mode:
        for upload_id in uploads:
            place.abort(upload_id)
        if found is not None:
            place.delete()
        delete_bucket = delete_bucket and place.bucket.delete()
    result = _result(clients, request, place, changed=changed, before=place.attributes(found), after=None)
    return result | {"bucket_deleted": delete_bucket}


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
