# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Azure's SDKs reach the servers: bounded, and not again where a certificate is not trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._core.credentials import tells_of_untrusted
from .._core.dependencies import require
from .._core.errors import InputError

if TYPE_CHECKING:
    from azure.core.pipeline.transport import RequestsTransport


def bounded_transport(tls: bool | str, connection_timeout: float, read_timeout: float) -> RequestsTransport:
    """For one client. An untrusted server raises :class:`InputError`, which no retry layer of the SDKs repeats.

    :param tls: a CA file, or whether to verify at all.
    """
    requests_transport = require("azure.core.pipeline.transport", "azure-core").RequestsTransport
    exceptions = require("azure.core.exceptions", "azure-core")

    class TrustedTransport(requests_transport):  # type: ignore[misc, valid-type]
        def send(self, request: Any, **options: Any) -> Any:
            try:
                return super().send(request, **options)
            except exceptions.ServiceRequestError as error:
                if not tells_of_untrusted(error):
                    raise
                raise InputError(
                    f"the certificate of {request.url.partition('?')[0]} is not trusted; a private authority's goes "
                    f"into ca_file: {error}"
                ) from error

    made: RequestsTransport = TrustedTransport(
        connection_verify=tls, connection_timeout=connection_timeout, read_timeout=read_timeout
    )
    return made
