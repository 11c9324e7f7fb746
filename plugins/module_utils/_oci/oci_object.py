# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An image file as an object in a bucket of Object Storage."""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .._core.dependencies import require
from .._core.diff import diff_of
from .._core.digests import chunks_of, md5_of, new_md5, sha256_of
from .._core.errors import ConflictError, InputError, ProviderError
from .._core.identity import IDENTITY_KEY, checked_sha256
from .._core.progress import Progress
from .._core.units import MIB
from .._disk.qcow2 import read_qcow2_header
from .clients import OciClients
from .errors import provider_errors

if TYPE_CHECKING:
    from oci.object_storage import ObjectStorageClient

SMALLEST_PART = 10
"""MiB; what Object Storage asks of every part but the last."""
_METADATA_PREFIX = "opc-meta-"
_VMDK_MAGICS = (b"KDMV", b"# Disk DescriptorFile")

Warn = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class StoredObject:
    """What Object Storage says of an object. The MD5 sums are as it writes them, in base64."""

    size: int
    etag: str
    source_sha256: str | None
    content_md5: str | None
    """Of an object that was put in one request."""
    multipart_md5: str | None
    """Of the parts' binary MD5 sums, a dash, and the number of parts."""


@dataclasses.dataclass(frozen=True)
class ObjectPlace:
    """Where an object is, or is to be."""

    namespace: str
    bucket: str
    name: str

    def __str__(self) -> str:
        return f"{self.name} in bucket {self.bucket}"

    @property
    def arguments(self) -> tuple[str, str, str]:
        """As the SDK's methods take it."""
        return (self.namespace, self.bucket, self.name)


@dataclasses.dataclass(frozen=True)
class Part:
    """A piece of a file, in bytes, and its binary MD5 sum."""

    offset: int
    size: int
    md5: bytes


class LocalFile:
    """The file to upload, and what the service is going to say of it.

    :param part_size: bytes in a part of a multipart upload; a file that is no larger goes in one request.
    :param source_sha256: of the source image; by default the file is the source.
    """

    def __init__(self, path: Path, part_size: int, source_sha256: str | None = None) -> None:
        self.path = path
        self.part_size = part_size
        self.size = path.stat().st_size
        self.source_sha256 = source_sha256 or sha256_of(path)

    @property
    def is_multipart(self) -> bool:
        return self.size > self.part_size

    def content_md5(self) -> str:
        """In base64, as ``Content-MD5`` has it."""
        return _base64(md5_of(self.path))

    @functools.cached_property
    def parts(self) -> list[Part]:
        """What a multipart upload sends."""
        with self.path.open("rb") as file:
            return [
                _read_part(file, offset, min(self.part_size, self.size - offset))
                for offset in range(0, self.size, self.part_size)
            ]

    def multipart_md5(self) -> str:
        """As ``opc-multipart-md5`` has it."""
        digests = b"".join(part.md5 for part in self.parts)
        return f"{_base64(new_md5(digests).digest())}-{len(self.parts)}"

    def is_content_of(self, stored: StoredObject) -> bool:
        """Compare by the service's own checksum, as far as it allows: with parts of another size it does not."""
        if stored.size != self.size:
            return False
        if stored.content_md5:
            return stored.content_md5 == self.content_md5()
        expected = self.multipart_md5()
        if stored.multipart_md5 and stored.multipart_md5.rpartition("-")[2] == expected.rpartition("-")[2]:
            return stored.multipart_md5 == expected
        return True


def _read_part(file: BinaryIO, offset: int, size: int) -> Part:
    digest, read = new_md5(), 0
    for chunk in chunks_of(file, size):
        digest.update(chunk)
        read += len(chunk)
    return Part(offset, read, digest.digest())


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def check_image_file(path: Path, source_image_type: str) -> None:
    """Refuse what the import refuses hours later.

    :param source_image_type: ``QCOW2`` or ``VMDK``, the formats that CreateImage takes.
    :raises InputError: when the file is missing, or not of that format.
    """
    if not path.is_file():
        raise InputError(f"src {path}: no such file")
    if source_image_type == "QCOW2":
        header = read_qcow2_header(path)
        if header.backing_file:
            raise InputError(f"src {path} has a backing file, so it is no complete image: `qemu-img convert` it first")
        return
    with path.open("rb") as file:
        if not file.read(32).startswith(_VMDK_MAGICS):
            raise InputError(f"src {path} is no VMDK image, as source_image_type says")


