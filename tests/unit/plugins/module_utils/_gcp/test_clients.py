# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import google.auth
import google.auth.compute_engine
import pytest
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.api_core import exceptions as api
from google.auth import exceptions as auth

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._gcp import clients as client_module

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A service account's key file."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    path = tmp_path_factory.mktemp("key") / "key.json"
    path.write_text(
        json.dumps(
            {
                "type": "service_account",
                "client_email": "importer@my-project.iam.gserviceaccount.com",
                "private_key": pem,
                "private_key_id": "1",
                "token_uri": "https://tokens.example/token",
            }
        )
    )
    return path


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


# Credentials


def test_a_service_account_signs_in_where_its_file_says(key_file: Path) -> None:
    credentials: Any = client_module._credentials(
        _params(auth_kind="serviceaccount", service_account_file=str(key_file))
    )
    assert credentials.service_account_email == "importer@my-project.iam.gserviceaccount.com"
    assert credentials._token_uri == "https://tokens.example/token"
    assert credentials.scopes == [_SCOPE]


def test_a_service_account_can_be_given_by_its_contents(key_file: Path) -> None:
    options = {"service_account_contents": key_file.read_text(), "scopes": ["https://example.com/scope"]}
    credentials: Any = client_module._credentials(_params(auth_kind="serviceaccount", **options))
    assert credentials.scopes == ["https://example.com/scope"]


@pytest.mark.parametrize("both", [True, False])
def test_a_service_account_is_given_once(key_file: Path, both: bool) -> None:
    options = {"service_account_file": str(key_file), "service_account_contents": "{}"} if both else {}
    with pytest.raises(InputError, match=r"one of service_account_file .* and service_account_contents"):
        client_module._credentials(_params(auth_kind="serviceaccount", **options))


def test_a_missing_key_file_is_named() -> None:
    with pytest.raises(InputError, match=r"^service_account_file /nonexistent: No such file"):
        client_module._credentials(_params(auth_kind="serviceaccount", service_account_file="/nonexistent"))


@pytest.mark.parametrize("contents", ["secret, not JSON", '{"client_email": "secret"}', '["secret"]'])
def test_a_bad_key_is_refused_and_not_quoted(contents: str) -> None:
    with pytest.raises(InputError, match="service_account_contents is not the JSON key") as refusal:
        client_module._credentials(_params(auth_kind="serviceaccount", service_account_contents=contents))
    assert "secret" not in refusal.value.message


def test_an_access_token_is_taken_as_it_is() -> None:
    assert client_module._credentials(_params()).token == "ya29.token"


def test_a_missing_access_token_names_the_option() -> None:
    with pytest.raises(InputError, match="auth_kind=accesstoken needs access_token"):
        client_module._credentials(_params(access_token=None))


def test_the_machines_credentials_are_those_of_the_wanted_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("google.auth.compute_engine._metadata.ping", lambda *_arguments, **_options: True)
    options = {"auth_kind": "machineaccount", "service_account_email": "other@my-project.iam.gserviceaccount.com"}
    credentials: Any = client_module._credentials(_params(**options))
    assert isinstance(credentials, google.auth.compute_engine.Credentials)
    assert credentials.service_account_email == "other@my-project.iam.gserviceaccount.com"


def test_without_a_metadata_server_there_are_no_machine_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def ping(_request: Any, **options: Any) -> bool:
        asked.append(options)
        return False

    monkeypatch.setattr("google.auth.compute_engine._metadata.ping", ping)
    with pytest.raises(InputError, match="no Google Cloud machine"):
        client_module._credentials(_params(auth_kind="machineaccount"))
    assert asked == [{"timeout": 3, "retry_count": 1}]


def test_application_default_credentials_get_the_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(google.auth, "default", lambda scopes: (scopes, "ignored-project"))
    assert client_module._credentials(_params(auth_kind="application")) == [_SCOPE]  # type: ignore[comparison-overlap]


def test_missing_application_default_credentials_name_the_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def default(**_options: Any) -> None:
        raise auth.DefaultCredentialsError("none found")

    monkeypatch.setattr(google.auth, "default", default)
    with pytest.raises(InputError, match="none found") as refusal:
        client_module._credentials(_params(auth_kind="application"))
    for way in ("gcloud auth application-default login", "service_account_file", "access_token"):
        assert way in refusal.value.message


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
    client_module._trust(session, _params(ca_file=str(ca_file)))
    assert _verify_used(session, monkeypatch) == str(ca_file)


