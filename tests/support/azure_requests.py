# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests to the local Azure as they are on the wire, without the checks that the SDKs make before."""

from __future__ import annotations

import secrets
import time
from typing import Any
from urllib.parse import urlsplit

import requests
import yaml

from tests.support.sandboxes import RunningSandbox

MANAGEMENT = "https://management.azure.com"
STORAGE = "https://storage.azure.com"
API_VERSION = "2024-03-03"
MACHINES_API_VERSION = "2025-11-01"
CONTAINER = "strict"
PAGE = 512
_POLL_SECONDS = 0.05


class AzureRequests:
    """The sandbox, signed in."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        variables = yaml.safe_load(sandbox.vars_file.read_text())
        self.tenant: str = variables["alpine_azure_tenant"]
        self.client_id: str = variables["alpine_azure_client_id"]
        self.secret: str = variables["alpine_azure_secret"]
        self.subscription: str = variables["alpine_azure_subscription_id"]
        self.login: str = variables["alpine_azure_authority_host"]
        self.manager: str = variables["alpine_azure_arm_endpoint"]
        self.blobs: str = variables["alpine_azure_blob_endpoint"]
        self.group = f"/subscriptions/{self.subscription}/resourceGroups/{variables['alpine_azure_resource_group']}"
        self.compute = f"{self.group}/providers/Microsoft.Compute"
        account = variables["alpine_azure_storage_account"]
        self.storage_account = f"{self.group}/providers/Microsoft.Storage/storageAccounts/{account}"
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = variables["alpine_azure_ca_file"]
        self._tokens: dict[str, str] = {}
        """By their audience."""

    # Signing in

    def sign_in(self, tenant: str | None = None, **changes: str) -> requests.Response:
        """Ask for a token for Resource Manager, with changes to the form."""
        form = {
            "grant_type": "client_credentials",
            "client_id": self.client_id,
            "client_secret": self.secret,
            "scope": f"{MANAGEMENT}/.default",
        }
        url = f"{self.login}/{tenant or self.tenant}/oauth2/v2.0/token"
        return self.session.post(url, data={**form, **changes}, timeout=30)

    def bearer(self, audience: str) -> str:
        if audience not in self._tokens:
            self._tokens[audience] = self.sign_in(scope=f"{audience}/.default").json()["access_token"]
        return f"Bearer {self._tokens[audience]}"

    # Resource Manager

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        """A request to Resource Manager.

        :param path: absolute, or below the group's ``Microsoft.Compute``.
        :param options: ``params`` besides or instead of ``api-version``, ``headers`` instead of a good token.
        """
        params = {"api-version": API_VERSION, **options.pop("params", {})}
        headers = options.pop("headers", {"Authorization": self.bearer(MANAGEMENT)})
        url = self.manager + (path if path.startswith("/subscriptions") else f"{self.compute}/{path}")
        return self.session.request(method, url, json=body, params=params, headers=headers, timeout=30, **options)

    def refused(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, str, str]:
        """Status, code and message of a request that must be refused."""
        response = self.call(method, path, body, **options)
        assert response.status_code >= 400, response.text
        error = response.json()["error"]
        return response.status_code, error["code"], error["message"]

    def machine(self, method: str, path: str, body: Any = None, **options: Any) -> requests.Response:
        """A request that concerns virtual machines; ``path`` is below ``virtualMachines``."""
        params = {"api-version": MACHINES_API_VERSION, **options.pop("params", {})}
        return self.call(method, f"virtualMachines/{path}", body, params=params, **options)

    def outcome(self, response: requests.Response) -> dict[str, Any]:
        """The state of the operation that ``response`` has started, when it has ended."""
        assert response.status_code in (200, 201, 202), response.text
        url = urlsplit(response.headers["Azure-AsyncOperation"])
        state: dict[str, Any] = {"status": "InProgress"}
        while state["status"] == "InProgress":
            time.sleep(_POLL_SECONDS)
            answer = self.session.get(url.geturl(), headers={"Authorization": self.bearer(MANAGEMENT)}, timeout=30)
            assert answer.status_code == 200, answer.text
            state = answer.json()
        return state

    def done(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Make a request whose operation must succeed; returns the resource afterwards, unless it is deleted."""
        assert self.outcome(self.call(method, path, body))["status"] == "Succeeded"
        return {} if method == "DELETE" else dict(self.call("GET", path).json())

    def gallery(self) -> str:
        """A new gallery's path."""
        path = f"galleries/g_{secrets.token_hex(6)}"
        self.done("PUT", path, {"location": "westeurope"})
        return path

    def definition(self, gallery: str) -> str:
        """A new definition's path, in a gallery."""
        path = f"{gallery}/images/alpine-{secrets.token_hex(6)}"
        self.done("PUT", path, definition_body(sku=path.rpartition("-")[2]))
        return path

    def version_body(self, blob: str, *regions: str, location: str = "westeurope") -> dict[str, Any]:
        """The body of an image version, made of a blob in the container."""
        source = {"storageAccountId": self.storage_account, "uri": f"{self.blobs}/{CONTAINER}/{blob}"}
        return {
            "location": location,
            "properties": {
                "publishingProfile": {"targetRegions": [{"name": region} for region in regions or (location,)]},
                "storageProfile": {"osDiskImage": {"source": source}},
            },
        }

    # Blobs

    def blob(
        self, method: str, path: str, data: bytes | None = None, params: Any = None, **headers: str
    ) -> requests.Response:
        """A request to the Blob service; ``headers`` with underscores for dashes."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        names = {"Authorization": self.bearer(STORAGE), "x-ms-version": "2023-11-03"} | names
        names = {name: value for name, value in names.items() if value}
        url = f"{self.blobs}/{path}"
        return self.session.request(method, url, data=data, params=params, headers=names, timeout=30)

    def create_blob(self, name: str, size: int) -> str:
        """An empty page blob in the container; returns its path."""
        path = f"{CONTAINER}/{name}"
        response = self.blob("PUT", path, x_ms_blob_type="PageBlob", x_ms_blob_content_length=str(size))
        assert response.status_code == 201, response.text
        return path

    def put_page(self, path: str, data: bytes, byte_range: str, **headers: str) -> requests.Response:
        headers = {"x_ms_page_write": "update", "x_ms_range": f"bytes={byte_range}", **headers}
        return self.blob("PUT", path, data, {"comp": "page"}, **headers)

    def upload(self, name: str, content: bytes) -> None:
        """A page blob with this content."""
        path = self.create_blob(name, len(content))
        step = 4 << 20
        for start in range(0, len(content), step):
            piece = content[start : start + step]
            if piece.count(0) != len(piece):
                response = self.put_page(path, piece, f"{start}-{start + len(piece) - 1}")
                assert response.status_code == 201, response.text


def definition_body(sku: str = "tiny", **properties: Any) -> dict[str, Any]:
    """The body of an image definition, with changes to its properties."""
    return {
        "location": "westeurope",
        "properties": {
            "osType": "Linux",
            "osState": "Generalized",
            "hyperVGeneration": "V2",
            "identifier": {"publisher": "alpine", "offer": "alpine", "sku": sku},
            **properties,
        },
    }
