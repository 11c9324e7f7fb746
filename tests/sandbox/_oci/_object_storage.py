# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Object Storage: buckets, objects, multipart uploads."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
import threading
import uuid
from pathlib import Path
from typing import Any

import oci.object_storage.models
from flask import Response, request, send_file

from tests.sandbox._oci._account import Account, new_ocid
from tests.sandbox._oci._api import Api, ApiError, invalid, json_response, now

_BUCKET = re.compile(r"[A-Za-z0-9._-]{1,256}")
_SMALLEST_PART = 10 << 20
_METADATA = "opc-meta-"


@dataclasses.dataclass
class Blob:
    """Bytes that were received, and their MD5."""

    path: Path
    size: int
    md5: bytes

    @property
    def md5_text(self) -> str:
        return base64.b64encode(self.md5).decode()


@dataclasses.dataclass
class StoredObject:
    blob: Blob
    metadata: dict[str, str]
    content_type: str
    multipart_md5: str | None = None
    etag: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))
    time_created: str = dataclasses.field(default_factory=now)

    def headers(self) -> dict[str, str]:
        checksum = (
            {"opc-multipart-md5": self.multipart_md5} if self.multipart_md5 else {"content-md5": self.blob.md5_text}
        )
        return {
            **checksum,
            **self.metadata,
            "etag": self.etag,
            "storage-tier": "Standard",
            "Content-Length": str(self.blob.size),
            "Content-Type": self.content_type,
        }


@dataclasses.dataclass
class Upload:
    """A multipart upload that is neither committed nor aborted."""

    name: str
    details: dict[str, Any]
    id: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))
    time_created: str = dataclasses.field(default_factory=now)
    parts: dict[int, tuple[str, Blob]] = dataclasses.field(default_factory=dict)
    """By number: the entity tag and the bytes."""


@dataclasses.dataclass
class Bucket:
    details: dict[str, Any]
    objects: dict[str, StoredObject] = dataclasses.field(default_factory=dict)
    uploads: dict[str, Upload] = dataclasses.field(default_factory=dict)


