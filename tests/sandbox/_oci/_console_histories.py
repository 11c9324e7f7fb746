# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Console histories: snapshots of what an instance has printed, which stay until they are deleted."""

from __future__ import annotations

import threading
import time
from typing import Any

from flask import Response, request

from tests.sandbox._cloud import Context
from tests.sandbox._oci._account import new_ocid
from tests.sandbox._oci._api import Api, ApiError, invalid, json_response, not_found, now
from tests.sandbox._oci._instances import Instance, Instances

_KEPT = 1 << 20
_DEFAULT_LENGTH = 10_240


class ConsoleHistories:
    """All of them, and the operations on them."""

    def __init__(self, api: Api, context: Context, instances: Instances, lock: threading.RLock) -> None:
        self._api = api
        self._context = context
        self._instances = instances
        self._lock = lock
        self._histories: dict[str, dict[str, Any]] = {}
        self._contents: dict[str, bytes] = {}
        one = "/instanceConsoleHistories/<history_id>"
        api.operation("CaptureConsoleHistory", "POST", "/instanceConsoleHistories")(self._capture)
        api.operation("ListConsoleHistories", "GET", "/instanceConsoleHistories")(self._list)
        api.operation("GetConsoleHistory", "GET", one)(self._get)
        api.operation("DeleteConsoleHistory", "DELETE", one)(self._delete)
        api.operation("GetConsoleHistoryContent", "GET", f"{one}/data")(self._content)

    @property
    def ids(self) -> list[str]:
        return list(self._histories)

    def _history(self, history_id: str) -> dict[str, Any]:
        try:
            return self._histories[history_id]
        except KeyError:
            raise not_found() from None

    def _capture(self) -> Response:
        body = self._api.body("CaptureConsoleHistoryDetails")
        failure = self._context.faults.take_failure("compute", "CaptureConsoleHistory")
        with self._lock:
            instance = self._instances.find(body["instanceId"])
            if instance.state != "RUNNING":
                raise ApiError(409, "IncorrectState", f"The instance is {instance.state}, not RUNNING")
            history = {
                "id": new_ocid("consolehistory"),
                "availabilityDomain": instance.details["availabilityDomain"],
                "compartmentId": instance.details["compartmentId"],
                "displayName": body.get("displayName") or f"consolehistory{now()}",
                "freeformTags": body.get("freeformTags") or {},
                "definedTags": {},
                "instanceId": body["instanceId"],
                "lifecycleState": "REQUESTED",
                "timeCreated": now(),
            }
            self._histories[str(history["id"])] = history
        threading.Thread(target=self._take, args=(history, instance, failure), daemon=True).start()
        return json_response(self._api.shown_as("ConsoleHistory", history))

    def _take(self, history: dict[str, Any], instance: Instance, failure: str | None) -> None:
        # A part of what other operations take.
        time.sleep(self._context.operation_seconds / 4)
        with self._lock:
            if failure is not None:
                history["lifecycleState"] = "FAILED"
                return
            machine = instance.machine
            self._contents[history["id"]] = machine.console()[-_KEPT:] if machine and not machine.ended else b""
            history["lifecycleState"] = "SUCCEEDED"

    def _get(self, history_id: str) -> Response:
        return json_response(self._api.shown_as("ConsoleHistory", self._history(history_id)))

    def _list(self) -> Response:
        compartment = self._api.check_compartment(request.args.get("compartmentId"))
        instance_id = request.args.get("instanceId")
        with self._lock:
            found = [
                history
                for history in self._histories.values()
                if history["compartmentId"] == compartment and instance_id in (None, history["instanceId"])
            ]
        return self._api.page(found, model="ConsoleHistory")

    def _content(self, history_id: str) -> Response:
        history = self._history(history_id)
        if history["lifecycleState"] != "SUCCEEDED":
            raise ApiError(409, "IncorrectState", f"The console history is {history['lifecycleState']}")
        offset = int(request.args.get("offset", 0))
        length = int(request.args.get("length", _DEFAULT_LENGTH))
        if offset < 0 or not 0 < length <= _KEPT:
            raise invalid("offset must be at least 0, and length from 1 to 1048576")
        content = self._contents[history_id]
        part = content[offset : offset + length]
        left = max(0, len(content) - offset - len(part))
        return Response(part, mimetype="text/plain", headers={"opc-bytes-remaining": str(left)})

    def _delete(self, history_id: str) -> Response:
        with self._lock:
            self._history(history_id)
            del self._histories[history_id]
            self._contents.pop(history_id, None)
        return Response(status=204)
