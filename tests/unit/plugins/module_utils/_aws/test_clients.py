# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import certifi
import pytest
from botocore.exceptions import SSLError

from ansible_collections.alpine.cloud.plugins.module_utils._aws.auth import AWS_ARGUMENT_SPEC
from ansible_collections.alpine.cloud.plugins.module_utils._aws.clients import AwsClients
from ansible_collections.alpine.cloud.plugins.module_utils._aws.errors import provider_errors
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError, ProviderError


def _params(**options: Any) -> dict[str, Any]:
    return {
        **dict.fromkeys(AWS_ARGUMENT_SPEC),
        "access_key": "AKIATEST",
        "secret_key": "secret",
        "region": "eu-central-1",
        "validate_certs": True,
        **options,
    }


def test_client_has_region_endpoint_and_bounds() -> None:
    ec2: Any = AwsClients.from_params(_params(endpoint_url="https://ec2.example:8443")).ec2()
    assert ec2.meta.region_name == "eu-central-1"
    assert ec2.meta.endpoint_url == "https://ec2.example:8443"
    assert ec2.meta.config.retries["mode"] == "standard"
    assert 1 < ec2.meta.config.retries["total_max_attempts"] < 20
    assert ec2.meta.config.connect_timeout < ec2.meta.config.read_timeout < 120


def test_another_region_is_for_one_client() -> None:
    clients = AwsClients.from_params(_params())
    assert clients.ec2("us-east-1").meta.endpoint_url == "https://ec2.us-east-1.amazonaws.com"
    assert clients.ec2().meta.endpoint_url == "https://ec2.eu-central-1.amazonaws.com"


@pytest.mark.parametrize(("endpoint", "style"), [(None, "auto"), ("https://127.0.0.1:1", "path")])
def test_buckets_are_addressed_by_path_at_an_own_endpoint(endpoint: str | None, style: str) -> None:
    s3: Any = AwsClients.from_params(_params(endpoint_url=endpoint)).s3
    assert s3.meta.config.s3["addressing_style"] == style


def test_ca_bundle_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", "/environment.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/environment.pem")
    ec2: Any = AwsClients.from_params(_params(aws_ca_bundle=certifi.where())).ec2()
    assert ec2._endpoint.http_session._verify == certifi.where()


def test_certificates_are_not_verified_only_on_request(tmp_path: Path) -> None:
    ec2: Any = AwsClients.from_params(_params(validate_certs=False)).ec2()
    assert ec2._endpoint.http_session._verify is False
    with pytest.raises(InputError, match=r"aws_ca_bundle .*/none\.pem: No such file"):
        AwsClients.from_params(_params(aws_ca_bundle=str(tmp_path / "none.pem")))


def test_credentials_of_the_environment_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    ec2: Any = AwsClients.from_params(_params(access_key=None, secret_key=None)).ec2()
    assert ec2._request_signer._credentials.access_key == "AKIAENVIRONMENT"


def test_profile_brings_credentials_and_region(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("[profile build]\nregion = ap-southeast-2\n")
    (tmp_path / "credentials").write_text("[build]\naws_access_key_id = AKIABUILD\naws_secret_access_key = x\n")
    clients = AwsClients.from_params(_params(access_key=None, secret_key=None, region=None, profile="build"))
    assert clients.region == "ap-southeast-2"
    ec2: Any = clients.ec2()
    assert ec2._request_signer._credentials.access_key == "AKIABUILD"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"access_key": None, "secret_key": None}, "No AWS credentials: set access_key and secret_key, profile"),
        ({"secret_key": None}, "access_key and secret_key go together"),
        ({"access_key": ""}, "access_key and secret_key go together"),
        ({"profile": "build"}, "profile and access_key exclude each other"),
        ({"access_key": None, "secret_key": None, "profile": "nope"}, "profile \\(nope\\).*check the option profile"),
        ({"secret_key": "hush hush"}, "secret_key has white space in it"),
        ({"endpoint_url": "https://me:hush@host"}, "endpoint_url https://host must not hold a user name or password"),
        ({"endpoint_url": "https://host?hush"}, "endpoint_url https://host must be an address alone"),
        ({"aws_ca_bundle": __file__}, "aws_ca_bundle .* holds no certificate in PEM format"),
        ({"region": None}, "No region: set region"),
        ({"region": "eu-centrall-1"}, "region: AWS has no region 'eu-centrall-1'; did you mean eu-central-1"),
        ({"region": "xyz"}, "region: AWS has no region 'xyz'; see the regions table"),
    ],
)
def test_bad_options_are_told_by_name(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        AwsClients.from_params(_params(**options))
    assert "hush" not in caught.value.message


def test_the_line_end_of_a_secret_is_not_sent() -> None:
    options = _params(access_key="AKIATEST\n", secret_key=" secret\n", session_token="token\r\n")
    ec2: Any = AwsClients.from_params(options).ec2()
    credentials = ec2._request_signer._credentials
    assert (credentials.access_key, credentials.secret_key, credentials.token) == ("AKIATEST", "secret", "token")


def test_white_space_in_the_environment_is_refused_without_a_word_of_the_secret(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "hush\n")
    with pytest.raises(InputError, match=r"credentials \(env\) has white space") as caught:
        AwsClients.from_params(_params(access_key=None, secret_key=None))
    assert "hush" not in caught.value.message


@pytest.mark.parametrize("asking", ["build", "base"])
def test_a_profile_that_asks_for_a_code_is_refused(tmp_path: Path, asking: str) -> None:
    (tmp_path / "credentials").write_text("[keys]\naws_access_key_id = AKIA\naws_secret_access_key = x\n")
    profiles = {
        "build": "role_arn = arn:aws:iam::123456789012:role/b\nsource_profile = base\n",
        "base": "role_arn = arn:aws:iam::123456789012:role/a\nsource_profile = keys\n",
    }
    profiles[asking] += "mfa_serial = arn:aws:iam::123456789012:mfa/me\n"
    (tmp_path / "config").write_text("".join(f"[profile {name}]\n{text}" for name, text in profiles.items()))
    with pytest.raises(InputError, match=f"profile '{asking}' has mfa_serial"):
        AwsClients.from_params(_params(access_key=None, secret_key=None, profile="build"))


def test_an_untrusted_server_is_asked_once() -> None:
    cause = Exception("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate")
    untrusted = SSLError(endpoint_url="https://host", error=cause)
    ec2: Any = AwsClients.from_params(_params()).ec2()
    asked = []
    ec2.meta.events.register_first("before-send.ec2", lambda **_request: asked.append(1))
    ec2._endpoint.http_session.send = Mock(side_effect=untrusted)
    with pytest.raises(ProviderError, match="goes into aws_ca_bundle"), provider_errors("DescribeImages", "look"):
        ec2.describe_images()
    assert asked == [1]


@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1", "us-gov-west-1"])
def test_regions_of_every_partition_are_known(region: str) -> None:
    assert AwsClients.from_params(_params(region=region)).region == region
    assert AwsClients.from_params(_params()).checked_region(region, "regions") == region


def test_secrets_are_not_logged() -> None:
    assert AWS_ARGUMENT_SPEC["secret_key"]["no_log"] is True
    assert AWS_ARGUMENT_SPEC["session_token"]["no_log"] is True


def test_a_client_is_made_once() -> None:
    clients = AwsClients.from_params(_params())
    assert clients.ec2() is clients.ec2("eu-central-1")
    assert clients.ec2() is not clients.ec2("us-east-1")
    assert clients.s3 is clients.s3
    assert clients.sts is clients.sts