class ObjectStorage:
    """The service. Bytes are kept in files below ``directory``."""

    def __init__(self, account: Account, directory: Path) -> None:
        self._account = account
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._buckets: dict[str, Bucket] = {}
        self._lock = threading.RLock()
        self.api = Api("objectstorage", account, oci.object_storage.models)
        self._register()

    def find(self, namespace: str, bucket: str, name: str) -> StoredObject | None:
        """An object, for services that read it by themselves."""
        with self._lock:
            if namespace != self._account.namespace or bucket not in self._buckets:
                return None
            return self._buckets[bucket].objects.get(name)

    def _register(self) -> None:
        bucket, objects, uploads = "/n/<namespace>/b/<bucket>", "/o", "/u"
        one_object, one_upload = f"{bucket}{objects}/<path:name>", f"{bucket}{uploads}/<path:name>"
        register = self.api.operation
        # HEAD first: a rule for GET answers to HEAD, too.
        register("HeadBucket", "HEAD", bucket)(self.head_bucket)
        register("HeadObject", "HEAD", one_object)(self.head_object)
        register("GetNamespace", "GET", "/n")(lambda: json_response(self._account.namespace))
        register("ListBuckets", "GET", "/n/<namespace>/b")(self.list_buckets)
        register("CreateBucket", "POST", "/n/<namespace>/b")(self.create_bucket)
        register("GetBucket", "GET", bucket)(self.get_bucket)
        register("DeleteBucket", "DELETE", bucket)(self.delete_bucket)
        register("ListObjects", "GET", f"{bucket}{objects}")(self.list_objects)
        register("PutObject", "PUT", one_object, streams_body=True)(self.put_object)
        register("GetObject", "GET", one_object)(self.get_object)
        register("DeleteObject", "DELETE", one_object)(self.delete_object)
        register("CreateMultipartUpload", "POST", f"{bucket}{uploads}")(self.create_upload)
        register("ListMultipartUploads", "GET", f"{bucket}{uploads}")(self.list_uploads)
        register("UploadPart", "PUT", one_upload, streams_body=True)(self.upload_part)
        register("ListMultipartUploadParts", "GET", one_upload)(self.list_parts)
        register("CommitMultipartUpload", "POST", one_upload)(self.commit_upload)
        register("AbortMultipartUpload", "DELETE", one_upload)(self.abort_upload)

    # Buckets

    def _check_namespace(self, namespace: str) -> None:
        if namespace != self._account.namespace:
            raise ApiError(404, "NamespaceNotFound", f"There is no namespace '{namespace}' that you may use")

    def _bucket(self, namespace: str, name: str) -> Bucket:
        self._check_namespace(namespace)
        try:
            return self._buckets[name]
        except KeyError:
            raise ApiError(
                404,
                "BucketNotFound",
                f"Either the bucket named '{name}' does not exist in the namespace '{namespace}' or you are not "
                "authorized to access it",
            ) from None

    def list_buckets(self, namespace: str) -> Response:
        self._check_namespace(namespace)
        compartment = self.api.check_compartment(request.args.get("compartmentId"))
        with self._lock:
            rows = [b.details for b in self._buckets.values() if b.details["compartmentId"] == compartment]
        return self.api.page(rows, model="BucketSummary")

    def create_bucket(self, namespace: str) -> Response:
        self._check_namespace(namespace)
        body = self.api.body("CreateBucketDetails")
        name = body["name"]
        self.api.check_compartment(body["compartmentId"])
        if not _BUCKET.fullmatch(name):
            raise ApiError(400, "InvalidBucketName", f"The bucket name '{name}' is not allowed")
        with self._lock:
            if name in self._buckets:
                raise ApiError(
                    409,
                    "BucketAlreadyExists",
                    f"Either the bucket '{name}' in namespace '{namespace}' already exists or you are not authorized "
                    "to create it",
                )
            details = {
                "publicAccessType": "NoPublicAccess",
                "storageTier": "Standard",
                "versioning": "Disabled",
                "autoTiering": "Disabled",
                "objectEventsEnabled": False,
                "metadata": {},
                "freeformTags": {},
                "definedTags": {},
                **body,
                "namespace": namespace,
                "id": new_ocid("bucket"),
                "createdBy": self._account.user,
                "timeCreated": now(),
                "etag": str(uuid.uuid4()),
            }
            self._buckets[name] = Bucket(details)
        return json_response(self.api.shown_as("Bucket", details), etag=details["etag"])

    def head_bucket(self, namespace: str, bucket: str) -> Response:
        return Response(headers={"etag": self._bucket(namespace, bucket).details["etag"]})

    def get_bucket(self, namespace: str, bucket: str) -> Response:
        details = self._bucket(namespace, bucket).details
        return json_response(self.api.shown_as("Bucket", details), etag=details["etag"])

    def delete_bucket(self, namespace: str, bucket: str) -> Response:
        with self._lock:
            found = self._bucket(namespace, bucket)
            if found.objects or found.uploads:
                raise ApiError(
                    409,
                    "BucketNotEmpty",
                    f"Bucket named '{bucket}' is not empty. Delete all objects and uploads first.",
                )
            del self._buckets[bucket]
        return Response(status=204)

    # Objects

    def _object(self, bucket: Bucket, name: str) -> StoredObject:
        try:
            return bucket.objects[name]
        except KeyError:
            raise ApiError(404, "ObjectNotFound", f"The object '{name}' was not found in the bucket") from None

    def list_objects(self, namespace: str, bucket: str) -> Response:
        fields = request.args.get("fields", "name").split(",")
        prefix, start = request.args.get("prefix", ""), request.args.get("start", "")
        limit = int(request.args.get("limit", 1000))
        with self._lock:
            found = sorted(
                (name, stored)
                for name, stored in self._bucket(namespace, bucket).objects.items()
                if name.startswith(prefix) and name >= start
            )
        rows = [
            {
                "name": name,
                "size": stored.blob.size,
                "md5": stored.multipart_md5 or stored.blob.md5_text,
                "etag": stored.etag,
                "timeCreated": stored.time_created,
            }
            for name, stored in found[:limit]
        ]
        shown = [{key: value for key, value in row.items() if key == "name" or key in fields} for row in rows]
        next_start = found[limit][0] if len(found) > limit else None
        return json_response({"objects": shown, "prefixes": [], "nextStartWith": next_start})

    def _check_conditions(self, bucket: Bucket, name: str) -> None:
        stored = bucket.objects.get(name)
        if request.headers.get("if-none-match") == "*" and stored is not None:
            raise ApiError(412, "IfNoneMatchFailed", "The If-None-Match header is '*' but the object exists")
        expected = request.headers.get("if-match")
        if expected and (stored is None or stored.etag != expected):
            raise ApiError(412, "IfMatchFailed", "The If-Match header does not match the object's ETag")

    def _receive(self) -> Blob:
        length = request.content_length
        if length is None:
            raise ApiError(411, "MissingContentLength", "Content-Length is missing")
        path = self._directory / uuid.uuid4().hex
        digest = hashlib.md5(usedforsecurity=False)
        size = 0
        with path.open("wb") as file:
            while chunk := request.stream.read(1 << 20):
                digest.update(chunk)
                size += len(chunk)
                file.write(chunk)
        blob = Blob(path, size, digest.digest())
        claimed = request.headers.get("Content-MD5")
        problem = None
        if size != length:
            problem = ApiError(400, "IncompleteBody", f"{size} of {length} bytes were received")
        elif claimed and claimed != blob.md5_text:
            problem = ApiError(
                400,
                "UnmatchedContentMD5",
                f"The computed MD5 of the request body ({blob.md5_text}) does not match the Content-MD5 header "
                f"({claimed})",
            )
        if problem is not None:
            path.unlink()
            raise problem
        return blob

    def put_object(self, namespace: str, bucket: str, name: str) -> Response:
        found = self._bucket(namespace, bucket)
        if len(name.encode()) > 1024:
            raise ApiError(400, "InvalidObjectName", "The object name is longer than 1024 bytes")
        self._check_conditions(found, name)
        blob = self._receive()
        metadata = {key.lower(): value for key, value in request.headers if key.lower().startswith(_METADATA)}
        stored = StoredObject(blob, metadata, request.content_type or "application/octet-stream")
        with self._lock:
            self._check_conditions(found, name)
            self._replace(found, name, stored)
        return Response(headers={"etag": stored.etag, "opc-content-md5": blob.md5_text, "last-modified": now()})

    @staticmethod
    def _replace(bucket: Bucket, name: str, stored: StoredObject | None) -> None:
        old = bucket.objects.pop(name, None)
        if old is not None:
            old.blob.path.unlink()
        if stored is not None:
            bucket.objects[name] = stored

    def head_object(self, namespace: str, bucket: str, name: str) -> Response:
        return Response(headers=self._object(self._bucket(namespace, bucket), name).headers())

    def get_object(self, namespace: str, bucket: str, name: str) -> Response:
        stored = self._object(self._bucket(namespace, bucket), name)
        response = send_file(stored.blob.path, mimetype=stored.content_type, conditional=True, etag=False)
        for key, value in stored.headers().items():
            if not key.startswith("Content-"):
                response.headers[key] = value
        return response

    def delete_object(self, namespace: str, bucket: str, name: str) -> Response:
        with self._lock:
            found = self._bucket(namespace, bucket)
            self._object(found, name)
            self._check_conditions(found, name)
            self._replace(found, name, None)
        return Response(status=204)

    # Multipart uploads

    def _upload(self, bucket: Bucket, name: str) -> Upload:
        upload = bucket.uploads.get(request.args.get("uploadId", ""))
        if upload is None or upload.name != name:
            raise ApiError(404, "NoSuchUpload", "No such upload: it was committed or aborted, or never existed")
        return upload

    def create_upload(self, namespace: str, bucket: str) -> Response:
        found = self._bucket(namespace, bucket)
        body = self.api.body("CreateMultipartUploadDetails")
        wrong = [key for key in body.get("metadata") or {} if not key.startswith(_METADATA)]
        if wrong:
            raise invalid(f"metadata keys must start with '{_METADATA}': {', '.join(wrong)}")
        self._check_conditions(found, body["object"])
        upload = Upload(body["object"], body)
        with self._lock:
            found.uploads[upload.id] = upload
        return json_response(self._shown_upload(namespace, bucket, upload))

    @staticmethod
    def _shown_upload(namespace: str, bucket: str, upload: Upload) -> dict[str, Any]:
        return {
            "namespace": namespace,
            "bucket": bucket,
            "object": upload.name,
            "uploadId": upload.id,
            "timeCreated": upload.time_created,
            "storageTier": "Standard",
        }

    def list_uploads(self, namespace: str, bucket: str) -> Response:
        with self._lock:
            uploads = list(self._bucket(namespace, bucket).uploads.values())
        return self.api.page(self._shown_upload(namespace, bucket, upload) for upload in uploads)

    def upload_part(self, namespace: str, bucket: str, name: str) -> Response:
        found = self._bucket(namespace, bucket)
        upload = self._upload(found, name)
        number = request.args.get("uploadPartNum", "")
        if not number.isdecimal() or not 1 <= int(number) <= 10_000:
            raise ApiError(400, "InvalidUploadPart", "The part number is not within 1 and 10000")
        blob = self._receive()
        etag = str(uuid.uuid4())
        with self._lock:
            upload.parts[int(number)] = (etag, blob)
        return Response(headers={"etag": etag, "opc-content-md5": blob.md5_text})

    def list_parts(self, namespace: str, bucket: str, name: str) -> Response:
        with self._lock:
            parts = sorted(self._upload(self._bucket(namespace, bucket), name).parts.items())
        return self.api.page(
            {"partNumber": number, "etag": etag, "md5": blob.md5_text, "size": blob.size}
            for number, (etag, blob) in parts
        )

    def commit_upload(self, namespace: str, bucket: str, name: str) -> Response:
        with self._lock:
            found = self._bucket(namespace, bucket)
            upload = self._upload(found, name)
            body = self.api.body("CommitMultipartUploadDetails")
            self._check_conditions(found, name)
            numbers = self._committed(upload, body)
            blob, multipart_md5 = self._join([upload.parts[number][1] for number in numbers])
            metadata = {key.lower(): value for key, value in (upload.details.get("metadata") or {}).items()}
            content_type = upload.details.get("contentType") or "application/octet-stream"
            stored = StoredObject(blob, metadata, content_type, multipart_md5)
            self._replace(found, name, stored)
            self._discard(found, upload)
        return Response(headers={"etag": stored.etag, "opc-multipart-md5": multipart_md5, "last-modified": now()})

    @staticmethod
    def _committed(upload: Upload, body: dict[str, Any]) -> list[int]:
        committed = {part["partNum"]: part["etag"] for part in body["partsToCommit"]}
        left = set(upload.parts) - set(committed) - set(body.get("partsToExclude") or [])
        if not committed or left:
            raise ApiError(400, "InvalidUploadPart", "Every part must be either committed or excluded")
        for number, etag in committed.items():
            if number not in upload.parts or upload.parts[number][0] != etag:
                raise ApiError(400, "InvalidUploadPart", f"Part {number} was not uploaded with this entity tag")
        numbers = sorted(committed)
        for number in numbers[:-1]:
            if upload.parts[number][1].size < _SMALLEST_PART:
                raise ApiError(400, "InvalidUploadPart", f"Part {number} is smaller than 10 MiB, and not the last")
        return numbers

    def _join(self, parts: list[Blob]) -> tuple[Blob, str]:
        path = self._directory / uuid.uuid4().hex
        digests = hashlib.md5(usedforsecurity=False)
        size = 0
        with path.open("wb") as file:
            for part in parts:
                file.write(part.path.read_bytes())
                digests.update(part.md5)
                size += part.size
        return Blob(path, size, b""), f"{base64.b64encode(digests.digest()).decode()}-{len(parts)}"

    @staticmethod
    def _discard(bucket: Bucket, upload: Upload) -> None:
        for _etag, blob in upload.parts.values():
            blob.path.unlink()
        del bucket.uploads[upload.id]

    def abort_upload(self, namespace: str, bucket: str, name: str) -> Response:
        with self._lock:
            found = self._bucket(namespace, bucket)
            self._discard(found, self._upload(found, name))
        return Response(status=204)
