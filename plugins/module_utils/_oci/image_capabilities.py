# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The capability schema of an image, which says what instances may be launched with, firmware above all.

An image has one schema at most. It may state a subset of what the region's global schema allows; see
https://docs.oracle.com/iaas/Content/Compute/Tasks/configuringimagecapabilities.htm.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .._core.dependencies import require
from .._core.diff import attributes_of, diff_of
from .._core.errors import InputError, ProviderError
from .._core.wait import wait_until
from .clients import OciClients
from .custom_image_state import CustomImageState
from .errors import provider_errors
from .firmware import allowed_firmware

if TYPE_CHECKING:
    from oci.core.models import ComputeImageCapabilitySchema

Warn = Callable[[str], None]

FIRMWARE = "Compute.Firmware"
_PARAVIRTUALIZED = "PARAVIRTUALIZED"


@dataclasses.dataclass(frozen=True)
class Capability:
    """One capability: the values that are allowed, and the default. A boolean has no list of values."""

    default: str | int | bool | None
    values: tuple[str, ...] | tuple[int, ...] | None = None

    def as_result(self) -> dict[str, Any]:
        return {"default": self.default, "values": None if self.values is None else list(self.values)}

    @classmethod
    def from_descriptor(cls, descriptor: Any) -> Capability:
        """Read the SDK's descriptor of any of the three types."""
        values = getattr(descriptor, "values", None)
        return cls(descriptor.default_value, None if values is None else tuple(sorted(values)))

    def to_descriptor(self) -> Any:
        """The SDK's descriptor, as an image's own schema has it."""
        models = require("oci.core.models", "oci")
        if self.values is None:
            return models.BooleanImageCapabilitySchemaDescriptor(source="IMAGE", default_value=self.default)
        is_integer = all(isinstance(value, int) for value in self.values)
        factory = (
            models.EnumIntegerImageCapabilityDescriptor
            if is_integer
            else models.EnumStringImageCapabilitySchemaDescriptor
        )
        return factory(source="IMAGE", values=list(self.values), default_value=self.default)


def _only(value: str) -> Capability:
    return Capability(value, (value,))


ALPINE_CAPABILITIES: dict[str, Capability] = {
    "Compute.LaunchMode": _only(_PARAVIRTUALIZED),
    "Compute.SecureBoot": Capability(False),
    "Compute.AMD_SecureEncryptedVirtualization": Capability(False),
    "Network.AttachmentType": _only(_PARAVIRTUALIZED),
    "Storage.BootVolumeType": _only(_PARAVIRTUALIZED),
    "Storage.RemoteDataVolumeType": _only(_PARAVIRTUALIZED),
    "Storage.LocalDataVolumeType": _only(_PARAVIRTUALIZED),
    # Needs udev rules in the guest, which Alpine does not have.
    "Storage.ConsistentVolumeNaming": Capability(False),
    "Storage.ParaVirtualization.EncryptionInTransit": Capability(True),
    "Storage.ParaVirtualization.AttachmentVersion": Capability(2, (1, 2)),
    "Storage.Iscsi.MultipathDeviceSupported": Capability(False),
}
"""What Alpine images can do, besides firmware. Virtio drivers are in all of them, none is signed for Secure Boot."""


def wanted_capabilities(
    firmware: str, architecture: str | None, overrides: Mapping[str, Mapping[str, Any] | None] | None
) -> dict[str, Capability]:
    """What an image's schema is to say.

    :param firmware: ``bios``, ``uefi`` or ``hybrid``.
    :param overrides: option ``capabilities``; ``None`` as a value leaves a capability to the region.
    :raises InputError: when an override is malformed, or firmware and architecture do not fit.
    """
    allowed = allowed_firmware(firmware, architecture)
    wanted = {FIRMWARE: Capability(allowed[0], tuple(sorted(allowed))), **ALPINE_CAPABILITIES}
    for name, override in (overrides or {}).items():
        if override is None:
            wanted.pop(name, None)
        else:
            wanted[name] = _from_option(name, override)
    return wanted


def _from_option(name: str, option: Any) -> Capability:
    if not isinstance(option, Mapping) or "default" not in option or set(option) - {"default", "values"}:
        raise InputError(f"capabilities: {name} must be a dictionary with default and, unless boolean, values")
    default, values = option["default"], option.get("values")
    if values is None:
        if not isinstance(default, bool):
            raise InputError(f"capabilities: {name} needs values, since its default {default!r} is not a boolean")
        return Capability(default)
    if not isinstance(values, list) or default not in values:
        raise InputError(f"capabilities: the default of {name} must be one of its values")
    return Capability(default, tuple(sorted(values)))


