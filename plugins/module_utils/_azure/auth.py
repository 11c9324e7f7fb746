# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials and endpoints, by the options and environment variables of azure.azcollection."""

from __future__ import annotations

import configparser
import dataclasses
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._core.credentials import checked_ca_file, checked_secret
from .._core.dependencies import require
from .._core.errors import InputError
from .._core.urls import checked_address
from .errors import provider_errors
from .transport import bounded_transport

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.core.pipeline.transport import RequestsTransport

AZURE_ARGUMENT_SPEC: dict[str, Any] = {
    "auth_source": {"type": "str", "choices": ["auto", "cli", "credential_file", "env", "msi"]},
    "profile": {"type": "str"},
    "subscription_id": {"type": "str"},
    "client_id": {"type": "str"},
    "secret": {"type": "str", "no_log": True},
    "tenant": {"type": "str"},
    "x509_certificate_path": {"type": "path"},
    "federated_token_file": {"type": "path"},
    "cloud_environment": {
        "type": "str",
        "choices": ["AzureCloud", "AzureChinaCloud", "AzureUSGovernment"],
    },
    "authority_host": {"type": "str"},
    "disable_instance_discovery": {"type": "bool", "default": False},
    "arm_endpoint": {"type": "str"},
    "ca_file": {"type": "path"},
    "validate_certs": {"type": "bool", "default": True},
}
"""The options that doc fragment ``alpine.cloud._azure`` documents."""

CONNECTION_TIMEOUT = 10
"""Seconds until a connection must stand."""
READ_TIMEOUT = 120
"""Seconds without an answer, after which a request counts as lost."""
_MSI_TIMEOUT = 5

_ENVIRONMENT = {
    "auth_source": ("ANSIBLE_AZURE_AUTH_SOURCE",),
    "profile": ("AZURE_PROFILE",),
    "subscription_id": ("AZURE_SUBSCRIPTION_ID",),
    "client_id": ("AZURE_CLIENT_ID",),
    "secret": ("AZURE_SECRET", "AZURE_CLIENT_SECRET"),
    "tenant": ("AZURE_TENANT", "AZURE_TENANT_ID"),
    "x509_certificate_path": ("AZURE_X509_CERTIFICATE_PATH", "AZURE_CLIENT_CERTIFICATE_PATH"),
    "federated_token_file": ("AZURE_FEDERATED_TOKEN_FILE",),
    "cloud_environment": ("AZURE_CLOUD_ENVIRONMENT",),
    "authority_host": ("AZURE_AUTHORITY_HOST",),
}
_PROOFS = ("secret", "x509_certificate_path", "federated_token_file")
_PRINCIPAL = ("client_id", "tenant", *_PROOFS)
_WAYS = (
    "give the options client_id, secret and tenant, or set AZURE_CLIENT_ID, AZURE_SECRET and AZURE_TENANT, or name a "
    "profile of ~/.azure/credentials, or log in with `az login`, or set auth_source=msi on a machine with a managed "
    "identity"
)


@dataclasses.dataclass(frozen=True)
class CloudEnvironment:
    """The public addresses of one of Azure's clouds."""

    authority_host: str
    arm_endpoint: str
    arm_scope: str
    storage_suffix: str


_CLOUDS = {
    "AzureCloud": CloudEnvironment(
        "https://login.microsoftonline.com",
        "https://management.azure.com",
        "https://management.azure.com/.default",
        "core.windows.net",
    ),
    "AzureChinaCloud": CloudEnvironment(
        "https://login.chinacloudapi.cn",
        "https://management.chinacloudapi.cn",
        "https://management.chinacloudapi.cn/.default",
        "core.chinacloudapi.cn",
    ),
    "AzureUSGovernment": CloudEnvironment(
        "https://login.microsoftonline.us",
        "https://management.usgovcloudapi.net",
        "https://management.core.usgovcloudapi.net/.default",
        "core.usgovcloudapi.net",
    ),
}