class Bucket:
    """One bucket of Object Storage, and the objects in it."""

    def __init__(self, connection: OciClients, *, namespace: str | None, name: str, compartment_id: str | None) -> None:
        self._connection = connection
        self._client: ObjectStorageClient = connection.object_storage()
        self.name = name
        self.compartment_id = compartment_id
        self.namespace = namespace or self._lookup_namespace()

    def _lookup_namespace(self) -> str:
        arguments = {"compartment_id": self.compartment_id} if self.compartment_id else {}
        with provider_errors("GetNamespace", "look up the Object Storage namespace"):
            return str(self._client.get_namespace(**arguments).data)

    def details(self) -> Any | None:
        """The bucket as the service describes it, or ``None`` when there is none."""
        try:
            with provider_errors("GetBucket", f"read bucket {self.name}"):
                return self._client.get_bucket(self.namespace, self.name).data
        except ProviderError as error:
            if error.status == 404:
                return None
            raise

    def create(self) -> None:
        """Create it, closed to the public. That another process has just done so is fine."""
        if not self.compartment_id:
            raise InputError(f"Bucket {self.name} does not exist: compartment_id says where to create it")
        models = require("oci.object_storage.models", "oci")
        details = models.CreateBucketDetails(
            name=self.name,
            compartment_id=self.compartment_id,
            public_access_type=models.CreateBucketDetails.PUBLIC_ACCESS_TYPE_NO_PUBLIC_ACCESS,
        )
        try:
            with provider_errors("CreateBucket", f"create bucket {self.name}"):
                self._client.create_bucket(self.namespace, details)
        except ProviderError as error:
            if error.status != 409 or self.details() is None:
                raise

    def place(self, object_name: str) -> ObjectPlace:
        return ObjectPlace(self.namespace, self.name, object_name)

    def head(self, place: ObjectPlace) -> StoredObject | None:
        """What is stored at ``place``, or ``None``."""
        try:
            with provider_errors("HeadObject", f"look at {place}"):
                headers = self._client.head_object(*place.arguments).headers
        except ProviderError as error:
            if error.status == 404:
                return None
            raise
        return StoredObject(
            size=int(headers["content-length"]),
            etag=headers["etag"],
            source_sha256=headers.get(_METADATA_PREFIX + IDENTITY_KEY),
            content_md5=headers.get("content-md5"),
            multipart_md5=headers.get("opc-multipart-md5"),
        )

    def unfinished_uploads(self, place: ObjectPlace) -> list[str]:
        """The ids of multipart uploads of this object that were neither committed nor aborted."""
        pagination = require("oci.pagination", "oci")
        with provider_errors("ListMultipartUploads", f"list unfinished uploads to bucket {self.name}"):
            uploads = pagination.list_call_get_all_results(
                self._client.list_multipart_uploads, self.namespace, self.name
            ).data
        return [upload.upload_id for upload in uploads if upload.object == place.name]

    def abort_uploads(self, place: ObjectPlace) -> int:
        """Abort all unfinished uploads of this object, whose parts are billed; returns how many there were."""
        uploads = self.unfinished_uploads(place)
        for upload_id in uploads:
            with provider_errors("AbortMultipartUpload", f"abort an unfinished upload of {place}"), _gone_is_fine():
                self._client.abort_multipart_upload(*place.arguments, upload_id)
        return len(uploads)

    def delete(self, place: ObjectPlace) -> None:
        with provider_errors("DeleteObject", f"delete {place}"), _gone_is_fine():
            self._client.delete_object(*place.arguments)

    def upload(
        self, file: LocalFile, place: ObjectPlace, *, replaces: StoredObject | None, parallel: int
    ) -> StoredObject:
        """Upload, and check what arrived.

        :param replaces: what stands there now, if it is to be overwritten.
        :param parallel: how many parts to send at the same time.
        :raises ProviderError: when it failed, or what is stored now is not the file; no parts are left behind then.
        """
        condition = {"if_match": replaces.etag} if replaces else {"if_none_match": "*"}
        try:
            if file.is_multipart:
                self._upload_parts(file, place, condition, parallel)
            else:
                with provider_errors("PutObject", f"upload {place}"), file.path.open("rb") as stream:
                    self._client.put_object(
                        *place.arguments,
                        stream,
                        content_md5=file.content_md5(),
                        opc_meta={IDENTITY_KEY: file.source_sha256},
                        **condition,
                    )
        except ProviderError as error:
            # A retry after a lost answer finds that its forerunner, or another process, has done the work.
            stored = self.head(place) if error.status in (404, 412) else None
            if stored is None or stored.source_sha256 != file.source_sha256 or not file.is_content_of(stored):
                raise
            return stored
        stored = self.head(place)
        if stored is None or not file.is_content_of(stored):
            raise ProviderError(f"What Object Storage now holds as {place} is not {file.path}", operation="HeadObject")
        return stored

    def _upload_parts(self, file: LocalFile, place: ObjectPlace, condition: dict[str, str], parallel: int) -> None:
        object_storage = require("oci.object_storage", "oci")
        # The SDK's reader of a part cannot be rewound, so a client that retries would send an empty body. The
        # assembler opens the file anew each time it is retried from outside.
        assembler = object_storage.MultipartObjectAssembler(
            self._connection.object_storage(retries=False),
            *place.arguments,
            part_size=file.part_size,
            parallel_process_count=parallel,
            metadata={IDENTITY_KEY: file.source_sha256},
            **condition,
        )
        strategy = self._connection.retry_strategy
        try:
            with provider_errors("CreateMultipartUpload", f"begin the upload of {place}"):
                strategy.make_retrying_call(assembler.new_upload)
            with provider_errors("UploadPart", f"upload {place}"):
                # With a checksum each: the SDK computes them by itself, but too late to send them along.
                for part in file.parts:
                    assembler.add_part_from_file(str(file.path), part.offset, part.size, _base64(part.md5))
                progress = Progress("upload", file.size)
                assembler.upload(retry_strategy=strategy, progress_callback=progress.advance)
            with provider_errors("CommitMultipartUpload", f"commit the upload of {place}"):
                strategy.make_retrying_call(assembler.commit, **condition)
        finally:
            # Nothing is left of this upload when it was committed, except what a lost answer made us begin twice.
            with contextlib.suppress(ProviderError):
                self.abort_uploads(place)


