# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clients of Google's SDKs from a module's options, with time-outs and the one retry layer."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypedDict

from .._core.credentials import checked_ca_file, tells_of_untrusted
from .._core.dependencies import require
from .._core.urls import checked_address
from .auth import credentials

if TYPE_CHECKING:
    from google.api_core.retry import Retry
    from google.auth.credentials import Credentials
    from google.auth.transport.requests import AuthorizedSession
    from google.cloud.compute_v1 import (
        DisksClient,
        GlobalOperationsClient,
        ImagesClient,
        InstancesClient,
        MachineTypesClient,
        ProjectsClient,
        RegionsClient,
        ZoneOperationsClient,
    )
    from google.cloud.storage import Client
    from requests import Session

_TIMEOUT = 60.0
"""Seconds to connect, and to wait for an answer, of one request that carries no file."""
_RETRY_SECONDS = 30.0
# https://cloud.google.com/storage/docs/retry-strategy, https://cloud.google.com/compute/docs/api/best-practices
_TRANSIENT_STATUSES = {408, 429, 500, 502, 503, 504}


class CallOptions(TypedDict):
    """What every method of the SDKs takes."""

    timeout: float | tuple[float, float]
    retry: Retry


def call_options(timeout: float | tuple[float, float] = _TIMEOUT, retry_seconds: float = _RETRY_SECONDS) -> CallOptions:
    """The time-out of one call, and the one retry layer.

    What is repeated must be harmless: writes carry a ``requestId``, a fingerprint or a generation to match.

    :param timeout: in seconds, of one request; or to connect and to wait for an answer.
    :param retry_seconds: how long to go on; counts the failed attempts themselves, so a chunk of a file needs more.
    """
    retry = require("google.api_core.retry", "google-api-core")
    return {
        "timeout": timeout,
        "retry": retry.Retry(predicate=_is_transient, initial=0.5, maximum=8.0, multiplier=2.0, timeout=retry_seconds),
    }


class GcpClients:
    """The clients of one module run, each made when it is first used.

    :param params: the module's parameters, with those of ``GCP_ARGUMENT_SPEC``.
    """

    def __init__(self, params: Mapping[str, Any]) -> None:
        self.project: str = params["project"]
        self._params = params
        self._user_agent = f"alpine.cloud-{params['env_type']}" if params["env_type"] else "alpine.cloud"

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> GcpClients:
        """:raises InputError: when ``ca_file`` or an endpoint is none. Credentials are not looked for yet."""
        checked_ca_file(params["ca_file"], "ca_file")
        endpoints = {name: checked_address(params[name], name) for name in ("storage_endpoint", "compute_endpoint")}
        return cls({**params, **endpoints})

    @cached_property
    def storage(self) -> Client:
        """Cloud Storage. :raises InputError: without usable credentials."""
        storage = require("google.cloud.storage", "google-cloud-storage")
        client_info = require("google.api_core.client_info", "google-api-core")
        transport = require("google.auth.transport.requests", "google-auth")
        session = transport.AuthorizedSession(self._credentials)
        self._configure(session)
        endpoint = self._params["storage_endpoint"]
        client: Client = storage.Client(
            project=self.project,
            credentials=self._credentials,
            _http=session,
            client_options={"api_endpoint": endpoint} if endpoint else None,
            client_info=client_info.ClientInfo(user_agent=self._user_agent),
        )
        return client

    @cached_property
    def images(self) -> ImagesClient:
        """Compute Engine's images. :raises InputError: without usable credentials."""
        client: ImagesClient = self._compute("ImagesClient")
        return client

    @cached_property
    def operations(self) -> GlobalOperationsClient:
        """Compute Engine's operations. :raises InputError: without usable credentials."""
        client: GlobalOperationsClient = self._compute("GlobalOperationsClient")
        return client

    @cached_property
    def regions(self) -> RegionsClient:
        """Compute Engine's regions. :raises InputError: without usable credentials."""
        client: RegionsClient = self._compute("RegionsClient")
        return client

    @cached_property
    def instances(self) -> InstancesClient:
        """Compute Engine's instances. :raises InputError: without usable credentials."""
        client: InstancesClient = self._compute("InstancesClient")
        return client

    @cached_property
    def disks(self) -> DisksClient:
        """Compute Engine's disks. :raises InputError: without usable credentials."""
        client: DisksClient = self._compute("DisksClient")
        return client

    @cached_property
    def machine_types(self) -> MachineTypesClient:
        """Compute Engine's machine types. :raises InputError: without usable credentials."""
        client: MachineTypesClient = self._compute("MachineTypesClient")
        return client

    @cached_property
    def projects(self) -> ProjectsClient:
        """Compute Engine's view of projects. :raises InputError: without usable credentials."""
        client: ProjectsClient = self._compute("ProjectsClient")
        return client

    @cached_property
    def zone_operations(self) -> ZoneOperationsClient:
        """Compute Engine's operations in a zone. :raises InputError: without usable credentials."""
        client: ZoneOperationsClient = self._compute("ZoneOperationsClient")
        return client

    @cached_property
    def _credentials(self) -> Credentials:
        return credentials(self._params)

    def _compute(self, kind: str) -> Any:
        client = getattr(require("google.cloud.compute_v1", "google-cloud-compute"), kind)
        host = self._params["compute_endpoint"] or "compute.googleapis.com"
        # The transport makes its own session, and there is no way to hand one in.
        transport = client.get_transport_class("rest")(host=host, credentials=self._credentials)
        self._configure(transport._session)
        return client(transport=transport)

    def _configure(self, session: AuthorizedSession) -> None:
        session.headers["User-Agent"] = self._user_agent
        _trust(session, self._params)
        # Access tokens are obtained by a session of their own.
        _trust(session._auth_request_session, self._params)


def _is_transient(error: Exception) -> bool:
    """Whether it may be otherwise at the next attempt: by the status, or since there was no whole answer."""
    auth_errors = require("google.auth.exceptions", "google-auth")
    requests = require("requests", "requests")
    urllib3 = require("urllib3", "urllib3").exceptions
    broken = (
        ConnectionError,
        http.client.BadStatusLine,
        http.client.IncompleteRead,
        http.client.ResponseNotReady,
        requests.ConnectionError,
        requests.Timeout,
        requests.exceptions.ChunkedEncodingError,
        urllib3.PoolError,
        urllib3.ProtocolError,
        urllib3.SSLError,
        urllib3.TimeoutError,
        auth_errors.TransportError,
    )
    # Those of google.api_core have a code; those of an upload have the answer itself.
    status = getattr(error, "code", None) or getattr(getattr(error, "response", None), "status_code", None)
    return (isinstance(error, broken) and not tells_of_untrusted(error)) or status in _TRANSIENT_STATUSES


def _trust(session: Session, params: Mapping[str, Any]) -> None:
    """Let ``session`` verify certificates as the options say, whatever REQUESTS_CA_BUNDLE says.

    A session's ``verify`` does not do: requests lets the environment win over it, and ignoring the environment would
    ignore its proxies too.
    """
    ca_file, validate = params["ca_file"], params["validate_certs"]
    if validate and not ca_file:
        return
    adapters = require("requests.adapters", "requests")
    verify = ca_file if validate else False

    class TrustingAdapter(adapters.HTTPAdapter):  # type: ignore[name-defined]
        def send(self, request: Any, **kwargs: Any) -> Any:
            return super().send(request, **{**kwargs, "verify": verify})

    if not validate:
        require("urllib3", "urllib3").disable_warnings()
    session.mount("https://", TrustingAdapter())
