# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Custom images, imported from a bucket.

Firmware is the difficult part. The API's documented presets of ``launchMode`` cannot express it: PARAVIRTUALIZED means
BIOS, NATIVE hides the boot volume from a plain image. What works in practice is ``launchMode`` CUSTOM with a field that
the SDK's CreateImageDetails lacks, ``launchOptions``; whether a region honours it has to be read back. Where it does
not, the image's capability schema decides at launch (see :mod:`.image_capabilities`).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

from .._core.dependencies import require
from .._core.diff import attributes_of, diff_of
from .._core.errors import ConflictError, InputError, ProviderError
from .._core.identity import IDENTITY_KEY, checked_sha256, refuse_other_content
from .._core.wait import Wait
from .clients import OciClients
from .custom_image_state import CustomImageAttributes, CustomImageState
from .errors import provider_errors
from .firmware import launch_firmware
from .image_import import (
    await_deletion,
    await_import,
    create_image,
    delete_image,
    images_of_name,
    update_image,
)
from .names import checked_display_name, checked_freeform_tags
from .work_request import work_request_of

DEFAULT_OPERATING_SYSTEM = "Alpine Linux"
_PARAVIRTUALIZED = "PARAVIRTUALIZED"
_LAUNCH_OPTIONS = re.compile(r"launch ?(options|mode)", re.IGNORECASE)

LAUNCH_OPTIONS = {
    "boot_volume_type": _PARAVIRTUALIZED,
    "network_type": _PARAVIRTUALIZED,
    "remote_data_volume_type": _PARAVIRTUALIZED,
    "is_pv_encryption_in_transit_enabled": False,
    "is_consistent_volume_naming_enabled": False,
}
"""What Alpine has drivers for; consistent device names would need udev rules that it lacks."""


@dataclasses.dataclass(frozen=True)
class CustomImageRequest:
    """What the options ask for."""

    compartment_id: str
    name: str
    source_sha256: str | None
    wait: Wait
    firmware: str = ""
    """``BIOS`` or ``UEFI_64``."""
    launch_mode: str = ""
    launch_options: dict[str, Any] = dataclasses.field(default_factory=dict)
    freeform_tags: dict[str, str] = dataclasses.field(default_factory=dict)
    operating_system: str | None = None
    operating_system_version: str | None = None
    """``None`` leaves an existing image's as it is, as with the operating system."""
    source_image_type: str = "QCOW2"
    namespace: str | None = None
    bucket: str | None = None
    object_name: str | None = None

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> CustomImageRequest:
        """:raises InputError: when options contradict each other."""
        wait = Wait.from_params(params)
        compartment_id, name = params["compartment_id"], checked_display_name(params["name"])
        if params["state"] == "absent":
            sha256 = checked_sha256(params["source_sha256"]) if params["source_sha256"] else None
            return cls(compartment_id, name, sha256, wait)
        firmware = launch_firmware(params["firmware"], params["architecture"])
        launch_mode = params["launch_mode"] or ("CUSTOM" if firmware == "UEFI_64" else _PARAVIRTUALIZED)
        given = {option: value for option, value in (params["launch_options"] or {}).items() if value is not None}
        if given and launch_mode != "CUSTOM":
            raise InputError(f"launch_options needs launch_mode CUSTOM, but launch_mode is {launch_mode}")
        sha256 = checked_sha256(params["source_sha256"])
        return cls(
            compartment_id,
            name,
            sha256,
            wait,
            firmware=firmware,
            launch_mode=launch_mode,
            launch_options={**LAUNCH_OPTIONS, **given, "firmware": firmware},
            freeform_tags=checked_freeform_tags(params["freeform_tags"], {IDENTITY_KEY: sha256}),
            operating_system=params["operating_system"],
            operating_system_version=params["operating_system_version"],
            source_image_type=params["source_image_type"],
            namespace=params["namespace"],
            bucket=params["bucket"],
            object_name=params["object_name"],
        )

    def wanted(self, existing: CustomImageState | None = None) -> CustomImageAttributes:
        """The attributes that an image is to have; what an existing one was imported with for good stays."""
        if existing is None:
            return CustomImageAttributes(
                name=self.name,
                compartment_id=self.compartment_id,
                freeform_tags=self.freeform_tags,
                operating_system=self.operating_system or DEFAULT_OPERATING_SYSTEM,
                operating_system_version=self.operating_system_version,
                launch_mode=self.launch_mode,
                firmware=self.firmware,
            )
        held = existing.managed
        return dataclasses.replace(
            held,
            freeform_tags={**held.freeform_tags, **self.freeform_tags},
            operating_system=self.operating_system or held.operating_system,
            operating_system_version=self.operating_system_version or held.operating_system_version,
        )

    def create_details(self, namespace: str, launch_mode: str) -> Any:
        """The SDK's CreateImageDetails, with ``launchOptions`` beside the fields that it knows when CUSTOM."""
        models = require("oci.core.models", "oci")
        details = models.CreateImageDetails(
            compartment_id=self.compartment_id,
            display_name=self.name,
            freeform_tags=self.freeform_tags,
            launch_mode=launch_mode,
            image_source_details=models.ImageSourceViaObjectStorageTupleDetails(
                namespace_name=namespace,
                bucket_name=self.bucket,
                object_name=self.object_name,
                source_image_type=self.source_image_type,
                operating_system=self.operating_system or DEFAULT_OPERATING_SYSTEM,
                operating_system_version=self.operating_system_version,
            ),
        )
        if launch_mode == "CUSTOM":
            # These two maps belong to the instance, and tell the SDK's serialiser what to send.
            details.swagger_types["launch_options"] = "LaunchOptions"
            details.attribute_map["launch_options"] = "launchOptions"
            details.launch_options = models.LaunchOptions(**self.launch_options)
        return details


