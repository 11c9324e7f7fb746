# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials, sessions and clients, from the options that doc fragment C(alpine.cloud._gcp) documents."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.module_utils.basic import env_fallback

from .._core.dependencies import require
from .._core.errors import InputError

if TYPE_CHECKING:
    from google.api_core.retry import Retry
    from google.auth.credentials import Credentials
    from google.auth.transport.requests import AuthorizedSession
    from google.cloud.compute_v1 import GlobalOperationsClient, ImagesClient, RegionsClient
    from google.cloud.storage import Client
    from requests import Session

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

TIMEOUT = 60.0
"""Seconds to connect, and to wait for an answer, of one request that carries no file."""

_RETRY_SECONDS = 30.0
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def storage_client(params: Mapping[str, Any]) -> Client:
    """A Cloud Storage client. :raises InputError: without usable credentials."""
    storage = require("google.cloud.storage", "google-cloud-storage")
    client_info = require("google.api_core.client_info", "google-api-core")
    transport: Any = require("google.auth.transport.requests", "google-auth")
    credentials = _credentials(params)
    session = transport.AuthorizedSession(credentials)
    _configure(session, params)
    endpoint = params["storage_endpoint"]
    client: Client = storage.Client(
        project=params["project"],
        credentials=credentials,
        _http=session,
        client_options={"api_endpoint": endpoint.rstrip("/")} if endpoint else None,
        client_info=client_info.ClientInfo(user_agent=_user_agent(params)),
    )
    return client


@dataclasses.dataclass(frozen=True)
class ComputeClients:
    """One client for each collection of Compute Engine's that is used."""

    images: ImagesClient
    operations: GlobalOperationsClient
    regions: RegionsClient


def compute_clients(params: Mapping[str, Any]) -> ComputeClients:
    """Compute Engine clients. :raises InputError: without usable credentials."""
    compute: Any = require("google.cloud.compute_v1", "google-cloud-compute")
    credentials = _credentials(params)
    host = (params["compute_endpoint"] or "compute.googleapis.com").rstrip("/")

    def client(kind: Any) -> Any:
        # The transport makes its own session, and there is no way to hand one in.
        transport = kind.get_transport_class("rest")(host=host, credentials=credentials)
        _configure(transport._session, params)
        return kind(transport=transport)

    return ComputeClients(
        images=client(compute.ImagesClient),
        operations=client(compute.GlobalOperationsClient),
        regions=client(compute.RegionsClient),
    )


def compute_retry() -> Retry:
    """The one retry layer of Compute Engine calls; repeated writes carry a ``requestId``."""
    retry = require("google.api_core.retry", "google-api-core")
    errors = require("google.api_core.exceptions", "google-api-core")
    auth_errors = require("google.auth.exceptions", "google-auth")
    requests = require("requests", "requests")
    transient = retry.if_exception_type(
        errors.TooManyRequests,
        errors.InternalServerError,
        errors.BadGateway,
        errors.ServiceUnavailable,
        errors.GatewayTimeout,
        requests.ConnectionError,
        requests.Timeout,
        auth_errors.TransportError,
    )
    made: Retry = retry.Retry(predicate=transient, initial=0.5, maximum=8.0, multiplier=2.0, timeout=_RETRY_SECONDS)
    return made


def storage_retry(seconds: float = _RETRY_SECONDS) -> Retry:
    """The one retry layer of Cloud Storage calls, by the SDK's own idea of what is transient.

    :param seconds: how long to go on; counts the failed attempts themselves, so a chunk of a file needs more.
    """
    retry = require("google.cloud.storage.retry", "google-cloud-storage")
    made: Retry = retry.DEFAULT_RETRY.with_delay(initial=0.5, maximum=8.0, multiplier=2.0).with_timeout(seconds)
    return made


def _user_agent(params: Mapping[str, Any]) -> str:
    return f"alpine.cloud-{params['env_type']}" if params["env_type"] else "alpine.cloud"


def _configure(session: AuthorizedSession, params: Mapping[str, Any]) -> None:
    session.headers["User-Agent"] = _user_agent(params)
    _trust(session, params)
    # Access tokens are obtained by a session of their own.
    _trust(session._auth_request_session, params)


def _trust(session: Session, params: Mapping[str, Any]) -> None:
    """Let ``session`` verify certificates as the options say, whatever REQUESTS_CA_BUNDLE says.

    A session's ``verify`` does not do: requests lets the environment win over it, and ignoring the environment would
    ignore its proxies too.
    """
    ca_file, validate = params["ca_file"], params["validate_certs"]
    if validate and not ca_file:
        return
    if ca_file and not Path(ca_file).is_file():
        raise InputError(f"ca_file {ca_file}: no such file")
    adapters = require("requests.adapters", "requests")
    verify = ca_file if validate else False

    class TrustingAdapter(adapters.HTTPAdapter):  # type: ignore[name-defined]
        def send(self, request: Any, **kwargs: Any) -> Any:
            return super().send(request, **{**kwargs, "verify": verify})

    if not validate:
        require("urllib3", "urllib3").disable_warnings()
    session.mount("https://", TrustingAdapter())


def _credentials(params: Mapping[str, Any]) -> Credentials:
    scopes = params["scopes"] or [_SCOPE]
    match params["auth_kind"]:
        case "serviceaccount":
            return _service_account(params, scopes)
        case "accesstoken":
            if not params["access_token"]:
                raise InputError("auth_kind=accesstoken needs access_token (or the environment's GCP_ACCESS_TOKEN)")
            oauth2: Any = require("google.oauth2.credentials", "google-auth")
            made: Credentials = oauth2.Credentials(params["access_token"], scopes=scopes)
            return made
        case "machineaccount":
            return _machine_account(params, scopes)
        case _:
            return _application_default(scopes)


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
        made: Credentials = service_account.Credentials.from_service_account_info(json.loads(contents), scopes=scopes)
    except OSError as error:
        raise InputError(f"{option}: {error.strerror}") from error
    except (ValueError, TypeError, AttributeError, auth_errors.GoogleAuthError) as error:
        # The parsers' own words could quote the key.
        raise InputError(f"{option} is not the JSON key of a service account") from error
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


def _application_default(scopes: list[str]) -> Credentials:
    # Read when google.auth is imported: ask for a metadata server once (3 s), not three times.
    os.environ.setdefault("GCE_METADATA_DETECT_RETRIES", "1")
    auth: Any = require("google.auth", "google-auth")
    auth_errors = require("google.auth.exceptions", "google-auth")
    try:
        made: Credentials = auth.default(scopes=scopes)[0]
    except auth_errors.GoogleAuthError as error:
        raise InputError(
            "There are no usable application default credentials. Run `gcloud auth application-default login`, or set "
            "GOOGLE_APPLICATION_CREDENTIALS, or set auth_kind=serviceaccount with service_account_file, or "
            f"auth_kind=accesstoken with access_token. Google's library says: {error}"
        ) from error
    return made
