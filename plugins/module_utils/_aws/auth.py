# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials and the region from a module's options."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import env_fallback

from .._core.credentials import check_secret, checked_secret
from .._core.dependencies import require
from .._core.errors import InputError
from .errors import provider_errors

if TYPE_CHECKING:
    from boto3.session import Session

AWS_ARGUMENT_SPEC: dict[str, Any] = {
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


def session_of(params: Mapping[str, Any]) -> Session:
    """A session with the credentials that the options, the environment or a profile tell of.

    :param params: the module's parameters, with those of ``AWS_ARGUMENT_SPEC``.
    :raises InputError: when credentials are missing or contradict each other.
    """
    keys = {name: checked_secret(params.get(name), name) for name in ("access_key", "secret_key", "session_token")}
    both = (keys["access_key"], keys["secret_key"])
    if any(both) and not all(both):
        raise InputError("access_key and secret_key go together: give both or neither")
    if any(both) and params.get("profile"):
        raise InputError("profile and access_key exclude each other: give one of them")
    boto3 = require("boto3", "boto3")
    settings = require("botocore.session", "boto3").get_session()
    with provider_errors("GetCredentials", "find AWS credentials"):
        session: Session = boto3.session.Session(
            aws_access_key_id=keys["access_key"],
            aws_secret_access_key=keys["secret_key"],
            aws_session_token=keys["session_token"],
            profile_name=params.get("profile") or None,
            botocore_session=settings,
        )
        credentials = session.get_credentials()
        if credentials is None:
            raise InputError(
                "No AWS credentials: set access_key and secret_key, profile, or the environment variables "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        if credentials.method == "assume-role":
            _refuse_questions(settings.full_config.get("profiles", {}), session.profile_name)
        found = credentials.get_frozen_credentials()
    for secret in (found.access_key, found.secret_key, found.token):
        check_secret(secret or "", f"what boto3 has found as AWS credentials ({credentials.method})")
    return session


def _refuse_questions(profiles: Mapping[str, Any], name: str) -> None:
    """Refuse a profile for which boto3 would ask for a code on the terminal, along the profiles that lead to it."""
    passed = set()
    while name in profiles and name not in passed:
        passed.add(name)
        settings = profiles[name]
        if settings.get("mfa_serial"):
            raise InputError(
                f"profile {name!r} has mfa_serial, so that AWS wants a code for which a module cannot ask: sign in "
                "before, for instance with `aws configure export-credentials --profile`, and give access_key, "
                "secret_key and session_token"
            )
        name = settings.get("source_profile", "")


def region_of(params: Mapping[str, Any], session: Session) -> str:
    """The region that the options, the environment or the profile name.

    :raises InputError: when there is none, or none of that name.
    """
    region = params.get("region") or session.region_name
    if not region:
        raise InputError("No region: set region, AWS_REGION, or a region in the profile")
    return checked_region(session, region)


def checked_region(session: Session, name: str, option: str = "region") -> str:
    """Return ``name`` if botocore knows an EC2 region of that name, in any partition.

    :raises InputError: when it does not.
    """
    known = [
        region
        for partition in session.get_available_partitions()
        for region in session.get_available_regions("ec2", partition_name=partition)
    ]
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3)
        hint = f"did you mean {' or '.join(close)}?" if close else "see the regions table of AWS."
        raise InputError(f"{option}: AWS has no region {name!r}; {hint} A brand-new region needs a newer boto3.")
    return name