def fit(
    wanted: Mapping[str, Capability], allowed: Mapping[str, Capability], required: set[str], warn: Warn
) -> dict[str, Capability]:
    """Leave out what the region's global schema does not know.

    :param allowed: the global schema.
    :param required: the capabilities that must not be left out.
    :raises InputError: when one of those cannot be had.
    """
    fitting = {}
    for name, capability in wanted.items():
        reason = _misfit(name, capability, allowed)
        if reason is None:
            fitting[name] = capability
        elif name in required:
            raise InputError(f"{reason}, so {name} cannot be set as asked for")
        else:
            warn(f"{reason}: {name} is left to the region")
    return fitting


def _misfit(name: str, capability: Capability, allowed: Mapping[str, Capability]) -> str | None:
    bound = allowed.get(name)
    if bound is None:
        return f"The region's global schema has no {name}"
    if (capability.values is None) != (bound.values is None):
        return f"The region's global schema has {name} of another type"
    excess = set(capability.values or ()) - set(bound.values or ())
    if excess:
        return f"The region's global schema does not allow {', '.join(map(str, sorted(excess, key=str)))} for {name}"
    return None


class CapabilitySchemas:
    """The capability schema of an image, and the global one."""

    def __init__(self, connection: OciClients, *, timeout: float, interval: float) -> None:
        self._compute = connection.compute()
        self._timeout = timeout
        self._interval = interval

    def launch_options(self, image_id: str) -> dict[str, Any]:
        with provider_errors("GetImage", f"read image {image_id}"):
            image = CustomImageState.of(self._compute.get_image(image_id).data)
        return attributes_of(image.launch_options)

    def of_image(self, image_id: str) -> ComputeImageCapabilitySchema | None:
        """The image's schema, or ``None``. A region may attach one by itself."""
        pagination = require("oci.pagination", "oci")
        with provider_errors("ListComputeImageCapabilitySchemas", f"find the capability schema of image {image_id}"):
            schemas = pagination.list_call_get_all_results(
                self._compute.list_compute_image_capability_schemas, image_id=image_id
            ).data
        return self._get(schemas[0].id) if schemas else None

    def _get(self, schema_id: str) -> ComputeImageCapabilitySchema:
        with provider_errors("GetComputeImageCapabilitySchema", f"read capability schema {schema_id}"):
            return self._compute.get_compute_image_capability_schema(schema_id).data

    def global_schema(self, version: str | None) -> tuple[str, dict[str, Capability]]:
        """What the region allows.

        :param version: the name of a version; the current one by default.
        :return: the name of the version, and its capabilities.
        """
        pagination = require("oci.pagination", "oci")
        with provider_errors("ListComputeGlobalImageCapabilitySchemas", "find the region's global capability schema"):
            schemas = pagination.list_call_get_all_results(
                self._compute.list_compute_global_image_capability_schemas
            ).data
        if not schemas:
            raise ProviderError(
                "The region has no global image capability schema", operation="ListComputeGlobalImageCapabilitySchemas"
            )
        version = version or schemas[0].current_version_name
        with provider_errors("GetComputeGlobalImageCapabilitySchemaVersion", f"read the global schema {version}"):
            data = self._compute.get_compute_global_image_capability_schema_version(schemas[0].id, version).data
        return version, capabilities_of(data)

    def create(
        self, image_id: str, compartment_id: str, version: str, name: str, capabilities: Mapping[str, Capability]
    ) -> ComputeImageCapabilitySchema | None:
        """Create the schema, or return ``None`` when the image has got one in the meantime."""
        models = require("oci.core.models", "oci")
        details = models.CreateComputeImageCapabilitySchemaDetails(
            compartment_id=compartment_id,
            image_id=image_id,
            compute_global_image_capability_schema_version_name=version,
            display_name=name,
            schema_data=_descriptors(capabilities),
        )
        try:
            with provider_errors("CreateComputeImageCapabilitySchema", f"set the capabilities of image {image_id}"):
                return self._compute.create_compute_image_capability_schema(details).data
        except ProviderError as error:
            if error.status == 409:
                return None
            raise

    def update(self, schema_id: str, capabilities: Mapping[str, Capability]) -> None:
        """Replace what the schema says."""
        models = require("oci.core.models", "oci")
        details = models.UpdateComputeImageCapabilitySchemaDetails(schema_data=_descriptors(capabilities))
        with provider_errors("UpdateComputeImageCapabilitySchema", f"update capability schema {schema_id}"):
            self._compute.update_compute_image_capability_schema(schema_id, details)

    def delete(self, schema_id: str) -> None:
        with provider_errors("DeleteComputeImageCapabilitySchema", f"delete capability schema {schema_id}"):
            self._compute.delete_compute_image_capability_schema(schema_id)

    def wait_until_active(self, schema_id: str) -> ComputeImageCapabilitySchema:
        def check() -> ComputeImageCapabilitySchema | None:
            schema = self._get(schema_id)
            return schema if schema.lifecycle_state in (None, "ACTIVE") else None

        return wait_until(
            check, timeout=self._timeout, interval=self._interval, what=f"capability schema {schema_id} to be active"
        )


