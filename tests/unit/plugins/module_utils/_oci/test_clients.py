# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import certifi
import oci.auth.signers
import oci.exceptions
import oci.retry
import pytest
from cryptography.hazmat.primitives import serialization

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._oci.auth import load_identity
from ansible_collections.alpine.cloud.plugins.module_utils._oci.clients import OciClients
from tests.support.scripted_oci import FINGERPRINT, REGION, TENANCY, USER, ScriptedOracle, write_key

_NO_OPTIONS = {
    "api_user": None,
    "api_user_fingerprint": None,
    "api_user_key_file": None,
    "tenancy": None,
    "region": None,
}


def _profile(path: Path, key_file: Path, name: str = "DEFAULT", **settings: str) -> Path:
    values = {
        "user": USER,
        "fingerprint": FINGERPRINT,
        "tenancy": TENANCY,
        "region": REGION,
        "key_file": str(key_file),
        **settings,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in values.items()))
    return path


def test_options_alone_suffice(oracle: ScriptedOracle) -> None:
    identity = load_identity(oracle.params())
    assert identity.signer.api_key == f"{TENANCY}/{USER}/{FINGERPRINT}"
    assert identity.region == REGION


def test_profile_alone_suffices(oracle: ScriptedOracle, key_file: Path, tmp_path: Path) -> None:
    file = _profile(tmp_path / "config", key_file)
    identity = load_identity(oracle.params(**_NO_OPTIONS, config_file_location=str(file)))
    assert identity.signer.api_key == f"{TENANCY}/{USER}/{FINGERPRINT}"


def test_default_file_is_found_in_the_home(oracle: ScriptedOracle, key_file: Path) -> None:
    _profile(Path.home() / ".oci/config", key_file)
    assert load_identity(oracle.params(**_NO_OPTIONS)).region == REGION


def test_options_win_over_the_profile(oracle: ScriptedOracle, key_file: Path, tmp_path: Path) -> None:
    file = _profile(tmp_path / "config", key_file, "WORK")
    options = {**_NO_OPTIONS, "region": "us-ashburn-1", "api_user": USER + "2"}
    identity = load_identity(oracle.params(**options, config_file_location=str(file), config_profile_name="WORK"))
    assert identity.region == "us-ashburn-1"
    assert f"/{USER}2/" in identity.signer.api_key


