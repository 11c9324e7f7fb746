# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The capability schema of an image, which says what instances may be launched with, firmware above all.

An image has one schema at most. It may state a subset of what the region's global schema allows; see
https://docs.oracle.com/iaas/Content/Compute/Tasks/configuringimagecapabilities.htm.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from .._core.diff import attributes_of, diff_of
from .._core.errors import InputError, ProviderError
from .._core.wait import Wait
from .capability import FIRMWARE, Capability, fit, wanted_capabilities
from .capability_schema import (
    Capabilities,
    ImageCapabilitiesState,
    await_active,
    create_schema,
    delete_schema,
    global_schema,
    schema_of_image,
    update_schema,
)
from .clients import OciClients
from .image_import import read_image


@dataclasses.dataclass(frozen=True)
class ImageCapabilitiesRequest:
    """What the options ask for."""

    image_id: str | None
    """``None`` before an import, in check mode only."""
    wait: Wait
    compartment_id: str = ""
    name: str | None = None
    wanted: Capabilities = dataclasses.field(default_factory=dict)
    required: frozenset[str] = frozenset()
    """Those that must not be left to the region."""

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> ImageCapabilitiesRequest:
        """:raises InputError: when a capability is malformed, or firmware and architecture do not fit."""
        image_id, wait = params["image_id"] or None, Wait.from_params(params)
        if params["state"] == "absent":
            return cls(image_id, wait)
        return cls(
            image_id,
            wait,
            compartment_id=params["compartment_id"],
            name=params["name"],
            wanted=wanted_capabilities(params["firmware"], params["architecture"], params["capabilities"]),
            required=frozenset({FIRMWARE, *(params["capabilities"] or {})}),
        )

    def check_image(self, *, check_mode: bool) -> None:
        """:raises InputError: when there is no image, though there must be."""
        if self.image_id is None and not check_mode:
            raise InputError("image_id is needed: it is empty in check mode only, before an import")


def ensure_present(
    clients: OciClients, request: ImageCapabilitiesRequest, *, check_mode: bool, warn: Callable[[str], None]
) -> dict[str, Any]:
    """Create the schema, or update the one that there is; what others have stated in it stays.

    :param warn: tells the user what is left to the region.
    :raises InputError: when the region does not allow what was asked for.
    :raises ProviderError: when the schema does not read back as asked for.
    """
    request.check_image(check_mode=check_mode)
    found = schema_of_image(clients, request.image_id) if request.image_id else None
    version, allowed = global_schema(clients, found.global_version if found else None)
    before = found.capabilities if found else {}
    # What was not asked for, and is stated already, stays.
    wanted = {name: each for name, each in request.wanted.items() if name in request.required or name not in before}
    managed = fit(wanted, allowed, set(request.required), warn)
    # An update replaces the whole schema.
    after = {**before, **managed}
    changed = before != after
    if changed and request.image_id is not None and not check_mode:
        found = _apply(clients, request, request.image_id, version, found, managed)
        after = found.capabilities
        _check(managed, after)
    return _result(clients, request, found, changed=changed, before=before, after=after, version=version)


def ensure_absent(clients: OciClients, request: ImageCapabilitiesRequest, *, check_mode: bool) -> dict[str, Any]:
    """Delete the schema if there is one."""
    request.check_image(check_mode=check_mode)
    found = schema_of_image(clients, request.image_id) if request.image_id else None
    if found is not None and request.image_id and not check_mode:
        delete_schema(clients, found.schema_id, request.image_id)
    before = found.capabilities if found else {}
    return _result(clients, request, found, changed=found is not None, before=before, after={}, version=None)


def _apply(
    clients: OciClients,
    request: ImageCapabilitiesRequest,
    image_id: str,
    version: str,
    found: ImageCapabilitiesState | None,
    managed: Capabilities,
) -> ImageCapabilitiesState:
    if found is None:
        name = request.name or f"capabilities-of-{image_id.rpartition('.')[2]}"
        created = create_schema(clients, image_id, request.compartment_id, version, name, managed)
        if created is not None:
            return await_active(clients, created, request.wait)
        found = schema_of_image(clients, image_id)
        if found is None:
            raise ProviderError(
                f"Oracle Cloud says that image {image_id} has a capability schema, but lists none",
                operation="CreateComputeImageCapabilitySchema",
                status=409,
            )
    if found.unknown:
        raise InputError(
            f"The capability schema of image {image_id} has {', '.join(found.unknown)} of a type that this version of "
            "Oracle's library (oci) does not know, and would lose: install a newer one"
        )
    update_schema(clients, found.schema_id, {**found.capabilities, **managed})
    return await_active(clients, found.schema_id, request.wait)


def _check(managed: Capabilities, found: Capabilities) -> None:
    wrong = [name for name, capability in managed.items() if found.get(name) != capability]
    if wrong:
        raise ProviderError(
            f"Oracle Cloud accepted the capabilities, but these are not as asked for: {', '.join(wrong)}",
            operation="GetComputeImageCapabilitySchema",
            details={name: found[name].as_result() if name in found else None for name in wrong},
        )


def _launch_options(clients: OciClients, image_id: str | None) -> dict[str, Any]:
    return attributes_of(read_image(clients, image_id).launch_options) if image_id else {}


def _result(
    clients: OciClients,
    request: ImageCapabilitiesRequest,
    schema: ImageCapabilitiesState | None,
    *,
    changed: bool,
    before: Mapping[str, Capability],
    after: Mapping[str, Capability],
    version: str | None,
) -> dict[str, Any]:
    shown_before = {name: capability.as_result() for name, capability in before.items()}
    shown_after = {name: capability.as_result() for name, capability in after.items()}
    return {
        "changed": changed,
        "image_id": request.image_id,
        "schema_id": schema.schema_id if schema else None,
        "global_schema_version": version,
        "capabilities": shown_after,
        "firmware": after[FIRMWARE].default if FIRMWARE in after else None,
        "launch_options": _launch_options(clients, request.image_id),
        "diff": diff_of(shown_before, shown_after),
    }
