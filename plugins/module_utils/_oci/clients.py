# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clients of Oracle's SDK from a module's options, with time-outs and the one retry layer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .._core.credentials import checked_ca_file, tells_of_untrusted
from .._core.dependencies import require
from .._core.urls import checked_address
from .auth import Identity, load_identity
from .errors import BUSY, tells_of_no_capacity

if TYPE_CHECKING:
    from oci.core import ComputeClient, VirtualNetworkClient
    from oci.identity import IdentityClient
    from oci.object_storage import ObjectStorageClient
    from oci.work_requests import WorkRequestClient

_ENDPOINTS = ("iaas_endpoint", "object_storage_endpoint", "identity_endpoint")
# Newer SDKs leave such as {dualStack?ds.oci.:} in an endpoint until a request is sent.
_TEMPLATE_OPTION = re.compile(r"\{[^}]*\}")

# Seconds to connect, and between two packets. Object Storage answers a part only when it has stored it.
_COMPUTE_TIMEOUT = (10, 60)
_STORAGE_TIMEOUT = (10, 300)


class _HasRoom:
    """A checker for the SDK's retry strategies, all of which have to agree."""

    @staticmethod
    def should_retry(exception: Exception | None = None, _response: Any = None, **_more: Any) -> bool:
        return not tells_of_no_capacity(str(getattr(exception, "message", "")))


class _IsTrusted:
    """Another one."""

    @staticmethod
    def should_retry(exception: Exception | None = None, _response: Any = None, **_more: Any) -> bool:
        return not tells_of_untrusted(exception)


class OciClients:
    """The clients of one module run. Each is made when it is first asked for."""

    def __init__(self, params: Mapping[str, Any], identity: Identity) -> None:
        self._params = params
        self._identity = identity

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> OciClients:
        """:param params: the module's parameters, with those of ``OCI_ARGUMENT_SPEC``.

        :raises InputError: when credentials are missing, incomplete or unusable, or the region is unknown.
        """
        checked_ca_file(params["ca_file"], "ca_file")
        endpoints = {name: checked_address(params[name], name) for name in _ENDPOINTS}
        return cls({**params, **endpoints}, load_identity(params))

    @property
    def region(self) -> str:
        return self._identity.region

    @property
    def retry_strategy(self) -> Any:
        """The only retry layer: throttling, 5xx, what is busy or lost; six attempts in five minutes, with jitter."""
        retry = require("oci.retry", "oci")
        strategy = retry.RetryStrategyBuilder(
            max_attempts=6,
            service_error_retry_config={409: list(BUSY), 429: []},
            total_elapsed_time_seconds=300,
            retry_base_sleep_time_seconds=0.5,
            retry_max_wait_between_calls_seconds=20,
            backoff_type=retry.BACKOFF_FULL_JITTER_EQUAL_ON_THROTTLE_VALUE,
        ).get_retry_strategy()
        strategy.checkers.add_checker(_IsTrusted())
        return strategy

    @property
    def launch_retry_strategy(self) -> Any:
        """The same for LaunchInstance, which is not to be repeated where a host has no room for it: that is 500 too."""
        strategy = self.retry_strategy
        if isinstance(strategy, require("oci.retry", "oci").NoneRetryStrategy):
            return strategy
        strategy.checkers.add_checker(_HasRoom())
        return strategy

    @cached_property
    def compute(self) -> ComputeClient:
        core = require("oci.core", "oci")
        client: ComputeClient = self._client(core.ComputeClient, self._params["iaas_endpoint"], _COMPUTE_TIMEOUT)
        return client

    @cached_property
    def virtual_network(self) -> VirtualNetworkClient:
        factory = require("oci.core", "oci").VirtualNetworkClient
        client: VirtualNetworkClient = self._client(factory, self._params["iaas_endpoint"], _COMPUTE_TIMEOUT)
        return client

    @cached_property
    def identity(self) -> IdentityClient:
        factory = require("oci.identity", "oci").IdentityClient
        client: IdentityClient = self._client(factory, self._params["identity_endpoint"], _COMPUTE_TIMEOUT)
        return client

    @cached_property
    def work_requests(self) -> WorkRequestClient:
        """The client of the Compute service's work requests."""
        factory = require("oci.work_requests", "oci").WorkRequestClient
        client: WorkRequestClient = self._client(factory, self._params["iaas_endpoint"], _COMPUTE_TIMEOUT)
        return client

    def object_storage(self, *, retries: bool = True) -> ObjectStorageClient:
        """The client of Object Storage.

        :param retries: ``False`` for a caller that retries by itself.
        """
        object_storage = require("oci.object_storage", "oci")
        endpoint = self._params["object_storage_endpoint"]
        return self._client(object_storage.ObjectStorageClient, endpoint, _STORAGE_TIMEOUT, retries=retries)

    def _client(self, factory: Any, endpoint: str | None, timeout: tuple[float, float], *, retries: bool = True) -> Any:
        retry = require("oci.retry", "oci")
        circuit_breaker = require("oci.circuit_breaker", "oci")
        client = factory(
            self._identity.config,
            signer=self._identity.signer,
            service_endpoint=endpoint or None,
            timeout=timeout,
            retry_strategy=self.retry_strategy if retries else retry.NoneRetryStrategy(),
            # Object Storage's client has one by default, which would refuse requests on its own account.
            circuit_breaker_strategy=circuit_breaker.NoCircuitBreakerStrategy(),
        )
        self._configure_tls(client.base_client)
        return client

    def _configure_tls(self, base_client: Any) -> None:
        verify = (self._params["ca_file"] or True) if self._params["validate_certs"] else False
        if verify is True:
            return
        # The environment's CA bundle would win over the session's setting, so the environment is left out, save for
        # its proxies.
        session = base_client.session
        utils = require("oci._vendor.requests.utils", "oci")
        session.proxies = utils.get_environ_proxies(_TEMPLATE_OPTION.sub("", base_client.endpoint))
        session.trust_env = False
        session.verify = verify
