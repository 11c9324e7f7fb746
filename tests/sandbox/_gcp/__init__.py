# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Google Cloud on loopback: OAuth 2.0 tokens, Cloud Storage, and Compute Engine's images and instances."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.sandbox._cloud import Cloud, Context
from tests.sandbox._gcp._compute import ComputeService
from tests.sandbox._gcp._errors import ordered_error
from tests.sandbox._gcp._multipart import MultipartUploads
from tests.sandbox._gcp._oauth import TokenService
from tests.sandbox._gcp._storage import StorageService
from tests.sandbox._sparse import copy_sparse

_PROJECT = "alpine-sandbox"


class _GoogleCloud(Cloud):
    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._tokens = TokenService(_PROJECT)
        self._storage = StorageService(self._tokens, project=_PROJECT, directory=context.directory / "objects")
        self._room = context.machine_room("192.0.2")
        self._compute = ComputeService(
            self._tokens,
            self._storage,
            self._room,
            project=_PROJECT,
            directory=context.directory / "disks",
            faults=context.faults,
            operation_seconds=context.operation_seconds,
        )

    def start(self) -> dict[str, Any]:
        serve = self.context.serve
        token_url = serve(self._tokens, classify=self._tokens.classify, error_body=self._tokens.error_body)
        uploads = MultipartUploads(self._storage, self._tokens)
        storage_url = self._storage.url = serve(uploads, classify=uploads.classify, error_body=ordered_error)
        compute_url = serve(self._compute, classify=self._compute.classify, error_body=ordered_error)
        key_file = self.context.directory / "service-account.json"
        self._tokens.write_key_file(key_file, f"{token_url}/token")
        return {
            "alpine_gcp_project": _PROJECT,
            "alpine_gcp_zone": "europe-west1-b",
            "alpine_gcp_auth_kind": "serviceaccount",
            "alpine_gcp_service_account_file": str(key_file),
            "alpine_gcp_bucket": "alpine-sandbox-images",
            "alpine_gcp_bucket_create": True,
            "alpine_gcp_bucket_location": "EUROPE-WEST1",
            "alpine_gcp_storage_endpoint": storage_url,
            "alpine_gcp_compute_endpoint": compute_url,
            "alpine_gcp_ca_file": str(self.context.ca_file),
            "alpine_gcp_wait_interval": 1,
        }

    def export(self, resource_id: str, region: str | None, output: Path) -> None:
        copy_sparse(self._compute.disk_of(resource_id), output)

    def holdings(self) -> dict[str, list[str]]:
        return self._compute.holdings()

    def stop(self) -> None:
        self._room.stop()


def create_cloud(context: Context) -> Cloud:
    return _GoogleCloud(context)
