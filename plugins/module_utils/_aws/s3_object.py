# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VHD as an object of S3, where ImportSnapshot can read it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .._core.dependencies import require
from .._core.diff import diff_of
from .._core.errors import ConflictError, InputError, ProviderError
from .._core.identity import IDENTITY_KEY, checked_sha256
from .._core.progress import Progress
from .._core.wait import wait_until
from .._disk.vhd import read_vhd_footer
from .clients import Clients
from .errors import aws_errors, code_of

CONTENT_KEY = "content-sha256"
"""Object metadata: the SHA-256 of the object itself. Two conversions of one image differ in time stamp and UUID."""

_MIB = 1 << 20
_PART_SIZE = 16 * _MIB
_PARTS_AT_ONCE = 8
_BUCKET_SECONDS = 120
"""How long S3 may go on with the deletion of a bucket whose name is wanted again."""

_MISSING = {"404", "NoSuchBucket", "NoSuchKey", "NotFound"}


def derived_bucket_name(account: str, region: str, sha256: str) -> str:
    """A name for just this content in this account and region.

    Bucket names are unique among all accounts, so a name without the account in it might be another's.
    """
    digest = hashlib.sha256(f"{account}/{region}/{sha256}".encode()).hexdigest()
    return f"alpine-cloud-{digest[:32]}"


