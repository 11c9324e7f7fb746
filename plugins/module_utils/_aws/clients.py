# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""boto3 clients from a module's options."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import env_fallback

from .._core.dependencies import require
from .._core.errors import InputError
from .errors import aws_errors

AUTH_ARGUMENT_SPEC: dict[str, Any] = {
    "access_key": {"type": "str", "aliases": ["aws_access_key_id", "aws_access_key"], "no_log": False},
    "secret_key": {"type": "str", "aliases": ["aws_secret_access_key", "aws_secret_key"], "no_log": True},
    "session_token": {"type": "str", "aliases": ["aws_session_token"], "no_log": True},
    "profile": {"type": "str", "aliases": ["aws_profile"]},
    "region": {
        "type": "str",
        "aliases": ["aws_region", "ec2_region"],
        "fallback": (env_fallback, ["AWS_REGION", "AWS_DEFAULT_REGION", "EC2_REGION"]),
    },
    "endpoint_url": {"type": "str", "aliases": ["aws_endpoint_url"], "fallback": (env_fallback, ["AWS_URL"])},
    "aws_ca_bundle": {"type": "path"},
    "validate_certs": {"type": "bool", "default": True},
}
"""The options that doc fragment ``alpine.cloud._aws`` documents, named as amazon.aws names them."""

_CONNECT_SECONDS = 10
_READ_SECONDS = 60
_ATTEMPTS = 6
"""Of each request, in botocore's standard mode: throttling, 5xx and broken connections, with jitter, 20 s at most."""


class Clients:
    """The clients of one module run.

    :param params: the module's parameters, with those of ``AUTH_ARGUMENT_SPEC``.
    :raises InputError: when credentials are missing or contradict, or the region is missing or unknown.
    """

    def __init__(self, params: Mapping[str, Any]) -> None:
        keys = [params.get(name) for name in ("access_key", "secret_key")]
        if any(keys) and not all(keys):
            raise InputError("access_key and secret_key go together: give both or neither")
        if any(keys) and params.get("profile"):
            raise InputError("profile and access_key exclude each other: give one of them")
        boto3 = require("boto3", "boto3")
        with aws_errors("read the AWS configuration"):
            self._session = boto3.session.Session(
                aws_access_key_id=params.get("access_key") or None,
                aws_secret_access_key=params.get("secret_key") or None,
                aws_session_token=params.get("session_token") or None,
                profile_name=params.get("profile") or None,
            )
        self._endpoint_url: str | None = params.get("endpoint_url") or None
        self._verify = _verification(params)
        region: str | None = params.get("region") or self._session.region_name
        if not region:
            raise InputError("No region: set region, AWS_REGION, or a region in the profile")
        self.region = self.checked_region(region)
        with aws_errors("find AWS credentials"):
            if self._session.get_credentials() is None:
                raise InputError(
                    "No AWS credentials: set access_key and secret_key, profile, or the environment variables "
                    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                )

    def checked_region(self, name: str, option: str = "region") -> str:
        """Return ``name`` if botocore knows an EC2 region of that name, in any partition.

        :raises InputError: when it does not.
        """
        known = [
            region
            for partition in self._session.get_available_partitions()
            for region in self._session.get_available_regions("ec2", partition_name=partition)
        ]
        if name not in known:
            close = difflib.get_close_matches(name, known, n=3)
            hint = f"did you mean {' or '.join(close)}?" if close else "see the regions table of AWS."
            raise InputError(f"{option}: AWS has no region {name!r}; {hint} A brand-new region needs a newer boto3.")
        return name

    def client(self, service: str, region: str | None = None) -> Any:
        """A client; safe to be used, but not to be made, by several threads."""
        config = require("botocore.config", "boto3").Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
            # A local or private endpoint has no names for buckets.
            s3={"addressing_style": "path" if self._endpoint_url else "auto"},
            user_agent_extra="alpine.cloud",
        )
        with aws_errors(f"set up a client for {service}"):
            return self._session.client(
                service,
                region_name=region or self.region,
                endpoint_url=self._endpoint_url,
                verify=self._verify,
                config=config,
            )


def _verification(params: Mapping[str, Any]) -> str | bool | None:
    if not params.get("validate_certs", True):
        return False
    bundle: str | None = params.get("aws_ca_bundle") or None
    if bundle and not Path(bundle).is_file():
        raise InputError(f"aws_ca_bundle {bundle}: no such file")
    # None leaves it to botocore: AWS_CA_BUNDLE, the configuration file, then its own.
    return bundle
