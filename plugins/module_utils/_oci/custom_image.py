# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Custom images, imported from a bucket.

Firmware is the difficult part. The API's documented presets of ``launchMode`` cannot express it: PARAVIRTUALIZED means
BIOS, NATIVE hides the boot volume from a plain image. What works in practice is ``launchMode`` CUSTOM with a field that
the SDK's CreateImageDetails lacks, ``launchOptions``; whether a region honours it has to be read back. Where it does
not, the image's capability schema decides at launch (see :mod:`.capabilities`).
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .._core.dependencies import require
from .._core.diff import diff_of
from .._core.errors import ConflictError, InputError, ProviderError
from .._core.identity import IDENTITY_KEY, checked_sha256
from .._core.progress import Progress
from .._core.wait import wait_until
from .clients import OciClients
from .errors import provider_errors
from .firmware import launch_firmware

if TYPE_CHECKING:
    from oci.core.models import Image

Warn = Callable[[str], None]

_IN_FLIGHT = ("PROVISIONING", "IMPORTING")
_USABLE = ("AVAILABLE", "EXPORTING")
_ENDED = ("DELETED", "DISABLED")
_PARAVIRTUALIZED = "PARAVIRTUALIZED"
LAUNCH_OPTIONS = {
    "boot_volume_type": _PARAVIRTUALIZED,
    "network_type": _PARAVIRTUALIZED,
    "remote_data_volume_type": _PARAVIRTUALIZED,
    "is_pv_encryption_in_transit_enabled": False,
    "is_consistent_volume_naming_enabled": False,
}
"""What Alpine has drivers for; consistent device names would need udev rules that it lacks."""

# https://docs.oracle.com/iaas/api/#/en/iaas/latest/datatypes/LaunchOptions
_LAUNCH_OPTION_NAMES = ("firmware", *LAUNCH_OPTIONS, "is_encryption_in_transit_enabled")


@dataclasses.dataclass(frozen=True)
class ImageRequest:
    """The image that is wanted."""

    compartment_id: str
    name: str
    source_sha256: str
    firmware: str
    """``BIOS`` or ``UEFI_64``."""
    launch_mode: str
    launch_options: Mapping[str, Any]
    freeform_tags: Mapping[str, str]
    operating_system: str
    operating_system_version: str | None
    source_image_type: str
    namespace: str | None
    bucket: str | None
    object_name: str | None

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> ImageRequest:
        """Read the module's options.

        :raises InputError: when they contradict each other.
        """
        firmware = launch_firmware(params["firmware"], params["architecture"])
        launch_mode = params["launch_mode"] or ("CUSTOM" if firmware == "UEFI_64" else _PARAVIRTUALIZED)
        given = {name: value for name, value in (params["launch_options"] or {}).items() if value is not None}
        if given and launch_mode != "CUSTOM":
            raise InputError(f"launch_options needs launch_mode CUSTOM, but launch_mode is {launch_mode}")
        sha256 = checked_sha256(params["source_sha256"])
        return cls(
            compartment_id=params["compartment_id"],
            name=params["name"],
            source_sha256=sha256,
            firmware=firmware,
            launch_mode=launch_mode,
            launch_options={**LAUNCH_OPTIONS, **given, "firmware": firmware},
            freeform_tags={**(params["freeform_tags"] or {}), IDENTITY_KEY: sha256},
            operating_system=params["operating_system"],
            operating_system_version=params["operating_system_version"],
            source_image_type=params["source_image_type"],
            namespace=params["namespace"],
            bucket=params["bucket"],
            object_name=params["object_name"],
        )

    def create_details(self, launch_mode: str) -> Any:
        """The SDK's CreateImageDetails, with ``launchOptions`` beside the fields that it knows when CUSTOM."""
        models = require("oci.core.models", "oci")
        details = models.CreateImageDetails(
            compartment_id=self.compartment_id,
            display_name=self.name,
            freeform_tags=dict(self.freeform_tags),
            launch_mode=launch_mode,
            image_source_details=models.ImageSourceViaObjectStorageTupleDetails(
                namespace_name=self.namespace,
                bucket_name=self.bucket,
                object_name=self.object_name,
                source_image_type=self.source_image_type,
                operating_system=self.operating_system,
                operating_system_version=self.operating_system_version,
            ),
        )
        if launch_mode == "CUSTOM":
            # These two maps belong to the instance, and tell the SDK's serialiser what to send.
            details.swagger_types["launch_options"] = "LaunchOptions"
            details.attribute_map["launch_options"] = "launchOptions"
            details.launch_options = models.LaunchOptions(**self.launch_options)
        return details

    def attributes(self) -> dict[str, Any]:
        """What the module manages of an image, as the diff shows it."""
        return {
            "name": self.name,
            "compartment_id": self.compartment_id,
            "freeform_tags": dict(self.freeform_tags),
            "operating_system": self.operating_system,
            **({"operating_system_version": self.operating_system_version} if self.operating_system_version else {}),
            "launch_mode": self.launch_mode,
            "firmware": self.firmware,
        }

    def updates_for(self, image: Image) -> dict[str, Any]:
        """The fields of UpdateImageDetails in which ``image`` differs; tags of other people's stay."""
        wanted = {
            "freeform_tags": {**(image.freeform_tags or {}), **self.freeform_tags},
            "operating_system": self.operating_system,
            "operating_system_version": self.operating_system_version or image.operating_system_version,
        }
        return {name: value for name, value in wanted.items() if getattr(image, name) != value}


