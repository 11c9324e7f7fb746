# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Request signatures, by https://docs.oracle.com/iaas/Content/API/Concepts/signingrequests.htm."""

from __future__ import annotations

import base64
import binascii
import datetime
import email.utils
import hashlib
import re

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from werkzeug.wrappers import Request

from tests.sandbox._oci._account import Account

_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_SKEW = datetime.timedelta(minutes=5)
_ALWAYS_SIGNED = {"(request-target)", "host"}
_BODY_SIGNED = {"x-content-sha256", "content-type", "content-length"}


def signature_problem(request: Request, account: Account, *, streams_body: bool) -> str | None:
    """What is wrong with the signature, or ``None``.

    :param streams_body: for PutObject and UploadPart, whose body need not be signed.
    """
    scheme, _space, rest = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "signature":
        return "Missing Authorization header"
    parameters = dict(_PARAMETER.findall(rest))
    if parameters.get("algorithm") != "rsa-sha256" or parameters.get("version") != "1":
        return "Unsupported signature algorithm or version"
    if parameters.get("keyId") != account.key_id:
        return "The key id is unknown"
    signed = parameters.get("headers", "").split()
    needed = set(_ALWAYS_SIGNED)
    if request.method in ("POST", "PUT", "PATCH") and not streams_body:
        needed |= _BODY_SIGNED
    missing = needed - set(signed)
    if missing or not {"date", "x-date"} & set(signed):
        return f"These headers must be signed: {', '.join(sorted(missing)) or 'date'}"
    return _date_problem(request) or _verify(request, account, signed, parameters.get("signature", ""))


def _date_problem(request: Request) -> str | None:
    text = request.headers.get("x-date") or request.headers.get("date") or ""
    try:
        date = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return "The date header is malformed"
    skew = abs(datetime.datetime.now(datetime.UTC) - date)
    return "The date header is too far from the service's clock" if skew > _SKEW else None


def _verify(request: Request, account: Account, signed: list[str], signature: str) -> str | None:
    lines = []
    for name in signed:
        if name == "(request-target)":
            lines.append(f"(request-target): {request.method.lower()} {request.environ['RAW_URI']}")
        else:
            lines.append(f"{name}: {request.headers.get(name, '')}")
    try:
        account.public_key.verify(
            base64.b64decode(signature, validate=True), "\n".join(lines).encode(), padding.PKCS1v15(), hashes.SHA256()
        )
    except (InvalidSignature, binascii.Error):
        return "The signature does not match"
    return None


def body_matches(request: Request, body: bytes) -> bool:
    """Whether the signed ``x-content-sha256`` is that of the body."""
    return request.headers.get("x-content-sha256") == base64.b64encode(hashlib.sha256(body).digest()).decode()
