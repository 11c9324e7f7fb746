# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects in Object Storage that hold an image to import."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .._core.diff import diff_of
from .._core.errors import ConflictError, InputError, ProviderError
from .._core.identity import checked_sha256, refuse_other_content
from .._core.units import MIB
from .clients import OciClients
from .names import checked_bucket_name
from .oci_bucket import NO_PUBLIC_ACCESS, OciBucket
from .oci_object_state import OciObjectPlace, OciObjectState
from .upload_file import UploadFile, check_image_file

SMALLEST_PART = 10
"""MiB; what Object Storage asks of every part but the last."""


@dataclasses.dataclass(frozen=True)
class OciObjectAttributes:
    """What is managed of an object."""

    namespace: str
    bucket: str
    name: str
    size: int | None
    """In bytes; ``None`` where it is not known yet."""
    source_sha256: str | None

    @classmethod
    def of(cls, place: OciObjectPlace, state: OciObjectState | None) -> OciObjectAttributes:
        return cls(
            place.namespace,
            place.bucket,
            place.name,
            size=state.size if state else None,
            source_sha256=state.source_sha256 if state else None,
        )


@dataclasses.dataclass(frozen=True)
class OciObjectRequest:
    """What the options ask for."""

    name: str
    bucket: str
    namespace: str | None
    compartment_id: str | None
    source_sha256: str | None
    """``None`` takes the file itself for the source."""
    create_bucket: bool
    src: Path | None
    source_image_type: str
    part_size: int
    """In bytes."""
    parallel_uploads: int
    best_effort: bool

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> OciObjectRequest:
        """:raises InputError: for sizes and numbers that Object Storage would refuse."""
        if params["state"] == "present":
            if not params["src"]:
                raise InputError("src is needed to upload")
            size = params["part_size"]
            if size < SMALLEST_PART:
                raise InputError(f"part_size is {size} MiB, but Object Storage wants {SMALLEST_PART} at least")
            if params["parallel_uploads"] < 1:
                raise InputError("parallel_uploads must be 1 at least")
        sha256 = params["source_sha256"]
        return cls(
            name=params["name"],
            bucket=checked_bucket_name(params["bucket"]),
            namespace=params["namespace"],
            compartment_id=params["compartment_id"],
            source_sha256=checked_sha256(sha256) if sha256 else None,
            create_bucket=params["create_bucket"],
            src=Path(params["src"]) if params["src"] else None,
            source_image_type=params["source_image_type"],
            part_size=params["part_size"] * MIB,
            parallel_uploads=params["parallel_uploads"],
            best_effort=params["best_effort"],
        )


def ensure_present(
    clients: OciClients, request: OciObjectRequest, *, check_mode: bool, warn: Callable[[str], None]
) -> dict[str, Any]:
    """Upload the file unless the same content is there.

    :param warn: tells the user what only check mode lets pass, and that a bucket is open to the public.
    :raises ConflictError: when the name holds other content.
    :raises InputError: when the file or the bucket is missing, or the file is no image.
    :raises ProviderError: when the upload fails, or does not read back as sent.
    """
    file = _file(request, check_mode=check_mode, warn=warn)
    sha256 = file.source_sha256 if file else request.source_sha256
    bucket = _bucket(clients, request)
    place = bucket.place(request.name)
    access = bucket.public_access()
    if access is None:
        _check_missing_bucket(request, check_mode=check_mode, warn=warn)
    elif access != NO_PUBLIC_ACCESS:
        warn(f"Bucket {bucket.name} is open to the public ({access})")
    stored = bucket.head(place) if access is not None else None
    if stored is not None and sha256 is not None and stored.source_sha256 != sha256:
        raise ConflictError(
            f"{place} holds other content (source-sha256 {stored.source_sha256 or 'not given'}): choose another name, "
            "or delete it first"
        )
    before = OciObjectAttributes.of(place, stored) if stored else None
    if stored is not None and (file is None or file.is_content_of(stored)):
        return _result(place, stored, changed=False, before=before, after=before)
    if check_mode or file is None:
        wanted = OciObjectAttributes.of(place, None)
        after = dataclasses.replace(wanted, source_sha256=sha256, size=file.size if file else None)
        return _result(place, None, changed=True, before=before, after=after, bucket_created=access is None)
    if access is None:
        bucket.create()
    new = bucket.upload(file, place, replaces=stored, parallel=request.parallel_uploads)
    if stored is not None and stored.version_id:
        bucket.delete(place, stored)
    # Now that the object is there, a run that is at it still does not need its upload any more.
    aborted = bucket.abort_uploads_of(file, place) if file.is_multipart else 0
    return _result(
        place,
        new,
        changed=True,
        before=before,
        after=OciObjectAttributes.of(place, new),
        bucket_created=access is None,
        aborted=aborted,
    )


