# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cloud Storage's JSON API: buckets, objects, and uploads in one request or resumable."""

from __future__ import annotations

import base64
import dataclasses
import datetime
import itertools
import json
import re
import secrets
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from werkzeug.wrappers import Request, Response

from tests.sandbox._gcp._discovery import Call, Description
from tests.sandbox._gcp._errors import GoogleError
from tests.sandbox._gcp._hashes import hashes_of, promised_hashes
from tests.sandbox._gcp._oauth import TokenService
from tests.sandbox._gcp._regions import BUCKET_LOCATIONS, REGIONS
from tests.sandbox._gcp._service import GoogleService, json_response
from tests.sandbox._gcp._uploads import Session, parse_multipart

_BUCKET_PART = re.compile(r"[a-z0-9]([-_a-z0-9]{0,61}[a-z0-9])?")


@dataclasses.dataclass
class StoredObject:
    resource: dict[str, Any]
    path: Path


@dataclasses.dataclass
class _Bucket:
    resource: dict[str, Any]
    objects: dict[str, StoredObject] = dataclasses.field(default_factory=dict)
    archived: list[StoredObject] = dataclasses.field(default_factory=list)
    """What was deleted without its generation, in a bucket with versioning."""


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class StorageService(GoogleService):
    def __init__(self, tokens: TokenService, *, project: str, directory: Path) -> None:
        super().__init__(Description("storage.v1"), tokens)
        self.url = ""
        """Where it is served."""
        self._project = project
        self._directory = directory
        self._directory.mkdir()
        self._buckets: dict[str, _Bucket] = {}
        self._sessions: dict[str, Session] = {}
        self._generations = itertools.count(1_790_000_000_000_001)
        self._lock = threading.RLock()
        self.handlers = {
            "buckets.delete": self._delete_bucket,
            "buckets.get": lambda call, _request, _body: self._bucket(call).resource,
            "buckets.insert": self._insert_bucket,
            "buckets.list": self._list_buckets,
            "objects.delete": self._delete_object,
            "objects.get": self._get_object,
            "objects.insert": self._insert_object,
            "objects.list": self._list_objects,
            "objects.patch": self._patch_object,
        }

    def find(self, bucket: str, name: str) -> StoredObject | None:
        """The object that ``https://storage.googleapis.com/{bucket}/{name}`` stands for."""
        with self._lock:
            return self._buckets[bucket].objects.get(name) if bucket in self._buckets else None

    # Buckets

    def has_bucket(self, name: str) -> bool:
        return name in self._buckets

    def _bucket(self, call: Call) -> _Bucket:
        try:
            return self._buckets[call.parameters["bucket"]]
        except KeyError:
            raise GoogleError(404, "The specified bucket does not exist.") from None

    def _insert_bucket(self, _call: Call, request: Request, body: Any) -> Mapping[str, Any]:
        if "project" not in request.args:
            raise GoogleError(400, "Required parameter: project", reason="required")
        if request.args["project"] != self._project:
            raise GoogleError(400, f"Unknown project id: {request.args['project']}")
        name = body.get("name")
        if name is None:
            raise GoogleError(400, "Required", reason="required")
        spelt = 3 <= len(name) <= 222 and all(_BUCKET_PART.fullmatch(part) for part in name.split("."))
        if not spelt or name.startswith("goog") or "google" in name:
            raise GoogleError(400, f"Invalid bucket name: '{name}'")
        location = str(body.get("location", "US")).upper()
        if location.lower() not in BUCKET_LOCATIONS:
            raise GoogleError(400, f"The specified location constraint is not valid: '{location}'.")
        access = body.get("iamConfiguration", {})
        if access.get("uniformBucketLevelAccess", {}).get("enabled") and ("acl" in body or "defaultObjectAcl" in body):
            raise GoogleError(
                400, "Cannot use ACL API to set bucket policy when uniform bucket-level access is enabled."
            )
        with self._lock:
            if name in self._buckets:
                raise GoogleError(
                    409, "Your previous request to create the named bucket succeeded and you already own it."
                )
            now = _now()
            resource = {
                "kind": "storage#bucket",
                "id": name,
                "storageClass": "STANDARD",
                "timeCreated": now,
                "updated": now,
                "metageneration": "1",
                "projectNumber": "123456789012",
                "etag": "CAE=",
                "locationType": "region" if location.lower() in REGIONS else "multi-region",
                "selfLink": f"https://www.googleapis.com/storage/v1/b/{name}",
                "softDeletePolicy": {"retentionDurationSeconds": "604800", "effectiveTime": now},
                **body,
                "location": location,
                "iamConfiguration": {
                    "publicAccessPrevention": "inherited",
                    "uniformBucketLevelAccess": {"enabled": False},
                    **access,
                },
            }
            self._buckets[name] = _Bucket(resource)
        return resource

    def _delete_bucket(self, call: Call, _request: Request, _body: Any) -> Response:
        with self._lock:
            if self._bucket(call).objects:
                raise GoogleError(409, "The bucket you tried to delete is not empty.")
            del self._buckets[call.parameters["bucket"]]
        return Response(status=204)

    def _list_buckets(self, _call: Call, request: Request, _body: Any) -> Mapping[str, Any]:
        if request.args.get("project") != self._project:
            raise GoogleError(400, f"Unknown project id: {request.args.get('project')}")
        return {"kind": "storage#buckets", "items": [bucket.resource for bucket in self._buckets.values()]}

    # Objects

    def _object(self, call: Call) -> StoredObject:
        stored = self._bucket(call).objects.get(call.parameters["object"])
        if stored is None:
            raise GoogleError(404, f"No such object: {call.parameters['bucket']}/{call.parameters['object']}")
        return stored

    @staticmethod
    def _check_preconditions(stored: StoredObject | None, conditions: Mapping[str, str]) -> None:
        generation = stored.resource["generation"] if stored else "0"
        metageneration = stored.resource["metageneration"] if stored else None
        held = {
            "ifGenerationMatch": lambda value: value == generation,
            "ifGenerationNotMatch": lambda value: value != generation,
            "ifMetagenerationMatch": lambda value: value == metageneration,
            "ifMetagenerationNotMatch": lambda value: value != metageneration,
        }
        for name, holds in held.items():
            if name in conditions and not holds(conditions[name]):
                raise GoogleError(
                    412,
                    "At least one of the pre-conditions you specified did not hold.",
                    locationType="header",
                    location="If-Match",
                )

    def _get_object(self, call: Call, request: Request, _body: Any) -> Response | Mapping[str, Any]:
        stored = self._object(call)
        if request.args.get("generation", stored.resource["generation"]) != stored.resource["generation"]:
            raise GoogleError(404, f"No such object: {stored.resource['id']}")
        self._check_preconditions(stored, request.args)
        if request.args.get("alt") != "media":
            return stored.resource
        headers = {"x-goog-hash": f"crc32c={stored.resource['crc32c']},md5={stored.resource['md5Hash']}"}
        response = Response(stored.path.open("rb"), headers=headers, direct_passthrough=True)
        response.content_type = stored.resource["contentType"]
        response.content_length = int(stored.resource["size"])
        return response

    def _list_objects(self, call: Call, request: Request, _body: Any) -> Mapping[str, Any]:
        prefix = request.args.get("prefix", "")
        bucket = self._bucket(call)
        found = [bucket.objects[name] for name in sorted(bucket.objects)]
        if request.args.get("versions") == "true":
            found += bucket.archived
        return {
            "kind": "storage#objects",
            "items": [stored.resource for stored in found if stored.resource["name"].startswith(prefix)],
        }

    def _patch_object(self, call: Call, request: Request, body: Any) -> Mapping[str, Any]:
        with self._lock:
            stored = self._object(call)
            self._check_preconditions(stored, request.args)
            for key in body.keys() - {"metadata", "contentType", "cacheControl", "contentDisposition", "kind"}:
                raise GoogleError(400, f"Field {key} cannot be changed.", reason="invalid")
            merged = {**stored.resource.get("metadata", {}), **(body.get("metadata") or {})}
            stored.resource.update(body)
            stored.resource["metadata"] = {key: value for key, value in merged.items() if value is not None}
            stored.resource["metageneration"] = str(int(stored.resource["metageneration"]) + 1)
            stored.resource["updated"] = _now()
        return stored.resource

    def _delete_object(self, call: Call, request: Request, _body: Any) -> Response:
        with self._lock:
            stored, bucket = self._object(call), self._bucket(call)
            if request.args.get("generation", stored.resource["generation"]) != stored.resource["generation"]:
                raise GoogleError(404, f"No such object: {stored.resource['id']}")
            self._check_preconditions(stored, request.args)
            del bucket.objects[call.parameters["object"]]
            if "generation" not in request.args and bucket.resource.get("versioning", {}).get("enabled"):
                bucket.archived.append(stored)
                return Response(status=204)
        stored.path.unlink()
        return Response(status=204)

    # Uploads

    def _insert_object(self, call: Call, request: Request, _body: Any) -> Response | Mapping[str, Any]:
        bucket = self._bucket(call)
        kind = request.args.get("uploadType")
        if not call.upload or kind not in ("media", "multipart", "resumable"):
            raise GoogleError(400, "Upload type must be media, multipart or resumable.", reason="badRequest")
        if request.method != "POST":
            return self._continue_upload(request)
        if "predefinedAcl" in request.args:
            access = bucket.resource["iamConfiguration"]
            if access["uniformBucketLevelAccess"]["enabled"]:
                raise GoogleError(
                    400, "Cannot use ACL API to update bucket policy when uniform bucket-level access is enabled."
                )
        if kind == "resumable":
            return self._start_upload(call, request)
        path = self.new_file()
        if kind == "media":
            metadata: dict[str, Any] = {}
            content_type = request.mimetype
            path.write_bytes(request.get_data())
        else:
            metadata, content_type, data = parse_multipart(request)
            path.write_bytes(data)
        self.description.check_body(call, metadata)
        metadata = self._named(metadata, request)
        metadata.setdefault("contentType", content_type)
        return self.finish(call.parameters["bucket"], metadata, request.args, path, promised_hashes(request))

    def new_file(self) -> Path:
        path = self._directory / secrets.token_hex(16)
        path.touch()
        return path

    @staticmethod
    def _named(metadata: Mapping[str, Any], request: Request) -> dict[str, Any]:
        name = request.args.get("name", metadata.get("name"))
        if not name:
            raise GoogleError(400, "Required", reason="required")
        if len(name.encode()) > 1024 or "\r" in name or "\n" in name or name in (".", ".."):
            raise GoogleError(400, f"Invalid object name: {name!r}")
        return {**metadata, "name": name}

    def _start_upload(self, call: Call, request: Request) -> Response:
        data = request.get_data()
        metadata = json.loads(data) if data else {}
        self.description.check_body(call, metadata)
        metadata = self._named(metadata, request)
        metadata.setdefault("contentType", request.headers.get("X-Upload-Content-Type", "application/octet-stream"))
        name = call.parameters["bucket"]
        self._check_preconditions(self._buckets[name].objects.get(metadata["name"]), request.args)
        length = request.headers.get("X-Upload-Content-Length")
        upload_id = secrets.token_urlsafe(48)
        self._sessions[upload_id] = Session(
            name, metadata, dict(request.args), self.new_file(), int(length) if length else None
        )
        query = urlencode({"uploadType": "resumable", "name": metadata["name"], "upload_id": upload_id})
        location = f"{request.host_url}upload/storage/v1/b/{quote(name)}/o?{query}"
        return Response(status=200, headers={"Location": location, "X-GUploader-UploadID": upload_id})

    def _continue_upload(self, request: Request) -> Response:
        upload_id = request.args.get("upload_id", "")
        session = self._sessions.get(upload_id)
        if session is None:
            raise GoogleError(404, "No such upload: the session is unknown, or was cancelled.")
        if request.method == "DELETE":
            del self._sessions[upload_id]
            session.path.unlink(missing_ok=True)
            return Response(status=499)
        with session.lock:
            if session.finished is None and session.receive(request):
                session.finished = self.finish(
                    session.bucket, session.metadata, session.preconditions, session.path, promised_hashes(request)
                )
            if session.finished is not None:
                return json_response(session.finished)
            headers = {"Range": f"bytes=0-{session.received - 1}"} if session.received else {}
            return Response(status=308, headers=headers)

    def finish(
        self,
        bucket: str,
        metadata: dict[str, Any],
        conditions: Mapping[str, str],
        path: Path,
        promised: Mapping[str, str],
    ) -> dict[str, Any]:
        """Make the object of the file at ``path``; ``promised`` are the hashes that the client sent along."""
        hashes = hashes_of(path)
        promised = {**{key: metadata[key] for key in hashes if key in metadata}, **promised}
        for key, value in promised.items():
            if value != hashes.get(key):
                path.unlink()
                raise GoogleError(400, f'Provided {key} "{value}" doesn\'t match calculated {key} "{hashes.get(key)}".')
        with self._lock:
            objects = self._buckets[bucket].objects
            name = metadata["name"]
            self._check_preconditions(objects.get(name), conditions)
            generation, now = str(next(self._generations)), _now()
            link = f"https://www.googleapis.com/storage/v1/b/{bucket}/o/{quote(name, safe='')}"
            resource = {
                **metadata,
                **hashes,
                "kind": "storage#object",
                "id": f"{bucket}/{name}/{generation}",
                "selfLink": link,
                "mediaLink": f"{self.url}{urlsplit(link).path}?generation={generation}&alt=media",
                "bucket": bucket,
                "generation": generation,
                "metageneration": "1",
                "storageClass": "STANDARD",
                "size": str(path.stat().st_size),
                "etag": base64.b64encode(generation.encode()).decode(),
                "timeCreated": now,
                "updated": now,
            }
            replaced = objects.get(name)
            objects[name] = StoredObject(resource, path)
        if replaced:
            replaced.path.unlink()
        return resource
