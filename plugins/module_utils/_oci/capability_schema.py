# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls that read and write an image's capability schema, and the global one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._core.dependencies import require
from .._core.errors import ProviderError
from .._core.wait import Wait
from .capability import Capability
from .clients import OciClients
from .errors import gone_is_fine, provider_errors

if TYPE_CHECKING:
    from oci.core.models import ComputeImageCapabilitySchema

Capabilities = dict[str, Capability]


@dataclasses.dataclass(frozen=True)
class ImageCapabilitiesState:
    """The capability schema of an image, as Oracle Cloud tells it."""

    schema_id: str
    active: bool
    global_version: str
    """The name of the version of the global schema that it is a subset of."""
    capabilities: Capabilities
    unknown: tuple[str, ...] = ()
    """Capabilities of a type that this SDK does not know, and would lose in an update."""

    @classmethod
    def of(cls, schema: ComputeImageCapabilitySchema) -> ImageCapabilitiesState:
        return cls(
            schema_id=schema.id,
            active=schema.lifecycle_state in (None, "ACTIVE"),
            global_version=schema.compute_global_image_capability_schema_version_name,
            capabilities=_capabilities_of(schema),
            unknown=tuple(name for name, each in (schema.schema_data or {}).items() if not _is_known(each)),
        )


def schema_of_image(clients: OciClients, image_id: str) -> ImageCapabilitiesState | None:
    """The image's schema, or ``None``. A region may attach one by itself."""
    pagination = require("oci.pagination", "oci")
    with provider_errors("ListComputeImageCapabilitySchemas", f"find the capability schema of image {image_id}"):
        schemas = pagination.list_call_get_all_results(
            clients.compute.list_compute_image_capability_schemas, image_id=image_id
        ).data
    return get_schema(clients, schemas[0].id) if schemas else None


def get_schema(clients: OciClients, schema_id: str) -> ImageCapabilitiesState:
    with provider_errors("GetComputeImageCapabilitySchema", f"read capability schema {schema_id}"):
        return ImageCapabilitiesState.of(clients.compute.get_compute_image_capability_schema(schema_id).data)


def global_schema(clients: OciClients, version: str | None) -> tuple[str, Capabilities]:
    """What the region allows.

    :param version: the name of a version; the current one by default.
    :return: the name of the version, and its capabilities.
    """
    pagination = require("oci.pagination", "oci")
    with provider_errors("ListComputeGlobalImageCapabilitySchemas", "find the region's global capability schema"):
        schemas = pagination.list_call_get_all_results(
            clients.compute.list_compute_global_image_capability_schemas
        ).data
    if not schemas:
        raise ProviderError(
            "The region has no global image capability schema", operation="ListComputeGlobalImageCapabilitySchemas"
        )
    version = str(version or schemas[0].current_version_name)
    with provider_errors("GetComputeGlobalImageCapabilitySchemaVersion", f"read the global schema {version}"):
        data = clients.compute.get_compute_global_image_capability_schema_version(schemas[0].id, version).data
        return version, _capabilities_of(data)


def create_schema(
    clients: OciClients,
    image_id: str,
    compartment_id: str,
    version: str,
    name: str,
    capabilities: Mapping[str, Capability],
) -> str | None:
    """Create the schema; returns its id, or ``None`` when the image has got one in the meantime."""
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
            return str(clients.compute.create_compute_image_capability_schema(details).data.id)
    except ProviderError as error:
        if error.status == 409:
            return None
        raise


def update_schema(clients: OciClients, schema_id: str, capabilities: Mapping[str, Capability]) -> None:
    """Replace what the schema says."""
    models = require("oci.core.models", "oci")
    details = models.UpdateComputeImageCapabilitySchemaDetails(schema_data=_descriptors(capabilities))
    with provider_errors("UpdateComputeImageCapabilitySchema", f"update capability schema {schema_id}"):
        clients.compute.update_compute_image_capability_schema(schema_id, details)


def delete_schema(clients: OciClients, schema_id: str, image_id: str) -> None:
    with (
        gone_is_fine(lambda: schema_of_image(clients, image_id) is None),
        provider_errors("DeleteComputeImageCapabilitySchema", f"delete capability schema {schema_id}"),
    ):
        clients.compute.delete_compute_image_capability_schema(schema_id)


def await_active(clients: OciClients, schema_id: str, wait: Wait) -> ImageCapabilitiesState:
    def check() -> ImageCapabilitiesState | None:
        schema = get_schema(clients, schema_id)
        return schema if schema.active else None

    return wait.until(check, what=f"capability schema {schema_id} to be active")


def _capabilities_of(schema: Any) -> Capabilities:
    """What a schema of the SDK, an image's or a global one, says."""
    return {name: Capability.of(each) for name, each in (schema.schema_data or {}).items() if _is_known(each)}


def _is_known(descriptor: Any) -> bool:
    # Of one whose type it does not know, the SDK keeps no default.
    return hasattr(descriptor, "default_value")


def _descriptors(capabilities: Mapping[str, Capability]) -> dict[str, Any]:
    return {name: capability.to_descriptor() for name, capability in capabilities.items()}
