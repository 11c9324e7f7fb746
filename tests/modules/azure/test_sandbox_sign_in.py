# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The local Azure lets nobody in whom the real one would not: tokens, and what they are good for."""

from __future__ import annotations

import time
import uuid

import jwt
import pytest

from tests.sandbox._azure._login import Account
from tests.support.azure_requests import MANAGEMENT, STORAGE, AzureRequests
from tests.support.sandboxes import StartSandbox


@pytest.fixture(scope="module")
def requests_to(start_sandbox: StartSandbox) -> AzureRequests:
    return AzureRequests(start_sandbox("azure"))


@pytest.mark.parametrize(
    ("form", "status", "error", "number"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_secret": ""}, 401, "invalid_client", 7000215),
        ({"client_id": str(uuid.UUID(int=1))}, 400, "unauthorized_client", 700016),
        ({"tenant": str(uuid.UUID(int=1))}, 400, "invalid_tenant", 90002),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", 70003),
        ({"scope": "https://vault.azure.net/.default"}, 400, "invalid_resource", 500011),
        ({"scope": f"{MANAGEMENT}/.default {STORAGE}/.default"}, 400, "invalid_resource", 500011),
        ({"scope": ""}, 400, "invalid_resource", 500011),
    ],
)
def test_what_entra_refuses(
    requests_to: AzureRequests, form: dict[str, str], status: int, error: str, number: int
) -> None:
    response = requests_to.sign_in(**form)
    body = response.json()
    assert (response.status_code, body["error"], body["error_codes"]) == (status, error, [number])
    assert body["error_description"].startswith(f"AADSTS{number}: ")


def test_a_token_is_good_for_an_hour_and_one_audience(requests_to: AzureRequests) -> None:
    for audience in (MANAGEMENT, STORAGE):
        answer = requests_to.sign_in(scope=f"{audience}/.default").json()
        claims = jwt.decode(answer["access_token"], options={"verify_signature": False})
        assert (claims["aud"], claims["tid"], claims["appid"]) == (audience, requests_to.tenant, requests_to.client_id)
        assert claims["exp"] - claims["iat"] == answer["expires_in"] == 3600


def test_tokens_expire(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account()
    now = time.time()
    tokens = {}
    for age in (0, 3500, 3700):
        monkeypatch.setattr(time, "time", lambda age=age: now - age)
        tokens[age] = f"Bearer {account.issue(MANAGEMENT)}"
    monkeypatch.undo()
    assert {age: account.accepts(token, MANAGEMENT) for age, token in tokens.items()} == {
        0: True, 3500: True, 3700: False,
    }  # fmt: skip


def _forged(requests_to: AzureRequests) -> str:
    token = requests_to.bearer(MANAGEMENT).removeprefix("Bearer ")
    claims = jwt.decode(token, options={"verify_signature": False})
    return f"Bearer {jwt.encode(claims, 'another key, of no less than 32 bytes', algorithm='HS256')}"


def test_resource_manager_looks_at_the_token(requests_to: AzureRequests) -> None:
    path = requests_to.group
    params = {"api-version": "2021-04-01"}
    assert requests_to.call("GET", path, params=params).status_code == 200
    assert requests_to.refused("GET", path, params=params, headers={})[:2] == (401, "AuthenticationFailed")
    for wrong in (
        "Bearer nonsense",
        requests_to.bearer(MANAGEMENT).replace("Bearer", "Basic"),
        requests_to.bearer(STORAGE),
        _forged(requests_to),
    ):
        response = requests_to.call("GET", path, params=params, headers={"Authorization": wrong})
        assert (response.status_code, response.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")
        assert response.headers["WWW-Authenticate"].startswith("Bearer ")


def test_the_blob_service_looks_at_the_token(requests_to: AzureRequests) -> None:
    container = {"restype": "container"}
    assert requests_to.blob("PUT", "signed-in", params=container).status_code == 201
    nobody = requests_to.blob("GET", "signed-in", params=container, Authorization="")
    assert (nobody.status_code, nobody.headers["x-ms-error-code"]) == (401, "NoAuthenticationInformation")
    for wrong in ("Bearer nonsense", requests_to.bearer(MANAGEMENT), _forged(requests_to)):
        response = requests_to.blob("GET", "signed-in", params=container, Authorization=wrong)
        assert (response.status_code, response.headers["x-ms-error-code"]) == (401, "InvalidAuthenticationInfo")
        assert f"resource_id={STORAGE}" in response.headers["WWW-Authenticate"]