@dataclasses.dataclass(frozen=True)
class Session:
    """Who acts, on which subscription, through which endpoints."""

    credential: TokenCredential | None
    subscription_id: str | None
    cloud: CloudEnvironment
    arm_endpoint: str
    tls: bool | str
    """A CA file, or whether to verify at all."""

    def transport(self) -> RequestsTransport:
        """A new one, for one client."""
        return bounded_transport(self.tls, CONNECTION_TIMEOUT, READ_TIMEOUT)


def connect(
    options: Mapping[str, Any], environment: Mapping[str, str] | None = None, *, needs_credential: bool = True
) -> Session:
    """Choose the credentials, without asking anyone yet.

    :param options: a module's parameters, with those of ``AZURE_ARGUMENT_SPEC``.
    :param environment: of the process, if not ``os.environ``.
    :param needs_credential: whether the module cannot do without, having no key of its own.
    :raises InputError: when no credentials are given, or those given are incomplete.
    """
    environment = os.environ if environment is None else environment
    given = {name: options[name] for name in _ENVIRONMENT if options.get(name)}
    from_environment = {
        name: value for name, keys in _ENVIRONMENT.items() if (value := _first_set(environment, keys)) is not None
    }
    cloud_name = given.get("cloud_environment") or from_environment.get("cloud_environment") or "AzureCloud"
    if cloud_name not in _CLOUDS:
        raise InputError(f"cloud_environment {cloud_name!r} is not known: it is one of {', '.join(_CLOUDS)}")
    cloud = _CLOUDS[cloud_name]
    tls = _tls(options)
    authority = given.get("authority_host") or from_environment.get("authority_host") or cloud.authority_host
    checked_address(authority if "://" in authority else f"https://{authority}", "authority_host")
    identity_options = {
        "authority": authority,
        "transport": bounded_transport(tls, CONNECTION_TIMEOUT, READ_TIMEOUT),
        "retry_total": 3,
    }
    if options.get("disable_instance_discovery"):
        identity_options["disable_instance_discovery"] = True
    credential, found_subscription = None, None
    if needs_credential:
        credential, found_subscription = _credential(given, from_environment, identity_options, environment)
    subscription = given.get("subscription_id") or from_environment.get("subscription_id") or found_subscription
    return Session(
        credential=credential,
        subscription_id=subscription,
        cloud=cloud,
        arm_endpoint=checked_address(options.get("arm_endpoint"), "arm_endpoint") or cloud.arm_endpoint,
        tls=tls,
    )


def _first_set(environment: Mapping[str, str], keys: tuple[str, ...]) -> str | None:
    return next((environment[key] for key in keys if environment.get(key)), None)


def _tls(options: Mapping[str, Any]) -> bool | str:
    if not options.get("validate_certs", True):
        return False
    return checked_ca_file(options.get("ca_file"), "ca_file") or True


def _credential(
    given: dict[str, Any],
    from_environment: dict[str, str],
    identity_options: dict[str, Any],
    environment: Mapping[str, str],
) -> tuple[TokenCredential, str | None]:
    """The credential, and the subscription that its source names."""
    source = given.get("auth_source") or from_environment.get("auth_source") or "auto"
    profile = given.get("profile") or from_environment.get("profile")
    if source == "env":
        return _principal(from_environment, "the environment (auth_source=env)", identity_options), None
    if source == "cli":
        return _cli(environment)
    if source == "credential_file":
        return _from_file(profile or "default", identity_options, environment)
    if source == "msi":
        return _managed_identity(given.get("client_id") or from_environment.get("client_id")), None
    if any(name in given for name in _PRINCIPAL):
        # A subscription or tenant may come from the environment, secrets are never mixed.
        values = {name: from_environment[name] for name in ("tenant", "client_id") if name in from_environment} | given
        return _principal(values, "the options", identity_options), None
    if profile:
        return _from_file(profile, identity_options, environment)
    # A client_id alone is there for others, such as a login of the Azure CLI in CI.
    if any(name in from_environment for name in _PROOFS):
        return _principal(from_environment, "the environment", identity_options), None
    if _credentials_file(environment).is_file():
        return _from_file("default", identity_options, environment)
    if shutil.which("az", path=environment.get("PATH")) and (_home(environment) / "azureProfile.json").is_file():
        return _cli(environment)
    if any(name in from_environment for name in _PRINCIPAL):
        return _principal(from_environment, "the environment", identity_options), None
    raise InputError(f"no Azure credentials found: {_WAYS}")