def describe(image: Image) -> dict[str, Any]:
    """The attributes of an image, as results and diffs have them."""
    return {
        "name": image.display_name,
        "compartment_id": image.compartment_id,
        "freeform_tags": dict(image.freeform_tags or {}),
        "operating_system": image.operating_system,
        "operating_system_version": image.operating_system_version,
        "launch_mode": image.launch_mode,
        "firmware": image.launch_options.firmware if image.launch_options else None,
    }


def describe_launch_options(image: Image) -> dict[str, Any]:
    """The launch options, with the SDK's names; those that an old SDK does not know yet are ``None``."""
    options = image.launch_options
    return {name: getattr(options, name, None) for name in _LAUNCH_OPTION_NAMES} if options else {}


class Images:
    """The custom images of a compartment."""

    def __init__(self, connection: OciClients, *, timeout: float, interval: float, warn: Warn) -> None:
        self._compute = connection.compute()
        self._work_requests = connection.work_requests()
        self._timeout = timeout
        self._interval = interval
        self._warn = warn

    def get(self, image_id: str) -> Image:
        with provider_errors("GetImage", f"read image {image_id}"):
            return self._compute.get_image(image_id).data

    def of_name(self, compartment_id: str, name: str) -> list[Image]:
        """The images of this display name that are, or are becoming, usable; oldest first. Names are not unique."""
        pagination = require("oci.pagination", "oci")
        with provider_errors("ListImages", f"list images called {name}"):
            images = pagination.list_call_get_all_results(
                self._compute.list_images, compartment_id, display_name=name
            ).data
        # Platform images stand in every list, in no compartment.
        ours = [i for i in images if i.compartment_id == compartment_id and i.lifecycle_state in _IN_FLIGHT + _USABLE]
        return sorted(ours, key=lambda image: image.time_created)

    def find(self, request: ImageRequest) -> Image | None:
        """The image that an earlier run made or is making of the same content.

        :raises ConflictError: when there is none, but one of this name with other content.
        """
        named = self.of_name(request.compartment_id, request.name)
        same = [image for image in named if _identity(image) == request.source_sha256]
        if same:
            return min(same, key=lambda image: image.lifecycle_state not in _USABLE)
        if named:
            raise ConflictError(
                f"There is an image called {request.name} of other content: {named[0].id} (source-sha256 "
                f"{_identity(named[0]) or 'not given'}). Choose another name, or delete that image first."
            )
        return None

    def create(self, request: ImageRequest) -> tuple[Image, str | None]:
        """Begin the import; returns the image and the id of its work request."""
        try:
            return self._create(request, request.launch_mode)
        except ProviderError as error:
            if request.launch_mode != "CUSTOM" or not _rejects_launch_options(error):
                raise
            self._warn(
                f"This region refuses launch options at import ({error.message}): importing with launch_mode "
                f"{_PARAVIRTUALIZED}, so that firmware has to come from the image's capability schema"
            )
            return self._create(request, _PARAVIRTUALIZED)

    def _create(self, request: ImageRequest, launch_mode: str) -> tuple[Image, str | None]:
        with provider_errors("CreateImage", f"import image {request.name}"):
            response = self._compute.create_image(request.create_details(launch_mode), opc_retry_token=uuid.uuid4().hex)
        return response.data, response.headers.get("opc-work-request-id")

    def work_request_of(self, image: Image) -> str | None:
        """The newest work request of an image that another run is importing."""
        try:
            with provider_errors("ListWorkRequests", f"find the import of {image.id}"):
                requests = self._work_requests.list_work_requests(image.compartment_id, resource_id=image.id).data
        except ProviderError:
            # Only percent and reason would come from it.
            return None
        return max(requests, key=lambda request: request.time_accepted).id if requests else None

    def wait_until_imported(self, image: Image, work_request_id: str | None) -> Image:
        """Follow the import to its end.

        :raises ProviderError: when it failed, with the reason that only the work request knows.
        """
        progress = Progress("import", 100, "percent")

        def check() -> Image | None:
            work_request = self._work_request(work_request_id)
            if work_request is not None:
                progress.update(int(work_request.percent_complete or 0))
            current = self._get_or_none(image.id)
            state = current.lifecycle_state if current is not None else "DELETED"
            failed = work_request is not None and work_request.status in ("FAILED", "CANCELED")
            if state in _ENDED or failed:
                raise self._import_error(image, work_request_id, state)
            return current if state in _USABLE else None

        return wait_until(
            check, timeout=self._timeout, interval=self._interval, what=f"the import of image {image.display_name}"
        )

    def _get_or_none(self, image_id: str) -> Image | None:
        try:
            return self.get(image_id)
        except ProviderError as error:
            if error.status == 404:
                return None
            raise

    def _work_request(self, work_request_id: str | None) -> Any | None:
        if work_request_id is None:
            return None
        try:
            with provider_errors("GetWorkRequest", "follow the import"):
                return self._work_requests.get_work_request(work_request_id).data
        except ProviderError as error:
            if error.status == 404:
                return None
            raise

    def _import_error(self, image: Image, work_request_id: str | None, state: str) -> ProviderError:
        code, reason = None, "Oracle Cloud gives no reason; reading it takes the permission to read work requests"
        if work_request_id is not None:
            try:
                with provider_errors("ListWorkRequestErrors", "read why the import failed"):
                    errors = self._work_requests.list_work_request_errors(work_request_id).data
            except ProviderError:
                errors = []
            if errors:
                code, reason = errors[-1].code, "; ".join(error.message for error in errors)
        return ProviderError(
            f"The import of image {image.display_name} failed, and the image is {state}: {reason}",
            operation="CreateImage",
            code=code,
            details={"image_id": image.id, "work_request_id": work_request_id},
        )

    def update(self, image: Image, updates: Mapping[str, Any]) -> Image:
        models = require("oci.core.models", "oci")
        with provider_errors("UpdateImage", f"update image {image.id}"):
            return self._compute.update_image(image.id, models.UpdateImageDetails(**updates)).data

    def delete(self, image: Image) -> None:
        with provider_errors("DeleteImage", f"delete image {image.id}"):
            self._compute.delete_image(image.id)

    def wait_until_deleted(self, image: Image) -> None:
        def check() -> bool | None:
            current = self._get_or_none(image.id)
            return True if current is None or current.lifecycle_state == "DELETED" else None

        wait_until(check, timeout=self._timeout, interval=self._interval, what=f"image {image.id} to be deleted")