def test_validate_certs_can_be_switched_off(foreign_bundle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    session = requests.Session()
    client_module._trust(session, _params(validate_certs=False))
    assert _verify_used(session, monkeypatch) is False


def test_without_ca_file_the_environment_counts(foreign_bundle: str, monkeypatch: pytest.MonkeyPatch) -> None:
    session = requests.Session()
    client_module._trust(session, _params())
    assert _verify_used(session, monkeypatch) == foreign_bundle


def test_a_missing_ca_file_is_named() -> None:
    with pytest.raises(InputError, match=r"^ca_file /nonexistent: no such file"):
        client_module._trust(requests.Session(), _params(ca_file="/nonexistent"))


def test_access_tokens_are_fetched_with_the_same_trust(
    foreign_bundle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.touch()
    client: Any = client_module.storage_client(_params(ca_file=str(ca_file)))
    assert _verify_used(client._http._auth_request_session, monkeypatch) == str(ca_file)


# Clients


def test_the_storage_client_goes_where_it_is_told() -> None:
    client: Any = client_module.storage_client(_params(storage_endpoint="https://storage.example/"))
    assert client._connection.API_BASE_URL == "https://storage.example"
    assert client.project == "my-project"
    assert client._http.credentials.token == "ya29.token"


def test_the_storage_client_goes_to_google_by_default() -> None:
    client: Any = client_module.storage_client(_params())
    assert client._connection.API_BASE_URL == "https://storage.googleapis.com"


def test_the_compute_clients_go_where_they_are_told() -> None:
    clients = client_module.compute_clients(_params(compute_endpoint="https://compute.example:444/", env_type="tower"))
    for client in (clients.images, clients.operations, clients.regions):
        transport: Any = client.transport
        assert transport._host == "https://compute.example:444"
        assert transport._session.headers["User-Agent"] == "alpine.cloud-tower"
        assert transport._session.credentials.token == "ya29.token"


def test_the_compute_clients_go_to_google_by_default() -> None:
    clients = client_module.compute_clients(_params())
    for client in (clients.images, clients.operations, clients.regions):
        assert "compute.googleapis.com" in client.transport._host


# Retries


@pytest.mark.parametrize(
    "error",
    [
        api.TooManyRequests("429"),
        api.InternalServerError("500"),
        api.BadGateway("502"),
        api.ServiceUnavailable("503"),
        api.GatewayTimeout("504"),
        requests.ConnectionError(),
        requests.ReadTimeout(),
        auth.TransportError(requests.ConnectionError()),
    ],
)
def test_transient_failures_are_retried(error: Exception) -> None:
    assert client_module.compute_retry()._predicate(error)
    assert client_module.storage_retry()._predicate(error)


@pytest.mark.parametrize("error", [api.Forbidden("403"), api.NotFound("404"), api.Conflict("409"), ValueError()])
def test_refusals_are_not_retried(error: Exception) -> None:
    assert not client_module.compute_retry()._predicate(error)
    assert not client_module.storage_retry()._predicate(error)


def test_retries_are_bounded() -> None:
    assert client_module.compute_retry().timeout == 30.0
    assert client_module.storage_retry().timeout == 30.0
    assert client_module.storage_retry(300.0).timeout == 300.0


# Options


@pytest.mark.parametrize(
    ("option", "variable"),
    [
        ("project", "GCP_PROJECT"),
        ("auth_kind", "GCP_AUTH_KIND"),
        ("service_account_file", "GCP_SERVICE_ACCOUNT_FILE"),
        ("service_account_contents", "GCP_SERVICE_ACCOUNT_CONTENTS"),
        ("service_account_email", "GCP_SERVICE_ACCOUNT_EMAIL"),
        ("access_token", "GCP_ACCESS_TOKEN"),
        ("scopes", "GCP_SCOPES"),
    ],
)
def test_options_fall_back_to_the_variables_of_google_cloud(
    option: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "value")
    fallback, names = client_module.GCP_ARGUMENT_SPEC[option]["fallback"]
    assert fallback(*names) == "value"


@pytest.mark.parametrize("option", ["service_account_contents", "access_token"])
def test_secrets_are_not_logged(option: str) -> None:
    assert client_module.GCP_ARGUMENT_SPEC[option]["no_log"]
