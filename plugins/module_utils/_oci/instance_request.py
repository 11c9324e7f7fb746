# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the options of an instance in Oracle Cloud ask for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from .._core.errors import InputError
from .._core.wait import Wait
from .._launch.console import ConsoleRequest
from .._launch.public_key import SshPublicKey
from .._launch.user_data import checked_user_data, in_base64
from .instance_state import MACHINE_KEY, OciInstanceAttributes, OciInstanceState
from .names import checked_display_name, checked_freeform_tags

SMALLEST_BOOT_VOLUME = 50
"""In GB: https://docs.oracle.com/iaas/Content/Block/Concepts/bootvolumes.htm."""

# In bytes, of all metadata: https://docs.oracle.com/iaas/api/#/en/iaas/latest/datatypes/LaunchInstanceDetails
_METADATA_LIMIT = 32_000


@dataclasses.dataclass(frozen=True)
class OciInstanceRequest:
    """What the options ask for."""

    name: str
    compartment_id: str
    wait: Wait
    console: ConsoleRequest
    image_id: str | None
    architecture: str
    """In Alpine's words."""
    shape: str | None
    ocpus: float | None
    memory_in_gbs: float | None
    boot_volume_size_in_gbs: int
    availability_domain: str | None
    subnet_id: str | None
    nsg_ids: tuple[str, ...]
    assign_public_ip: bool | None
    """``None`` leaves it to the subnet."""
    freeform_tags: dict[str, str]
    public_key: SshPublicKey | None
    user_data: str | None

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> OciInstanceRequest:
        """:raises InputError: for what Oracle Cloud would refuse, or a key that is none."""
        key = None if params["ssh_public_key"] is None else SshPublicKey.parse(params["ssh_public_key"])
        size = params["boot_volume_size_in_gbs"]
        if size < SMALLEST_BOOT_VOLUME:
            raise InputError(f"boot_volume_size_in_gbs is {size}, but the least is {SMALLEST_BOOT_VOLUME}")
        for option in ("ocpus", "memory_in_gbs"):
            if params[option] is not None and params[option] <= 0:
                raise InputError(f"{option} is {params[option]:g}, but must be more than 0")
        name = checked_display_name(params["name"])
        if (params["freeform_tags"] or {}).get(MACHINE_KEY, name) != name:
            raise InputError(f"freeform_tags: {MACHINE_KEY} is the name of the machine, so it cannot be set")
        return cls(
            name=name,
            compartment_id=params["compartment_id"],
            wait=Wait.from_params(params),
            console=ConsoleRequest.from_params(params),
            image_id=params["image_id"] or None,
            architecture=params["architecture"],
            shape=params["shape"] or None,
            ocpus=params["ocpus"],
            memory_in_gbs=params["memory_in_gbs"],
            boot_volume_size_in_gbs=size,
            availability_domain=params["availability_domain"] or None,
            subnet_id=params["subnet_id"] or None,
            nsg_ids=tuple(params["nsg_ids"]),
            assign_public_ip=params["assign_public_ip"],
            freeform_tags=checked_freeform_tags(params["freeform_tags"], {MACHINE_KEY: name}),
            public_key=key,
            user_data=checked_user_data(
                params["user_data"],
                # The key and the names of both are metadata as well.
                limit=_METADATA_LIMIT - sum(map(len, _metadata(key, ""))) - sum(map(len, _metadata(key, "").values())),
                cloud="Oracle Cloud beside the key",
                encoded=True,
            ),
        )

    def metadata(self) -> dict[str, str]:
        """The instance's metadata, by its keys."""
        return _metadata(self.public_key, self.user_data)

    def wanted(self, shape: str, ocpus: float | None, memory_in_gbs: float | None) -> OciInstanceAttributes:
        """The attributes that a new instance is to have."""
        return OciInstanceAttributes(
            name=self.name,
            image_id=self.image_id or "",
            shape=shape,
            ocpus=ocpus,
            memory_in_gbs=memory_in_gbs,
            freeform_tags=self.freeform_tags,
        )

    def differences(self, found: OciInstanceState) -> list[str]:
        """What an instance has that was asked for otherwise."""
        held = found.managed
        pairs = [
            ("image_id", self.image_id, held.image_id),
            ("shape", self.shape, held.shape),
            ("ocpus", self.ocpus, held.ocpus),
            ("memory_in_gbs", self.memory_in_gbs, held.memory_in_gbs),
            ("availability_domain", self.availability_domain, found.availability_domain),
        ]
        return [f"{option} {has}, not {asked}" for option, asked, has in pairs if asked is not None and asked != has]


def _metadata(key: SshPublicKey | None, user_data: str | None) -> dict[str, str]:
    found = {}
    if key is not None:
        found["ssh_authorized_keys"] = key.line
    if user_data is not None:
        found["user_data"] = in_base64(user_data)
    return found