@contextlib.contextmanager
def _gone_is_fine() -> Iterator[None]:
    exceptions = require("oci.exceptions", "oci")
    try:
        yield
    except exceptions.ServiceError as error:
        if error.status != 404:
            raise


def manage_object(
    params: Mapping[str, Any], *, check_mode: bool, warn: Warn, connection: OciClients | None = None
) -> dict[str, Any]:
    """What module ``alpine_oci_object`` does; returns its result."""
    src = Path(params["src"]) if params["src"] else None
    given_sha256 = checked_sha256(params["source_sha256"]) if params["source_sha256"] else None
    if params["state"] == "present":
        file = _local_file(params, src, given_sha256, check_mode=check_mode, warn=warn)
        bucket = _bucket(params, connection or OciClients.from_params(params))
        source_sha256 = file.source_sha256 if file else given_sha256
        return _ensure_present(params, bucket, file, source_sha256, check_mode=check_mode, warn=warn)
    return _ensure_absent(
        _bucket(params, connection or OciClients.from_params(params)), params["name"], given_sha256, check_mode
    )


def _bucket(params: Mapping[str, Any], connection: OciClients) -> Bucket:
    return Bucket(
        connection, namespace=params["namespace"], name=params["bucket"], compartment_id=params["compartment_id"]
    )


