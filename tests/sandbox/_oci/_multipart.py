# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Multipart uploads to Object Storage."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

from flask import Response, request

from tests.sandbox._oci._api import Api, ApiError, invalid, json_response, now
from tests.sandbox._oci._stored import METADATA, Bucket, Files, StoredObject, Upload, check_conditions

_SMALLEST_PART = 10 << 20


class MultipartUploads:
    """The operations on them.

    :param find_bucket: by namespace and name.
    """

    def __init__(
        self, api: Api, files: Files, find_bucket: Callable[[str, str], Bucket], lock: threading.RLock
    ) -> None:
        self._api = api
        self._files = files
        self._find_bucket = find_bucket
        self._lock = lock
        register = api.operation
        uploads = "/n/<namespace>/b/<bucket>/u"
        one_upload = f"{uploads}/<path:name>"
        register("CreateMultipartUpload", "POST", uploads)(self.create_upload)
        register("ListMultipartUploads", "GET", uploads)(self.list_uploads)
        register("UploadPart", "PUT", one_upload, streams_body=True)(self.upload_part)
        register("ListMultipartUploadParts", "GET", one_upload)(self.list_parts)
        register("CommitMultipartUpload", "POST", one_upload)(self.commit_upload)
        register("AbortMultipartUpload", "DELETE", one_upload)(self.abort_upload)

    def _upload(self, bucket: Bucket, name: str) -> Upload:
        upload = bucket.uploads.get(request.args.get("uploadId", ""))
        if upload is None or upload.name != name:
            raise ApiError(404, "NoSuchUpload", "No such upload: it was committed or aborted, or never existed")
        return upload

    def create_upload(self, namespace: str, bucket: str) -> Response:
        found = self._find_bucket(namespace, bucket)
        body = self._api.body("CreateMultipartUploadDetails")
        wrong = [key for key in body.get("metadata") or {} if not key.startswith(METADATA)]
        if wrong:
            raise invalid(f"metadata keys must start with '{METADATA}': {', '.join(wrong)}")
        check_conditions(found, body["object"])
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
            uploads = list(self._find_bucket(namespace, bucket).uploads.values())
        return self._api.page(self._shown_upload(namespace, bucket, upload) for upload in uploads)

    def upload_part(self, namespace: str, bucket: str, name: str) -> Response:
        found = self._find_bucket(namespace, bucket)
        upload = self._upload(found, name)
        number = request.args.get("uploadPartNum", "")
        if not number.isdecimal() or not 1 <= int(number) <= 10_000:
            raise ApiError(400, "InvalidUploadPart", "The part number is not within 1 and 10000")
        blob = self._files.receive()
        etag = str(uuid.uuid4())
        with self._lock:
            upload.parts[int(number)] = (etag, blob)
        return Response(headers={"etag": etag, "opc-content-md5": blob.md5_text})

    def list_parts(self, namespace: str, bucket: str, name: str) -> Response:
        with self._lock:
            parts = sorted(self._upload(self._find_bucket(namespace, bucket), name).parts.items())
        return self._api.page(
            {"partNumber": number, "etag": etag, "md5": blob.md5_text, "size": blob.size}
            for number, (etag, blob) in parts
        )

    def commit_upload(self, namespace: str, bucket: str, name: str) -> Response:
        with self._lock:
            found = self._find_bucket(namespace, bucket)
            upload = self._upload(found, name)
            body = self._api.body("CommitMultipartUploadDetails")
            check_conditions(found, name)
            numbers = self._committed(upload, body)
            blob, multipart_md5 = self._files.join([upload.parts[number][1] for number in numbers])
            metadata = {key.lower(): value for key, value in (upload.details.get("metadata") or {}).items()}
            content_type = upload.details.get("contentType") or "application/octet-stream"
            stored = StoredObject(blob, metadata, content_type, multipart_md5)
            found.replace(name, stored)
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

    @staticmethod
    def _discard(bucket: Bucket, upload: Upload) -> None:
        for _etag, blob in upload.parts.values():
            blob.path.unlink()
        del bucket.uploads[upload.id]

    def abort_upload(self, namespace: str, bucket: str, name: str) -> Response:
        with self._lock:
            found = self._find_bucket(namespace, bucket)
            self._discard(found, self._upload(found, name))
        return Response(status=204)
