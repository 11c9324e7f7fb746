# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import certifi
import pytest
from azure.identity import (
    AzureCliCredential,
    ClientSecretCredential,
    ManagedIdentityCredential,
    WorkloadIdentityCredential,
)

from ansible_collections.alpine.cloud.plugins.module_utils._azure import auth
from ansible_collections.alpine.cloud.plugins.module_utils._azure.auth import AZURE_ARGUMENT_SPEC, connect
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError

PRINCIPAL = {"client_id": "client", "secret": "hush", "tenant": "tenant"}
ENVIRONMENT = {"AZURE_CLIENT_ID": "env-client", "AZURE_SECRET": "env-hush", "AZURE_TENANT": "env-tenant"}


class Recorded:
    """Which credential was made, and of what."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.made: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        for name in (
            "ClientSecretCredential",
            "CertificateCredential",
            "ManagedIdentityCredential",
            "AzureCliCredential",
            "WorkloadIdentityCredential",
        ):
            monkeypatch.setattr(f"azure.identity.{name}", self._recorder(name))

    def _recorder(self, name: str) -> Any:
        def make(*arguments: Any, **options: Any) -> str:
            self.made.append((name, arguments, options))
            return name

        return make

    @property
    def one(self) -> tuple[str, tuple[Any, ...]]:
        ((name, arguments, _options),) = self.made
        return name, arguments


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    return Recorded(monkeypatch)


@pytest.fixture
def empty(tmp_path: Path) -> dict[str, str]:
    """An environment with an empty home, and without the Azure CLI."""
    return {"HOME": str(tmp_path), "PATH": str(tmp_path / "bin")}


@pytest.fixture
def cli(empty: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """An environment with the Azure CLI logged in."""
    (tmp_path / "bin").mkdir()
    az = tmp_path / "bin/az"
    az.write_text("")
    az.chmod(0o755)
    (tmp_path / ".azure").mkdir()
    profile = {"subscriptions": [{"id": "other", "isDefault": False}, {"id": "of-cli", "isDefault": True}]}
    (tmp_path / ".azure/azureProfile.json").write_text(json.dumps(profile), "utf-8-sig")
    return empty


def credentials_file(home: str, text: str) -> None:
    directory = Path(home) / ".azure"
    directory.mkdir(exist_ok=True)
    (directory / "credentials").write_text(text)


def test_real_credentials_can_be_made_offline() -> None:
    assert isinstance(connect(PRINCIPAL, {}).credential, ClientSecretCredential)
    assert isinstance(connect({"auth_source": "msi"}, {}).credential, ManagedIdentityCredential)


def test_real_cli_credential(cli: dict[str, str]) -> None:
    assert isinstance(connect({"auth_source": "cli"}, cli).credential, AzureCliCredential)


def test_options_win_over_the_environment(recorded: Recorded, empty: dict[str, str]) -> None:
    connect(PRINCIPAL, empty | ENVIRONMENT)
    assert recorded.one == ("ClientSecretCredential", ("tenant", "client", "hush"))


def test_a_secret_of_the_environment_is_not_mixed_with_options(recorded: Recorded, empty: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"from the options are incomplete, secret \(or x509"):
        connect({"client_id": "client", "tenant": "tenant"}, empty | ENVIRONMENT)
    assert recorded.made == []


def test_a_tenant_of_the_environment_serves_options(recorded: Recorded, empty: dict[str, str]) -> None:
    connect({"client_id": "client", "secret": "hush"}, empty | {"AZURE_TENANT": "env-tenant"})
    assert recorded.one[1] == ("env-tenant", "client", "hush")


@pytest.mark.parametrize("source", ["env", None])
def test_environment(source: str | None, recorded: Recorded, empty: dict[str, str]) -> None:
    session = connect({"auth_source": source}, empty | ENVIRONMENT | {"AZURE_SUBSCRIPTION_ID": "env-subscription"})
    assert recorded.one == ("ClientSecretCredential", ("env-tenant", "env-client", "env-hush"))
    assert session.subscription_id == "env-subscription"


def test_the_names_of_azures_own_sdks_are_known_as_well(recorded: Recorded, empty: dict[str, str]) -> None:
    names = {"AZURE_CLIENT_ID": "client", "AZURE_CLIENT_SECRET": "hush", "AZURE_TENANT_ID": "tenant"}
    connect({}, empty | names)
    assert recorded.one[1] == ("tenant", "client", "hush")


def test_auth_source_env_ignores_options(recorded: Recorded, empty: dict[str, str]) -> None:
    connect({**PRINCIPAL, "auth_source": "env"}, empty | ENVIRONMENT)
    assert recorded.one[1] == ("env-tenant", "env-client", "env-hush")


def test_auth_source_from_the_environment(recorded: Recorded, empty: dict[str, str]) -> None:
    connect({}, empty | {"ANSIBLE_AZURE_AUTH_SOURCE": "msi", "AZURE_CLIENT_ID": "identity"})
    ((name, _arguments, options),) = recorded.made
    assert name == "ManagedIdentityCredential"
    assert options["client_id"] == "identity"
    assert options["connection_timeout"] <= 10, "the metadata service is absent on most machines"


def test_certificate(recorded: Recorded, empty: dict[str, str], tmp_path: Path) -> None:
    certificate = tmp_path / "principal.pem"
    options = {"client_id": "client", "tenant": "tenant", "x509_certificate_path": str(certificate)}
    with pytest.raises(InputError, match=r"x509_certificate_path .*principal.pem: no such file"):
        connect(options, empty)
    certificate.write_text("")
    connect(options, empty)
    assert recorded.one == ("CertificateCredential", ("tenant", "client", str(certificate)))


@pytest.fixture
def federated(empty: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """An environment as CI has it."""
    token = tmp_path / "token"
    token.write_text("token")
    names = {"AZURE_CLIENT_ID": "client", "AZURE_TENANT_ID": "tenant", "AZURE_FEDERATED_TOKEN_FILE": str(token)}
    return empty | names


def test_federated_token(recorded: Recorded, federated: dict[str, str]) -> None:
    connect({}, federated)
    connect({"federated_token_file": federated.pop("AZURE_FEDERATED_TOKEN_FILE"), "client_id": "mine"}, federated)
    assert [name for name, _arguments, _options in recorded.made] == ["WorkloadIdentityCredential"] * 2
    assert [options["client_id"] for _name, _arguments, options in recorded.made] == ["client", "mine"]
    assert all(options["tenant_id"] == "tenant" for _name, _arguments, options in recorded.made)
    with pytest.raises(InputError, match=r"federated_token_file /nowhere: no such file"):
        connect({"federated_token_file": "/nowhere"}, federated)


def test_real_federated_credential(federated: dict[str, str]) -> None:
    assert isinstance(connect({}, federated).credential, WorkloadIdentityCredential)


def test_a_client_id_of_the_environment_keeps_nobody_from_the_cli(recorded: Recorded, cli: dict[str, str]) -> None:
    connect({}, cli | {"AZURE_CLIENT_ID": "client", "AZURE_TENANT_ID": "tenant"})
    assert recorded.one[0] == "AzureCliCredential"


def test_an_incomplete_environment_is_told(empty: dict[str, str]) -> None:
    with pytest.raises(InputError, match="from the environment are incomplete, secret"):
        connect({}, empty | {"AZURE_CLIENT_ID": "client", "AZURE_TENANT_ID": "tenant"})


def test_the_line_end_of_a_secret_is_not_sent(recorded: Recorded, empty: dict[str, str]) -> None:
    connect({}, empty | {name: f"{value}\n" for name, value in ENVIRONMENT.items()})
    assert recorded.one[1] == ("env-tenant", "env-client", "env-hush")
    with pytest.raises(InputError, match="secret, from the options, has white space in it") as caught:
        connect({**PRINCIPAL, "secret": "hu\nsh"}, empty)
    assert "sh" not in caught.value.message.partition("ASCII")[2]


@pytest.mark.parametrize("option", ["arm_endpoint", "authority_host"])
def test_a_password_in_an_address_is_refused(recorded: Recorded, empty: dict[str, str], option: str) -> None:
    with pytest.raises(InputError, match=f"{option} https://host must not hold a user name or password") as caught:
        connect({**PRINCIPAL, option: "https://me:hush@host"}, empty)
    assert "hush" not in caught.value.message


@pytest.mark.parametrize(
    ("options", "environment", "client"),
    [
        ({"auth_source": "credential_file"}, {}, "default-client"),
        ({}, {}, "default-client"),
        ({"profile": "work"}, {}, "work-client"),
        ({}, {"AZURE_PROFILE": "work"}, "work-client"),
    ],
)
def test_credentials_file(
    options: dict[str, str], environment: dict[str, str], client: str, recorded: Recorded, empty: dict[str, str]
) -> None:
    sections = (
        f"[{name}]\nclient_id={name}-client\nsecret=100%\ntenant=t\nsubscription_id={name}-subscription\n"
        for name in ("default", "work")
    )
    credentials_file(empty["HOME"], "\n".join(sections))
    session = connect(options, empty | environment)
    assert recorded.one == ("ClientSecretCredential", ("t", client, "100%"))
    assert session.subscription_id == client.replace("client", "subscription")


def test_profile_that_is_not_there(empty: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"profile 'work' is not in .*\.azure/credentials"):
        connect({"profile": "work"}, empty)


def test_broken_credentials_file_is_not_quoted(empty: dict[str, str]) -> None:
    credentials_file(empty["HOME"], "secret=hush\n")
    with pytest.raises(InputError) as caught:
        connect({"profile": "default"}, empty)
    assert "cannot read" in caught.value.message
    assert "hush" not in caught.value.message


@pytest.mark.parametrize("source", ["cli", None])
def test_cli_login(source: str | None, recorded: Recorded, cli: dict[str, str]) -> None:
    session = connect({"auth_source": source}, cli)
    assert recorded.one[0] == "AzureCliCredential"
    assert session.subscription_id == "of-cli"


def test_subscription_option_wins_over_the_login(recorded: Recorded, cli: dict[str, str]) -> None:
    assert connect({"subscription_id": "mine"}, cli).subscription_id == "mine"


def test_cli_that_is_not_there(empty: dict[str, str]) -> None:
    with pytest.raises(InputError, match="there is no `az` on PATH"):
        connect({"auth_source": "cli"}, empty)


def test_nothing_found_says_what_to_do(empty: dict[str, str]) -> None:
    with pytest.raises(InputError, match=r"no Azure credentials found: give the options client_id, secret and tenant"):
        connect({"client_id": "", "secret": None}, empty)


def test_a_key_needs_no_credentials(empty: dict[str, str]) -> None:
    assert connect({}, empty, needs_credential=False).credential is None


def test_identity_requests_are_bounded_and_trust_the_same_authorities(
    recorded: Recorded, empty: dict[str, str]
) -> None:
    options = {
        **PRINCIPAL,
        "ca_file": certifi.where(),
        "authority_host": "https://login.example",
        "disable_instance_discovery": True,
    }
    session = connect(options, empty)
    ((_name, _arguments, identity_options),) = recorded.made
    connection = identity_options["transport"].connection_config
    assert connection.verify == session.tls == certifi.where()
    assert (connection.timeout, connection.read_timeout) == (auth.CONNECTION_TIMEOUT, auth.READ_TIMEOUT)
    assert identity_options["authority"] == "https://login.example"
    assert identity_options["disable_instance_discovery"] is True
    assert identity_options["retry_total"] == 3


def test_tls_settings(recorded: Recorded, empty: dict[str, str]) -> None:
    assert connect(PRINCIPAL, empty).tls is True
    assert connect({**PRINCIPAL, "validate_certs": False, "ca_file": "/nonexistent"}, empty).tls is False
    with pytest.raises(InputError, match="ca_file /nonexistent: No such file"):
        connect({**PRINCIPAL, "ca_file": "/nonexistent"}, empty)


@pytest.mark.parametrize(
    ("cloud", "arm", "scope", "authority"),
    [
        (None, "https://management.azure.com", "https://management.azure.com/.default", "login.microsoftonline.com"),
        ("AzureChinaCloud", "https://management.chinacloudapi.cn", "https://management.chinacloudapi.cn/.default",
         "login.chinacloudapi.cn"),
        ("AzureUSGovernment", "https://management.usgovcloudapi.net",
         "https://management.core.usgovcloudapi.net/.default", "login.microsoftonline.us"),
    ],
)  # fmt: skip
def test_clouds(
    cloud: str | None, arm: str, scope: str, authority: str, recorded: Recorded, empty: dict[str, str]
) -> None:
    session = connect({**PRINCIPAL, "cloud_environment": cloud}, empty)
    assert (session.arm_endpoint, session.cloud.arm_scope) == (arm, scope)
    assert recorded.made[0][2]["authority"] == f"https://{authority}"


def test_unknown_cloud_of_the_environment(empty: dict[str, str]) -> None:
    with pytest.raises(InputError, match="cloud_environment 'AzureGermanCloud' is not known"):
        connect(PRINCIPAL, empty | {"AZURE_CLOUD_ENVIRONMENT": "AzureGermanCloud"})


def test_an_endpoint_of_ones_own_keeps_the_clouds_audience(recorded: Recorded, empty: dict[str, str]) -> None:
    session = connect({**PRINCIPAL, "arm_endpoint": "https://arm.example/"}, empty)
    assert session.arm_endpoint == "https://arm.example"
    assert session.cloud.arm_scope == "https://management.azure.com/.default"


def test_secrets_are_marked_as_such() -> None:
    assert AZURE_ARGUMENT_SPEC["secret"]["no_log"] is True
    assert all(name in AZURE_ARGUMENT_SPEC for name in auth._ENVIRONMENT), "each variable has an option"