def _local_file(
    params: Mapping[str, Any], src: Path | None, given_sha256: str | None, *, check_mode: bool, warn: Warn
) -> LocalFile | None:
    if src is None:
        raise InputError("src is needed to upload")
    if params["part_size"] < SMALLEST_PART:
        raise InputError(f"part_size is {params['part_size']} MiB, but Object Storage wants {SMALLEST_PART} at least")
    if params["parallel_uploads"] < 1:
        raise InputError("parallel_uploads must be 1 at least")
    if check_mode and not src.exists():
        warn(f"src {src} does not exist yet: taken for a file that an earlier task would have made")
        return None
    check_image_file(src, params["source_image_type"])
    return LocalFile(src, params["part_size"] * MIB, given_sha256)


def _ensure_present(
    params: Mapping[str, Any],
    bucket: Bucket,
    file: LocalFile | None,
    source_sha256: str | None,
    *,
    check_mode: bool,
    warn: Warn,
) -> dict[str, Any]:
    place = bucket.place(params["name"])
    details = bucket.details()
    if details is None:
        _check_missing_bucket(params, check_mode=check_mode, warn=warn)
    elif details.public_access_type != "NoPublicAccess":
        warn(f"Bucket {bucket.name} is open to the public ({details.public_access_type})")
    stored = bucket.head(place) if details is not None else None
    if stored is not None and stored.source_sha256 != source_sha256 and source_sha256 is not None:
        raise ConflictError(
            f"{place} holds other content (source-sha256 {stored.source_sha256 or 'not given'}): choose another name, "
            "or delete it first"
        )
    before = _attributes(place, stored) if stored else {}
    if stored is not None and (file is None or file.is_content_of(stored)):
        return _result(place, stored, changed=False, before=before, bucket_created=False, aborted=0)
    if check_mode or file is None or source_sha256 is None:
        after = {**_attributes(place, None), "source_sha256": source_sha256, "size": file.size if file else None}
        return _result(place, None, changed=True, before=before, after=after, bucket_created=details is None, aborted=0)
    if details is None:
        bucket.create()
    aborted = bucket.abort_uploads(place) if details is not None else 0
    new = bucket.upload(file, place, replaces=stored, parallel=params["parallel_uploads"])
    return _result(place, new, changed=True, before=before, bucket_created=details is None, aborted=aborted)


def _check_missing_bucket(params: Mapping[str, Any], *, check_mode: bool, warn: Warn) -> None:
    if params["create_bucket"]:
        if not params["compartment_id"]:
            raise InputError(f"Bucket {params['bucket']} does not exist: compartment_id says where to create it")
        return
    message = f"bucket {params['bucket']} does not exist: create it, or set create_bucket"
    if not check_mode:
        raise InputError(message)
    warn(f"{message}; taken for one that an earlier task would have made")


def _ensure_absent(bucket: Bucket, name: str, source_sha256: str | None, check_mode: bool) -> dict[str, Any]:
    place = bucket.place(name)
    if bucket.details() is None:
        return _result(place, None, changed=False, before={}, after={}, bucket_created=False, aborted=0)
    stored = bucket.head(place)
    if stored is not None and source_sha256 and stored.source_sha256 != source_sha256:
        # Not the object that is to be absent, but another one of the same name.
        stored = None
    uploads = len(bucket.unfinished_uploads(place))
    if not check_mode:
        if stored is not None:
            bucket.delete(place)
        if uploads:
            bucket.abort_uploads(place)
    before = _attributes(place, stored) if stored else {}
    changed = stored is not None or uploads > 0
    return _result(place, None, changed=changed, before=before, after={}, bucket_created=False, aborted=uploads)


def _attributes(place: ObjectPlace, stored: StoredObject | None) -> dict[str, Any]:
    return {
        "namespace": place.namespace,
        "bucket": place.bucket,
        "name": place.name,
        "size": stored.size if stored else None,
        "source_sha256": stored.source_sha256 if stored else None,
    }


def _result(
    place: ObjectPlace,
    stored: StoredObject | None,
    *,
    changed: bool,
    before: dict[str, Any],
    bucket_created: bool,
    aborted: int,
    after: dict[str, Any] | None = None,
) -> dict[str, Any]:
    attributes = _attributes(place, stored)
    if after is None:
        after = attributes
    return {
        **attributes,
        **after,
        "changed": changed,
        "etag": stored.etag if stored else None,
        "bucket_created": bucket_created,
        "aborted_uploads": aborted,
        "diff": diff_of(before, after),
    }
