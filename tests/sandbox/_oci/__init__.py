# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Oracle Cloud on loopback: Object Storage, custom images with shapes and capabilities, and instances of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.sandbox._cloud import Cloud, Context
from tests.sandbox._oci._account import REGION, create_account
from tests.sandbox._oci._compute import Compute
from tests.sandbox._oci._identity import Identity
from tests.sandbox._oci._object_storage import ObjectStorage
from tests.sandbox._sparse import copy_sparse

_NETWORK = "198.18.0"
"""Of the public addresses: reserved for tests by RFC 2544."""


class OciCloud(Cloud):
    """One tenancy with one compartment, one user and one region."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._account = create_account(context.directory)
        self._storage = ObjectStorage(self._account, context.directory / "objects")
        self._identity = Identity(self._account)
        self._room = context.machine_room(_NETWORK)
        self._compute = Compute(context, self._account, self._storage, self._room, context.directory / "images")

    def start(self) -> dict[str, Any]:
        urls = {
            api.service: self.context.serve(api.app, classify=api.classify, error_body=api.error_body)
            for api in (self._storage.api, self._compute.api, self._identity.api)
        }
        return {
            "alpine_oci_config_file_location": str(self._account.config_file),
            "alpine_oci_region": REGION,
            "alpine_oci_compartment_id": self._account.compartment,
            "alpine_oci_bucket": "alpine-images",
            "alpine_oci_bucket_create": True,
            "alpine_oci_object_storage_endpoint": urls["objectstorage"],
            "alpine_oci_iaas_endpoint": urls["compute"],
            "alpine_oci_identity_endpoint": urls["identity"],
            "alpine_oci_subnet_id": self._compute.networks.subnet_ids["public"],
            "alpine_oci_ca_file": str(self.context.ca_file),
            "alpine_oci_wait_interval": 1,
        }

    def export(self, resource_id: str, region: str | None, output: Path) -> None:
        if region not in (None, REGION):
            raise LookupError(f"the sandbox has no region {region}, only {REGION}")
        copy_sparse(self._compute.raw_disk(resource_id), output)

    def holdings(self) -> dict[str, list[str]]:
        return self._compute.holdings()

    def stop(self) -> None:
        self._room.stop()


def create_cloud(context: Context) -> Cloud:
    return OciCloud(context)
