# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The front door: names each request, checks its signature, and refuses what moto lets pass."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.request import Request as MotoRequest
from moto.core.routing import get_service_router
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Request

from tests.sandbox._aws._parameters import Refusal, check_ec2_parameters
from tests.sandbox._recorder import drain
from tests.sandbox._request_log import Operation

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<date>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request, ?"
    r"SignedHeaders=(?P<headers>[^,]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
_READING = ("Describe", "Get", "List", "Head")
_SERVICES = ("ec2", "s3", "ebs", "iam", "sts")
_UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"


def _service_of(authorization: str) -> str:
    match = _AUTHORIZATION.match(authorization)
    return match["service"] if match else "s3"


def classify(request: Request) -> Operation:
    """Service from the signature's scope; operation from the query's Action or, for REST, by method and path."""
    service = _service_of(request.headers.get("Authorization", ""))
    if service in ("s3", "ebs"):
        try:
            operation, _parameters = get_service_router(service).match(MotoRequest(request.environ, shallow=True))
            name = str(operation.name)
        except (NotFound, NotImplementedError):
            name = f"{request.method} {request.path}"
    else:
        name = request.form.get("Action") or request.args.get("Action") or "Unknown"
    return Operation(service, name, write=not name.startswith(_READING))


def error_body(service: str, code: str, message: str) -> tuple[str, bytes]:
    """Content type and body of an error, in the form of each service's protocol."""
    if service == "ebs":
        return "application/json", json.dumps({"__type": code, "message": message}).encode()
    error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if service == "ec2":
        body = f"<Response><Errors><Error>{error}</Error></Errors><RequestID>sandbox</RequestID></Response>"
    elif service == "s3":
        body = f"<Error>{error}<RequestId>sandbox</RequestId></Error>"
    else:
        body = f"<ErrorResponse><Error><Type>Sender</Type>{error}</Error><RequestId>sandbox</RequestId></ErrorResponse>"
    return "application/xml", body.encode()


_FAULT_CODES = {
    403: {"ec2": "UnauthorizedOperation", "s3": "AccessDenied", "ebs": "AccessDeniedException"},
    429: {"ec2": "RequestLimitExceeded", "s3": "SlowDown"},
    500: {"s3": "InternalError"},
    503: {"ec2": "Unavailable", "s3": "SlowDown"},
}


def fault_body(operation: Operation, status: int) -> tuple[str, bytes]:
    """The error that this service gives with an HTTP status."""
    default = "ServiceUnavailable" if status >= 500 else "Throttling" if status == 429 else "OrderedFault"
    code = _FAULT_CODES.get(status, {}).get(operation.service, default)
    return error_body(operation.service, code, f"Ordered fault in {operation.name}")


class _Signer(SigV4Auth):
    """Repeats a client's signature from what has arrived."""

    def __init__(self, credentials: Credentials, service: str, region: str, payload: str) -> None:
        super().__init__(credentials, service, region)
        self._normalizer: Any = S3SigV4Auth if service == "s3" else SigV4Auth
        self._payload = payload

    def payload(self, _request: AWSRequest) -> str:
        return self._payload

    def _normalize_url_path(self, path: str) -> str:
        return str(self._normalizer._normalize_url_path(self, path))


class Gate:
    """WSGI middleware in front of moto, which believes everybody.

    :param regions: where the account may work.
    """

    def __init__(self, app: WSGIApplication, *, access_key: str, secret_key: str, regions: frozenset[str]) -> None:
        self._app = app
        self._credentials = Credentials(access_key, secret_key)
        self._regions = regions

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        service = _service_of(environ.get("HTTP_AUTHORIZATION", ""))
        try:
            self._check_signature(environ)
            if service == "ec2":
                check_ec2_parameters(_take_body(environ))
            elif service == "s3":
                _check_s3(environ)
        except Refusal as refusal:
            content_type, body = error_body(service, refusal.code, str(refusal))
            drain(environ)
            headers = [("Content-Type", content_type), ("Content-Length", str(len(body)))]
            start_response(f"{refusal.status} Refused", headers)
            return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
        return self._app(environ, start_response)

    def _check_signature(self, environ: WSGIEnvironment) -> None:
        match = _AUTHORIZATION.match(environ.get("HTTP_AUTHORIZATION", ""))
        if match is None:
            raise Refusal(403, "AccessDenied", "Access Denied: requests must be signed with AWS Signature Version 4.")
        service, region = match["service"], match["region"]
        if service not in _SERVICES:
            raise Refusal(400, "InvalidAction", f"The sandbox has no service {service}.")
        if match["key"] != self._credentials.access_key:
            code = {"ec2": "AuthFailure", "s3": "InvalidAccessKeyId"}.get(service, "InvalidClientTokenId")
            raise Refusal(401 if service == "ec2" else 403, code, _WRONG_KEY.get(service, _WRONG_TOKEN))
        # A region where the account is not enabled does not know its keys.
        if region not in self._regions:
            code = {"ec2": "AuthFailure", "s3": "InvalidToken"}.get(service, "InvalidClientTokenId")
            raise Refusal(401 if service == "ec2" else 403, code, _WRONG_KEY.get(service, _WRONG_TOKEN))
        request = Request(environ, shallow=True)
        payload = environ.get("HTTP_X_AMZ_CONTENT_SHA256")
        if payload is None:
            body = _take_body(environ)
            payload = hashlib.sha256(body).hexdigest()
        raw_uri = environ.get("RAW_URI", request.path)
        copy = AWSRequest(
            method=environ["REQUEST_METHOD"],
            url=f"https://{request.host}{raw_uri}",
            headers={name: request.headers.get(name, "") for name in match["headers"].split(";")},
        )
        copy.context["timestamp"] = request.headers.get("X-Amz-Date", "")
        # EBS sends its blocks unsigned over TLS.
        for candidate in (payload, _UNSIGNED_PAYLOAD) if service == "ebs" else (payload,):
            signer = _Signer(self._credentials, service, region, candidate)
            text = signer.string_to_sign(copy, signer.canonical_request(copy))
            if hmac.compare_digest(signer.signature(text, copy), match["signature"]):
                return
        code = "AuthFailure" if service == "ec2" else "SignatureDoesNotMatch"
        message = (
            _WRONG_KEY["ec2"]
            if service == "ec2"
            else "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method."
        )
        raise Refusal(401 if service == "ec2" else 403, code, message)


_WRONG_TOKEN = "The security token included in the request is invalid."
_WRONG_KEY = {
    "ec2": "AWS was not able to validate the provided access credentials",
    "s3": "The AWS Access Key Id you provided does not exist in our records.",
}


def _take_body(environ: WSGIEnvironment) -> bytes:
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return body


def _check_s3(environ: WSGIEnvironment) -> None:
    """What moto lets pass: a bucket expected to be another's, a location constraint that must not be given."""
    if environ.get("HTTP_X_AMZ_EXPECTED_BUCKET_OWNER", DEFAULT_ACCOUNT_ID) != DEFAULT_ACCOUNT_ID:
        raise Refusal(403, "AccessDenied", "Access Denied")
    if environ["REQUEST_METHOD"] == "PUT" and environ["PATH_INFO"].strip("/").count("/") == 0:
        body = _take_body(environ)
        if b"<LocationConstraint>us-east-1<" in body:
            raise Refusal(400, "InvalidLocationConstraint", "The specified location-constraint is not valid")
