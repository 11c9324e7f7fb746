# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The requests of Resource Manager that concern virtual machines and what they need."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from tests.sandbox._azure._console_logs import ConsoleLogs
from tests.sandbox._azure._errors import ArmError, invalid_parameter
from tests.sandbox._azure._networks import Networks
from tests.sandbox._azure._sizes import skus
from tests.sandbox._azure._virtual_machine import VirtualMachine
from tests.sandbox._azure._virtual_machines import VirtualMachines

_EXPANDED = (None, "instanceView", "userData")
_LOCATION_FILTER = re.compile(r"location eq '([^']+)'")
_SAS_MINUTES = 120
_LONGEST_SAS_MINUTES = 1440


class MachineApi:
    """What :class:`ResourceManager` has checked already: token, api-version, subscription and resource group.

    :param logs_url: the address at which the serial logs are, without a slash at the end.
    """

    def __init__(self, *, machines: VirtualMachines, networks: Networks, logs: ConsoleLogs, logs_url: str) -> None:
        self._machines = machines
        self._networks = networks
        self._logs = logs
        self._logs_url = logs_url

    def handle(self, name: str, parts: dict[str, str]) -> ResponseReturnValue:
        """:param name: the kind of resource, as ``_routes`` has it."""
        match name, request.method:
            case "ResourceSkus", "GET":
                return {"value": self._skus()}
            case "VirtualNetworks" | "NetworkInterfaces" | "PublicIPAddresses", "GET":
                return self._networks.get(name, parts["network"])
            case "NetworkInterfaces" | "PublicIPAddresses", "DELETE":
                return "", 200 if self._networks.delete(name, parts["network"]) else 204
            case "Disks", "DELETE":
                return "", 200 if self._machines.delete_disk(parts["disk"]) else 204
            case "VirtualMachines", "GET" if parts["machine"] is None:
                return {"value": [machine.rendered(None) for machine in self._machines.listing()]}
            case "VirtualMachines", _ if parts["machine"] is not None:
                return self._machine(parts["machine"])
            case "InstanceView", "GET":
                return self._machines.get(parts["machine"]).instance_view()
            case "BootDiagnostics", "POST":
                return self._boot_diagnostics(self._machines.get(parts["machine"]))
        raise ArmError(405, "MethodNotAllowed", f"The method {request.method} is not allowed.")

    def _machine(self, name: str) -> ResponseReturnValue:
        match request.method:
            case "GET":
                expand = request.args.get("$expand")
                if expand not in _EXPANDED:
                    raise ArmError(400, "InvalidParameter", f"The value '{expand}' of parameter '$expand' is invalid.")
                return self._machines.get(name).rendered(expand)
            case "PUT":
                machine, created = self._machines.put(name, _json(), if_none_match=request.headers.get("If-None-Match"))
                return machine.rendered(None), 201 if created else 200, self._polling(machine)
            case "PATCH":
                machine = self._machines.patch(name, _json())
                return machine.rendered(None), 200, self._polling(machine)
            case "DELETE":
                found = next((other for other in self._machines.listing() if other.name.lower() == name.lower()), None)
                if self._machines.delete(name) is None or found is None:
                    return "", 204
                return "", 202, self._polling(found)
        raise ArmError(405, "MethodNotAllowed", f"The method {request.method} is not allowed.")

    @staticmethod
    def _polling(machine: VirtualMachine) -> dict[str, str]:
        url = (
            f"{request.host_url}subscriptions/{machine.id.split('/')[2]}/providers/Microsoft.Compute/locations/"
            f"{machine.body['location']}/operations/{machine.operation}?api-version={request.args['api-version']}"
        )
        return {"Azure-AsyncOperation": url, "x-ms-request-id": str(uuid.uuid4())}

    @staticmethod
    def _skus() -> list[dict[str, Any]]:
        wanted = request.args.get("$filter")
        if wanted is None:
            return skus(None)
        match = _LOCATION_FILTER.fullmatch(wanted)
        if match is None:
            raise ArmError(400, "InvalidParameter", "The filter is only supported on property 'location'.")
        return skus(match[1])

    def _boot_diagnostics(self, machine: VirtualMachine) -> dict[str, Any]:
        minutes = request.args.get("sasUriExpirationTimeInMinutes", str(_SAS_MINUTES))
        if not minutes.isdigit() or not 1 <= int(minutes) <= _LONGEST_SAS_MINUTES:
            raise invalid_parameter(
                "The value of parameter sasUriExpirationTimeInMinutes is invalid.", "sasUriExpirationTimeInMinutes"
            )
        profile = (machine.body["properties"].get("diagnosticsProfile") or {}).get("bootDiagnostics") or {}
        if not profile.get("enabled"):
            raise ArmError(
                409, "OperationNotAllowed", f"Boot diagnostics is not enabled on virtual machine '{machine.name}'."
            )
        path = self._logs.signed(machine.log_path, minutes=int(minutes))
        return {"serialConsoleLogBlobUri": f"{self._logs_url}{path}"}


def _json() -> Any:
    try:
        return json.loads(request.get_data())
    except ValueError:
        raise ArmError(400, "InvalidRequestContent", "The request content was not valid JSON.") from None
