# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OCI SDK over a script of expected calls instead of a network."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import oci.retry
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from oci._vendor import requests

from ansible_collections.alpine.cloud.plugins.module_utils._core.wait import WAIT_ARGUMENT_SPEC
from ansible_collections.alpine.cloud.plugins.module_utils._oci.auth import OCI_ARGUMENT_SPEC, load_identity
from ansible_collections.alpine.cloud.plugins.module_utils._oci.clients import OciClients

USER = "ocid1.user.oc1..aaaaaaaauser"
TENANCY = "ocid1.tenancy.oc1..aaaaaaaatenancy"
COMPARTMENT = "ocid1.compartment.oc1..aaaaaaaacompartment"
FINGERPRINT = ":".join(["ab"] * 16)
REGION = "eu-frankfurt-1"


@dataclasses.dataclass(frozen=True)
class Call:
    """One expected request, and its answer.

    :param path: without host and API version.
    :param query: what the query must be, if given.
    :param body: what the JSON body must be, if given.
    :param sent: headers that must have been sent.
    :param answer: JSON to answer with.
    :param content: bytes to answer with, instead of JSON.
    :param raises: an exception of requests, instead of an answer.
    """

    method: str
    path: str
    answer: Any = None
    status: int = 200
    query: Mapping[str, str] | None = None
    body: Any = None
    sent: Mapping[str, str] = dataclasses.field(default_factory=dict)
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    raises: Exception | None = None
    content: bytes | None = None


def error(method: str, path: str, status: int, code: str, message: str = "Because.") -> Call:
    """A call that is answered with an error."""
    return Call(method, path, {"code": code, "message": message}, status)


def _read(body: Any) -> Any:
    # In pieces, since the SDK's reader of a part cannot do otherwise.
    return b"".join(iter(lambda: bytes(body.read(1 << 20)), b"")) if hasattr(body, "read") else body


class _Transport(requests.adapters.BaseAdapter):
    def __init__(self, script: ScriptedOracle) -> None:
        super().__init__()
        self._script = script

    def send(self, request: Any, *_arguments: Any, **_options: Any) -> Any:
        call = self._script.take(request)
        if call.raises is not None:
            raise call.raises
        response: Any = requests.Response()
        response.status_code = call.status
        response.headers.update({"opc-request-id": "REQUEST", **call.headers})
        response._content = call.content or (b"" if call.answer is None else json.dumps(call.answer).encode())
        response.request = request
        response.url = request.url
        return response

    def close(self) -> None:
        pass


class ScriptedOracle:
    """Oracle Cloud as a test expects it to be used. Every call must come, in this order."""

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file
        self._calls: list[Call] = []
        self.bodies: list[Any] = []
        """What was sent, in order: bytes, or ``None``."""
        self.retry_tokens: list[str | None] = []
        """Of each request, in order."""

    def expect(self, *calls: Call) -> None:
        self._calls += calls

    def take(self, request: Any) -> Call:
        url = urlsplit(request.url)
        path = url.path.removeprefix("/20160918")
        assert self._calls, f"unexpected {request.method} {path}"
        call = self._calls.pop(0)
        assert (request.method, path) == (call.method, call.path)
        body = _read(request.body)
        self.bodies.append(body)
        self.retry_tokens.append(request.headers.get("opc-retry-token"))
        if call.query is not None:
            assert dict(parse_qsl(url.query)) == call.query
        if call.body is not None:
            assert json.loads(body) == call.body
        for name, value in call.sent.items():
            assert request.headers.get(name) == value, name
        return call

    def finish(self) -> None:
        assert not self._calls, f"these calls did not come: {self._calls}"

    def params(self, **options: Any) -> dict[str, Any]:
        """A module's parameters: credentials, defaults and ``options``."""
        specs = {**OCI_ARGUMENT_SPEC, **WAIT_ARGUMENT_SPEC}
        return {
            **{name: spec.get("default") for name, spec in specs.items()},
            "wait_interval": 0,
            "api_user": USER,
            "api_user_fingerprint": FINGERPRINT,
            "api_user_key_file": str(self._key_file),
            "tenancy": TENANCY,
            "region": REGION,
            **options,
        }

    def connection(self, **options: Any) -> OciClients:
        """Clients that send to the script, without retries."""
        return _ScriptedClients(self, self.params(**options))


class _ScriptedClients(OciClients):
    def __init__(self, script: ScriptedOracle, params: Mapping[str, Any]) -> None:
        super().__init__(params, load_identity(params))
        self._script = script

    @property
    def retry_strategy(self) -> Any:
        return oci.retry.NoneRetryStrategy()

    def _client(self, *arguments: Any, **options: Any) -> Any:
        client = super()._client(*arguments, **options)
        client.base_client.session.mount("https://", _Transport(self._script))
        return client


def write_key(path: Path, pass_phrase: bytes | None = None) -> Path:
    """A new private key in PEM format."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if pass_phrase:
        encryption = serialization.BestAvailableEncryption(pass_phrase)
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption))
    return path
