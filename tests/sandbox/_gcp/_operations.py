# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute Engine's operations, global ones and those of a zone: what takes time, and may fail."""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from werkzeug.wrappers import Request

from tests.sandbox._faults import FaultBook
from tests.sandbox._gcp._discovery import Call
from tests.sandbox._gcp._errors import GoogleError, invalid_value
from tests.sandbox._gcp._requests import check_project, filtered, link, now
from tests.sandbox._repeats import FirstAnswers

# How a fault is ordered that ends in another code than INTERNAL_ERROR.
_CODED = re.compile(r"([A-Z_]{4,}): (.+)", re.DOTALL)
_STATUSES = {
    400: "BAD REQUEST",
    403: "FORBIDDEN",
    404: "NOT FOUND",
    500: "INTERNAL SERVER ERROR",
    503: "SERVICE UNAVAILABLE",
}


class OperationError(Exception):
    """How an asynchronous operation ends in failure."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


class Operations:
    """All of them, and the methods on them.

    :param ids: where the identifiers come from.
    """

    def __init__(
        self, *, project: str, user: str, faults: FaultBook, seconds: float, ids: Iterator[int], lock: threading.RLock
    ) -> None:
        self._project = project
        self._user = user
        self._faults = faults
        self._operation_seconds = seconds
        self._ids = ids
        self._operations: dict[str, dict[str, Any]] = {}
        self._request_ids = FirstAnswers[dict[str, Any]]()
        self._lock = lock
        self._operation_done = threading.Condition(lock)

    def idempotent(self, act: Callable[[Call, Request, Any], dict[str, Any]]) -> Callable[..., dict[str, Any]]:
        """A repeated ``requestId`` is answered with the first request's operation."""

        def handler(call: Call, request: Request, body: Any) -> dict[str, Any]:
            check_project(call, self._project)
            request_id = request.args.get("requestId")
            if request_id is not None:
                _check_request_id(request_id)

            def first_time() -> dict[str, Any]:
                operation = act(call, request, body)
                operation["clientOperationId"] = request_id
                return operation

            with self._lock:
                if request_id is None:
                    return dict(act(call, request, body))
                operation = self._request_ids.answer(
                    request_id,
                    f"{call.name} {call.parameters} {body}",
                    first_time,
                    misused=invalid_value("requestId", request_id, "The ID was used by another request."),
                )
                return dict(operation)

        return handler

    def begin(
        self,
        kind: str,
        target: Mapping[str, Any],
        work: Callable[[], None],
        call: Call,
        *,
        failed: Callable[[], None] | None = None,
    ) -> dict[str, Any]:
        """Start an operation on ``target``, whose ``work`` is done when its time has passed.

        :param work: raises OperationError to fail.
        :param failed: called when it has.
        """
        name = f"operation-{uuid.uuid4()}"
        started = now()
        zone, scope = call.parameters.get("zone"), _scope(call)
        operation = {
            "kind": "compute#operation",
            "id": str(next(self._ids)),
            "name": name,
            "operationType": kind,
            "targetLink": target["selfLink"],
            "targetId": target["id"],
            "status": "RUNNING",
            "user": self._user,
            "progress": 0,
            "insertTime": started,
            "startTime": started,
            "selfLink": link(self._project, f"{scope}/operations/{name}"),
        }
        if zone:
            operation["zone"] = link(self._project, scope)
        self._operations[name] = operation
        failure = self._faults.take_failure("compute", call.name)
        held = self._faults.take_hold("compute", call.name)

        def run() -> None:
            error: OperationError | None = None
            held.wait()
            try:
                if failure is not None:
                    raise _ordered(failure)
                work()
            except OperationError as raised:
                error = raised
            with self._lock:
                if error and failed:
                    failed()
                self._end(operation, error)

        timer = threading.Timer(self._operation_seconds, run)
        timer.daemon = True
        timer.start()
        return operation

    def _end(self, operation: dict[str, Any], error: OperationError | None) -> None:
        if error is not None:
            operation["httpErrorStatusCode"] = error.status
            operation["httpErrorMessage"] = _STATUSES[error.status]
            operation["error"] = {"errors": [{"code": error.code, "message": error.message}]}
        operation |= {"status": "DONE", "progress": 100, "endTime": now()}
        self._operation_done.notify_all()

    def _operation(self, call: Call) -> dict[str, Any]:
        check_project(call, self._project)
        name = call.parameters["operation"]
        for operation in self._of_scope(call):
            if name in (operation["name"], operation["id"]):
                return operation
        scope = _scope(call)
        raise GoogleError(404, f"The resource 'projects/{self._project}/{scope}/operations/{name}' was not found")

    def _of_scope(self, call: Call) -> list[dict[str, Any]]:
        """The operations of the zone that is called, or the global ones."""
        zone = call.parameters.get("zone")
        of_zone = link(self._project, f"zones/{zone}") if zone else None
        return [operation for operation in self._operations.values() if operation.get("zone") == of_zone]

    def get(self, call: Call, _request: Request, _body: Any) -> Mapping[str, Any]:
        with self._lock:
            return dict(self._operation(call))

    def wait(self, call: Call, _request: Request, _body: Any) -> Mapping[str, Any]:
        with self._operation_done:
            operation = self._operation(call)
            self._operation_done.wait_for(lambda: operation["status"] == "DONE", timeout=120)
            return dict(operation)

    def list(self, call: Call, request: Request, _body: Any) -> Mapping[str, Any]:
        check_project(call, self._project)
        with self._lock:
            operations = filtered(self._of_scope(call), request)
        return {
            "kind": "compute#operationList",
            "id": f"projects/{self._project}/{_scope(call)}/operations",
            "items": operations,
        }


def _scope(call: Call) -> str:
    zone = call.parameters.get("zone")
    return f"zones/{zone}" if zone else "global"


def _ordered(failure: str) -> OperationError:
    """An ordered failure: its code, a colon and its words, or its words alone."""
    match = _CODED.fullmatch(failure)
    if match is None:
        return OperationError("INTERNAL_ERROR", failure, 500)
    # Of quotas by 403, of capacity by 503: https://cloud.google.com/compute/docs/troubleshooting/troubleshooting-vm-creation
    return OperationError(match[1], match[2], 403 if match[1] == "QUOTA_EXCEEDED" else 503)


def _check_request_id(request_id: str) -> None:
    try:
        valid = uuid.UUID(request_id).int != 0
    except ValueError:
        valid = False
    if not valid:
        raise invalid_value("requestId", request_id, "Must be a UUID other than zero.")