def capabilities_of(schema: Any) -> dict[str, Capability]:
    """What a schema of the SDK, an image's or a global one, says."""
    return {name: Capability.from_descriptor(each) for name, each in (schema.schema_data or {}).items()}


def _descriptors(capabilities: Mapping[str, Capability]) -> dict[str, Any]:
    return {name: capability.to_descriptor() for name, capability in capabilities.items()}


def manage_capabilities(
    params: Mapping[str, Any], *, check_mode: bool, warn: Warn, connection: OciClients | None = None
) -> dict[str, Any]:
    """What module ``alpine_oci_image_capabilities`` does; returns its result."""
    image_id = params["image_id"] or None
    if image_id is None and not check_mode:
        raise InputError("image_id is needed: it is empty in check mode only, before an import")
    absent = params["state"] == "absent"
    wanted = {} if absent else wanted_capabilities(params["firmware"], params["architecture"], params["capabilities"])
    schemas = CapabilitySchemas(
        connection or OciClients.from_params(params), timeout=params["wait_timeout"], interval=params["wait_interval"]
    )
    schema = schemas.of_image(image_id) if image_id else None
    if absent:
        return _ensure_absent(schemas, image_id, schema, check_mode)
    version, allowed = schemas.global_schema(
        schema.compute_global_image_capability_schema_version_name if schema else None
    )
    required = {FIRMWARE, *(params["capabilities"] or {})}
    managed = fit(wanted, allowed, required, warn)
    before = capabilities_of(schema) if schema else {}
    # Other people's capabilities stay: an update replaces the whole schema.
    after = {**before, **managed}
    changed = before != after
    if changed and image_id is not None and not check_mode:
        schema = _apply(schemas, params, image_id, version, schema, managed)
        after = capabilities_of(schema)
        _check(managed, after)
    return _result(
        image_id,
        schema.id if schema else None,
        changed=changed,
        before=before,
        after=after,
        version=version,
        launch_options=schemas.launch_options(image_id) if image_id else {},
    )


def _apply(
    schemas: CapabilitySchemas,
    params: Mapping[str, Any],
    image_id: str,
    version: str,
    schema: ComputeImageCapabilitySchema | None,
    managed: Mapping[str, Capability],
) -> ComputeImageCapabilitySchema:
    if schema is None:
        name = params["name"] or f"capabilities-of-{image_id.rpartition('.')[2]}"
        created = schemas.create(image_id, params["compartment_id"], version, name, managed)
        if created is not None:
            return schemas.wait_until_active(created.id)
        schema = schemas.of_image(image_id)
        if schema is None:
            raise ProviderError(
                f"Oracle Cloud says that image {image_id} has a capability schema, but lists none",
                operation="CreateComputeImageCapabilitySchema",
                status=409,
            )
    schemas.update(schema.id, {**capabilities_of(schema), **managed})
    return schemas.wait_until_active(schema.id)


def _check(managed: Mapping[str, Capability], found: Mapping[str, Capability]) -> None:
    wrong = [name for name, capability in managed.items() if found.get(name) != capability]
    if wrong:
        raise ProviderError(
            f"Oracle Cloud accepted the capabilities, but these are not as asked for: {', '.join(wrong)}",
            operation="GetComputeImageCapabilitySchema",
            details={name: found[name].as_result() if name in found else None for name in wrong},
        )


def _ensure_absent(
    schemas: CapabilitySchemas, image_id: str | None, schema: ComputeImageCapabilitySchema | None, check_mode: bool
) -> dict[str, Any]:
    if schema is not None and not check_mode:
        schemas.delete(schema.id)
    return _result(
        image_id,
        schema.id if schema else None,
        changed=schema is not None,
        before=capabilities_of(schema) if schema else {},
        after={},
        version=None,
        launch_options=schemas.launch_options(image_id) if image_id else {},
    )


def _result(
    image_id: str | None,
    schema_id: str | None,
    *,
    changed: bool,
    before: Mapping[str, Capability],
    after: Mapping[str, Capability],
    version: str | None,
    launch_options: dict[str, Any],
) -> dict[str, Any]:
    shown_before = {name: capability.as_result() for name, capability in before.items()}
    shown_after = {name: capability.as_result() for name, capability in after.items()}
    return {
        "changed": changed,
        "image_id": image_id,
        "schema_id": schema_id,
        "global_schema_version": version,
        "capabilities": shown_after,
        "firmware": after[FIRMWARE].default if FIRMWARE in after else None,
        "launch_options": launch_options,
        "diff": diff_of(shown_before, shown_after),
    }
