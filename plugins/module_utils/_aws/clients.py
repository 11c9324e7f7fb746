# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clients of boto3 from a module's options, with time-outs and the one retry layer."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from .._core.credentials import checked_ca_file, tells_of_untrusted
from .._core.dependencies import require
from .._core.urls import checked_address
from .auth import checked_region, region_of, session_of
from .errors import provider_errors

if TYPE_CHECKING:
    from boto3.session import Session
    from types_boto3_ec2 import EC2Client
    from types_boto3_s3 import S3Client
    from types_boto3_sts import STSClient

_CONNECT_SECONDS = 10
_READ_SECONDS = 60
_ATTEMPTS = 6
"""Of each request, in botocore's standard mode: throttling, 5xx and broken connections, with jitter, 20 s at most."""


class AwsClients:
    """The clients of one module run, each made when it is first asked for.

    They may be used, but not be made, by several threads.
    """

    def __init__(self, session: Session, region: str, *, endpoint_url: str | None, verify: str | bool | None) -> None:
        self.region = region
        self._session = session
        self._endpoint_url = endpoint_url
        self._verify = verify
        self._ec2: dict[str, EC2Client] = {}

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> AwsClients:
        """:param params: the module's parameters, with those of ``AWS_ARGUMENT_SPEC``.

        :raises InputError: when credentials are missing or contradict, the region is missing or unknown, or
            ``aws_ca_bundle`` is no file.
        """
        verify = _verification(params)
        endpoint = checked_address(params.get("endpoint_url"), "endpoint_url")
        session = session_of(params)
        return cls(session, region_of(params, session), endpoint_url=endpoint, verify=verify)

    def ec2(self, region: str | None = None) -> EC2Client:
        """EC2 in ``region``, by default the module's own."""
        name = region or self.region
        if name not in self._ec2:
            self._ec2[name] = self._client("ec2", name)
        return self._ec2[name]

    @cached_property
    def s3(self) -> S3Client:
        client: S3Client = self._client("s3", self.region)
        return client

    @cached_property
    def sts(self) -> STSClient:
        client: STSClient = self._client("sts", self.region)
        return client

    def checked_region(self, name: str, option: str) -> str:
        """Return ``name``, if AWS has a region of that name.

        :raises InputError: when it has not.
        """
        return checked_region(self._session, name, option)

    def _client(self, service: Literal["ec2", "s3", "sts"], region: str) -> Any:
        config = require("botocore.config", "boto3").Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
            # A local or private endpoint has no names for buckets.
            s3={"addressing_style": "path" if self._endpoint_url else "auto"},
            user_agent_extra="alpine.cloud",
        )
        with provider_errors("connect", f"set up a client for {service}"):
            client = self._session.client(
                service, region_name=region, endpoint_url=self._endpoint_url, verify=self._verify, config=config
            )
        client.meta.events.register_first(f"needs-retry.{service}", _refuse_untrusted)
        return client


def _refuse_untrusted(caught_exception: Exception | None = None, **_more: object) -> None:
    """Keep botocore from repeating a request to a server whose certificate is not trusted, which stays so."""
    if caught_exception is not None and tells_of_untrusted(caught_exception):
        raise caught_exception


def _verification(params: Mapping[str, Any]) -> str | bool | None:
    if not params.get("validate_certs", True):
        return False
    # None leaves it to botocore: AWS_CA_BUNDLE, the configuration file, then its own.
    return checked_ca_file(params.get("aws_ca_bundle"), "aws_ca_bundle")
