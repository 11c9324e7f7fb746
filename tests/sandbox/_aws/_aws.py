# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting the local AWS, and reading its disks back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ec2.models import ec2_backends
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app

from tests.sandbox._aws._disks import DiskStore
from tests.sandbox._aws._ec2 import SandboxEC2
from tests.sandbox._aws._gate import Gate, classify, fault_body
from tests.sandbox._aws._imports import create_service_role
from tests.sandbox._aws._moto import install
from tests.sandbox._aws._resources import SandboxImage, State
from tests.sandbox._cloud import Cloud

_ACCESS_KEY = "AKIASANDBOX00EXAMPLE"
_SECRET_KEY = "sandbox/secret/key/of/no/worth/whatsoever"
_REGION = "eu-central-1"
_SERVICE_ROLE = "vmimport"
_PUBLIC_NETWORK = "203.0.113"


class _Handler(MotoRequestHandler):
    """Keeps the spelling of S3's metadata headers, and quiet."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


def _enabled_regions() -> frozenset[str]:
    regions = RegionsAndZonesBackend.regions
    return frozenset(region.name for region in regions if region.opt_in_status != "not-opted-in")


class AwsCloud(Cloud):
    def start(self) -> dict[str, Any]:
        uploads = self.context.directory / "uploads"
        uploads.mkdir(exist_ok=True)
        state = State(
            store=DiskStore(self.context.directory / "disks"),
            uploads=uploads,
            faults=self.context.faults,
            operation_seconds=self.context.operation_seconds,
            machines=self.context.machine_room(_PUBLIC_NETWORK),
        )
        install(state)
        create_service_role(DEFAULT_ACCOUNT_ID, _SERVICE_ROLE)
        gate = Gate(
            DomainDispatcherApplication(create_backend_app),
            access_key=_ACCESS_KEY,
            secret_key=_SECRET_KEY,
            regions=_enabled_regions(),
        )
        url = self.context.serve(gate, classify=classify, error_body=fault_body, handler=_Handler)
        return {
            "alpine_aws_endpoint_url": url,
            "alpine_aws_ca_bundle": str(self.context.ca_file),
            "alpine_aws_access_key": _ACCESS_KEY,
            "alpine_aws_secret_key": _SECRET_KEY,
            "alpine_aws_region": _REGION,
            "alpine_aws_wait_interval": 1,
        }

    def export(self, resource_id: str, region: str | None, output: Path) -> None:
        store = SandboxEC2.state.store
        if resource_id.startswith("snap-"):
            store.export(resource_id, output)
            return
        for name, backend in ec2_backends[DEFAULT_ACCOUNT_ID].items():
            image = backend.amis.get(resource_id)
            if isinstance(image, SandboxImage) and region in (None, name):
                store.export(image.root_snapshot_id, output)
                return
        raise LookupError(f"There is no image {resource_id}" + (f" in {region}" if region else ""))

    def holdings(self) -> dict[str, list[str]]:
        regions = ec2_backends[DEFAULT_ACCOUNT_ID].values()
        return {
            "instances": [item.id for item in SandboxEC2.state.instances if item.state != "terminated"],
            "volumes": [volume for backend in regions for volume in backend.volumes],
            "network_interfaces": [nic for backend in regions for nic in backend.enis],
            "addresses": [str(address.public_ip) for backend in regions for address in backend.addresses],
            "key_pairs": [name for backend in regions for name in backend.key_pairs],
        }

    def stop(self) -> None:
        SandboxEC2.state.machines.stop()
