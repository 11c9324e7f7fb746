# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A local Azure: Entra ID's token endpoint, Blob storage (Azurite), Resource Manager with galleries and machines."""

from __future__ import annotations

import base64
import re
import secrets
from pathlib import Path
from typing import Any

from tests.sandbox._azure import _blobs, _console_logs, _login, _routes
from tests.sandbox._azure._arm import ResourceManager
from tests.sandbox._azure._blobs import Azurite, BlobProxy
from tests.sandbox._azure._console_logs import ConsoleLogs
from tests.sandbox._azure._galleries import Galleries
from tests.sandbox._azure._login import Account
from tests.sandbox._azure._machine_api import MachineApi
from tests.sandbox._azure._networks import Networks
from tests.sandbox._azure._operations import Operations
from tests.sandbox._azure._resources import StorageAccount
from tests.sandbox._azure._version_import import VersionImport
from tests.sandbox._azure._virtual_machines import VirtualMachines
from tests.sandbox._cloud import Cloud, Context
from tests.sandbox._sparse import copy_sparse

_GROUP = "alpine-sandbox"
_STORAGE_ACCOUNT = "alpinesandbox"
_LOCATION = "westeurope"
_PUBLIC_NETWORK = "198.51.100"
_VERSION_ID = re.compile(
    r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.Compute/galleries/([^/]+)/images/([^/]+)"
    r"/versions/([^/]+)",
    re.IGNORECASE,
)


class AzureCloud(Cloud):
    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._account = Account()
        self._operations = Operations(context.operation_seconds)

    def start(self) -> dict[str, Any]:
        context, account = self.context, self._account
        key = base64.b64encode(secrets.token_bytes(64)).decode()
        self._azurite = Azurite(context.directory, certificates=context.root, account=_STORAGE_ACCOUNT, key=key)
        proxy = BlobProxy(
            self._azurite,
            account=account,
            ca_file=context.ca_file,
            faults=context.faults,
            seconds=context.operation_seconds,
        )
        blob_url = context.serve(
            proxy,
            classify=_blobs.classify,
            error_body=_blobs.error_body,
            handler=_blobs.RawHeadersHandler,
        )
        blob_endpoint = f"{blob_url}/{_STORAGE_ACCOUNT}"
        login_url = context.serve(_login.create_app(account), classify=_login.classify, error_body=_login.error_body)
        group_id = f"/subscriptions/{account.subscription}/resourceGroups/{_GROUP}"
        storage_id = f"{group_id}/providers/Microsoft.Storage/storageAccounts/{_STORAGE_ACCOUNT}"
        self._galleries = Galleries(
            group_id=group_id,
            operations=self._operations,
            faults=context.faults,
            versions=VersionImport(
                operations=self._operations,
                faults=context.faults,
                blobs=proxy,
                directory=context.directory / "versions",
            ),
            storage_account=StorageAccount(storage_id, f"{blob_endpoint}/"),
        )
        networks = Networks(group_id=group_id, location=_LOCATION)
        self._room = context.machine_room(_PUBLIC_NETWORK)
        self._machines = VirtualMachines(
            group_id=group_id,
            operations=self._operations,
            faults=context.faults,
            galleries=self._galleries,
            networks=networks,
            room=self._room,
        )
        logs = ConsoleLogs(self._machines.serial_log)
        logs_url = context.serve(logs, classify=_console_logs.classify, error_body=_console_logs.error_body)
        manager = ResourceManager(
            account=account,
            group=_GROUP,
            location=_LOCATION,
            storage_account={
                "id": storage_id,
                "name": _STORAGE_ACCOUNT,
                "type": "Microsoft.Storage/storageAccounts",
                "kind": "StorageV2",
                "location": _LOCATION,
                "sku": {"name": "Standard_LRS", "tier": "Standard"},
                "properties": {
                    "provisioningState": "Succeeded",
                    "primaryLocation": _LOCATION,
                    "primaryEndpoints": {"blob": f"{blob_endpoint}/"},
                },
            },
            galleries=self._galleries,
            machines=MachineApi(machines=self._machines, networks=networks, logs=logs, logs_url=logs_url),
            operations=self._operations,
        )
        arm_url = context.serve(manager.create_app(), classify=_routes.classify, error_body=_routes.error_body)
        return {
            "alpine_azure_tenant": account.tenant,
            "alpine_azure_subscription_id": account.subscription,
            "alpine_azure_client_id": account.client_id,
            "alpine_azure_secret": account.secret,
            "alpine_azure_authority_host": login_url,
            "alpine_azure_disable_instance_discovery": True,
            "alpine_azure_arm_endpoint": arm_url,
            "alpine_azure_blob_endpoint": blob_endpoint,
            "alpine_azure_ca_file": str(context.ca_file),
            "alpine_azure_resource_group": _GROUP,
            "alpine_azure_storage_account": _STORAGE_ACCOUNT,
            "alpine_azure_location": _LOCATION,
            "alpine_azure_subnet_id": networks.subnet_id,
            "alpine_azure_network_security_group_id": networks.security_group_id,
            "alpine_azure_wait_interval": 1,
        }

    def export(self, resource_id: str, region: str | None, output: Path) -> None:
        match = _VERSION_ID.fullmatch(resource_id)
        version = self._galleries.find((match[1], match[2], match[3])) if match else None
        if version is None or version.disk is None or version.state != "Succeeded":
            raise LookupError(f"no image version {resource_id!r} with a disk")
        if region and not version.available_in(region):
            raise LookupError(f"{resource_id} is not replicated to {region}")
        copy_sparse(version.disk, output)

    def holdings(self) -> dict[str, list[str]]:
        return self._machines.holdings()

    def stop(self) -> None:
        self._operations.stop()
        self._room.stop()
        self._azurite.stop()


def create_cloud(context: Context) -> Cloud:
    return AzureCloud(context)