def _principal(values: Mapping[str, Any], where: str, identity_options: dict[str, Any]) -> TokenCredential:
    missing = [name for name in ("client_id", "tenant") if not values.get(name)]
    if not any(values.get(name) for name in _PROOFS):
        missing.append("secret (or x509_certificate_path, federated_token_file)")
    if missing:
        raise InputError(f"the Azure credentials from {where} are incomplete, {', '.join(missing)} missing: {_WAYS}")
    identity = require("azure.identity", "azure-identity")
    secret = checked_secret(values.get("secret"), f"secret, from {where},")
    tenant, client_id = values["tenant"].strip(), values["client_id"].strip()
    credential: TokenCredential
    with provider_errors("IssueToken", f"use the credentials from {where}"):
        if secret:
            credential = identity.ClientSecretCredential(tenant, client_id, secret, **identity_options)
        elif values.get("x509_certificate_path"):
            certificate = _existing_file(values, "x509_certificate_path")
            credential = identity.CertificateCredential(tenant, client_id, certificate, **identity_options)
        else:
            token_file = _existing_file(values, "federated_token_file")
            credential = identity.WorkloadIdentityCredential(
                tenant_id=tenant, client_id=client_id, token_file_path=token_file, **identity_options
            )
    return credential


def _existing_file(values: Mapping[str, Any], option: str) -> str:
    path: str = values[option]
    if not Path(path).is_file():
        raise InputError(f"{option} {path}: no such file")
    return path


def _managed_identity(client_id: str | None) -> TokenCredential:
    identity = require("azure.identity", "azure-identity")
    # Asks the metadata service, which is absent on most machines: give up early.
    credential: TokenCredential = identity.ManagedIdentityCredential(
        client_id=client_id, connection_timeout=_MSI_TIMEOUT, read_timeout=_MSI_TIMEOUT, retry_total=1
    )
    return credential


def _home(environment: Mapping[str, str]) -> Path:
    if configured := environment.get("AZURE_CONFIG_DIR"):
        return Path(configured)
    return Path(environment.get("HOME") or Path.home()) / ".azure"


def _credentials_file(environment: Mapping[str, str]) -> Path:
    return _home(environment) / "credentials"


def _from_file(
    profile: str, identity_options: dict[str, Any], environment: Mapping[str, str]
) -> tuple[TokenCredential, str | None]:
    path = _credentials_file(environment)
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(path, encoding="utf-8")
        section = parser[profile]
    except KeyError:
        raise InputError(f"profile {profile!r} is not in {path}: {_WAYS}") from None
    except (configparser.Error, UnicodeError) as error:
        raise InputError(f"cannot read {path}: {type(error).__name__}") from None
    return _principal(section, f"profile {profile!r} of {path}", identity_options), section.get("subscription_id")


def _cli(environment: Mapping[str, str]) -> tuple[TokenCredential, str | None]:
    identity = require("azure.identity", "azure-identity")
    if not shutil.which("az", path=environment.get("PATH")):
        raise InputError(f"auth_source=cli needs the Azure CLI, and there is no `az` on PATH: {_WAYS}")
    credential: TokenCredential = identity.AzureCliCredential(process_timeout=30)
    try:
        # The CLI writes a byte order mark.
        known = json.loads((_home(environment) / "azureProfile.json").read_text("utf-8-sig"))["subscriptions"]
    except (OSError, ValueError, KeyError):
        known = []
    return credential, next((entry.get("id") for entry in known if entry.get("isDefault")), None)
