# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The serial log of a machine, from boot diagnostics in managed storage.

https://learn.microsoft.com/azure/virtual-machines/boot-diagnostics
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._core.dependencies import require
from .._core.errors import ProviderError
from .errors import provider_errors

if TYPE_CHECKING:
    from azure.core import PipelineClient
    from azure.mgmt.compute import ComputeManagementClient

_EXPIRED = 403


class SerialLog:
    """What one machine has printed.

    The signed URL that Azure gives for it is kept here, and shown to nobody.

    :param blobs: sends requests without Azure's credentials, which storage would take for wrong ones.
    """

    def __init__(self, client: ComputeManagementClient, blobs: PipelineClient[Any, Any], path: tuple[str, str]) -> None:
        self._client = client
        self._blobs = blobs
        self._path = path
        self._url: str | None = None

    def read(self) -> bytes:
        """All of it; nothing before the machine has printed anything.

        :raises ProviderError: when Azure refuses it.
        """
        fresh = self._url is None
        if self._url is None:
            self._url = self._signed_url()
        response = self._get(self._url)
        if response.status_code == _EXPIRED and not fresh:
            self._url = self._signed_url()
            response = self._get(self._url)
        if response.status_code == 404:
            return b""
        if response.status_code != 200:
            raise ProviderError(
                f"Cannot read the serial log of {self._path[1]}: the storage of boot diagnostics answers "
                f"{response.status_code} {response.headers.get('x-ms-error-code', '')}".rstrip()
                + ".",
                operation="GetBlob",
                code=response.headers.get("x-ms-error-code"),
                status=response.status_code,
            )
        content: bytes = response.content
        return content

    def _signed_url(self) -> str:
        with provider_errors("VirtualMachines_RetrieveBootDiagnosticsData", f"find the serial log of {self._path[1]}"):
            found = self._client.virtual_machines.retrieve_boot_diagnostics_data(*self._path)
            return str(found.serial_console_log_blob_uri)

    def _get(self, url: str) -> Any:
        rest = require("azure.core.rest", "azure-core")
        with provider_errors("GetBlob", f"read the serial log of {self._path[1]}"):
            return self._blobs.send_request(rest.HttpRequest("GET", url))
