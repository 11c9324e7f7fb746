# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The front door: names each request, checks its signature, and refuses parameters that EC2's description lacks."""

from __future__ import annotations

import datetime
import functools
import hashlib
import hmac
import io
import json
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import botocore.session
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.validate import ParamValidator
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.request import Request as MotoRequest
from moto.core.routing import get_service_router
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Request

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


class Refusal(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


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
                _check_ec2_parameters(_take_body(environ))
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


@functools.cache
def service_model(service: str) -> ServiceModel:
    """The description of a service in botocore."""
    return botocore.session.Session().get_service_model(service)


def _check_ec2_parameters(body: bytes) -> None:
    form = dict(parse_qsl(body.decode(), keep_blank_values=True))
    action = form.pop("Action", "")
    version = form.pop("Version", None)
    model = service_model("ec2")
    if action not in model.operation_names:
        raise Refusal(400, "InvalidAction", f"The action {action} is not valid for this web service.")
    if version != model.api_version:
        raise Refusal(400, "InvalidParameterValue", f"No such API version: {version}")
    check_parameters(model.operation_model(action), form)


def check_parameters(operation: OperationModel, form: dict[str, str]) -> None:
    """Compare a query with the operation's input shape.

    :raises Refusal: as EC2 does, on unknown, missing and malformed parameters.
    """
    used: set[str] = set()
    shape = operation.input_shape
    parameters: Any = _take(shape, "", form, used) if shape else {}
    unknown = sorted(set(form) - used)
    if unknown:
        raise Refusal(400, "UnknownParameter", f"The parameter {unknown[0].split('.')[0]} is not recognized")
    if shape is None:
        return
    report = ParamValidator().validate(parameters or {}, shape)
    if report.has_errors():
        text = report.generate_report()
        code = "MissingParameter" if "Missing required parameter" in text else "InvalidParameterValue"
        raise Refusal(400, code, text)
    _check_enums(shape, parameters or {})


def _wire_name(name: str, member: Shape) -> str:
    wire = member.serialization.get("queryName") or member.serialization.get("name") or name
    return str(wire[0].upper() + wire[1:])


def _take(shape: Shape, prefix: str, form: dict[str, str], used: set[str]) -> Any:
    """The value of ``shape`` under ``prefix`` in an EC2 query, or ``None``; notes the keys that it used."""
    if isinstance(shape, StructureShape):
        found = {}
        for name, member in shape.members.items():
            key = f"{prefix}.{_wire_name(name, member)}" if prefix else _wire_name(name, member)
            value = _take(member, key, form, used)
            if value is not None:
                found[name] = value
        return found or None
    if isinstance(shape, ListShape):
        items: list[Any] = []
        while True:
            value = _take(shape.member, f"{prefix}.{len(items) + 1}", form, used)
            if value is None:
                return items or None
            items.append(value)
    if prefix not in form:
        return None
    used.add(prefix)
    return _scalar(shape, prefix, form[prefix])


def _scalar(shape: Shape, key: str, text: str) -> Any:
    try:
        match shape.type_name:
            case "integer" | "long":
                return int(text)
            case "double" | "float":
                return float(text)
            case "boolean":
                return {"true": True, "false": False}[text]
            case "timestamp":
                return datetime.datetime.fromisoformat(text)
    except (ValueError, KeyError):
        message = f"Value ({text}) for parameter {key} is invalid. {text!r} is not a valid {shape.type_name}."
        raise Refusal(400, "InvalidParameterValue", message) from None
    return text


def _check_enums(shape: Shape, value: Any) -> None:
    if isinstance(shape, StructureShape):
        for name, item in value.items():
            _check_enums(shape.members[name], item)
    elif isinstance(shape, ListShape):
        for item in value:
            _check_enums(shape.member, item)
    else:
        choices = shape.metadata.get("enum")
        if choices and value not in choices:
            message = f"Value ({value}) for parameter {shape.name} is invalid. Valid values: {', '.join(choices)}"
            raise Refusal(400, "InvalidParameterValue", message)
