# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to the local Google Cloud as they are on the wire, without the checks that the libraries make before."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator
from typing import Any, Self

import requests
import yaml
from google.auth.transport.requests import AuthorizedSession, Request
from google.oauth2 import service_account

from tests.support.sandboxes import RunningSandbox

SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class Google:
    """The sandbox, signed in."""

    def __init__(self, sandbox: RunningSandbox, bucket: str, scope: str = SCOPE) -> None:
        variables = yaml.safe_load(sandbox.vars_file.read_text())
        self.bucket = bucket
        self.storage: str = variables["alpine_gcp_storage_endpoint"]
        self.images: str = (
            variables["alpine_gcp_compute_endpoint"] + "/compute/v1/projects/alpine-sandbox/global/images"
        )
        self.key_file: str = variables["alpine_gcp_service_account_file"]
        self.ca_file: str = variables["alpine_gcp_ca_file"]
        credentials: Any = service_account.Credentials.from_service_account_file(self.key_file, scopes=[scope])
        tokens = requests.Session()
        self.session: Any = AuthorizedSession(credentials, auth_request=Request(tokens))
        for session in (tokens, self.session):
            session.trust_env = False
            session.verify = self.ca_file

    @classmethod
    @contextlib.contextmanager
    def signed_in(cls, sandbox: RunningSandbox, bucket: str) -> Iterator[Self]:
        """With a bucket of this name, which is made."""
        google = cls(sandbox, bucket)
        google.json("POST", f"{google.storage}/storage/v1/b?project=alpine-sandbox", {"name": bucket})
        with google.session:
            yield google

    def json(self, method: str, url: str, body: Any = None, status: int = 200, **options: Any) -> dict[str, Any]:
        response = self.session.request(method, url, json=body, timeout=30, **options)
        assert response.status_code == status, response.text
        return dict(response.json()) if response.content else {}

    def refused(self, method: str, url: str, body: Any = None, status: int = 400, **options: Any) -> str:
        error = self.json(method, url, body, status, **options)["error"]
        assert error["code"] == status
        assert error["errors"][0]["reason"]
        return str(error["message"])

    def upload(self, name: str, data: bytes) -> None:
        url = f"{self.storage}/upload/storage/v1/b/{self.bucket}/o"
        response = self.session.post(url, params={"uploadType": "media", "name": name}, data=data, timeout=30)
        assert response.status_code == 200, response.text

    def image(self, **fields: Any) -> dict[str, Any]:
        """The body of a valid images.insert, with changes."""
        return {
            "name": f"test-{uuid.uuid4()}",
            "rawDisk": {"source": f"https://storage.googleapis.com/{self.bucket}/good.tar.gz"},
            **fields,
        }

    def outcome(self, operation: dict[str, Any]) -> dict[str, Any]:
        """The operation when it is done."""
        return self._done(operation, f"{self.project}/global/operations")

    # Machines

    @property
    def project(self) -> str:
        return self.images.removesuffix("/global/images")

    def zone(self, zone: str = "europe-west1-b") -> str:
        return f"{self.project}/zones/{zone}"

    def instance(self, name: str, image: str, *, disk: str | None = None, **fields: Any) -> dict[str, Any]:
        """The body of a valid instances.insert, with changes."""
        return {
            "name": name,
            "machineType": "zones/europe-west1-b/machineTypes/e2-micro",
            "disks": [
                {
                    "boot": True,
                    "autoDelete": True,
                    "initializeParams": {"sourceImage": image, "diskName": disk or name, "diskSizeGb": "10"},
                }
            ],
            "networkInterfaces": [{}],
            **fields,
        }

    def instance_done(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """What comes of a request to an instance in europe-west1-b that changes something."""
        return self._done(self.json(method, f"{self.zone()}/instances{path}", body), f"{self.zone()}/operations")

    def disk_deleted(self, name: str) -> None:
        self._done(self.json("DELETE", f"{self.zone()}/disks/{name}"), f"{self.zone()}/operations")

    def set_project_metadata(self, items: dict[str, str]) -> None:
        """Replace the metadata that all instances have in common."""
        held = self.json("GET", self.project)["commonInstanceMetadata"]
        body = {
            "fingerprint": held["fingerprint"],
            "items": [{"key": key, "value": value} for key, value in items.items()],
        }
        operation = self.json("POST", f"{self.project}/setCommonInstanceMetadata", body)
        self._done(operation, f"{self.project}/global/operations")

    def _done(self, operation: dict[str, Any], operations: str) -> dict[str, Any]:
        while operation["status"] != "DONE":
            time.sleep(0.05)
            operation = self.json("GET", f"{operations}/{operation['name']}")
        return operation