def test_key_option_replaces_a_stale_key_in_the_profile(oracle: ScriptedOracle, key_file: Path, tmp_path: Path) -> None:
    file = _profile(tmp_path / "config", tmp_path / "gone.pem")
    options = oracle.params(config_file_location=str(file))
    assert load_identity(options).config["key_file"] == str(key_file)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"api_user": None}, "incomplete: api_user is missing"),
        ({"api_user": None, "tenancy": None}, "api_user is missing, tenancy is missing"),
        ({"api_user_fingerprint": "nonsense"}, "api_user_fingerprint is malformed"),
        ({"api_user_key_file": None}, "api_user_key_file is missing"),
        ({"region": None}, "region is missing"),
        ({"api_user_key_file": "/nonexistent/key.pem"}, "api_user_key_file /nonexistent/key.pem: No such file"),
        ({"region": "mars-north-1"}, r"version [0-9.]+ of Oracle's SDK knows.*OCI_REGION_METADATA"),
        ({"config_file_location": "/nonexistent/config"}, "config_file_location /nonexistent/config: no such file"),
    ],
)
def test_unusable_credentials_name_the_option(oracle: ScriptedOracle, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_identity(oracle.params(**options))


def test_unknown_profile_is_named(oracle: ScriptedOracle, key_file: Path, tmp_path: Path) -> None:
    file = _profile(tmp_path / "config", key_file)
    with pytest.raises(InputError, match="config_profile_name: there is no profile 'NOBODY' in"):
        load_identity(oracle.params(config_file_location=str(file), config_profile_name="NOBODY"))


def test_missing_key_of_a_profile_is_told(oracle: ScriptedOracle, tmp_path: Path) -> None:
    file = _profile(tmp_path / "config", tmp_path / "gone.pem")
    with pytest.raises(InputError, match=r"The key_file of profile 'DEFAULT' in .* does not exist"):
        load_identity(oracle.params(**_NO_OPTIONS, config_file_location=str(file)))


def test_encrypted_key_asks_for_its_pass_phrase(oracle: ScriptedOracle, tmp_path: Path) -> None:
    key = str(write_key(tmp_path / "encrypted.pem", b"secret"))
    with pytest.raises(InputError, match="is encrypted: set api_user_key_pass_phrase"):
        load_identity(oracle.params(api_user_key_file=key))
    with pytest.raises(InputError, match="or api_user_key_pass_phrase is wrong") as caught:
        load_identity(oracle.params(api_user_key_file=key, api_user_key_pass_phrase="guess"))
    assert "guess" not in caught.value.message
    assert load_identity(oracle.params(api_user_key_file=key, api_user_key_pass_phrase="secret")).signer


def test_public_key_is_refused(oracle: ScriptedOracle, key_file: Path, tmp_path: Path) -> None:
    private = serialization.load_pem_private_key(key_file.read_bytes(), None)
    public = tmp_path / "public.pem"
    public.write_bytes(
        private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    with pytest.raises(InputError, match="no private key in PEM format"):
        load_identity(oracle.params(api_user_key_file=str(public)))


@pytest.mark.parametrize("region", ["eu-frankfurt-1", "FRA", "us-gov-ashburn-1"])
def test_regions_of_all_realms_and_short_names_are_known(oracle: ScriptedOracle, region: str) -> None:
    assert load_identity(oracle.params(region=region)).region == region


def test_a_region_that_the_sdk_does_not_know_has_its_endpoints(oracle: ScriptedOracle) -> None:
    endpoints = {"iaas_endpoint": "https://iaas.example", "object_storage_endpoint": "https://os.example"}
    clients = OciClients.from_params(oracle.params(region="mars-north-1", **endpoints))
    assert clients.compute.base_client.endpoint == "https://iaas.example/20160918"
    assert clients.object_storage().base_client.endpoint == "https://os.example"


def test_the_line_ends_of_options_are_not_sent(oracle: ScriptedOracle) -> None:
    identity = load_identity(oracle.params(api_user=f"{USER}\n", tenancy=f" {TENANCY}", region=f"{REGION}\n"))
    assert identity.signer.api_key == f"{TENANCY}/{USER}/{FINGERPRINT}"
    assert identity.region == REGION


def test_a_broken_profile_is_not_quoted(oracle: ScriptedOracle, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[DEFAULT]\npass_phrase hush\n")
    with pytest.raises(InputError, match="cannot be read: ParsingError") as caught:
        load_identity(oracle.params(config_file_location=str(tmp_path / "config")))
    assert "hush" not in caught.value.message


@pytest.mark.parametrize("option", ["iaas_endpoint", "object_storage_endpoint", "identity_endpoint"])
def test_a_password_in_an_address_is_refused(oracle: ScriptedOracle, option: str) -> None:
    with pytest.raises(InputError, match=f"{option} https://host must not hold a user name or password") as caught:
        OciClients.from_params(oracle.params(**{option: "https://me:hush@host"}))
    assert "hush" not in caught.value.message


def _session_token(end: float) -> str:
    payload = base64.urlsafe_b64encode(json.dumps({"exp": end}).encode()).decode().rstrip("=")
    return f"header.{payload}.hush"


@pytest.mark.parametrize(
    ("token", "message"),
    [
        (_session_token(2**31) + "\n", None),
        (_session_token(1.0), "The session of profile 'DEFAULT' has expired: run `oci session refresh`"),
        ("hush\nhush", "security_token_file .* has white space in it"),
    ],
)
def test_session_tokens_are_looked_at_before_they_are_sent(
    oracle: ScriptedOracle, key_file: Path, tmp_path: Path, token: str, message: str | None
) -> None:
    file = tmp_path / "token"
    file.write_text(token)
    profile = _profile(tmp_path / "config", key_file, security_token_file=str(file))
    options = oracle.params(**_NO_OPTIONS, auth_type="security_token", config_file_location=str(profile))
    if message is None:
        assert load_identity(options).signer.api_key == f"ST${token.strip()}"
        return
    with pytest.raises(InputError, match=message) as caught:
        load_identity(options)
    assert "hush" not in caught.value.message


def test_an_untrusted_server_is_asked_once(oracle: ScriptedOracle) -> None:
    strategy = OciClients.from_params(oracle.params()).retry_strategy
    untrusted = oci.exceptions.RequestException("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")
    asked = Mock(side_effect=untrusted, __name__="get_image")
    with pytest.raises(oci.exceptions.RequestException):
        strategy.make_retrying_call(asked)
    assert asked.call_count == 1


def test_session_token_signs_with_the_profiles_key(oracle: ScriptedOracle, key_file: Path, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("header.payload.signature")
    file = _profile(tmp_path / "config", key_file, security_token_file=str(token))
    identity = load_identity(oracle.params(**_NO_OPTIONS, auth_type="security_token", config_file_location=str(file)))
    assert isinstance(identity.signer, oci.auth.signers.SecurityTokenSigner)


def test_session_token_needs_a_profile_that_has_one(oracle: ScriptedOracle, key_file: Path, tmp_path: Path) -> None:
    file = _profile(tmp_path / "config", key_file)
    with pytest.raises(InputError, match="needs a profile with security_token_file"):
        load_identity(oracle.params(auth_type="security_token", config_file_location=str(file)))


def test_instance_principal_outside_of_oracle_cloud_fails_soon(
    oracle: ScriptedOracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategies = []

    def unreachable(**arguments: Any) -> None:
        strategies.append(arguments["retry_strategy"])
        raise OSError("no route to 169.254.169.254")

    monkeypatch.setattr(oci.auth.signers, "InstancePrincipalsSecurityTokenSigner", unreachable)
    with pytest.raises(InputError, match="auth_type instance_principal works on an instance in Oracle Cloud only"):
        load_identity(oracle.params(auth_type="instance_principal"))
    limits = {type(checker).__name__: vars(checker) for checker in strategies[0].checkers.checkers}
    assert limits["LimitBasedRetryChecker"]["max_attempts"] == 2
    assert limits["TotalTimeExceededRetryChecker"]["time_limit_seconds"] == 20


def test_instance_principal_takes_the_instances_region(oracle: ScriptedOracle, monkeypatch: pytest.MonkeyPatch) -> None:
    class Signer:
        region = "us-phoenix-1"

        def __init__(self, **_arguments: Any) -> None:
            pass

    monkeypatch.setattr(oci.auth.signers, "InstancePrincipalsSecurityTokenSigner", Signer)
    assert load_identity(oracle.params(auth_type="instance_principal", region=None)).region == "us-phoenix-1"
    assert load_identity(oracle.params(auth_type="instance_principal")).region == REGION


def test_resource_principal_needs_its_environment(oracle: ScriptedOracle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCI_RESOURCE_PRINCIPAL_VERSION", raising=False)
    with pytest.raises(InputError, match="OCI_RESOURCE_PRINCIPAL_VERSION"):
        load_identity(oracle.params(auth_type="resource_principal"))


def test_clients_have_the_regions_endpoints(oracle: ScriptedOracle) -> None:
    connection = OciClients.from_params(oracle.params())
    assert connection.compute.base_client.endpoint.startswith("https://iaas.eu-frankfurt-1.")
    assert connection.object_storage().base_client.endpoint.startswith("https://objectstorage.eu-frankfurt-1.")


def test_endpoints_can_be_set(oracle: ScriptedOracle) -> None:
    connection = OciClients.from_params(
        oracle.params(iaas_endpoint="https://iaas.example/", object_storage_endpoint="https://storage.example")
    )
    assert connection.compute.base_client.endpoint == "https://iaas.example/20160918"
    assert connection.work_requests.base_client.endpoint == "https://iaas.example/20160918"
    assert connection.object_storage().base_client.endpoint == "https://storage.example"


def test_no_client_refuses_requests_on_its_own_account(oracle: ScriptedOracle) -> None:
    """The SDK's circuit breakers would, for half a minute after some failures; Object Storage has one by default."""
    connection = OciClients.from_params(oracle.params())
    clients: list[Any] = [connection.compute, connection.object_storage(), connection.work_requests]
    for client in clients:
        strategy = client.base_client.circuit_breaker_strategy
        assert isinstance(strategy, oci.circuit_breaker.NoCircuitBreakerStrategy)


def test_every_client_has_timeouts(oracle: ScriptedOracle) -> None:
    connection = OciClients.from_params(oracle.params())
    clients: list[Any] = [connection.compute, connection.object_storage(), connection.work_requests]
    for client in clients:
        connect, read = client.base_client.timeout
        assert 0 < connect <= 10
        assert 0 < read <= 300


def test_retries_are_bounded_and_can_be_left_to_the_caller(oracle: ScriptedOracle) -> None:
    connection = OciClients.from_params(oracle.params())
    client: Any = connection.compute
    checkers = client.retry_strategy.checkers.checkers
    limits = {type(checker).__name__: vars(checker) for checker in checkers}
    assert limits["LimitBasedRetryChecker"]["max_attempts"] == 6
    assert limits["TotalTimeExceededRetryChecker"]["time_limit_seconds"] == 300
    bare = connection.object_storage(retries=False)
    assert isinstance(bare.retry_strategy, oci.retry.NoneRetryStrategy)


def test_ca_file_wins_over_the_environment(oracle: ScriptedOracle, monkeypatch: pytest.MonkeyPatch) -> None:
    ca_file = certifi.where()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/other.pem")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "localhost")
    session = OciClients.from_params(oracle.params(ca_file=ca_file)).compute.base_client.session
    url = "https://iaas.eu-frankfurt-1.oraclecloud.com"
    settings = session.merge_environment_settings(url, {}, False, None, None)
    assert settings["verify"] == ca_file
    assert settings["proxies"]["https"] == "http://proxy.example:3128"
    monkeypatch.setenv("NO_PROXY", ".oraclecloud.com")
    assert not OciClients.from_params(oracle.params(ca_file=ca_file)).compute.base_client.session.proxies


def test_verification_can_be_switched_off(oracle: ScriptedOracle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/other.pem")
    session = OciClients.from_params(oracle.params(validate_certs=False)).compute.base_client.session
    assert session.merge_environment_settings("https://x.example", {}, False, None, None)["verify"] is False


def test_environments_ca_bundle_counts_without_ca_file(oracle: ScriptedOracle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/other.pem")
    session = OciClients.from_params(oracle.params()).compute.base_client.session
    settings = session.merge_environment_settings("https://x.example", {}, False, None, None)
    assert settings["verify"] == "/etc/other.pem"


def test_missing_ca_file_is_named(oracle: ScriptedOracle) -> None:
    with pytest.raises(InputError, match=r"ca_file /nonexistent/ca.pem: No such file"):
        OciClients.from_params(oracle.params(ca_file="/nonexistent/ca.pem"))
