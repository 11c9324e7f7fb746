# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is secret is neither printed, nor returned, nor written, whatever is wrong with it."""

from __future__ import annotations

import configparser

import pytest

from tests.support.cloud import Cloud
from tests.support.planted import SECRET, fails_silently

_OBJECT = {"bucket": "images", "name": "a.qcow2", "state": "absent"}


@pytest.mark.parametrize(
    "options",
    [
        {"api_user_key_pass_phrase": SECRET, "api_user_key_file": "/dev/null"},
        {"object_storage_endpoint": f"https://me:{SECRET}@127.0.0.1:1"},
        {"object_storage_endpoint": f"https://127.0.0.1:1/p/{SECRET}/n/ns?token={SECRET}"},
    ],
    ids=str,
)
def test_nothing_is_told(oci: Cloud, options: dict[str, str]) -> None:
    fails_silently(oci, "alpine_oci_object", **_OBJECT, **options)


@pytest.mark.parametrize("token", [f"{SECRET}\n{SECRET}", f"{SECRET}\n", f"{SECRET}ä"])
def test_a_session_token_is_not_told(oci: Cloud, token: str) -> None:
    file = oci.home / "token"
    file.write_text(token)
    config = configparser.ConfigParser(interpolation=None)
    config.read(oci.options["config_file_location"])
    config["DEFAULT"]["security_token_file"] = str(file)
    with (oci.home / "config").open("w") as stream:
        config.write(stream)
    changed = {"auth_type": "security_token", "config_file_location": str(oci.home / "config")}
    fails_silently(oci, "alpine_oci_object", **_OBJECT, **changed)
