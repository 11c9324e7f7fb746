# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The project itself, and the metadata that all of its instances have in common."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Request

from tests.sandbox._gcp._discovery import Call
from tests.sandbox._gcp._errors import GoogleError
from tests.sandbox._gcp._instance_rules import check_metadata
from tests.sandbox._gcp._operations import Operations
from tests.sandbox._gcp._requests import check_project, fingerprint, now
from tests.sandbox._gcp._service import Handler


class Project:
    """Answers ``projects.get`` and ``projects.setCommonInstanceMetadata``."""

    number = "123456789012"

    def __init__(self, name: str, operations: Operations, *, lock: threading.RLock) -> None:
        self.name = name
        self.items: dict[str, str] = {}
        """The metadata, by its keys."""
        self._operations = operations
        self._lock = lock
        self._created = now()
        self.handlers: dict[str, Handler] = {
            "projects.get": self._get,
            "projects.setCommonInstanceMetadata": operations.idempotent(self._set_metadata),
        }

    @property
    def _resource(self) -> dict[str, Any]:
        return {
            "kind": "compute#project",
            "id": self.number,
            "creationTimestamp": self._created,
            "name": self.name,
            "commonInstanceMetadata": {
                "kind": "compute#metadata",
                "fingerprint": fingerprint(self.items),
                "items": [{"key": key, "value": value} for key, value in self.items.items()],
            },
            "selfLink": f"https://www.googleapis.com/compute/v1/projects/{self.name}",
        }

    def _get(self, call: Call, _request: Request, _body: Any) -> Mapping[str, Any]:
        check_project(call, self.name)
        with self._lock:
            return self._resource

    def _set_metadata(self, call: Call, _request: Request, body: dict[str, Any]) -> dict[str, Any]:
        items = check_metadata(body)
        if body.get("fingerprint") != fingerprint(self.items):
            raise GoogleError(412, "Supplied fingerprint does not match current metadata fingerprint.")

        def work() -> None:
            with self._lock:
                self.items = items

        return self._operations.begin("setMetadata", self._resource, work, call)
