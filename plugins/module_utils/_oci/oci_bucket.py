# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bucket of Object Storage, and the calls that read and write the objects in it."""

from __future__ import annotations

import contextlib

from .._core.dependencies import require
from .._core.errors import InputError, ProviderError
from .._core.identity import IDENTITY_KEY
from .._core.progress import Progress
from .clients import OciClients
from .errors import gone_is_fine, provider_errors
from .oci_object_state import OciObjectPlace, OciObjectState
from .upload_file import UploadFile, in_base64

NO_PUBLIC_ACCESS = "NoPublicAccess"


class OciBucket:
    """One bucket of Object Storage, and the objects in it."""

    def __init__(self, clients: OciClients, *, namespace: str | None, name: str, compartment_id: str | None) -> None:
        self._clients = clients
        self._client = clients.object_storage()
        self.name = name
        self.compartment_id = compartment_id
        self.namespace = namespace or self._lookup_namespace()

    def _lookup_namespace(self) -> str:
        arguments = {"compartment_id": self.compartment_id} if self.compartment_id else {}
        with provider_errors("GetNamespace", "look up the Object Storage namespace"):
            return str(self._client.get_namespace(**arguments).data)

    def public_access(self) -> str | None:
        """What the public may do, in the API's words; ``None`` when there is no bucket."""
        try:
            with provider_errors("GetBucket", f"read bucket {self.name}"):
                return str(self._client.get_bucket(self.namespace, self.name).data.public_access_type)
        except ProviderError as error:
            if error.status == 404:
                return None
            raise

    def create(self) -> None:
        """Create it, closed to the public. That another process has just done so is fine."""
        if not self.compartment_id:
            raise InputError(f"OciBucket {self.name} does not exist: compartment_id says where to create it")
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
            if error.status != 409 or self.public_access() is None:
                raise

    def place(self, object_name: str) -> OciObjectPlace:
        return OciObjectPlace(self.namespace, self.name, object_name)

    def head(self, place: OciObjectPlace) -> OciObjectState | None:
        """What is stored at ``place``, or ``None``."""
        try:
            with provider_errors("HeadObject", f"look at {place}"):
                headers = self._client.head_object(*place.arguments).headers
        except ProviderError as error:
            if error.status == 404:
                return None
            raise
        return OciObjectState.of(headers)

    def unfinished_uploads(self, place: OciObjectPlace) -> list[str]:
        """The ids of multipart uploads of this object that were neither committed nor aborted."""
        pagination = require("oci.pagination", "oci")
        with provider_errors("ListMultipartUploads", f"list unfinished uploads to bucket {self.name}"):
            uploads = pagination.list_call_get_all_results(
                self._client.list_multipart_uploads, self.namespace, self.name
            ).data
        return [upload.upload_id for upload in uploads if upload.object == place.name]

    def abort_uploads_of(self, file: UploadFile, place: OciObjectPlace) -> int:
        """Abort the unfinished uploads of this very file, whose parts are billed; returns how many there were.

        Nothing says whose an upload is, so what its parts are decides.
        """
        aborted = 0
        for upload_id in self.unfinished_uploads(place):
            if file.has_parts(self._parts(place, upload_id)):
                self._abort(place, upload_id)
                aborted += 1
        return aborted

    def _parts(self, place: OciObjectPlace, upload_id: str) -> dict[int, str]:
        """The MD5 sums, in base64, of what has arrived of an upload, by the parts' numbers."""
        pagination = require("oci.pagination", "oci")
        try:
            with provider_errors("ListMultipartUploadParts", f"look into an unfinished upload of {place}"):
                parts = pagination.list_call_get_all_results(
                    self._client.list_multipart_upload_parts, *place.arguments, upload_id
                ).data
        except ProviderError as error:
            if error.status == 404:
                return {}
            raise
        return {part.part_number: part.md5 for part in parts}

    def _abort_empty(self, place: OciObjectPlace, known: set[str]) -> None:
        """Abort what was begun since ``known``, and holds nothing."""
        for upload_id in set(self.unfinished_uploads(place)) - known:
            if not self._parts(place, upload_id):
                self._abort(place, upload_id)

    def _abort(self, place: OciObjectPlace, upload_id: str) -> None:
        with (
            gone_is_fine(lambda: upload_id not in self.unfinished_uploads(place)),
            provider_errors("AbortMultipartUpload", f"abort an unfinished upload of {place}"),
        ):
            self._client.abort_multipart_upload(*place.arguments, upload_id)

    def delete(self, place: OciObjectPlace, stored: OciObjectState) -> None:
        """Delete what was seen; by its version, so that a bucket with versioning keeps no copy."""

        def gone() -> bool:
            now = self.head(place)
            return now is None or now.etag != stored.etag

        version = {"version_id": stored.version_id} if stored.version_id else {}
        with gone_is_fine(gone), provider_errors("DeleteObject", f"delete {place}"):
            self._client.delete_object(*place.arguments, **version)

    def upload(
        self, file: UploadFile, place: OciObjectPlace, *, replaces: OciObjectState | None, parallel: int
    ) -> OciObjectState:
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

    def _upload_parts(self, file: UploadFile, place: OciObjectPlace, condition: dict[str, str], parallel: int) -> None:
        object_storage = require("oci.object_storage", "oci")
        # The SDK's reader of a part cannot be rewound, so a client that retries would send an empty body. The
        # assembler opens the file anew each time it is retried from outside.
        assembler = object_storage.MultipartObjectAssembler(
            self._clients.object_storage(retries=False),
            *place.arguments,
            part_size=file.part_size,
            parallel_process_count=parallel,
            metadata={IDENTITY_KEY: file.source_sha256},
            **condition,
        )
        strategy = self._clients.retry_strategy
        known = set(self.unfinished_uploads(place))
        begun = 0

        def begin() -> None:
            nonlocal begun
            begun += 1
            assembler.new_upload()

        try:
            with provider_errors("CreateMultipartUpload", f"begin the upload of {place}"):
                strategy.make_retrying_call(begin)
            with provider_errors("UploadPart", f"upload {place}"):
                # With a checksum each: the SDK computes them by itself, but too late to send them along.
                for part in file.parts:
                    assembler.add_part_from_file(str(file.path), part.offset, part.size, in_base64(part.md5))
                progress = Progress("upload", file.size)
                assembler.upload(retry_strategy=strategy, progress_callback=progress.advance)
            with provider_errors("CommitMultipartUpload", f"commit the upload of {place}"):
                strategy.make_retrying_call(assembler.commit, **condition)
        except ProviderError:
            upload_id = assembler.manifest["uploadId"]
            if upload_id:
                with contextlib.suppress(ProviderError):
                    self._abort(place, upload_id)
            raise
        finally:
            if begun > 1:
                # One whose answer got lost may have been begun besides; nothing ever goes into it.
                with contextlib.suppress(ProviderError):
                    self._abort_empty(place, known)
