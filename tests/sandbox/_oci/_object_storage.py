# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Object Storage: buckets and objects."""

from __future__ import annotations

import re
import threading
import uuid
from pathlib import Path

import oci.object_storage.models
from flask import Response, request, send_file

from tests.sandbox._oci._account import Account, new_ocid
from tests.sandbox._oci._api import Api, ApiError, json_response, now
from tests.sandbox._oci._multipart import MultipartUploads
from tests.sandbox._oci._stored import METADATA, Bucket, Files, StoredObject, check_conditions

_BUCKET = re.compile(r"[A-Za-z0-9._-]{1,256}")


class ObjectStorage:
    """The service. Bytes are kept in files below ``directory``."""

    def __init__(self, account: Account, directory: Path) -> None:
        self._account = account
        self._files = Files(directory)
        self._buckets: dict[str, Bucket] = {}
        self._lock = threading.RLock()
        self.api = Api("objectstorage", account, oci.object_storage.models)
        self._register()
        MultipartUploads(self.api, self._files, self._bucket, self._lock)

    def find(self, namespace: str, bucket: str, name: str) -> StoredObject | None:
        """An object, for services that read it by themselves."""
        with self._lock:
            if namespace != self._account.namespace or bucket not in self._buckets:
                return None
            return self._buckets[bucket].objects.get(name)

    def _register(self) -> None:
        bucket, objects = "/n/<namespace>/b/<bucket>", "/n/<namespace>/b/<bucket>/o"
        one_object = f"{objects}/<path:name>"
        register = self.api.operation
        # HEAD first: a rule for GET answers to HEAD, too.
        register("HeadBucket", "HEAD", bucket)(self.head_bucket)
        register("HeadObject", "HEAD", one_object)(self.head_object)
        register("GetNamespace", "GET", "/n")(lambda: json_response(self._account.namespace))
        register("ListBuckets", "GET", "/n/<namespace>/b")(self.list_buckets)
        register("CreateBucket", "POST", "/n/<namespace>/b")(self.create_bucket)
        register("GetBucket", "GET", bucket)(self.get_bucket)
        register("DeleteBucket", "DELETE", bucket)(self.delete_bucket)
        register("ListObjects", "GET", objects)(self.list_objects)
        register("PutObject", "PUT", one_object, streams_body=True)(self.put_object)
        register("GetObject", "GET", one_object)(self.get_object)
        register("DeleteObject", "DELETE", one_object)(self.delete_object)

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
            if found.objects or found.previous or found.uploads:
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

    def put_object(self, namespace: str, bucket: str, name: str) -> Response:
        found = self._bucket(namespace, bucket)
        if len(name.encode()) > 1024:
            raise ApiError(400, "InvalidObjectName", "The object name is longer than 1024 bytes")
        check_conditions(found, name)
        blob = self._files.receive()
        metadata = {key.lower(): value for key, value in request.headers if key.lower().startswith(METADATA)}
        stored = StoredObject(blob, metadata, request.content_type or "application/octet-stream")
        with self._lock:
            check_conditions(found, name)
            found.replace(name, stored)
        return Response(headers={"etag": stored.etag, "opc-content-md5": blob.md5_text, "last-modified": now()})

    def head_object(self, namespace: str, bucket: str, name: str) -> Response:
        found = self._bucket(namespace, bucket)
        stored = self._object(found, name)
        return Response(headers=stored.headers() | ({"version-id": stored.version_id} if found.versioned else {}))

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
            if "versionId" in request.args:
                if not found.remove_version(name, request.args["versionId"]):
                    raise ApiError(404, "ObjectNotFound", f"The object '{name}' has no such version")
                return Response(status=204)
            self._object(found, name)
            check_conditions(found, name)
            found.replace(name, None)
        return Response(status=204)
