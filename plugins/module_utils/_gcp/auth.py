# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials from a module's options."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import env_fallback

from .._core.credentials import checked_secret
from .._core.dependencies import require
from .._core.errors import InputError

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

GCP_ARGUMENT_SPEC: dict[str, Any] = {
    "project": {"type": "str", "required": True, "fallback": (env_fallback, ["GCP_PROJECT"])},
    "auth_kind": {
        "type": "str",
        "choices": ["application", "machineaccount", "serviceaccount", "accesstoken"],
        "default": "application",
        "fallback": (env_fallback, ["GCP_AUTH_KIND"]),
    },
    "service_account_file": {"type": "path", "fallback": (env_fallback, ["GCP_SERVICE_ACCOUNT_FILE"])},
    "service_account_contents": {
        "type": "jsonarg",
        "no_log": True,
        "fallback": (env_fallback, ["GCP_SERVICE_ACCOUNT_CONTENTS"]),
    },
    "service_account_email": {"type": "str", "fallback": (env_fallback, ["GCP_SERVICE_ACCOUNT_EMAIL"])},
    "access_token": {"type": "str", "no_log": True, "fallback": (env_fallback, ["GCP_ACCESS_TOKEN"])},
    "scopes": {"type": "list", "elements": "str", "fallback": (env_fallback, ["GCP_SCOPES"])},
    "env_type": {"type": "str", "fallback": (env_fallback, ["GCP_ENV_TYPE"])},
    "storage_endpoint": {"type": "str"},
    "compute_endpoint": {"type": "str"},
    "ca_file": {"type": "path"},
    "validate_certs": {"type": "bool", "default": True},
}
"""The options that doc fragment ``alpine.cloud._gcp`` documents, named as google.cloud names them."""

_OTHER_KINDS = (
    "authorized_user",
    "external_account",
    "external_account_authorized_user",
    "impersonated_service_account",
)
_UNIVERSE = "googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def credentials(params: Mapping[str, Any]) -> Credentials:
    """The credentials that ``auth_kind`` tells of.

    :param params: the module's parameters, with those of ``GCP_ARGUMENT_SPEC``.
    :raises InputError: when they are missing or unusable.
    """
    scopes = params["scopes"] or [_SCOPE]
    match params["auth_kind"]:
        case "serviceaccount":
            return _service_account(params, scopes)
        case "accesstoken":
            token = checked_secret(params["access_token"], "access_token")
            if token is None:
                raise InputError("auth_kind=accesstoken needs access_token (or the environment's GCP_ACCESS_TOKEN)")
            oauth2: Any = require("google.oauth2.credentials", "google-auth")
            made: Credentials = oauth2.Credentials(token, scopes=scopes)
            return made
        case "machineaccount":
            return _machine_account(params, scopes)
        case _:
            return _application_default(params["project"], scopes)


def _service_account(params: Mapping[str, Any], scopes: list[str]) -> Credentials:
    file, contents = params["service_account_file"], params["service_account_contents"]
    if bool(file) == bool(contents):
        raise InputError(
            "auth_kind=serviceaccount needs one of service_account_file (or the environment's "
            "GCP_SERVICE_ACCOUNT_FILE) and service_account_contents (GCP_SERVICE_ACCOUNT_CONTENTS)"
        )
    option = f"service_account_file {file}" if file else "service_account_contents"
    service_account = require("google.oauth2.service_account", "google-auth")
    auth_errors = require("google.auth.exceptions", "google-auth")
    try:
        if file:
            with open(file, encoding="utf-8") as stream:
                contents = stream.read()
        key = json.loads(contents)
        kind = key.get("type")
        if kind in _OTHER_KINDS:
            raise InputError(
                f"{option} holds credentials of type {kind}, not the key of a service account: set "
                "auth_kind=application, and GOOGLE_APPLICATION_CREDENTIALS to the path of such a file"
            )
        made: Credentials = service_account.Credentials.from_service_account_info(key, scopes=scopes)
    except OSError as error:
        raise InputError(f"{option}: {error.strerror}") from error
    except (ValueError, TypeError, AttributeError, auth_errors.GoogleAuthError) as error:
        # The parsers' own words could quote the key.
        raise InputError(f"{option} is not the JSON key of a service account") from error
    _check_universe(made)
    return made


def _machine_account(params: Mapping[str, Any], scopes: list[str]) -> Credentials:
    compute_engine: Any = require("google.auth.compute_engine", "google-auth")
    metadata: Any = require("google.auth.compute_engine._metadata", "google-auth")
    transport: Any = require("google.auth.transport.requests", "google-auth")
    if not metadata.ping(transport.Request(), timeout=3, retry_count=1):
        raise InputError(
            "auth_kind=machineaccount takes the credentials of the machine, but this is no Google Cloud machine with "
            "a metadata server; choose another auth_kind"
        )
    made: Credentials = compute_engine.Credentials(params["service_account_email"] or "default", scopes=scopes)
    return made


def _application_default(project: str, scopes: list[str]) -> Credentials:
    # Read when google.auth is imported: ask for a metadata server once (3 s), not three times.
    os.environ.setdefault("GCE_METADATA_DETECT_RETRIES", "1")
    # Or else federated credentials would sign in at once to ask for it, on terms of their own.
    os.environ.setdefault("GOOGLE_CLOUD_PROJECT", project)
    auth: Any = require("google.auth", "google-auth")
    auth_errors = require("google.auth.exceptions", "google-auth")
    try:
        made: Credentials = auth.default(scopes=scopes)[0]
        _check_universe(made)
    except auth_errors.GoogleAuthError as error:
        raise InputError(
            "There are no usable application default credentials. Run `gcloud auth application-default login`, or set "
            "GOOGLE_APPLICATION_CREDENTIALS, or set auth_kind=serviceaccount with service_account_file, or "
            f"auth_kind=accesstoken with access_token. Google's library says: {error}"
        ) from error
    return made


def _check_universe(made: Credentials) -> None:
    """:raises InputError: when somebody else's servers would have to be asked, at which nobody has tried this."""
    universe = getattr(made, "universe_domain", _UNIVERSE)
    if universe != _UNIVERSE:
        raise InputError(f"the credentials of auth_kind are for the universe domain {universe}, and not {_UNIVERSE}")
