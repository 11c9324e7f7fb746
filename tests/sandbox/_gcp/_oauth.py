# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Google's OAuth 2.0 token endpoint for service accounts, and the check of the tokens that it gave out."""

from __future__ import annotations

import dataclasses
import json
import secrets
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import google.auth.jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from werkzeug.wrappers import Request, Response

from tests.sandbox._gcp._errors import GoogleError
from tests.sandbox._request_log import Operation

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
# What google-auth signs for, wherever it sends the assertion.
_AUDIENCE = "https://oauth2.googleapis.com/token"
_LIFETIME = 3600


@dataclasses.dataclass(frozen=True)
class _Token:
    scopes: frozenset[str]
    expires: float


class TokenService:
    """Knows one service account of one project."""

    def __init__(self, project: str) -> None:
        self.email = f"importer@{project}.iam.gserviceaccount.com"
        self._project = project
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._key_id = secrets.token_hex(20)
        self._public_pem = self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self._tokens: dict[str, _Token] = {}
        self._lock = threading.Lock()
        self._token_uri = ""

    def write_key_file(self, path: Path, token_uri: str) -> None:
        """Write the service account's JSON key file, as the console hands it out."""
        self._token_uri = token_uri
        private_key = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        path.touch(mode=0o600)
        path.write_text(
            json.dumps(
                {
                    "type": "service_account",
                    "project_id": self._project,
                    "private_key_id": self._key_id,
                    "private_key": private_key.decode(),
                    "client_email": self.email,
                    "client_id": "100000000000000000001",
                    "token_uri": token_uri,
                }
            )
        )

    @staticmethod
    def classify(_request: Request) -> Operation:
        return Operation("oauth2", "token", write=False)

    @staticmethod
    def error_body(_operation: Operation, status: int) -> tuple[str, bytes]:
        error = {"error": "internal_failure" if status >= 500 else "invalid_request", "error_description": "Ordered."}
        return "application/json", json.dumps(error).encode()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self._answer(Request(environ))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if request.method != "POST" or request.path != "/token":
            return Response(status=404)
        if request.form.get("grant_type") != _GRANT_TYPE:
            return self._refused("unsupported_grant_type", f"Invalid grant_type: {request.form.get('grant_type')}")
        try:
            claims = google.auth.jwt.decode(
                request.form.get("assertion", ""), certs=self._public_pem, audience=[self._token_uri, _AUDIENCE]
            )
        except ValueError as error:
            return self._refused("invalid_grant", f"Invalid JWT Signature: {error}")
        if claims.get("iss") != self.email:
            return self._refused("invalid_grant", "Invalid grant: account not found")
        scopes = frozenset(str(claims.get("scope", "")).split())
        if not scopes:
            return self._refused("invalid_scope", "Invalid OAuth scope or ID token audience provided.")
        token = f"ya29.{secrets.token_urlsafe(32)}"
        with self._lock:
            self._tokens[token] = _Token(scopes, time.monotonic() + _LIFETIME)
        body = {"access_token": token, "expires_in": _LIFETIME, "token_type": "Bearer"}
        return Response(json.dumps(body), content_type="application/json")

    @staticmethod
    def _refused(error: str, description: str) -> Response:
        body = json.dumps({"error": error, "error_description": description})
        return Response(body, status=400, content_type="application/json")

    def authenticate(self, request: Request, scopes: Iterable[str]) -> None:
        """Check the request's bearer token.

        :param scopes: one of these is needed.
        :raises GoogleError: 401 without a valid token, 403 when its scopes do not suffice.
        """
        kind, _space, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer":
            raise GoogleError(
                401,
                "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie "
                "or other valid authentication credential.",
                reason="required",
                location="Authorization",
                locationType="header",
            )
        with self._lock:
            known = self._tokens.get(token)
        if known is None or known.expires < time.monotonic():
            raise GoogleError(
                401,
                "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other "
                "valid authentication credential.",
                reason="authError",
                location="Authorization",
                locationType="header",
            )
        if known.scopes.isdisjoint(scopes):
            raise GoogleError(
                403, "Request had insufficient authentication scopes.", reason="ACCESS_TOKEN_SCOPE_INSUFFICIENT"
            )
