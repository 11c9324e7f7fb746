# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who we are to Oracle Cloud: credentials and the region from a module's options."""

from __future__ import annotations

import base64
import configparser
import dataclasses
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import env_fallback

from .._core.credentials import check_secret
from .._core.dependencies import require
from .._core.errors import InputError

OCI_ARGUMENT_SPEC: dict[str, Any] = {
    "config_file_location": {"type": "path", "fallback": (env_fallback, ["OCI_CONFIG_FILE"])},
    "config_profile_name": {"type": "str", "fallback": (env_fallback, ["OCI_CONFIG_PROFILE"])},
    "api_user": {"type": "str", "fallback": (env_fallback, ["OCI_USER_ID"])},
    "api_user_fingerprint": {"type": "str", "fallback": (env_fallback, ["OCI_USER_FINGERPRINT"])},
    "api_user_key_file": {"type": "path", "fallback": (env_fallback, ["OCI_USER_KEY_FILE"])},
    "api_user_key_pass_phrase": {
        "type": "str",
        "no_log": True,
        "fallback": (env_fallback, ["OCI_USER_KEY_PASS_PHRASE"]),
    },
    "tenancy": {"type": "str", "fallback": (env_fallback, ["OCI_TENANCY"])},
    "region": {"type": "str", "fallback": (env_fallback, ["OCI_REGION"])},
    "auth_type": {
        "type": "str",
        "choices": ["api_key", "security_token", "instance_principal", "resource_principal"],
        "default": "api_key",
        "fallback": (env_fallback, ["OCI_ANSIBLE_AUTH_TYPE"]),
    },
    "iaas_endpoint": {"type": "str"},
    "object_storage_endpoint": {"type": "str"},
    "identity_endpoint": {"type": "str"},
    "ca_file": {"type": "path", "aliases": ["cert_bundle"], "fallback": (env_fallback, ["OCI_ANSIBLE_CERT_BUNDLE"])},
    "validate_certs": {"type": "bool", "default": True},
}
"""The options that doc fragment ``alpine.cloud._oci`` documents."""

_DEFAULT_CONFIG_FILE = Path("~/.oci/config")
_OPTION_OF_SETTING = {
    "user": "api_user",
    "fingerprint": "api_user_fingerprint",
    "key_file": "api_user_key_file",
    "pass_phrase": "api_user_key_pass_phrase",
    "tenancy": "tenancy",
    "region": "region",
}
"""The SDK's name of a setting, and the module option that overrides it."""


@dataclasses.dataclass(frozen=True)
class Identity:
    """What the SDK's clients sign requests with."""

    config: dict[str, Any]
    signer: Any

    @property
    def region(self) -> str:
        return str(self.config["region"])


def load_identity(params: Mapping[str, Any]) -> Identity:
    """Find the credentials that the options name.

    :raises InputError: when they are missing, incomplete or unusable, or the region is unknown.
    """
    builders = {
        "api_key": _api_key,
        "security_token": _security_token,
        "instance_principal": _instance_principal,
        "resource_principal": _resource_principal,
    }
    identity = builders[params["auth_type"]](params)
    _check_region(
        identity.config.get("region"), known=bool(params["iaas_endpoint"] and params["object_storage_endpoint"])
    )
    return identity


def _settings(params: Mapping[str, Any]) -> dict[str, Any]:
    """The profile of the configuration file, if there is one, with the options laid over it."""
    config = require("oci.config", "oci")
    exceptions = require("oci.exceptions", "oci")
    file = params["config_file_location"]
    settings: dict[str, Any] = {}
    if file or _DEFAULT_CONFIG_FILE.expanduser().is_file():
        profile = params["config_profile_name"] or "DEFAULT"
        path = Path(file or _DEFAULT_CONFIG_FILE).expanduser()
        if not path.is_file():
            raise InputError(f"config_file_location {path}: no such file")
        try:
            settings = config.from_file(str(path), profile)
        except exceptions.ProfileNotFound as error:
            raise InputError(f"config_profile_name: there is no profile {profile!r} in {path}") from error
        except exceptions.InvalidKeyFilePath as error:
            if not params["api_user_key_file"]:
                raise InputError(f"The key_file of profile {profile!r} in {path} does not exist") from error
            settings = {}
        except configparser.Error as error:
            # Its own words would quote the file.
            raise InputError(f"config_file_location {path} cannot be read: {type(error).__name__}") from None
        except (OSError, ValueError) as error:
            raise InputError(f"config_file_location {path} cannot be used: {error}") from error
    given = {name: params[option] for name, option in _OPTION_OF_SETTING.items() if params[option]}
    # A pass phrase may begin and end with blanks.
    settings.update({name: value if name == "pass_phrase" else value.strip() for name, value in given.items()})
    return settings


