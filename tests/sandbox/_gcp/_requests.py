# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the methods of Compute Engine have in common: the project, links, filters, times."""

from __future__ import annotations

import base64
import datetime
import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from werkzeug.wrappers import Request

from tests.sandbox._gcp._discovery import Call
from tests.sandbox._gcp._errors import GoogleError, invalid_value

_FILTER = re.compile(r'\(?\s*(\w+)\s*(!?=)\s*"?([^")]*?)"?\s*\)?')


def now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")


def link(project: str, path: str) -> str:
    return f"https://www.googleapis.com/compute/v1/projects/{project}/{path}"


def check_project(call: Call, project: str) -> None:
    """:raises GoogleError: 404 for any other project."""
    named = call.parameters["project"]
    if named != project:
        raise GoogleError(404, f"The resource 'projects/{named}' was not found")


def already_exists(project: str, path: str) -> GoogleError:
    """How a name that is taken is refused."""
    return GoogleError(409, f"The resource 'projects/{project}/{path}' already exists", reason="alreadyExists")


def fingerprint(items: Mapping[str, str]) -> str:
    """Of labels or metadata: whoever changes them tells by it what he has seen."""
    digest = hashlib.sha256(repr(sorted(items.items())).encode()).digest()
    return base64.urlsafe_b64encode(digest[:8]).decode()


def filtered(resources: Iterable[dict[str, Any]], request: Request) -> list[dict[str, Any]]:
    """Understands ``(key = value) (key != value)`` with or without AND, as the API's simple filters."""
    expression = request.args.get("filter", "")
    if not expression:
        return [dict(resource) for resource in resources]
    terms = [term for term in re.split(r"\s+AND\s+|(?<=\))\s*(?=\()", expression) if term]
    conditions = []
    for term in terms:
        match = _FILTER.fullmatch(term)
        if match is None:
            raise invalid_value("filter", expression, "Invalid list filter expression.")
        conditions.append(match.groups())
    return [
        dict(resource)
        for resource in resources
        if all((str(resource.get(key, "")) == value) == (sign == "=") for key, sign, value in conditions)
    ]
