# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work requests: what an asynchronous operation tells of itself."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Mapping
from typing import Any

from flask import Response, request

from tests.sandbox._oci._account import new_ocid
from tests.sandbox._oci._api import Api, json_response, not_found, now


@dataclasses.dataclass
class WorkRequest:
    details: dict[str, Any]
    resource_id: str
    errors: list[dict[str, str]] = dataclasses.field(default_factory=list)
    logs: list[dict[str, str]] = dataclasses.field(default_factory=list)


class WorkRequests:
    """All of them, and the operations on them."""

    def __init__(self, api: Api, lock: threading.RLock) -> None:
        self._api = api
        self._lock = lock
        self._work_requests: dict[str, WorkRequest] = {}
        one = "/workRequests/<work_request_id>"
        api.operation("ListWorkRequests", "GET", "/workRequests")(self.list)
        api.operation("GetWorkRequest", "GET", one)(self.get)
        api.operation("ListWorkRequestErrors", "GET", f"{one}/errors")(self.list_errors)
        api.operation("ListWorkRequestLogs", "GET", f"{one}/logs")(self.list_logs)

    def begin(self, kind: str, entity: str, resource: Mapping[str, Any]) -> WorkRequest:
        """A new one.

        :param kind: what is done, such as ``CreateImage``.
        :param entity: to what it is done, such as ``image``.
        :param resource: that very one.
        """
        details = {
            "id": new_ocid("coreservicesworkrequest"),
            "operationType": kind,
            "status": "ACCEPTED",
            "compartmentId": resource["compartmentId"],
            "percentComplete": 0.0,
            "timeAccepted": now(),
            "timeStarted": None,
            "timeFinished": None,
            "resources": [
                {
                    "actionType": "IN_PROGRESS",
                    "entityType": entity,
                    "identifier": resource["id"],
                    "entityUri": f"/20160918/{entity}s/{resource['id']}",
                }
            ],
        }
        work_request = WorkRequest(details, resource["id"])
        self._work_requests[details["id"]] = work_request
        return work_request

    def _work_request(self, work_request_id: str) -> WorkRequest:
        try:
            return self._work_requests[work_request_id]
        except KeyError:
            raise not_found() from None

    def list(self) -> Response:
        compartment = self._api.check_compartment(request.args.get("compartmentId"))
        resource = request.args.get("resourceId")
        with self._lock:
            found = [
                work_request.details
                for work_request in self._work_requests.values()
                if work_request.details["compartmentId"] == compartment and resource in (None, work_request.resource_id)
            ]
        return self._api.page(reversed(found), model="WorkRequestSummary")

    def get(self, work_request_id: str) -> Response:
        details = self._work_request(work_request_id).details
        return json_response(self._api.shown_as("WorkRequest", details), Retry_After="1")

    def list_errors(self, work_request_id: str) -> Response:
        return self._api.page(self._work_request(work_request_id).errors)

    def list_logs(self, work_request_id: str) -> Response:
        return self._api.page(self._work_request(work_request_id).logs)