def ensure_absent(
    clients: OciClients, request: OciObjectRequest, *, check_mode: bool, warn: Callable[[str], None]
) -> dict[str, Any]:
    """Delete the object. Unfinished uploads of it are left to whoever is at them.

    :param warn: is told what remains, where ``best_effort`` is asked for.
    :raises ConflictError: when ``source_sha256`` is given and the name holds other content.
    """
    bucket = _bucket(clients, request)
    place = bucket.place(request.name)
    stored, remains = None, []
    try:
        stored = bucket.head(place)
        if stored is not None:
            refuse_other_content(str(place), held=stored.source_sha256, wanted=request.source_sha256)
            if not check_mode:
                bucket.delete(place, stored)
    except (ConflictError, ProviderError) as error:
        if not request.best_effort:
            raise
        warn(
            f"{place} remains: {error.message} Remove it by hand, or leave it there on purpose (keep_staged, in the "
            "role alpine_oci_keep_staged)."
        )
        stored, remains = None, [str(place)]
    before = OciObjectAttributes.of(place, stored) if stored else None
    return {**_result(place, None, changed=stored is not None, before=before, after=None), "remains": remains}


def _bucket(clients: OciClients, request: OciObjectRequest) -> OciBucket:
    return OciBucket(clients, namespace=request.namespace, name=request.bucket, compartment_id=request.compartment_id)


def _file(request: OciObjectRequest, *, check_mode: bool, warn: Callable[[str], None]) -> UploadFile | None:
    """The file to upload; ``None`` in check mode, when it does not exist yet."""
    src = request.src or Path()
    if check_mode and not src.exists():
        warn(f"src {src} does not exist yet: taken for a file that an earlier task would have made")
        return None
    check_image_file(src, request.source_image_type)
    return UploadFile(src, request.part_size, request.source_sha256)


def _check_missing_bucket(request: OciObjectRequest, *, check_mode: bool, warn: Callable[[str], None]) -> None:
    if request.create_bucket:
        if not request.compartment_id:
            raise InputError(f"Bucket {request.bucket} does not exist: compartment_id says where to create it")
        return
    message = (
        f"bucket {request.bucket} does not exist: create it, or set create_bucket. Where it does, namespace is another "
        "one, or a policy is missing that lets you read buckets"
    )
    if not check_mode:
        raise InputError(message)
    warn(f"{message}; taken for one that an earlier task would have made")


def _result(
    place: OciObjectPlace,
    stored: OciObjectState | None,
    *,
    changed: bool,
    before: OciObjectAttributes | None,
    after: OciObjectAttributes | None,
    bucket_created: bool = False,
    aborted: int = 0,
) -> dict[str, Any]:
    shown = after or OciObjectAttributes.of(place, None)
    return {
        **dataclasses.asdict(shown),
        "changed": changed,
        "etag": stored.etag if stored else None,
        "bucket_created": bucket_created,
        "aborted_uploads": aborted,
        "diff": diff_of(before, after),
    }
