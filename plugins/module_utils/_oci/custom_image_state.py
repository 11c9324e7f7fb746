# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Oracle Cloud says of a custom image."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import TYPE_CHECKING

from .._core.identity import IDENTITY_KEY

if TYPE_CHECKING:
    from oci.core.models import Image
    from oci.core.models import LaunchOptions as SdkLaunchOptions

_IN_FLIGHT = ("PROVISIONING", "IMPORTING")
_USABLE = ("AVAILABLE", "EXPORTING")
_ENDED = ("DELETED", "DISABLED")


@dataclasses.dataclass(frozen=True)
class LaunchOptionsState:
    """How instances are launched, with the SDK's names; ``None`` where it is not said, or an old SDK does not know it.

    https://docs.oracle.com/iaas/api/#/en/iaas/latest/datatypes/LaunchOptions
    """

    firmware: str | None
    boot_volume_type: str | None
    network_type: str | None
    remote_data_volume_type: str | None
    is_pv_encryption_in_transit_enabled: bool | None
    is_consistent_volume_naming_enabled: bool | None
    is_encryption_in_transit_enabled: bool | None

    @classmethod
    def of(cls, options: SdkLaunchOptions | None) -> LaunchOptionsState | None:
        if not options:
            return None
        return cls(**{field.name: getattr(options, field.name, None) for field in dataclasses.fields(cls)})


@dataclasses.dataclass(frozen=True)
class CustomImageAttributes:
    """What is managed of an image, by the names that the module's options and results have."""

    name: str
    compartment_id: str
    freeform_tags: dict[str, str]
    operating_system: str | None
    operating_system_version: str | None
    launch_mode: str | None
    firmware: str | None
    """``BIOS`` or ``UEFI_64``, as the launch options have it."""


@dataclasses.dataclass(frozen=True)
class CustomImageState:
    """An image as Oracle Cloud tells it."""

    id: str
    lifecycle_state: str
    created: datetime
    size_in_mbs: int | None
    launch_options: LaunchOptionsState | None
    managed: CustomImageAttributes

    @classmethod
    def of(cls, image: Image) -> CustomImageState:
        options = LaunchOptionsState.of(image.launch_options)
        return cls(
            id=image.id,
            lifecycle_state=image.lifecycle_state,
            created=image.time_created,
            size_in_mbs=image.size_in_mbs,
            launch_options=options,
            managed=CustomImageAttributes(
                name=image.display_name,
                compartment_id=image.compartment_id,
                freeform_tags=dict(image.freeform_tags or {}),
                operating_system=image.operating_system,
                operating_system_version=image.operating_system_version,
                launch_mode=image.launch_mode,
                firmware=options.firmware if options else None,
            ),
        )

    @property
    def source_sha256(self) -> str | None:
        """The identity of its content, if this collection has made it."""
        return self.managed.freeform_tags.get(IDENTITY_KEY)

    @property
    def in_flight(self) -> bool:
        return self.lifecycle_state in _IN_FLIGHT

    @property
    def usable(self) -> bool:
        return self.lifecycle_state in _USABLE

    @property
    def ended(self) -> bool:
        return self.lifecycle_state in _ENDED