def ensure_present(
    clients: OciClients, request: CustomImageRequest, *, check_mode: bool, warn: Callable[[str], None]
) -> dict[str, Any]:
    """Adopt the image, or import it; change what can be changed.

    :param warn: tells the user where firmware is left to the capability schema.
    :raises ConflictError: when the name stands for other content.
    :raises ProviderError: when the import fails.
    """
    named = images_of_name(clients, request.compartment_id, request.name)
    found = _find(named, request)
    if found is None and check_mode:
        return _result(clients, request, None, changed=True, before=None, after=request.wanted())
    image, work_request_id = found, None
    if image is None:
        made, work_request_id = _create(clients, request, [each.id for each in named], warn)
        image = _oldest(clients, request, made)
        if image.id != made.id:
            found, work_request_id = image, None
    if work_request_id is None and image.in_flight:
        work_request_id = work_request_of(clients, image.managed.compartment_id, image.id)
    if request.wait.enabled and not image.usable and not (check_mode and image.in_flight):
        image = await_import(clients, image, work_request_id, request.wait)
    # An image that is still being imported cannot be changed.
    wanted = request.wanted(image) if image.usable else image.managed
    held = attributes_of(image.managed)
    updates = {key: value for key, value in attributes_of(wanted).items() if held[key] != value}
    if updates and not check_mode:
        image = update_image(clients, image.id, updates)
    _warn_of_firmware(request, image, warn)
    return _result(
        clients,
        request,
        image,
        changed=found is None or bool(updates),
        before=found.managed if found else None,
        after=dataclasses.replace(image.managed, **updates),
        work_request_id=work_request_id,
    )


def ensure_absent(clients: OciClients, request: CustomImageRequest, *, check_mode: bool) -> dict[str, Any]:
    """Delete the images of this name.

    :raises ConflictError: when ``source_sha256`` is given and one of them has other content.
    """
    named = images_of_name(clients, request.compartment_id, request.name)
    doomed = [image for image in named if image.lifecycle_state != "DELETED"]
    for image in doomed:
        refuse_other_content(
            f"Image {request.name} ({image.id})", held=image.source_sha256, wanted=request.source_sha256
        )
    if not check_mode:
        for image in doomed:
            delete_image(clients, image.id, request.wait)
        if request.wait.enabled:
            for image in doomed:
                await_deletion(clients, image.id, request.wait)
    before = doomed[0].managed if doomed else None
    return {"changed": bool(doomed), "image_ids": [image.id for image in doomed], "diff": diff_of(before, None)}


