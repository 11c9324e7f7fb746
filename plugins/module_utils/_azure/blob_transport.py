# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connections that blobs are uploaded through: what is bounded is the silence, not the transfer.

urllib3 lets the time-out of connecting bound the writing of a whole body too, and TLS writes the whole of what it is
given within one time-out: 4 MiB in ten seconds, which several threads do not get through a slow line.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from .._core.dependencies import require
from .._core.units import KIB

if TYPE_CHECKING:
    from azure.core.pipeline.transport import RequestsTransport

_PIECE = 64 * KIB
"""Bytes; what must get into the socket within one time-out."""


def patient_transport(*, connection_timeout: float, read_timeout: float, **options: Any) -> RequestsTransport:
    """A transport for the SDK's clients.

    :param connection_timeout: seconds until a connection must stand.
    :param read_timeout: seconds without progress, in sending or in receiving, after which a request counts as lost.
    :param options: the transport's others.
    """
    transport = require("azure.core.pipeline.transport", "azure-core")
    requests = require("requests", "azure-core")
    connection = require("urllib3.connection", "azure-core")
    pools = require("urllib3.connectionpool", "azure-core")

    class Connection(connection.HTTPSConnection):  # type: ignore[name-defined]
        def connect(self) -> None:
            super().connect()
            self.sock.settimeout(read_timeout)

        def send(self, data: bytes | Iterable[bytes]) -> None:
            if not isinstance(data, bytes):
                super().send(data)
                return
            for start in range(0, len(data), _PIECE):
                super().send(memoryview(data)[start : start + _PIECE])

    class Pool(pools.HTTPSConnectionPool):  # type: ignore[name-defined]
        ConnectionCls = Connection

    schemes = {"http": pools.HTTPConnectionPool, "https": Pool}

    class Adapter(requests.adapters.HTTPAdapter):  # type: ignore[name-defined]
        def init_poolmanager(self, *arguments: Any, **keywords: Any) -> None:
            super().init_poolmanager(*arguments, **keywords)
            self.poolmanager.pool_classes_by_scheme = schemes

        def proxy_manager_for(self, proxy: str, **keywords: Any) -> Any:
            manager = super().proxy_manager_for(proxy, **keywords)
            manager.pool_classes_by_scheme = schemes
            return manager

    session = requests.Session()
    session.mount("https://", Adapter())
    made: RequestsTransport = transport.RequestsTransport(
        session=session, connection_timeout=connection_timeout, read_timeout=read_timeout, **options
    )
    return made
