# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Multipart uploads of Cloud Storage's XML API, as the client library's ``upload_chunks_concurrently`` makes them."""

from __future__ import annotations

import dataclasses
import re
import secrets
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from xml.sax.saxutils import escape

from werkzeug.wrappers import Request, Response

from tests.sandbox._gcp._errors import GoogleError
from tests.sandbox._gcp._hashes import hashes_of, promised_hashes
from tests.sandbox._gcp._oauth import TokenService
from tests.sandbox._gcp._storage import StorageService
from tests.sandbox._request_log import Operation

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_SMALLEST_PART = 5 * 1024 * 1024
_SCOPES = (
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/devstorage.full_control",
    "https://www.googleapis.com/auth/devstorage.read_write",
)
_CODES = {400: "InvalidArgument", 401: "AuthenticationRequired", 403: "AccessDenied", 404: "NoSuchUpload"}


@dataclasses.dataclass
class _Upload:
    bucket: str
    metadata: dict[str, Any]
    parts: dict[int, tuple[str, Path]] = dataclasses.field(default_factory=dict)


class MultipartUploads:
    """A WSGI application: serves ``?uploads`` and ``?uploadId=`` itself, and leaves the rest to the JSON API."""

    def __init__(self, storage: StorageService, tokens: TokenService) -> None:
        self._storage = storage
        self._tokens = tokens
        self._uploads: dict[str, _Upload] = {}
        self._lock = threading.Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        if not _is_multipart(request):
            return self._storage(environ, start_response)
        response = self._answer(request)
        # What is left of the body must not be taken for the next request on this connection.
        while request.stream.read(1 << 20):
            pass
        return response(environ, start_response)

    def classify(self, request: Request) -> Operation:
        if not _is_multipart(request):
            return self._storage.classify(request)
        names = {"PUT": "UploadPart", "DELETE": "AbortMultipartUpload", "GET": "ListParts"}
        name = names.get(request.method)
        if name is None:
            name = "InitiateMultipartUpload" if "uploads" in request.args else "CompleteMultipartUpload"
        return Operation("storage", name, write=request.method != "GET")

    def _answer(self, request: Request) -> Response:
        try:
            self._tokens.authenticate(request, _SCOPES)
            if "uploads" in request.args:
                return self._initiate(request)
            upload = self._uploads.get(request.args["uploadId"])
            if upload is None:
                raise GoogleError(404, "The requested upload was not found.")
            match request.method:
                case "PUT":
                    return self._put(request, upload)
                case "POST":
                    return self._complete(request, upload)
                case "DELETE":
                    self._forget(request.args["uploadId"])
                    return Response(status=204)
                case _:
                    raise GoogleError(400, f"The sandbox has no {request.method} of a multipart upload.")
        except GoogleError as error:
            code = _CODES.get(error.status, "InvalidArgument")
            body = f"<Error><Code>{code}</Code><Message>{escape(error.message)}</Message></Error>"
            return Response(f"<?xml version='1.0' encoding='UTF-8'?>{body}", error.status, mimetype="application/xml")

    def _initiate(self, request: Request) -> Response:
        bucket, name = (unquote(part) for part in request.path.lstrip("/").split("/", 1))
        if not self._storage.has_bucket(bucket):
            raise GoogleError(404, "The specified bucket does not exist.")
        prefix = "X-Goog-Meta-"
        metadata = {
            key[len(prefix) :].lower(): value
            for key, value in request.headers
            if key.lower().startswith(prefix.lower())
        }
        upload_id = secrets.token_urlsafe(32)
        content_type = request.headers.get("Content-Type", "application/octet-stream")
        described = {"name": name, "contentType": content_type, **({"metadata": metadata} if metadata else {})}
        self._uploads[upload_id] = _Upload(bucket, described)
        return _xml(
            "InitiateMultipartUploadResult",
            f"<Bucket>{escape(bucket)}</Bucket><Key>{escape(name)}</Key><UploadId>{upload_id}</UploadId>",
        )

    def _put(self, request: Request, upload: _Upload) -> Response:
        number = request.args.get("partNumber", "")
        if not re.fullmatch(r"[1-9]\d{0,4}", number) or int(number) > 10_000:
            raise GoogleError(400, f"Part number must be from 1 to 10000, not {number!r}.")
        path = self._storage.new_file()
        path.write_bytes(request.get_data())
        hashes = hashes_of(path)
        for key, value in promised_hashes(request).items():
            if value != hashes.get(key):
                path.unlink()
                raise GoogleError(400, f"The {key} you specified did not match what was received.")
        etag = f'"{secrets.token_hex(16)}"'
        with self._lock:
            replaced = upload.parts.get(int(number))
            upload.parts[int(number)] = etag, path
        if replaced:
            replaced[1].unlink()
        return Response(headers={"ETag": etag, "x-goog-hash": f"crc32c={hashes['crc32c']},md5={hashes['md5Hash']}"})

    def _complete(self, request: Request, upload: _Upload) -> Response:
        try:
            listed = [
                (int(part.findtext("{*}PartNumber", "")), part.findtext("{*}ETag", ""))
                for part in ET.fromstring(request.get_data()).iterfind("{*}Part")
            ]
        except (ET.ParseError, ValueError):
            raise GoogleError(400, "The XML you provided was not well-formed.") from None
        if not listed or [number for number, _etag in listed] != sorted({number for number, _etag in listed}):
            raise GoogleError(400, "The list of parts was not in ascending order.")
        for number, etag in listed:
            if number not in upload.parts or upload.parts[number][0] != etag:
                raise GoogleError(400, f"Part {number} could not be found, or its ETag is another.")
        sizes = [upload.parts[number][1].stat().st_size for number, _etag in listed]
        if any(size < _SMALLEST_PART for size in sizes[:-1]):
            raise GoogleError(400, "Your proposed upload is smaller than the minimum allowed size.")
        path = self._storage.new_file()
        with path.open("wb") as file:
            for number, _etag in listed:
                file.write(upload.parts[number][1].read_bytes())
        resource = self._storage.finish(upload.bucket, upload.metadata, {}, path, {})
        self._forget(request.args["uploadId"])
        response = _xml("CompleteMultipartUploadResult", f"<ETag>{resource['etag']}</ETag>")
        response.headers["x-goog-hash"] = f"crc32c={resource['crc32c']}"
        response.headers["x-goog-generation"] = resource["generation"]
        return response

    def _forget(self, upload_id: str) -> None:
        upload = self._uploads.pop(upload_id)
        for _etag, path in upload.parts.values():
            path.unlink(missing_ok=True)


def _is_multipart(request: Request) -> bool:
    return "uploads" in request.args or "uploadId" in request.args


def _xml(root: str, content: str) -> Response:
    namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
    body = f"<?xml version='1.0' encoding='UTF-8'?><{root} xmlns='{namespace}'>{content}</{root}>"
    return Response(body, mimetype="application/xml")