def _find(named: list[CustomImageState], request: CustomImageRequest) -> CustomImageState | None:
    """The image that an earlier run made or is making of the same content."""
    alive = [image for image in named if not image.ended]
    same = [image for image in alive if image.source_sha256 == request.source_sha256]
    if alive and not same:
        raise ConflictError(
            f"There is an image called {request.name} of other content: {alive[0].id} (source-sha256 "
            f"{alive[0].source_sha256 or 'not given'}). Choose another name, or delete that image first."
        )
    return min(same, key=lambda image: not image.usable, default=None)


def _oldest(clients: OciClients, request: CustomImageRequest, made: CustomImageState) -> CustomImageState:
    """The image to keep: another run may have begun an import since this one looked. Then its own is deleted again."""
    now = images_of_name(clients, request.compartment_id, request.name)
    same = [image for image in now if not image.ended and image.source_sha256 == request.source_sha256]
    oldest = min([made, *same], key=lambda image: (image.created, image.id))
    if oldest.id != made.id:
        delete_image(clients, made.id, request.wait)
    return oldest


def _create(
    clients: OciClients, request: CustomImageRequest, ended: list[str], warn: Callable[[str], None]
) -> tuple[CustomImageState, str | None]:
    """Begin the import; returns the image and the id of its work request.

    :param ended: the ids of what earlier imports have left.
    """
    missing = [name for name in ("bucket", "object_name") if not getattr(request, name)]
    if missing:
        raise InputError(f"{' and '.join(missing)} must say which object to import")
    namespace = request.namespace
    if not namespace:
        with provider_errors("GetNamespace", "look up the Object Storage namespace"):
            namespace = clients.object_storage().get_namespace(compartment_id=request.compartment_id).data
    try:
        return create_image(clients, request.name, request.create_details(namespace, request.launch_mode), ended)
    except ProviderError as error:
        if request.launch_mode != "CUSTOM" or not _rejects_launch_options(error, request.name):
            raise
        warn(
            f"This region refuses launch options at import ({error.message}): importing with launch_mode "
            f"{_PARAVIRTUALIZED}, so that firmware has to come from the image's capability schema"
        )
        return create_image(clients, request.name, request.create_details(namespace, _PARAVIRTUALIZED), ended)


def _rejects_launch_options(error: ProviderError, name: str) -> bool:
    # Oracle has no code of its own for it: its words are all that there is, besides the image's name.
    return error.status == 400 and bool(_LAUNCH_OPTIONS.search(error.message.replace(name, "")))


def _warn_of_firmware(request: CustomImageRequest, image: CustomImageState, warn: Callable[[str], None]) -> None:
    firmware = image.managed.firmware
    if image.usable and firmware != request.firmware:
        warn(
            f"Image {image.managed.name} has firmware {firmware} in its launch options, not {request.firmware}: its "
            "capability schema has to set it (module alpine_oci_image_capabilities)"
        )


def _result(
    clients: OciClients,
    request: CustomImageRequest,
    image: CustomImageState | None,
    *,
    changed: bool,
    before: CustomImageAttributes | None,
    after: CustomImageAttributes,
    work_request_id: str | None = None,
) -> dict[str, Any]:
    firmware_from = None
    if image is not None and image.usable:
        firmware_from = "launch_options" if after.firmware == request.firmware else "capabilities"
    return {
        "changed": changed,
        "image_id": image.id if image else None,
        "name": request.name,
        "region": clients.region,
        "lifecycle_state": image.lifecycle_state if image else None,
        "launch_mode": after.launch_mode,
        "launch_options": attributes_of(image.launch_options) if image else request.launch_options,
        "firmware": request.firmware,
        "firmware_from": firmware_from,
        "freeform_tags": after.freeform_tags,
        "source_sha256": request.source_sha256,
        "size_in_mbs": image.size_in_mbs if image else None,
        "work_request_id": work_request_id,
        "diff": diff_of(before, after),
    }
