# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The token endpoint of Microsoft Entra ID, for one service principal."""

from __future__ import annotations

import dataclasses
import datetime
import hmac
import json
import secrets
import time
import uuid
from typing import Any

import jwt
from flask import Flask, Response, request
from werkzeug.wrappers import Request

from tests.sandbox._request_log import Operation

MANAGEMENT = "https://management.azure.com"
STORAGE = "https://storage.azure.com"
_LIFETIME = 3600


@dataclasses.dataclass
class Account:
    """The throw-away credentials of one sandbox, and the tokens made out to them."""

    tenant: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))
    subscription: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))
    client_id: str = dataclasses.field(default_factory=lambda: str(uuid.uuid4()))
    secret: str = dataclasses.field(default_factory=lambda: secrets.token_urlsafe(24))
    _signing_key: str = dataclasses.field(default_factory=lambda: secrets.token_hex(32))

    def issue(self, audience: str) -> str:
        now = int(time.time())
        claims = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{self.tenant}/",
            "iat": now,
            "nbf": now - 60,
            "exp": now + _LIFETIME,
            "appid": self.client_id,
            "tid": self.tenant,
            "uti": secrets.token_hex(8),
        }
        return jwt.encode(claims, self._signing_key, algorithm="HS256")

    def accepts(self, authorization: str, audience: str) -> bool:
        """Whether an Authorization header holds a token that this account's login service issued."""
        scheme, _space, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return False
        try:
            jwt.decode(token, self._signing_key, algorithms=["HS256"], audience=audience)
        except jwt.InvalidTokenError:
            return False
        return True


def classify(request: Request) -> Operation:
    names = {"/token": "IssueToken", "/.well-known/openid-configuration": "GetOpenIdConfiguration"}
    name = next((name for suffix, name in names.items() if request.path.endswith(suffix)), "Unknown")
    return Operation("login", name, write=name == "Unknown")


def error_body(operation: Operation, status: int) -> tuple[str, bytes]:
    body = {"error": "temporarily_unavailable", "error_description": f"AADSTS90033: ordered fault on {operation.name}."}
    return "application/json", json.dumps(body).encode()


def _refuse(status: int, error: str, number: int, text: str) -> tuple[dict[str, Any], int]:
    now = datetime.datetime.now(datetime.UTC)
    trace, correlation = uuid.uuid4(), uuid.uuid4()
    return {
        "error": error,
        "error_description": f"AADSTS{number}: {text} Trace ID: {trace} Correlation ID: {correlation} "
        f"Timestamp: {now:%Y-%m-%d %H:%M:%SZ}",
        "error_codes": [number],
        "timestamp": f"{now:%Y-%m-%d %H:%M:%SZ}",
        "trace_id": str(trace),
        "correlation_id": str(correlation),
    }, status


def create_app(account: Account) -> Flask:
    app = Flask("login")

    @app.get("/<tenant>/v2.0/.well-known/openid-configuration")
    def openid_configuration(tenant: str) -> Any:
        if tenant != account.tenant:
            return _refuse(400, "invalid_tenant", 90002, f"Tenant '{tenant}' not found.")
        base = f"{request.host_url}{tenant}"
        return {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        }

    @app.post("/<tenant>/oauth2/v2.0/token")
    def token(tenant: str) -> Response | tuple[dict[str, Any], int] | dict[str, Any]:
        form = request.form
        if tenant != account.tenant:
            return _refuse(400, "invalid_tenant", 90002, f"Tenant '{tenant}' not found.")
        if form.get("grant_type") != "client_credentials":
            return _refuse(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")
        client = form.get("client_id", "")
        if client != account.client_id:
            return _refuse(
                400, "unauthorized_client", 700016, f"Application with identifier '{client}' was not found in the "
                f"directory '{tenant}'.",
            )  # fmt: skip
        if not hmac.compare_digest(form.get("client_secret", ""), account.secret):
            return _refuse(
                401, "invalid_client", 7000215, "Invalid client secret provided. Ensure the secret being sent in the "
                f"request is the client secret value, not the client secret ID, for a secret added to app '{client}'.",
            )  # fmt: skip
        scopes = [scope for scope in form.get("scope", "").split() if "/" in scope]
        audience = scopes[0].removesuffix("/.default") if len(scopes) == 1 else ""
        if audience not in (MANAGEMENT, STORAGE):
            text = f"The resource principal named {audience} was not found in the tenant."
            return _refuse(400, "invalid_resource", 500011, text)
        return {
            "token_type": "Bearer",
            "expires_in": _LIFETIME,
            "ext_expires_in": _LIFETIME,
            "access_token": account.issue(audience),
        }

    return app
