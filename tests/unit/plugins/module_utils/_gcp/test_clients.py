# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import http.client
import sys
import warnings
from pathlib import Path
from typing import Any

import certifi
import pytest
import requests
import urllib3
from google.api_core import exceptions as api
from google.auth import credentials as auth_credentials
from google.auth import exceptions as auth
from google.cloud.storage.exceptions import InvalidResponse

from ansible_collections.alpine.cloud.plugins.module_utils._core.dependencies import MissingLibraryError
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._gcp import clients as clients_module
from ansible_collections.alpine.cloud.plugins.module_utils._gcp.clients import GcpClients, call_options
from ansible_collections.alpine.cloud.plugins.module_utils._gcp.errors import provider_errors


def _params(**options: Any) -> dict[str, Any]:
    return {
        "project": "my-project",
        "auth_kind": "accesstoken",
        "service_account_file": None,
        "service_account_contents": None,
        "service_account_email": None,
        "access_token": "ya29.token",
        "scopes": None,
        "env_type": None,
        "storage_endpoint": None,
        "compute_endpoint": None,
        "ca_file": None,
        "validate_certs": True,
        **options,
    }


# TLS


def _verify_used(session: requests.Session, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What a request through ``session`` verifies certificates by."""
    seen: list[Any] = []

    def send(_adapter: Any, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        seen.append(options["verify"])
        response = requests.Response()
        response.status_code, response.request, response.url = 200, request, request.url or ""
        response.raw = None
        response._content = b"{}"
        return response

    monkeypatch.setattr("requests.adapters.HTTPAdapter.send", send)
    session.get("https://storage.example/")
    return seen[0]


@pytest.fixture
def foreign_bundle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    bundle = tmp_path / "foreign.pem"
    bundle.touch()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(bundle))
    return str(bundle)


def test_ca_file_wins_over_the_environment(
    foreign_bundle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.touch()
    session = requests.Session()
    clients_module._trust(session, _params(ca_file=str(ca_file)))
    assert _verify_used(session, monkeypatch) == str(ca_file)


def test_validate_certs_can_be_switched_off(foreign_bundle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    session = requests.Session()
    clients_module._trust(session, _params(validate_certs=False))
    assert _verify_used(session, monkeypatch) is False
    # Whoever has said so need not be warned at every request.
    with warnings.catch_warnings(record=True) as warned:
        warnings.warn("unverified", urllib3.exceptions.InsecureRequestWarning, stacklevel=1)
    assert warned == []


def test_without_ca_file_the_environment_counts(foreign_bundle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    session = requests.Session()
    clients_module._trust(session, _params())
    assert _verify_used(session, monkeypatch) == foreign_bundle


@pytest.mark.parametrize("validate_certs", [True, False])
def test_a_missing_ca_file_is_named(validate_certs: bool) -> None:
    with pytest.raises(InputError, match=r"^ca_file /nonexistent: No such file"):
        GcpClients.from_params(_params(ca_file="/nonexistent", validate_certs=validate_certs))


def test_access_tokens_are_fetched_with_the_same_trust(foreign_bundle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client: Any = GcpClients.from_params(_params(ca_file=certifi.where())).storage
    assert _verify_used(client._http._auth_request_session, monkeypatch) == certifi.where()


@pytest.mark.parametrize("option", ["storage_endpoint", "compute_endpoint"])
def test_a_password_in_an_address_is_refused(option: str) -> None:
    with pytest.raises(InputError, match=f"{option} https://host must not hold a user name or password") as caught:
        GcpClients.from_params(_params(**{option: "https://me:hush@host"}))
    assert "hush" not in caught.value.message


# Clients


def test_the_storage_client_goes_where_it_is_told() -> None:
    client: Any = GcpClients.from_params(_params(storage_endpoint="https://storage.example/")).storage
    assert client._connection.API_BASE_URL == "https://storage.example"
    assert client.project == "my-project"
    assert client._http.credentials.token == "ya29.token"


@pytest.mark.parametrize(("env_type", "agent"), [("tower", "alpine.cloud-tower"), (None, "alpine.cloud")])
def test_the_storage_client_says_who_it_is(env_type: str | None, agent: str) -> None:
    client: Any = GcpClients.from_params(_params(env_type=env_type)).storage
    assert client._connection._client_info.user_agent.split()[0] == agent


@pytest.mark.parametrize(
    ("client", "module", "distribution"),
    [
        ("storage", "google.cloud.storage", "google-cloud-storage"),
        ("images", "google.cloud.compute_v1", "google-cloud-compute"),
    ],
)
def test_a_missing_sdk_is_named_before_credentials_are_looked_for(
    client: str, module: str, distribution: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    clients = GcpClients.from_params(_params(access_token=None))
    with pytest.raises(MissingLibraryError, match=distribution), provider_errors("x.get", "look"):
        getattr(clients, client)


def test_the_storage_client_goes_to_google_by_default() -> None:
    client: Any = GcpClients.from_params(_params()).storage
    assert client._connection.API_BASE_URL == "https://storage.googleapis.com"


def _compute_clients(clients: GcpClients) -> list[Any]:
    return [
        clients.images, clients.operations, clients.regions, clients.instances, clients.disks, clients.machine_types,
        clients.projects, clients.zone_operations,
    ]  # fmt: skip


def test_the_compute_clients_go_where_they_are_told() -> None:
    clients = GcpClients.from_params(_params(compute_endpoint="https://compute.example:444/", env_type="tower"))
    for client in _compute_clients(clients):
        transport: Any = client.transport
        assert transport._host == "https://compute.example:444"
        assert transport._session.headers["User-Agent"] == "alpine.cloud-tower"
        assert transport._session.credentials.token == "ya29.token"


def test_the_compute_clients_go_to_google_by_default() -> None:
    clients = GcpClients.from_params(_params())
    for client in _compute_clients(clients):
        assert "compute.googleapis.com" in client.transport._host


def test_clients_and_credentials_are_made_once_and_when_they_are_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    def credentials(params: Any) -> Any:
        made.append(params)
        return auth_credentials.AnonymousCredentials()

    monkeypatch.setattr(clients_module, "credentials", credentials)
    clients = GcpClients.from_params(_params())
    assert made == []
    assert clients.images is clients.images
    assert clients.storage is clients.storage
    assert clients.operations.transport._session.credentials is clients.regions.transport._session.credentials  # type: ignore[attr-defined]
    assert len(made) == 1


# Calls


def _answered(status: int) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    return response


def _retries(error: Exception) -> bool:
    return call_options()["retry"]._predicate(error)


@pytest.mark.parametrize(
    "error",
    [
        api.TooManyRequests("429"),
        api.InternalServerError("500"),
        api.BadGateway("502"),
        api.ServiceUnavailable("503"),
        api.GatewayTimeout("504"),
        api.GoogleAPICallError("408", response=_answered(408)),
        InvalidResponse(_answered(503), "Request failed with status code", 503),
        requests.ConnectionError(),
        requests.ReadTimeout(),
        requests.exceptions.ChunkedEncodingError(),
        ConnectionResetError(),
        http.client.IncompleteRead(b""),
        http.client.RemoteDisconnected("no answer"),
        urllib3.exceptions.ProtocolError("Connection broken"),
        auth.TransportError(requests.ConnectionError()),
    ],
)
def test_transient_failures_are_retried(error: Exception) -> None:
    assert _retries(error)


@pytest.mark.parametrize(
    "error",
    [
        api.BadRequest("400"),
        api.Forbidden("403"),
        api.NotFound("404"),
        api.Conflict("409"),
        api.PreconditionFailed("412"),
        InvalidResponse(_answered(403), "Request failed with status code", 403),
        auth.RefreshError("invalid_grant"),
        requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate"),
        auth.TransportError(requests.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED]")),
        FileNotFoundError(),
        ValueError(),
    ],
)
def test_refusals_are_not_retried(error: Exception) -> None:
    assert not _retries(error)


def test_calls_and_their_retries_are_bounded() -> None:
    assert call_options()["timeout"] == 60.0
    assert call_options()["retry"].timeout == 30.0
    longer = call_options((1.0, 2.0), 300.0)
    assert (longer["timeout"], longer["retry"].timeout) == ((1.0, 2.0), 300.0)
