# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metadata service of the local Azure is as strict as the real one."""

from __future__ import annotations

import pytest
from werkzeug.test import Client

from tests.sandbox._azure._metadata import Metadata

INSTANCE = "/metadata/instance"
KEY = f"{INSTANCE}/compute/publicKeys/0/keyData"
GOOD = {"Metadata": "true"}


@pytest.fixture
def service() -> Client:
    key = {"keyData": "ssh-ed25519 AAAA", "path": "/home/alpine/.ssh/authorized_keys"}
    return Client(Metadata(lambda: {"compute": {"publicKeys": [key], "userData": "aGVsbG8=", "vmSize": "small"}}))


def test_a_machine_reads_its_key_and_its_user_data(service: Client) -> None:
    query = {"api-version": "2021-01-01", "format": "text"}
    assert service.get(KEY, headers=GOOD, query_string=query).text == "ssh-ed25519 AAAA"
    user_data = service.get(f"{INSTANCE}/compute/userData", headers=GOOD, query_string=query)
    assert (user_data.text, user_data.mimetype) == ("aGVsbG8=", "text/plain")
    whole = service.get(INSTANCE, headers=GOOD, query_string={"api-version": "2021-01-01"})
    assert whole.json is not None
    assert whole.json["compute"]["vmSize"] == "small"
    names = service.get(f"{INSTANCE}/compute", headers=GOOD, query_string=query)
    assert names.text.splitlines() == ["publicKeys/", "userData/", "vmSize/"]


def test_it_tells_its_versions(service: Client) -> None:
    answer = service.get("/metadata/versions", headers=GOOD)
    assert answer.json is not None
    assert "2021-01-01" in answer.json["apiVersions"]


def test_older_versions_know_no_user_data(service: Client) -> None:
    query = {"api-version": "2020-09-01", "format": "text"}
    assert service.get(f"{INSTANCE}/compute/userData", headers=GOOD, query_string=query).status_code == 404


@pytest.mark.parametrize(
    ("path", "headers", "version", "form", "status", "said"),
    [
        (KEY, {}, "2021-01-01", "text", 400, "Required metadata header not specified"),
        (KEY, {"Metadata": "false"}, "2021-01-01", "text", 400, "Required metadata header not specified"),
        (
            KEY,
            {**GOOD, "X-Forwarded-For": "10.0.0.4"},
            "2021-01-01",
            "text",
            400,
            "header not specified or not correct",
        ),
        (KEY, GOOD, "", "text", 400, "api-version is invalid or was not specified"),
        (KEY, GOOD, "2021-01-99", "text", 400, "newest-versions"),
        (KEY, GOOD, "2021-01-01", "json", 400, "json format is not supported"),
        (INSTANCE, GOOD, "2021-01-01", "yaml", 400, "yaml format is not supported"),
        (f"{INSTANCE}/compute/nothing", GOOD, "2021-01-01", "text", 404, "Not found"),
        (f"{KEY}/nothing", GOOD, "2021-01-01", "text", 404, "Not found"),
        (f"{INSTANCE}/compute/publicKeys/1", GOOD, "2021-01-01", "json", 404, "Not found"),
        ("/latest/meta-data", GOOD, "2021-01-01", "text", 404, "Not found"),
    ],
)
def test_what_it_refuses(
    service: Client, path: str, headers: dict[str, str], version: str, form: str, status: int, said: str
) -> None:
    answer = service.get(path, headers=headers, query_string={"api-version": version, "format": form})
    assert answer.status_code == status
    assert said in answer.text


def test_it_is_only_read(service: Client) -> None:
    answer = service.post(KEY, headers=GOOD, query_string={"api-version": "2021-01-01", "format": "text"})
    assert answer.status_code == 405
