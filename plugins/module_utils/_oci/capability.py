# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Capabilities of an image: as options name them, as the SDK describes them, and what Alpine images have."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from .._core.dependencies import require
from .._core.errors import InputError
from .firmware import allowed_firmware

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
    def of(cls, descriptor: Any) -> Capability:
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
    wanted: Mapping[str, Capability], allowed: Mapping[str, Capability], required: set[str], warn: Callable[[str], None]
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