def _api_key(params: Mapping[str, Any]) -> Identity:
    config = require("oci.config", "oci")
    exceptions = require("oci.exceptions", "oci")
    signer = require("oci.signer", "oci")
    settings = _settings(params)
    try:
        config.validate_config(settings)
    except exceptions.InvalidConfig as error:
        problems = ", ".join(
            sorted(f"{_OPTION_OF_SETTING.get(name, name)} is {problem}" for name, problem in error.args[0].items())
        )
        raise InputError(
            f"Credentials for Oracle Cloud are incomplete: {problems}. Set these options, or config_file_location and "
            "config_profile_name to a profile that has them, or choose another auth_type."
        ) from error
    try:
        return Identity(settings, signer.Signer.from_config(settings))
    except OSError as error:
        raise InputError(f"api_user_key_file {settings['key_file']}: {error.strerror}") from error
    except exceptions.MissingPrivateKeyPassphrase as error:
        raise InputError(
            f"api_user_key_file {settings['key_file']} is encrypted: set api_user_key_pass_phrase"
        ) from error
    except (exceptions.InvalidPrivateKey, ValueError) as error:
        raise InputError(
            f"api_user_key_file {settings['key_file']} cannot be used: it is no private key in PEM format, or "
            "api_user_key_pass_phrase is wrong"
        ) from error


def _security_token(params: Mapping[str, Any]) -> Identity:
    signers = require("oci.auth.signers", "oci")
    signer = require("oci.signer", "oci")
    exceptions = require("oci.exceptions", "oci")
    settings = _settings(params)
    missing = [name for name in ("security_token_file", "key_file", "region") if not settings.get(name)]
    if missing:
        raise InputError(
            f"auth_type security_token needs a profile with {', '.join(missing)}: set config_file_location and "
            "config_profile_name to one that `oci session authenticate` made"
        )
    try:
        token = Path(settings["security_token_file"]).expanduser().read_text(encoding="utf-8").strip()
        key = signer.load_private_key_from_file(settings["key_file"], settings.get("pass_phrase"))
    except (OSError, ValueError, exceptions.InvalidPrivateKey) as error:
        raise InputError(f"The session of profile {params['config_profile_name']!r} cannot be used: {error}") from error
    check_secret(token, f"security_token_file {settings['security_token_file']}")
    if _expired(token):
        raise InputError(
            f"The session of profile {params['config_profile_name'] or 'DEFAULT'!r} has expired: run `oci session "
            "refresh`, or `oci session authenticate` where that is too late"
        )
    return Identity(settings, signers.SecurityTokenSigner(token, key))


def _expired(token: str) -> bool:
    """Whether a token says so itself. It is for Oracle to tell whether it is good."""
    try:
        _header, payload, _signature = token.split(".")
        end = json.loads(base64.urlsafe_b64decode(payload + "=="))["exp"]
        return bool(end < time.time())
    except (ValueError, KeyError, TypeError):
        return False


def _instance_principal(params: Mapping[str, Any]) -> Identity:
    signers = require("oci.auth.signers", "oci")
    retry = require("oci.retry", "oci")
    # The SDK's own strategy asks a metadata service that is not there for three minutes.
    strategy = retry.RetryStrategyBuilder(max_attempts=2, total_elapsed_time_seconds=20).get_retry_strategy()
    try:
        signer = signers.InstancePrincipalsSecurityTokenSigner(
            retry_strategy=strategy, federation_client_retry_strategy=strategy
        )
    except Exception as error:  # The SDK passes on whatever its attempts on the metadata service raised.
        raise InputError(
            f"auth_type instance_principal works on an instance in Oracle Cloud only, and this is none: {error}"
        ) from error
    return Identity({"region": params["region"] or signer.region}, signer)


def _resource_principal(params: Mapping[str, Any]) -> Identity:
    signers = require("oci.auth.signers", "oci")
    try:
        signer = signers.get_resource_principals_signer()
    except Exception as error:  # EnvironmentError, ValueError and others, depending on what the environment lacks.
        raise InputError(
            f"auth_type resource_principal works where OCI_RESOURCE_PRINCIPAL_VERSION and its like are set: {error}"
        ) from error
    return Identity({"region": params["region"] or signer.region}, signer)


def _check_region(region: str | None, *, known: bool) -> None:
    """:param known: whether the SDK need not know the region's addresses, since they are given."""
    if not region:
        raise InputError("region is missing: set it, or OCI_REGION, or a region in the profile")
    regions = require("oci.regions", "oci")
    if not (known or regions.is_region(region) or regions.is_region_short_name(region)):
        version = require("oci", "oci").__version__
        raise InputError(
            f"region {region!r} is not a region that version {version} of Oracle's SDK knows, such as eu-frankfurt-1: "
            "install a newer one, or set OCI_REGION_METADATA, or iaas_endpoint and object_storage_endpoint"
        )
