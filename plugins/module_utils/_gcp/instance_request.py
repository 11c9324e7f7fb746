# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the options ask for of a Compute Engine instance, and how that is said to Compute Engine."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .._core.errors import InputError
from .._core.wait import Wait
from .._core.words import Architecture
from .._launch.console import ConsoleRequest
from .._launch.public_key import LOGIN, SshPublicKey
from .._launch.user_data import checked_user_data
from .guest_os import ARCHITECTURES
from .image_link import ImageLink
from .instance_state import MACHINE_KEY, OS_LOGIN_KEY, GceInstanceAttributes
from .names import checked_labels, checked_name

if TYPE_CHECKING:
    from google.cloud.compute_v1 import Image

DEFAULT_MACHINE_TYPES: dict[Architecture, str] = {"x86_64": "e2-micro", "aarch64": "c4a-highcpu-1"}
"""By architecture, the smallest. T2A, the other series for Arm, is in three regions only."""

# In bytes, of one value: https://cloud.google.com/compute/docs/metadata/setting-custom-metadata#limitations
_USER_DATA_LIMIT = 256 * 1024
# GiB; https://cloud.google.com/compute/docs/reference/rest/v1/instances/insert, initializeParams.diskSizeGb
_SMALLEST_DISK = 10
_ZONE = re.compile(r"[a-z]+(?:-[a-z]+)+\d+-[a-z]+\d*")


@dataclasses.dataclass(frozen=True)
class GceInstanceRequest:
    """What the options ask for. ``None`` leaves an existing instance's value as it is."""

    name: str
    zone: str
    wait: Wait
    console: ConsoleRequest
    image: ImageLink | None
    architecture: str
    """In Compute Engine's words."""
    machine_type: str | None
    default_machine_type: str
    network: str | None
    subnetwork: str | None
    public_address: bool
    labels: dict[str, str] | None
    public_key: SshPublicKey | None
    user_data: str | None
    os_login: bool | None
    """``None`` leaves it to the project."""

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> GceInstanceRequest:
        """:raises InputError: for what Compute Engine would refuse, or a key that is none."""
        key, labels, image = params["ssh_public_key"], params["labels"], params["image"]
        if not _ZONE.fullmatch(params["zone"]):
            raise InputError(f"zone must be one such as europe-west1-b, got {params['zone']!r}")
        return cls(
            name=checked_name(params["name"], "name"),
            zone=params["zone"],
            wait=Wait.from_params(params),
            console=ConsoleRequest.from_params(params),
            image=ImageLink.parse(image, params["project"]) if image else None,
            architecture=ARCHITECTURES[params["architecture"]],
            machine_type=checked_name(params["machine_type"], "machine_type") if params["machine_type"] else None,
            default_machine_type=DEFAULT_MACHINE_TYPES[params["architecture"]],
            network=_full(params["network"], "network", "global/networks"),
            subnetwork=_full(
                params["subnetwork"], "subnetwork", f"regions/{params['zone'].rpartition('-')[0]}/subnetworks"
            ),
            public_address=params["public_address"],
            labels=None if labels is None else checked_labels(labels, identity=MACHINE_KEY),
            public_key=None if key is None else SshPublicKey.parse(key),
            user_data=checked_user_data(params["user_data"], limit=_USER_DATA_LIMIT, cloud="Google Cloud"),
            os_login=params["os_login"],
        )

    @property
    def os_login_value(self) -> str | None:
        """What the instance's metadata is to say of OS Login."""
        return None if self.os_login is None else str(self.os_login).upper()

    def wanted_labels(self, held: Mapping[str, str]) -> dict[str, str]:
        """The labels that the instance is to have, if it has ``held``."""
        return {**(held if self.labels is None else self.labels), MACHINE_KEY: self.name}

    def wanted(self) -> GceInstanceAttributes:
        """The attributes that a new instance is to have."""
        return GceInstanceAttributes(
            name=self.name,
            zone=self.zone,
            image=self.image.path if self.image else "",
            machine_type=self.machine_type or self.default_machine_type,
            labels=self.wanted_labels({}),
        )

    def metadata(self) -> dict[str, str]:
        """The instance's metadata, by its keys."""
        found = {}
        if self.public_key is not None:
            # The login comes from what stands before the colon, and, in the web console and some guests, from the
            # comment: https://cloud.google.com/compute/docs/connect/add-ssh-keys#metadata
            found["ssh-keys"] = f"{LOGIN}:{self.public_key.with_comment(LOGIN)}"
            # The owner of the key, and nobody whose key is in the project's metadata.
            found["block-project-ssh-keys"] = "TRUE"
        if self.user_data is not None:
            found["user-data"] = self.user_data
        if self.os_login_value is not None:
            found[OS_LOGIN_KEY] = self.os_login_value
        return found

    def resource(self, image: Image) -> dict[str, Any]:
        """The ``instanceResource`` of instances.insert, in the SDK's words."""
        wanted = self.wanted()
        interface: dict[str, Any] = {}
        if self.network is not None:
            interface["network"] = self.network
        if self.subnetwork is not None:
            interface["subnetwork"] = self.subnetwork
        if self.public_address:
            interface["access_configs"] = [{"name": "external-nat", "type_": "ONE_TO_ONE_NAT"}]
        # Of an image without the driver Compute Engine chooses what the machine type has.
        if any(feature.type_ == "GVNIC" for feature in image.guest_os_features):
            interface["nic_type"] = "GVNIC"
        disk = {
            "source_image": wanted.image,
            "disk_name": self.name,
            "disk_size_gb": max(_SMALLEST_DISK, image.disk_size_gb),
            # Not those that users name: they are the instance's.
            "labels": {MACHINE_KEY: self.name},
        }
        return {
            "name": self.name,
            "machine_type": f"zones/{self.zone}/machineTypes/{wanted.machine_type}",
            "disks": [{"boot": True, "auto_delete": True, "initialize_params": disk}],
            "network_interfaces": [interface],
            "metadata": {"items": [{"key": key, "value": value} for key, value in self.metadata().items()]},
            "labels": wanted.labels,
            # Alpine's boot loader is not signed.
            "shielded_instance_config": {"enable_secure_boot": False},
        }


def _full(value: str | None, option: str, folder: str) -> str | None:
    """A name, or a link, as a link."""
    if not value:
        return None
    return value if "/" in value else f"{folder}/{checked_name(value, option)}"
