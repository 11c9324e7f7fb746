# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Some of Compute Engine's machine types, and what the machines of a series have.

https://cloud.google.com/compute/docs/general-purpose-machines, https://cloud.google.com/compute/docs/machine-resource
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

from tests.sandbox._gcp._discovery import Call
from tests.sandbox._gcp._errors import GoogleError, invalid_value
from tests.sandbox._gcp._regions import ZONES
from tests.sandbox._gcp._requests import check_project, link
from tests.support.qemu import DiskBus


@dataclasses.dataclass(frozen=True)
class Series:
    architecture: Literal["X86_64", "ARM64"]
    disk_bus: DiskBus
    disk_type: str
    """That of a disk which asks for none, as the API's description of initializeParams.diskType says."""
    disk_types: frozenset[str]
    gvnic_only: bool = False
    zones: frozenset[str] = frozenset(ZONES)


_PERSISTENT = frozenset({"pd-standard", "pd-balanced", "pd-ssd"})
_HYPERDISK = frozenset({"hyperdisk-balanced"})
_T2A_ZONES = frozenset({
    "us-central1-a", "us-central1-b", "us-central1-f", "europe-west4-a", "europe-west4-b", "europe-west4-c",
    "asia-southeast1-b", "asia-southeast1-c",
})  # fmt: skip

_SERIES = {
    "e2": Series("X86_64", "virtio-scsi", "pd-standard", _PERSISTENT),
    "n1": Series("X86_64", "virtio-scsi", "pd-standard", _PERSISTENT),
    "n2": Series("X86_64", "virtio-scsi", "pd-standard", _PERSISTENT),
    "t2d": Series("X86_64", "virtio-scsi", "pd-standard", _PERSISTENT),
    "c3": Series("X86_64", "nvme", "pd-balanced", frozenset({"pd-balanced", "pd-ssd", *_HYPERDISK}), gvnic_only=True),
    "n4": Series("X86_64", "nvme", "hyperdisk-balanced", _HYPERDISK, gvnic_only=True),
    "t2a": Series("ARM64", "nvme", "pd-standard", _PERSISTENT, zones=_T2A_ZONES),
    "c4a": Series("ARM64", "nvme", "hyperdisk-balanced", _HYPERDISK, gvnic_only=True),
}
_TYPES = {
    # processors, MiB
    "e2-micro": (2, 1024),
    "e2-small": (2, 2048),
    "e2-medium": (2, 4096),
    "n1-standard-1": (1, 3840),
    "n2-standard-2": (2, 8192),
    "t2d-standard-1": (1, 4096),
    "c3-standard-4": (4, 16384),
    "n4-standard-2": (2, 8192),
    "t2a-standard-1": (1, 4096),
    "c4a-highcpu-1": (1, 2048),
    "c4a-standard-1": (1, 4096),
}
_SHARED_CORE = {"e2-micro", "e2-small", "e2-medium"}


def series_of(machine_type: str) -> Series:
    return _SERIES[machine_type.partition("-")[0]]


def machine_type_in(zone: str, url: str) -> str:
    """The name of the machine type that a request names.

    :raises GoogleError: when the zone has none of it.
    """
    head, _slash, name = url.rpartition("/")
    if not head.endswith(f"zones/{zone}/machineTypes"):
        raise invalid_value("resource.machineType", url, "The URL is malformed.")
    if name not in _TYPES or zone not in series_of(name).zones:
        raise invalid_value(
            "resource.machineType", url, f"Machine type with name '{name}' does not exist in zone '{zone}'."
        )
    return name


def get_machine_type(call: Call, project: str) -> Mapping[str, Any]:
    """Answers ``machineTypes.get``."""
    check_project(call, project)
    zone, name = check_zone(call), call.parameters["machineType"]
    if name not in _TYPES or zone not in series_of(name).zones:
        raise GoogleError(404, f"The resource 'projects/{project}/zones/{zone}/machineTypes/{name}' was not found")
    processors, memory = _TYPES[name]
    return {
        "kind": "compute#machineType",
        "id": str(800000 + list(_TYPES).index(name)),
        "name": name,
        "guestCpus": processors,
        "memoryMb": memory,
        "isSharedCpu": name in _SHARED_CORE,
        "architecture": series_of(name).architecture,
        "zone": zone,
        "selfLink": link(project, f"zones/{zone}/machineTypes/{name}"),
    }


def check_zone(call: Call) -> str:
    """:raises GoogleError: when there is no such zone."""
    zone = call.parameters["zone"]
    if zone not in ZONES:
        raise GoogleError(400, f"Invalid value for field 'zone': '{zone}'. Unknown zone.")
    return zone
