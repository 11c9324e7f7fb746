# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The paths of Azure Resource Manager that there are, their api-versions, and how the provider calls what they do."""

from __future__ import annotations

import json
import re

from werkzeug.wrappers import Request

from tests.sandbox._azure._errors import ArmError
from tests.sandbox._request_log import Operation

API_VERSIONS = {
    "Microsoft.Resources": ("2021-01-01", "2021-04-01", "2022-12-01", "2023-07-01", "2024-03-01", "2025-04-01"),
    "Microsoft.Storage": ("2022-09-01", "2023-01-01", "2023-05-01", "2024-01-01", "2025-01-01"),
    "Microsoft.Compute": ("2022-03-03", "2022-08-03", "2023-07-03", "2024-03-03", "2025-03-03", "2026-03-03"),
    "Microsoft.Compute/virtualMachines": ("2024-07-01", "2024-11-01", "2025-04-01", "2025-11-01", "2026-04-01"),
    "Microsoft.Compute/disks": ("2023-10-02", "2024-03-02", "2025-01-02"),
    "Microsoft.Compute/skus": ("2019-04-01", "2021-07-01"),
    "Microsoft.Network": ("2020-11-01", "2022-11-01", "2024-05-01", "2025-01-01"),
}
"""By namespace, and by type where a type has its own."""

_SUBSCRIPTION = r"/subscriptions/(?P<subscription>[^/]+)"
_GROUP = rf"{_SUBSCRIPTION}/resourcegroups/(?P<group>[^/]+)"
_COMPUTE = r"/providers/microsoft\.compute"
_NETWORK = rf"{_GROUP}/providers/microsoft\.network"
_MACHINES = rf"{_GROUP}{_COMPUTE}/virtualmachines"
_GALLERIES = rf"{_GROUP}{_COMPUTE}/galleries"
_ROUTES = {
    "Locations": (_SUBSCRIPTION + r"/locations", "Microsoft.Resources"),
    "ResourceGroups": (_GROUP, "Microsoft.Resources"),
    "StorageAccounts": (_GROUP + r"/providers/microsoft\.storage/storageaccounts/(?P<account>[^/]+)",
                        "Microsoft.Storage"),
    "Operations": (_SUBSCRIPTION + _COMPUTE + r"/locations/[^/]+/capsoperations/(?P<operation>[^/]+)",
                   "Microsoft.Compute"),
    "MachineOperations": (_SUBSCRIPTION + _COMPUTE + r"/locations/[^/]+/operations/(?P<operation>[^/]+)",
                          "Microsoft.Compute/virtualMachines"),
    "Galleries": (_GALLERIES + r"(?:/(?P<p0>[^/]+))?", "Microsoft.Compute"),
    "GalleryImages": (_GALLERIES + r"/(?P<p0>[^/]+)/images(?:/(?P<p1>[^/]+))?", "Microsoft.Compute"),
    "GalleryImageVersions": (_GALLERIES + r"/(?P<p0>[^/]+)/images/(?P<p1>[^/]+)/versions(?:/(?P<p2>[^/]+))?",
                             "Microsoft.Compute"),
    "VirtualMachines": (_MACHINES + r"(?:/(?P<machine>[^/]+))?", "Microsoft.Compute/virtualMachines"),
    "InstanceView": (_MACHINES + r"/(?P<machine>[^/]+)/instanceview", "Microsoft.Compute/virtualMachines"),
    "BootDiagnostics": (_MACHINES + r"/(?P<machine>[^/]+)/retrievebootdiagnosticsdata",
                        "Microsoft.Compute/virtualMachines"),
    "Disks": (rf"{_GROUP}{_COMPUTE}/disks/(?P<disk>[^/]+)", "Microsoft.Compute/disks"),
    "ResourceSkus": (_SUBSCRIPTION + _COMPUTE + r"/skus", "Microsoft.Compute/skus"),
    "VirtualNetworks": (_NETWORK + r"/virtualnetworks/(?P<network>[^/]+)", "Microsoft.Network"),
    "NetworkInterfaces": (_NETWORK + r"/networkinterfaces/(?P<network>[^/]+)", "Microsoft.Network"),
    "PublicIPAddresses": (_NETWORK + r"/publicipaddresses/(?P<network>[^/]+)", "Microsoft.Network"),
}  # fmt: skip
_PATTERNS = {name: re.compile(pattern, re.IGNORECASE) for name, (pattern, _provider) in _ROUTES.items()}
_LAST_PART = {"Galleries": "p0", "GalleryImages": "p1", "GalleryImageVersions": "p2", "VirtualMachines": "machine"}
_VERBS = {"GET": "Get", "PUT": "CreateOrUpdate", "PATCH": "Update", "DELETE": "Delete"}
_SERVICES = {
    "Microsoft.Resources": "resources",
    "Microsoft.Storage": "storage",
    "Microsoft.Compute": "compute",
    "Microsoft.Network": "network",
}
_NAMES = {
    ("GET", "InstanceView"): "VirtualMachines_InstanceView",
    ("POST", "BootDiagnostics"): "VirtualMachines_RetrieveBootDiagnosticsData",
    ("GET", "ResourceSkus"): "ResourceSkus_List",
}
"""The operations that are none of a resource's four."""


def route(path: str) -> tuple[str, dict[str, str]] | None:
    """The kind of resource, and the parts of its path."""
    for name, pattern in _PATTERNS.items():
        if match := pattern.fullmatch(path.rstrip("/")):
            return name, match.groupdict()
    return None


def provider_of(name: str) -> str:
    """Namespace, or type, of a kind of resource."""
    return _ROUTES[name][1]


def classify(request: Request) -> Operation:
    found = route(request.path)
    unknown = Operation("arm", "Unknown", write=request.method not in ("GET", "HEAD"))
    if found is None:
        return unknown
    name, parts = found
    service = _SERVICES[provider_of(name).partition("/")[0]]
    if operation := _NAMES.get((request.method, name)):
        return Operation(service, operation, write=False)
    if request.method not in _VERBS:
        return unknown
    verb = _VERBS[request.method]
    if name in _LAST_PART and parts[_LAST_PART[name]] is None:
        verb = "List"
    return Operation(service, f"{name}_{verb}", write=request.method != "GET")


def error_body(operation: Operation, status: int) -> tuple[str, bytes]:
    code = {429: "TooManyRequests", 503: "ServiceUnavailable"}.get(status, "InternalServerError")
    error = ArmError(status, code, f"Ordered fault on {operation.name}.")
    return "application/json", json.dumps(error.body()).encode()