def checked_vhd(src: Path) -> str:
    """Return the SHA-256 of a VHD that ImportSnapshot will take.

    :raises InputError: when it is none, or a differencing one.
    """
    footer = read_vhd_footer(src)
    if footer.disk_type == "differencing":
        raise InputError(f"src {src}: a differencing VHD needs its parent; convert it to a fixed or dynamic one")
    with src.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class S3Object:
    """The object and, on request, its bucket.

    :param warn: tells the user of something that is no error.
    """

    def __init__(
        self, clients: Clients, params: Mapping[str, Any], *, check_mode: bool, warn: Callable[[str], None]
    ) -> None:
        self._check_mode = check_mode
        self._warn = warn
        self._params = params
        self._region = clients.region
        self._s3 = clients.client("s3")
        self._sha256: str | None = checked_sha256(params["source_sha256"]) if params.get("source_sha256") else None
        self._key: str = params["key"]
        self._owner: dict[str, str] = {}
        self._bucket: str = params.get("bucket") or self._derive_bucket(clients)

    def _derive_bucket(self, clients: Clients) -> str:
        if self._sha256 is None:
            raise InputError("bucket is missing; it can only be left out together with source_sha256")
        with aws_errors("find out the AWS account"):
            account = clients.client("sts").get_caller_identity()["Account"]
        # Whoever knows the rule could have taken the name: what is not ours is refused.
        self._owner = {"ExpectedBucketOwner": account}
        return derived_bucket_name(account, self._region, self._sha256)

    def present(self) -> dict[str, Any]:
        """Upload the VHD unless it is there."""
        src = Path(self._params["src"])
        content = self._checked_source(src)
        has_bucket = self._has_bucket()
        if not has_bucket and not self._params["create_bucket"]:
            message = f"bucket {self._bucket} does not exist: create it first, or set create_bucket"
            if not self._check_mode:
                raise InputError(message)
            self._warn(message)
        head = self._head() if has_bucket else None
        before = self._attributes(head)
        if head is not None:
            self._check_identity(head)
            same = before["content_sha256"] == content and before["size"] == src.stat().st_size if content else True
            if same:
                return self._result(False, before, before)
        after = {
            "bucket": self._bucket,
            "key": self._key,
            "size": src.stat().st_size if content else None,
            "content_sha256": content,
            "source_sha256": self._sha256,
        }
        if self._check_mode:
            return self._result(True, before, after, bucket_created=not has_bucket and self._params["create_bucket"])
        if not has_bucket:
            self._create_bucket()
        try:
            self._upload(src, content)
        except Exception:
            if not has_bucket:
                self._delete_bucket()
            raise
        head = self._head()
        after = self._attributes(head)
        if after["content_sha256"] != content:
            raise ProviderError(f"{self._url} does not hold what was uploaded", operation="HeadObject", details=after)
        return self._result(True, before, after, bucket_created=not has_bucket)

    def absent(self) -> dict[str, Any]:
        """Delete the object with what is left of interrupted uploads and, on request, the bucket if that empties it."""
        if not self._has_bucket():
            return self._result(False, {}, {}, bucket_deleted=False)
        head = self._head()
        uploads = self._interrupted_uploads()
        if head is not None and self._sha256 is not None:
            self._check_identity(head)
        before = self._attributes(head)
        delete_bucket = self._params["delete_bucket"]
        changed = head is not None or bool(uploads) or (delete_bucket and self._is_empty())
        if self._check_mode:
            return self._result(changed, before, {}, bucket_deleted=delete_bucket and changed)
        with aws_errors(f"delete {self._url}"):
            for upload_id in uploads:
                self._s3.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=upload_id, **self._owner)
            if head is not None:
                self._s3.delete_object(Bucket=self._bucket, Key=self._key, **self._owner)
        bucket_deleted = delete_bucket and self._is_empty() and self._delete_bucket()
        return self._result(changed, before, {}, bucket_deleted=bucket_deleted)

    @property
    def _url(self) -> str:
        return f"s3://{self._bucket}/{self._key}"

    def _checked_source(self, src: Path) -> str | None:
        if not src.exists():
            message = f"src {src}: no such file"
            if not self._check_mode:
                raise InputError(message)
            self._warn(f"{message} yet; it would be uploaded")
            return None
        return checked_vhd(src)

    def _has_bucket(self) -> bool:
        with aws_errors(f"look for bucket {self._bucket}"):
            try:
                answer = self._s3.head_bucket(Bucket=self._bucket, **self._owner)
            except Exception as error:
                if code_of(error) in _MISSING:
                    return False
                if code_of(error) == "403":
                    raise ProviderError(
                        f"bucket {self._bucket} belongs to another account, or you may not see it "
                        "(s3:ListBucket); choose another bucket",
                        operation="HeadBucket",
                        code="403",
                        status=403,
                    ) from error
                raise
        region = answer.get("BucketRegion") or self._region
        if region != self._region:
            raise InputError(
                f"bucket {self._bucket} is in {region}, but ImportSnapshot in {self._region} reads only buckets of its "
                "own region; choose another bucket or region"
            )
        return True

    def _head(self) -> dict[str, Any] | None:
        with aws_errors(f"look for {self._url}"):
            try:
                head: dict[str, Any] = self._s3.head_object(Bucket=self._bucket, Key=self._key, **self._owner)
            except Exception as error:
                if code_of(error) in _MISSING:
                    return None
                raise
        return head

    def _attributes(self, head: Mapping[str, Any] | None) -> dict[str, Any]:
        if head is None:
            return {}
        metadata = head.get("Metadata", {})
        return {
            "bucket": self._bucket,
            "key": self._key,
            "size": head["ContentLength"],
            "content_sha256": metadata.get(CONTENT_KEY),
            "source_sha256": metadata.get(IDENTITY_KEY),
        }

    def _check_identity(self, head: Mapping[str, Any]) -> None:
        found = head.get("Metadata", {}).get(IDENTITY_KEY)
        if found != self._sha256:
            raise ConflictError(
                f"{self._url} holds other content (its metadata {IDENTITY_KEY} is {found}, not {self._sha256}): "
                "choose another key, or delete that object"
            )

    def _create_bucket(self) -> None:
        # S3 refuses the location constraint us-east-1, and its absence anywhere else.
        location = {} if self._region == "us-east-1" else {"LocationConstraint": self._region}
        configuration = {"CreateBucketConfiguration": location} if location else {}

        def create() -> bool | None:
            try:
                self._s3.create_bucket(Bucket=self._bucket, **configuration)
            except Exception as error:
                if code_of(error) == "OperationAborted":
                    return None
                if code_of(error) != "BucketAlreadyOwnedByYou":
                    raise
            return True

        with aws_errors(f"create bucket {self._bucket}"):
            wait_until(create, timeout=_BUCKET_SECONDS, interval=5, what=f"the deletion of bucket {self._bucket}")
        try:
            with aws_errors(f"block public access to bucket {self._bucket}"):
                self._s3.put_public_access_block(
                    Bucket=self._bucket,
                    PublicAccessBlockConfiguration={
                        "BlockPublicAcls": True,
                        "IgnorePublicAcls": True,
                        "BlockPublicPolicy": True,
                        "RestrictPublicBuckets": True,
                    },
                    **self._owner,
                )
        except ProviderError:
            self._delete_bucket()
            raise

    def _upload(self, src: Path, content: str | None) -> None:
        transfer = require("boto3.s3.transfer", "boto3")
        progress = Progress("upload", src.stat().st_size)
        with aws_errors(f"upload {src} to {self._url}"):
            # Aborts the multipart upload when a part fails for good.
            self._s3.upload_file(
                str(src),
                self._bucket,
                self._key,
                ExtraArgs={"Metadata": {IDENTITY_KEY: self._sha256, CONTENT_KEY: content}, **self._owner},
                Callback=progress.advance,
                Config=transfer.TransferConfig(
                    multipart_threshold=_PART_SIZE, multipart_chunksize=_PART_SIZE, max_concurrency=_PARTS_AT_ONCE
                ),
            )

    def _interrupted_uploads(self) -> list[str]:
        with aws_errors(f"look for interrupted uploads to {self._url}"):
            pages = self._s3.get_paginator("list_multipart_uploads").paginate(
                Bucket=self._bucket, Prefix=self._key, **self._owner
            )
            uploads = [upload for page in pages for upload in page.get("Uploads", [])]
        return [upload["UploadId"] for upload in uploads if upload["Key"] == self._key]

    def _is_empty(self) -> bool:
        with aws_errors(f"list bucket {self._bucket}"):
            listing = self._s3.list_objects_v2(Bucket=self._bucket, MaxKeys=2, **self._owner)
        return all(item["Key"] == self._key for item in listing.get("Contents", []))

    def _delete_bucket(self) -> bool:
        """Tells whether the bucket is gone; one that others use, or still write to, stays."""
        with aws_errors(f"delete bucket {self._bucket}"):
            try:
                self._s3.delete_bucket(Bucket=self._bucket, **self._owner)
            except Exception as error:
                if code_of(error) not in ("BucketNotEmpty", "NoSuchBucket"):
                    raise
                return code_of(error) == "NoSuchBucket"
        return True

    def _result(self, changed: bool, before: dict[str, Any], after: dict[str, Any], **more: Any) -> dict[str, Any]:
        shown = after or before
        return {
            "changed": changed,
            "bucket": self._bucket,
            "key": self._key,
            "url": self._url,
            "region": self._region,
            "size": shown.get("size"),
            "content_sha256": shown.get("content_sha256"),
            "source_sha256": self._sha256,
            "diff": diff_of(before, after),
            **({"bucket_created": False} if "bucket_deleted" not in more else {}),
            **more,
        }
