# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import google.auth
import google.auth.compute_engine
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import exceptions as auth

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._gcp.auth import GCP_ARGUMENT_SPEC, credentials

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


def test_a_service_account_signs_in_where_its_file_says(key_file: Path) -> None:
    made: Any = credentials(_params(auth_kind="serviceaccount", service_account_file=str(key_file)))
    assert made.service_account_email == "importer@my-project.iam.gserviceaccount.com"
    assert made._token_uri == "https://tokens.example/token"
    assert made.scopes == [_SCOPE]


def test_a_service_account_can_be_given_by_its_contents(key_file: Path) -> None:
    options = {"service_account_contents": key_file.read_text(), "scopes": ["https://example.com/scope"]}
    made: Any = credentials(_params(auth_kind="serviceaccount", **options))
    assert made.scopes == ["https://example.com/scope"]


@pytest.mark.parametrize("both", [True, False])
def test_a_service_account_is_given_once(key_file: Path, both: bool) -> None:
    options = {"service_account_file": str(key_file), "service_account_contents": "{}"} if both else {}
    with pytest.raises(InputError, match=r"one of service_account_file .* and service_account_contents"):
        credentials(_params(auth_kind="serviceaccount", **options))


def test_a_missing_key_file_is_named() -> None:
    with pytest.raises(InputError, match=r"^service_account_file /nonexistent: No such file"):
        credentials(_params(auth_kind="serviceaccount", service_account_file="/nonexistent"))


@pytest.mark.parametrize("contents", ["secret, not JSON", '{"client_email": "secret"}', '["secret"]'])
def test_a_bad_key_is_refused_and_not_quoted(contents: str) -> None:
    with pytest.raises(InputError, match="service_account_contents is not the JSON key") as refusal:
        credentials(_params(auth_kind="serviceaccount", service_account_contents=contents))
    assert "secret" not in refusal.value.message


def test_an_access_token_is_taken_as_it_is() -> None:
    assert credentials(_params()).token == "ya29.token"


def test_an_access_token_loses_the_line_end_of_its_file() -> None:
    assert credentials(_params(access_token="ya29.token\n")).token == "ya29.token"
    with pytest.raises(InputError, match="access_token has white space in it") as refusal:
        credentials(_params(access_token="ya29.\ntoken"))
    assert "ya29" not in refusal.value.message


_FEDERATED = {
    "type": "external_account",
    "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/ci",
    "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    "token_url": "https://sts.googleapis.com/v1/token",
    "service_account_impersonation_url": "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/"
    "importer@my-project.iam.gserviceaccount.com:generateAccessToken",
    "credential_source": {"file": "/nonexistent/token"},
}
_IMPERSONATED = {
    "type": "impersonated_service_account",
    "service_account_impersonation_url": _FEDERATED["service_account_impersonation_url"],
    "source_credentials": {
        "type": "authorized_user", "client_id": "c", "client_secret": "s", "refresh_token": "r",
    },
}  # fmt: skip


@pytest.mark.parametrize("contents", [_FEDERATED, _IMPERSONATED])
def test_federated_and_impersonating_files_are_application_default_credentials(
    contents: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(json.dumps(contents))
    with pytest.raises(InputError, match=f"of type {contents['type']}, .*auth_kind=application") as refusal:
        credentials(_params(auth_kind="serviceaccount", service_account_file=str(file)))
    assert "iam" not in refusal.value.message
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    monkeypatch.delenv("GOOGLE_CLOUD_PROJECT", raising=False)
    # It would sign in, to ask for the project.
    monkeypatch.setattr("google.auth.external_account.Credentials.refresh", Mock(side_effect=AssertionError))
    made: Any = credentials(_params(auth_kind="application"))
    assert made.service_account_email == "importer@my-project.iam.gserviceaccount.com"
    assert os.environ["GOOGLE_CLOUD_PROJECT"] == "my-project"


@pytest.mark.parametrize("kind", ["application", "serviceaccount"])
def test_credentials_of_another_universe_are_refused(
    key_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    file = tmp_path / "key.json"
    file.write_text(json.dumps({**json.loads(key_file.read_text()), "universe_domain": "cloud.example"}))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    with pytest.raises(InputError, match=r"are for the universe domain cloud\.example, and not googleapis\.com"):
        credentials(_params(auth_kind=kind, service_account_file=str(file)))


def test_a_missing_access_token_names_the_option() -> None:
    with pytest.raises(InputError, match="auth_kind=accesstoken needs access_token"):
        credentials(_params(access_token=None))


def test_the_machines_credentials_are_those_of_the_wanted_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("google.auth.compute_engine._metadata.ping", lambda *_arguments, **_options: True)
    options = {"auth_kind": "machineaccount", "service_account_email": "other@my-project.iam.gserviceaccount.com"}
    made: Any = credentials(_params(**options))
    assert isinstance(made, google.auth.compute_engine.Credentials)
    assert made.service_account_email == "other@my-project.iam.gserviceaccount.com"


def test_the_machines_default_account_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("google.auth.compute_engine._metadata.ping", lambda *_arguments, **_options: True)
    made: Any = credentials(_params(auth_kind="machineaccount"))
    assert made.service_account_email == "default"
    assert made._scopes == [_SCOPE]


def test_without_a_metadata_server_there_are_no_machine_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def ping(_request: Any, **options: Any) -> bool:
        asked.append(options)
        return False

    monkeypatch.setattr("google.auth.compute_engine._metadata.ping", ping)
    with pytest.raises(InputError, match="no Google Cloud machine"):
        credentials(_params(auth_kind="machineaccount"))
    assert asked == [{"timeout": 3, "retry_count": 1}]


def test_application_default_credentials_get_the_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GCE_METADATA_DETECT_RETRIES", raising=False)
    monkeypatch.setattr(google.auth, "default", lambda scopes: (scopes, "ignored-project"))
    assert credentials(_params(auth_kind="application")) == [_SCOPE]  # type: ignore[comparison-overlap]
    # Asking for a metadata server takes 3 s each time.
    assert os.environ["GCE_METADATA_DETECT_RETRIES"] == "1"


def test_missing_application_default_credentials_name_the_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def default(**_options: Any) -> None:
        raise auth.DefaultCredentialsError("none found")

    monkeypatch.setattr(google.auth, "default", default)
    with pytest.raises(InputError, match="none found") as refusal:
        credentials(_params(auth_kind="application"))
    for way in ("gcloud auth application-default login", "service_account_file", "access_token"):
        assert way in refusal.value.message


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
    fallback, names = GCP_ARGUMENT_SPEC[option]["fallback"]
    assert fallback(*names) == "value"


@pytest.mark.parametrize("option", ["service_account_contents", "access_token"])
def test_secrets_are_not_logged(option: str) -> None:
    assert GCP_ARGUMENT_SPEC[option]["no_log"]
