# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute Engine images made from an archive in Cloud Storage."""

from __future__ import annotations

import dataclasses
import re
import uuid
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from .._core.dependencies import require
from .._core.diff import diff_of
from .._core.errors import ConflictError, InputError, ProviderError
from .._core.identity import (
    IDENTITY_KEY,
    checked_sha256,
    identity_label,
)
from .._core.progress import Progress
from .._core.wait import wait_until
from .clients import (
    TIMEOUT,
    ComputeClients,
    compute_retry,
)
from .errors import provider_errors, without_queries
from .names import checked_labels, checked_name

if TYPE_CHECKING:
    from google.cloud.compute_v1 import Image, Operation

ARCHITECTURES = {"x86_64": "X86_64", "aarch64": "ARM64"}
UEFI = "UEFI_COMPATIBLE"
DEFAULT_FEATURES = ["GVNIC", "VIRTIO_SCSI_MULTIQUEUE"]

# https://cloud.google.com/compute/docs/images/create-custom#selecting_image_storage_location
_MULTI_REGIONS = ("us", "eu", "asia")

_GS_URI = re.compile(r"gs://([^/]+)/(.+)")
_OBJECT_URL = re.compile(r"https://storage\.googleapis\.com/[^/?]+/[^?]+(\?.*)?")
# https://cloud.google.com/compute/docs/images/create-custom#guest-os-features: confidential computing is not the same
# on Arm.
_X86_FEATURES = {
    "SEV_CAPABLE", "SEV_LIVE_MIGRATABLE", "SEV_LIVE_MIGRATABLE_V2", "SEV_SNP_CAPABLE", "SNP_SVSM_CAPABLE",
    "TDX_CAPABLE",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class ImageSpec:
    """What the options ask for, in Compute Engine's words. ``None`` leaves an existing image's value as it is."""

    name: str
    source_sha256: str | None
    source: str | None = None
    architecture: str = "X86_64"
    guest_os_features: tuple[str, ...] = ()
    family: str | None = None
    labels: dict[str, str] | None = None
    description: str | None = None
    storage_locations: tuple[str, ...] = ()

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> ImageSpec:
        """:raises InputError: for what Compute Engine would refuse, or accept and never boot."""
        sha256 = params["source_sha256"]
        if params["state"] == "absent":
            return cls(
                name=checked_name(params["name"], "name"), source_sha256=checked_sha256(sha256) if sha256 else None
            )
        locations = params["storage_locations"] or []
        if len(locations) > 1:
            raise InputError(f"storage_locations takes one region or multi-region, got {', '.join(locations)}")
        return cls(
            name=checked_name(params["name"], "name"),
            source_sha256=checked_sha256(sha256),
            source=_checked_source(params["source"]),
            architecture=ARCHITECTURES[params["architecture"]],
            guest_os_features=_checked_features(params),
            family=checked_name(params["family"], "family") if params["family"] else params["family"],
            labels=None if params["labels"] is None else checked_labels(params["labels"]),
            description=params["description"],
            storage_locations=tuple(location.lower() for location in locations),
        )

    @property
    def identity(self) -> dict[str, str]:
        """The label by which an image's content is known."""
        return {IDENTITY_KEY: identity_label(self.source_sha256)} if self.source_sha256 else {}

    def holds(self, image: ImageState) -> bool:
        """Whether ``image`` was made from the same source, as far as ``source_sha256`` was given."""
        return self.source_sha256 is None or image.labels.get(IDENTITY_KEY) == self.identity[IDENTITY_KEY]

    def managed(self, existing: ImageState | None = None) -> dict[str, Any]:
        """The attributes that an image is to have; ``existing`` fills those that the options leave open."""
        labels = self.labels if self.labels is not None else (existing.labels if existing else {})
        return {
            "name": self.name,
            "architecture": self.architecture,
            "guest_os_features": list(self.guest_os_features),
            "family": self.family if self.family is not None else (existing.family if existing else ""),
            "description": self.description
            if self.description is not None
            else (existing.description if existing else ""),
            "labels": {**labels, **self.identity},
            "storage_locations": list(self.storage_locations or (existing.storage_locations if existing else ())),
        }


@dataclasses.dataclass(frozen=True)
class ImageState:
    """An image as Compute Engine tells it."""

    name: str
    id: str
    self_link: str
    status: str
    architecture: str
    guest_os_features: tuple[str, ...]
    family: str
    description: str
    labels: dict[str, str]
    label_fingerprint: str
    storage_locations: tuple[str, ...]
    disk_size_gb: int
    archive_size_bytes: int
    creation_timestamp: str

    @classmethod
    def of(cls, image: Image) -> ImageState:
        return cls(
            name=image.name,
            id=str(image.id),
            self_link=image.self_link,
            status=image.status,
            architecture=image.architecture,
            guest_os_features=tuple(sorted(feature.type_ for feature in image.guest_os_features)),
            family=image.family,
            description=image.description,
            labels=dict(image.labels),
            label_fingerprint=image.label_fingerprint,
            storage_locations=tuple(image.storage_locations),
            disk_size_gb=image.disk_size_gb,
            archive_size_bytes=image.archive_size_bytes,
            creation_timestamp=image.creation_timestamp,
        )

    def managed(self) -> dict[str, Any]:
        """The attributes that :meth:`ImageSpec.managed` speaks of."""
        return {
            "name": self.name,
            "architecture": self.architecture,
            "guest_os_features": list(self.guest_os_features),
            "family": self.family,
            "description": self.description,
            "labels": self.labels,
            "storage_locations": list(self.storage_locations),
        }


class Images:
    """The images of one project, and the operations that make and change them."""

    def __init__(
        self,
        clients: ComputeClients,
        *,
        project: str,
        wait: bool,
        wait_timeout: float,
        wait_interval: float,
    ) -> None:
        self._compute: Any = require("google.cloud.compute_v1", "google-cloud-compute")
        self._images = clients.images
        self._operations = clients.operations
        self._regions = clients.regions
        self._project = project
        self._timeout = wait_timeout
        self._interval = wait_interval
        self.wait = wait

    def get(self, name: str) -> ImageState | None:
        try:
            with provider_errors("images.get", f"look for image {name} in project {self._project}"):
                image = self._images.get(project=self._project, image=name, **_call())
        except ProviderError as error:
            # A missing project, or an API that is not enabled, is 404 or 403 as well: only the image may be missing.
            if error.status == 404 and f"images/{name}" in error.message:
                return None
            raise
        return ImageState.of(image)

    def check_location(self, name: str) -> None:
        """:raises InputError: when ``name`` is neither a region nor a multi-region."""
        if name in _MULTI_REGIONS:
            return
        try:
            with provider_errors("regions.get", f"look for region {name}"):
                self._regions.get(project=self._project, region=name, **_call())
        except ProviderError as error:
            if error.status == 404 and f"regions/{name}" in error.message:
                raise InputError(
                    f"storage_locations: there is no region {name}; the multi-regions are {', '.join(_MULTI_REGIONS)}"
                ) from error
            raise

    def insert(self, spec: ImageSpec) -> None:
        """Ask for the image, and wait for it unless ``wait`` is false."""
        if spec.source is None:
            raise InputError(f"source is needed: image {spec.name} is not there yet")
        attempt = f"import image {spec.name} from {without_queries(spec.source)}"
        with provider_errors("images.insert", attempt):
            operation = self._images.insert_unary(
                self._compute.InsertImageRequest(
                    project=self._project, image_resource=self._resource(spec), request_id=_request_id()
                ),
                **_call(),
            )
        if self.wait:
            self._finish(operation.name, "images.insert", attempt)

    def _resource(self, spec: ImageSpec) -> Any:
        wanted = spec.managed()
        return self._compute.Image(
            name=spec.name,
            raw_disk=self._compute.RawDisk(source=spec.source, container_type="TAR"),
            architecture=spec.architecture,
            guest_os_features=[self._compute.GuestOsFeature(type_=feature) for feature in spec.guest_os_features],
            labels=wanted["labels"],
            **{key: wanted[key] for key in ("family", "description", "storage_locations") if wanted[key]},
        )

    def await_import(self, image: ImageState) -> None:
        """Wait for an image that an earlier run has asked for."""
        attempt = f"import image {image.name}"
        with provider_errors("globalOperations.list", f"look for the operation that makes image {image.name}"):
            request = self._compute.ListGlobalOperationsRequest(
                project=self._project, filter=f'(targetId = "{image.id}") (operationType = "insert")'
            )
            operation = next(iter(self._operations.list(request, **_call())), None)
        if operation is not None:
            self._finish(operation.name, "images.insert", attempt)
            return

        def no_longer_pending() -> ImageState | None:
            now = self.get(image.name)
            return None if now is not None and now.status == "PENDING" else image

        wait_until(no_longer_pending, timeout=self._timeout, interval=self._interval, what=f"image {image.name}")

    def delete(self, name: str) -> None:
        """Delete the image and wait until it is gone."""
        attempt = f"delete image {name}"
        with provider_errors("images.delete", attempt):
            operation = self._images.delete_unary(
                self._compute.DeleteImageRequest(project=self._project, image=name, request_id=_request_id()),
                **_call(),
            )
        self._finish(operation.name, "images.delete", attempt)

    def await_deletion(self, name: str) -> None:
        """Wait for a deletion that somebody else has begun."""
        wait_until(
            lambda: True if self.get(name) is None else None,
            timeout=self._timeout,
            interval=self._interval,
            what=f"the deletion of image {name}",
        )

    def patch(self, name: str, attributes: Mapping[str, str]) -> None:
        """Change ``family`` and ``description``, the attributes that images.patch can change."""
        attempt = f"change {' and '.join(attributes)} of image {name}"
        with provider_errors("images.patch", attempt):
            operation = self._images.patch_unary(
                self._compute.PatchImageRequest(
                    project=self._project,
                    image=name,
                    image_resource=self._compute.Image(**attributes),
                    request_id=_request_id(),
                ),
                **_call(),
            )
        self._finish(operation.name, "images.patch", attempt)

    def set_labels(self, name: str, labels: Mapping[str, str], fingerprint: str) -> None:
        """Replace all labels, provided that nobody else has changed them since ``fingerprint`` was read."""
        attempt = f"set the labels of image {name}"
        with provider_errors("images.setLabels", attempt):
            operation = self._images.set_labels_unary(
                self._compute.SetLabelsImageRequest(
                    project=self._project,
                    resource=name,
                    global_set_labels_request_resource=self._compute.GlobalSetLabelsRequest(
                        labels=labels, label_fingerprint=fingerprint
                    ),
                ),
                **_call(),
            )
        self._finish(operation.name, "images.setLabels", attempt)

    def _finish(self, name: str, method: str, attempt: str) -> None:
        """Wait for the operation: Compute Engine answers 200, and tells of failures only in there."""

        progress = Progress("import", 100, "percent") if method == "images.insert" else None

        def done() -> Operation | None:
            with provider_errors("globalOperations.get", f"ask how far it is to {attempt}"):
                operation = self._operations.get(project=self._project, operation=name, **_call())
            if progress:
                progress.update(operation.progress)
            return operation if operation.status == self._compute.Operation.Status.DONE else None

        operation = wait_until(
            done, timeout=self._timeout, interval=self._interval, what=f"Google Cloud to {attempt} (operation {name})"
        )
        errors = [{"code": error.code, "message": without_queries(error.message)} for error in operation.error.errors]
        if not errors and not operation.http_error_status_code:
            return
        reason = "; ".join(error["message"] for error in errors) or operation.http_error_message
        raise ProviderError(
            f"Google Cloud could not {attempt}: {reason}",
            operation=method,
            code=errors[0]["code"] if errors else None,
            status=operation.http_error_status_code or None,
            details=errors or None,
        )


def ensure_image(images: Images, spec: ImageSpec, *, check_mode: bool) -> dict[str, Any]:
    """Create the image, or adopt it and change what can be changed.

    :raises ConflictError: when the name holds other content, or an attribute differs that is fixed at creation.
    :raises ProviderError: when the import fails, or the image does not read back as asked for.
    """
    found = images.get(spec.name)
    if found is not None and found.status == "DELETING":
        if not check_mode:
            images.await_deletion(spec.name)
        found = None
    if found is not None:
        _check_conflicts(found, spec)
    before = found.managed() if found else {}
    if found is None or found.status == "FAILED":
        wanted = spec.managed()
        # Now, not by images.insert: a caller in check mode has not uploaded the archive yet.
        for location in spec.storage_locations:
            images.check_location(location)
        if check_mode:
            return _result(spec, found, wanted, changed=True, before=before, after=wanted)
        if found is not None:
            images.delete(spec.name)
        images.insert(spec)
        changed = True
    else:
        wanted = spec.managed(found)
        changed = wanted != before
        if check_mode or (not changed and found.status == "READY"):
            return _result(spec, found, wanted, changed=changed, before=before, after=wanted)
        if found.status == "PENDING" and images.wait:
            images.await_import(found)
        _converge(images, found, wanted)
    made = _read_back(images, spec, wanted)
    return _result(spec, made, made.managed(), changed=changed, before=before, after=wanted)


def remove_image(images: Images, spec: ImageSpec, *, check_mode: bool) -> dict[str, Any]:
    """Delete the image if it is there.

    :raises ConflictError: when ``source_sha256`` is given and the name holds other content.
    """
    found = images.get(spec.name)
    if found is None:
        return _result(spec, None, {}, changed=False, before={}, after={})
    _check_content(found, spec)
    if not check_mode:
        if found.status == "DELETING":
            images.await_deletion(spec.name)
        else:
            if found.status == "PENDING":
                # An image cannot be deleted before; how its import ends does not matter.
                with suppress(ProviderError):
                    images.await_import(found)
            images.delete(spec.name)
    return _result(spec, None, {}, changed=found.status != "DELETING", before=found.managed(), after={})


def _converge(images: Images, found: ImageState, wanted: Mapping[str, Any]) -> None:
    attributes = {key: wanted[key] for key in ("family", "description") if wanted[key] != getattr(found, key)}
    if attributes:
        images.patch(found.name, attributes)
    if wanted["labels"] != found.labels:
        images.set_labels(found.name, wanted["labels"], found.label_fingerprint)


def _read_back(images: Images, spec: ImageSpec, wanted: Mapping[str, Any]) -> ImageState:
    made = images.get(spec.name)
    if made is None:
        raise ProviderError(f"Image {spec.name} is gone right after it was made", operation="images.get")
    if not images.wait and made.status == "PENDING":
        return made
    if made.status != "READY":
        raise ProviderError(
            f"Image {spec.name} is {made.status}, not READY; run the task again to import it anew",
            operation="images.get",
            code=made.status,
        )
    held = made.managed()
    # Where Compute Engine chose the place, any will do.
    different = [
        key for key in wanted if held[key] != wanted[key] and not (key == "storage_locations" and not wanted[key])
    ]
    if different:
        raise ProviderError(
            f"Image {spec.name} does not read back as asked for: "
            + ", ".join(f"{key} is {held[key]!r}, not {wanted[key]!r}" for key in different),
            operation="images.get",
        )
    return made


def _check_content(found: ImageState, spec: ImageSpec) -> None:
    if not spec.holds(found):
        held = found.labels.get(IDENTITY_KEY)
        content = f"was made from an image with SHA-256 {held}…" if held else "was not made by this collection"
        raise ConflictError(
            f"Image {spec.name} exists and {content}, not from {spec.source_sha256} (source_sha256). Choose another "
            "name, or delete it (state=absent without source_sha256)."
        )


def _check_conflicts(found: ImageState, spec: ImageSpec) -> None:
    _check_content(found, spec)
    if found.status == "FAILED":
        return
    wanted, held = spec.managed(found), found.managed()
    fixed = [key for key in ("architecture", "guest_os_features", "storage_locations") if wanted[key] != held[key]]
    if fixed:
        raise ConflictError(
            f"Image {spec.name} differs in what Compute Engine fixes at creation: "
            + ", ".join(f"{key} is {held[key]!r}, not {wanted[key]!r}" for key in fixed)
            + ". To replace it, delete it first (state=absent) and run this again: its id changes, and until then "
            "there is no image of this name; or choose another name."
        )


def _result(
    spec: ImageSpec,
    image: ImageState | None,
    attributes: Mapping[str, Any],
    *,
    changed: bool,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        **attributes,
        "changed": changed,
        "name": spec.name,
        "id": image.id if image else None,
        "self_link": image.self_link if image else None,
        "status": image.status if image else None,
        "disk_size_gb": image.disk_size_gb if image else None,
        "archive_size_bytes": image.archive_size_bytes if image else None,
        "creation_timestamp": image.creation_timestamp if image else None,
        "diff": diff_of(dict(before), dict(after)),
    }


def _checked_source(source: str | None) -> str | None:
    """``source`` as the API takes it: gs:// is an idea of the command line tools."""
    if source is None:
        return None
    match = _GS_URI.fullmatch(source)
    if match:
        return f"https://storage.googleapis.com/{match[1]}/{quote(match[2])}"
    if not _OBJECT_URL.fullmatch(source):
        raise InputError(
            "source must be gs://BUCKET/OBJECT or https://storage.googleapis.com/BUCKET/OBJECT, got "
            f"{without_queries(source)!r}"
        )
    return source


def _checked_features(params: Mapping[str, Any]) -> tuple[str, ...]:
    features = set(params["guest_os_features"])
    firmware, architecture = params["firmware"], params["architecture"]
    if architecture == "aarch64":
        if firmware == "bios":
            raise InputError("firmware=bios with architecture=aarch64 cannot boot: Arm machines have UEFI only")
        foreign = sorted(features & _X86_FEATURES)
        if foreign:
            raise InputError(f"guest_os_features {', '.join(foreign)} exist on x86_64 only, not on aarch64")
    if firmware == "bios":
        if UEFI in features:
            raise InputError(f"guest_os_features {UEFI} contradicts firmware=bios")
    else:
        features.add(UEFI)
    return tuple(sorted(features))


def _request_id() -> str:
    """Makes a retried write the same write (https://cloud.google.com/compute/docs/reference/rest/v1/images/insert)."""
    return str(uuid.uuid4())


def _call() -> dict[str, Any]:
    return {"timeout": TIMEOUT, "retry": compute_retry()}
