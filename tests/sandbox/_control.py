# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The back door of a local cloud, for ordering faults, exporting disks, and counting what is left."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from tests.sandbox._cloud import Cloud
from tests.sandbox._faults import Fault

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class Control:
    """A WSGI application. It is no part of any provider's API, and therefore not logged."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._faults = cloud.context.faults

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        body, status = self._answer(Request(environ))
        return Response(json.dumps(body), status, mimetype="application/json")(environ, start_response)

    def _answer(self, request: Request) -> tuple[Any, int]:
        match request.method, request.path:
            case "POST", "/faults":
                return self._order(request.get_json())
            case "GET", "/faults":
                return self._faults.listing(), 200
            case "DELETE", "/faults":
                self._faults.clear()
                return {}, 200
            case "GET", "/holdings":
                return self._cloud.holdings(), 200
            case "GET", "/export":
                return self._export(request.args["id"], request.args.get("region"))
        return {"error": f"there is no {request.method} {request.path}"}, 404

    def _order(self, fault: dict[str, Any]) -> tuple[Any, int]:
        try:
            self._faults.order(Fault(**fault))
        except (TypeError, ValueError) as error:
            return {"error": str(error)}, 400
        return {}, 201

    def _export(self, resource_id: str, region: str | None) -> tuple[Any, int]:
        with contextlib.ExitStack() as on_failure:
            handle, name = tempfile.mkstemp(dir=self._cloud.context.directory, suffix=".raw")
            os.close(handle)
            output = Path(name)
            on_failure.callback(output.unlink)
            try:
                self._cloud.export(resource_id, region, output)
            except LookupError as error:
                return {"error": str(error)}, 404
            on_failure.pop_all()
        # Whoever asks sees the same files, and takes it away: a disk of some GiB of holes need not be sent.
        return {"file": str(output)}, 200
