# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clients of Azure's SDKs from a module's options, with time-outs and the one retry layer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .._core.dependencies import require
from .._core.errors import InputError
from .auth import CONNECTION_TIMEOUT, READ_TIMEOUT, Session, connect
from .blob_transport import patient_transport
from .errors import provider_errors
from .machine_network import MachineNetwork
from .serial_log import SerialLog
from .subscription import Subscription

if TYPE_CHECKING:
    from azure.core import PipelineClient
    from azure.mgmt.compute import ComputeManagementClient
    from azure.storage.blob import BlobServiceClient

ATTEMPTS = 5
"""How often a request is repeated at most."""
_TIME_OUTS: dict[str, Any] = {"connection_timeout": CONNECTION_TIMEOUT, "read_timeout": READ_TIMEOUT}
# The retry layers are those of azure-core and azure-storage-blob, bounded; both follow Retry-After.
_RETRIES: dict[str, Any] = {
    "retry_total": ATTEMPTS,
    "retry_connect": ATTEMPTS,
    "retry_read": ATTEMPTS,
    "retry_status": ATTEMPTS,
    "retry_backoff_factor": 0.8,
    "retry_backoff_max": 30,
}
_STORAGE_SCOPE = "https://storage.azure.com/.default"
"""The same in all of Azure's clouds, as the SDK has it."""


class AzureClients:
    """The clients of one module run, each made when it is first used.

    :param session: who acts, and through which endpoints.
    :param account_key: of the storage account, in place of the session's credential.
    """

    def __init__(
        self,
        session: Session,
        *,
        storage_account: str | None = None,
        blob_endpoint: str | None = None,
        account_key: str | None = None,
    ) -> None:
        self._session = session
        self._storage_account = storage_account
        self._blob_endpoint = blob_endpoint
        self._account_key = account_key

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> AzureClients:
        """:param params: the module's, with those of ``AZURE_ARGUMENT_SPEC``.

        :raises InputError: without usable credentials. Azure is asked for nothing yet.
        """
        account_key = params.get("account_key")
        return cls(
            connect(params, needs_credential=not account_key),
            storage_account=params.get("storage_account"),
            blob_endpoint=params.get("blob_endpoint"),
            account_key=account_key,
        )

    @cached_property
    def compute(self) -> ComputeManagementClient:
        """Compute galleries and what is in them. :raises InputError: when no subscription is known."""
        compute = require("azure.mgmt.compute", "azure-mgmt-compute")
        session = self._session
        client: ComputeManagementClient = compute.ComputeManagementClient(
            session.credential,
            self._subscription_id,
            base_url=session.arm_endpoint,
            credential_scopes=[session.cloud.arm_scope],
            connection_verify=session.tls,
            **_TIME_OUTS,
            **_RETRIES,
        )
        return client

    @cached_property
    def subscription(self) -> Subscription:
        """Regions and storage accounts. :raises InputError: when no subscription is known."""
        return Subscription(self.compute, f"{self._session.arm_endpoint}/subscriptions/{self._subscription_id}")

    @property
    def arm_endpoint(self) -> str:
        """The address of Azure Resource Manager, without a slash at the end."""
        return self._session.arm_endpoint

    @cached_property
    def network(self) -> MachineNetwork:
        """Subnets and addresses. :raises InputError: when no subscription is known."""
        return MachineNetwork(self.compute, self.arm_endpoint)

    def serial_log(self, resource_group: str, machine: str) -> SerialLog:
        """What a machine has printed. :raises InputError: when no subscription is known."""
        return SerialLog(self.compute, self._anonymous, (resource_group, machine))

    @cached_property
    def _anonymous(self) -> PipelineClient[Any, Any]:
        """Whoever has a signed URL needs no credentials. It logs nothing, since such URLs are secret."""
        core = require("azure.core", "azure-core")
        policies = require("azure.core.pipeline.policies", "azure-core")
        client: PipelineClient[Any, Any] = core.PipelineClient(
            self.arm_endpoint,
            policies=[policies.RetryPolicy(**_RETRIES)],
            connection_verify=self._session.tls,
            **_TIME_OUTS,
        )
        return client

    @cached_property
    def blobs(self) -> BlobServiceClient:
        """The Blob service of option ``storage_account``. :raises ProviderError: when the sign-in is refused."""
        storage = require("azure.storage.blob", "azure-storage-blob")
        session = self._session
        if session.credential and not self._account_key:
            # That retry layer takes a refused sign-in for a transient fault, and would tell of it after a minute.
            with provider_errors("IssueToken", "sign in to Azure Storage"):
                session.credential.get_token(_STORAGE_SCOPE)
        address = f"https://{self._storage_account}.blob.{session.cloud.storage_suffix}"
        with provider_errors("GetBlobServiceProperties", "use the storage account's address and account_key"):
            client: BlobServiceClient = storage.BlobServiceClient(
                (self._blob_endpoint or address).rstrip("/"),
                credential=self._account_key or session.credential,
                transport=patient_transport(connection_verify=session.tls, **_TIME_OUTS),
                retry_policy=storage.ExponentialRetry(
                    initial_backoff=1, increment_base=2, retry_total=ATTEMPTS, random_jitter_range=1
                ),
            )
        return client

    @property
    def _subscription_id(self) -> str:
        if not self._session.subscription_id:
            raise InputError("no subscription: give option subscription_id, or set AZURE_SUBSCRIPTION_ID")
        return self._session.subscription_id