def _identity(image: Image) -> str | None:
    return (image.freeform_tags or {}).get(IDENTITY_KEY)


def _rejects_launch_options(error: ProviderError) -> bool:
    return error.status == 400 and "launch" in error.message.lower()


def manage_image(
    params: Mapping[str, Any], *, check_mode: bool, warn: Warn, connection: OciClients | None = None
) -> dict[str, Any]:
    """What module ``alpine_oci_image`` does; returns its result."""
    if params["state"] == "absent":
        sha256 = checked_sha256(params["source_sha256"]) if params["source_sha256"] else None
        images = _images(params, connection, warn)
        return _ensure_absent(images, params, sha256, check_mode)
    request = ImageRequest.from_params(params)
    connection = connection or OciClients.from_params(params)
    images = _images(params, connection, warn)
    found = images.find(request)
    before = describe(found) if found is not None else {}
    if found is None:
        if check_mode:
            return _result(
                None, changed=True, before={}, after=request.attributes(), request=request, connection=connection
            )
        image, work_request_id = images.create(_with_source(request, connection))
    else:
        image = found
        work_request_id = images.work_request_of(image) if image.lifecycle_state in _IN_FLIGHT else None
    if params["wait"] and not (check_mode and image.lifecycle_state in _IN_FLIGHT):
        image = images.wait_until_imported(image, work_request_id) if image.lifecycle_state not in _USABLE else image
    # An image that is still being imported cannot be changed.
    updates = request.updates_for(image) if image.lifecycle_state in _USABLE else {}
    if updates and not check_mode:
        image = images.update(image, updates)
    after = {**describe(image), **updates}
    _warn_of_firmware(request, image, warn)
    return _result(
        image,
        changed=found is None or bool(updates),
        before=before,
        after=after,
        request=request,
        connection=connection,
        work_request_id=work_request_id,
    )


def _images(params: Mapping[str, Any], connection: OciClients | None, warn: Warn) -> Images:
    return Images(
        connection or OciClients.from_params(params),
        timeout=params["wait_timeout"],
        interval=params["wait_interval"],
        warn=warn,
    )


def _with_source(request: ImageRequest, connection: OciClients) -> ImageRequest:
    missing = [name for name in ("bucket", "object_name") if not getattr(request, name)]
    if missing:
        raise InputError(f"{' and '.join(missing)} must say which object to import")
    if request.namespace:
        return request
    with provider_errors("GetNamespace", "look up the Object Storage namespace"):
        namespace = connection.object_storage().get_namespace(compartment_id=request.compartment_id).data
    return dataclasses.replace(request, namespace=namespace)


def _warn_of_firmware(request: ImageRequest, image: Image, warn: Warn) -> None:
    firmware = describe(image)["firmware"]
    if image.lifecycle_state in _USABLE and firmware != request.firmware:
        warn(
            f"Image {image.display_name} has firmware {firmware} in its launch options, not {request.firmware}: its "
            "capability schema has to set it (module alpine_oci_image_capabilities)"
        )


def _ensure_absent(images: Images, params: Mapping[str, Any], sha256: str | None, check_mode: bool) -> dict[str, Any]:
    doomed = [
        image
        for image in images.of_name(params["compartment_id"], params["name"])
        if (_identity(image) is not None if sha256 is None else _identity(image) == sha256)
    ]
    if not check_mode:
        for image in doomed:
            images.delete(image)
        if params["wait"]:
            for image in doomed:
                images.wait_until_deleted(image)
    before = describe(doomed[0]) if doomed else {}
    return {"changed": bool(doomed), "image_ids": [image.id for image in doomed], "diff": diff_of(before, {})}


def _result(
    image: Image | None,
    *,
    changed: bool,
    before: dict[str, Any],
    after: dict[str, Any],
    request: ImageRequest,
    connection: OciClients,
    work_request_id: str | None = None,
) -> dict[str, Any]:
    known = image is not None and image.lifecycle_state in _USABLE
    firmware = after.get("firmware") if known else None
    return {
        "changed": changed,
        "image_id": image.id if image is not None else None,
        "name": request.name,
        "region": connection.region,
        "lifecycle_state": image.lifecycle_state if image is not None else None,
        "launch_mode": after.get("launch_mode"),
        "launch_options": describe_launch_options(image) if image is not None else dict(request.launch_options),
        "firmware": request.firmware,
        "firmware_from": None if not known else "launch_options" if firmware == request.firmware else "capabilities",
        "freeform_tags": after.get("freeform_tags"),
        "source_sha256": request.source_sha256,
        "size_in_mbs": image.size_in_mbs if image is not None else None,
        "work_request_id": work_request_id,
        "diff": diff_of(before, after),
    }
