# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a local cloud is to the sandbox, and the process it runs in."""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import importlib
import json
import os
import signal
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import Flask, request

from tests.sandbox._faults import Fault, FaultBook
from tests.sandbox._https import HttpsServer, QuietHandler
from tests.sandbox._recorder import Classify, ErrorBody, Recorder
from tests.sandbox._request_log import RequestLog

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from werkzeug.serving import WSGIRequestHandler

CLOUDS = ("aws", "azure", "gcp", "oci")
MIRROR = "mirror"
SERVICES = (*CLOUDS, MIRROR)
"""What can run: the clouds, and the mirror that images are downloaded from."""


@dataclasses.dataclass
class Context:
    """What the sandbox gives each cloud."""

    name: str
    root: Path
    """The sandbox's directory, shared by all clouds: certificates, request log."""
    operation_seconds: float
    """How long an asynchronous operation takes at least."""
    log: RequestLog
    faults: FaultBook
    images: Sequence[Path] = ()
    """Images of the caller's, for the mirror to have too."""
    servers: list[HttpsServer] = dataclasses.field(default_factory=list)

    @property
    def directory(self) -> Path:
        """Where this cloud keeps its data."""
        path = self.root / self.name
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def ca_file(self) -> Path:
        return self.root / "ca.pem"

    def serve(
        self,
        app: WSGIApplication,
        *,
        classify: Classify,
        error_body: ErrorBody,
        handler: type[WSGIRequestHandler] = QuietHandler,
    ) -> str:
        """Serve ``app`` over https, logged and open to faults; returns its URL, without a slash at the end."""
        recorder = Recorder(app, log=self.log, faults=self.faults, classify=classify, error_body=error_body)
        server = HttpsServer(recorder, certificates=self.root, handler=handler)
        server.start()
        self.servers.append(server)
        return server.url


class Cloud(abc.ABC):
    """A local cloud, or the mirror. Each lives in ``tests/sandbox/_{name}/`` and runs in a process of its own."""

    def __init__(self, context: Context) -> None:
        self.context = context

    @abc.abstractmethod
    def start(self) -> dict[str, Any]:
        """Start the servers with ``context.serve`` and return the variables that point the cloud's role at them."""

    @abc.abstractmethod
    def export(self, resource_id: str, region: str | None, output: Path) -> None:
        """Write the raw, guest-visible disk of an image to ``output``.

        :raises LookupError: when there is no such image.
        """

    def stop(self) -> None:  # noqa: B027
        """End what ``start`` began besides the servers, such as child processes."""


def _create_cloud(context: Context) -> Cloud:
    # Imported by name, so that a cloud's process pays for its own libraries only.
    module = importlib.import_module(f"tests.sandbox._{context.name}")
    cloud: Cloud = module.create_cloud(context)
    return cloud


def _control_app(cloud: Cloud) -> Flask:
    """The back door for orders and exports: not part of any provider's API, so not logged."""
    app = Flask("control")
    faults = cloud.context.faults

    @app.post("/faults")
    def order() -> tuple[dict[str, Any], int]:
        try:
            faults.order(Fault(**request.get_json()))
        except (TypeError, ValueError) as error:
            return {"error": str(error)}, 400
        return {}, 201

    @app.get("/faults")
    def listing() -> list[dict[str, Any]]:
        return faults.listing()

    @app.delete("/faults")
    def clear() -> dict[str, Any]:
        faults.clear()
        return {}

    @app.get("/export")
    def export() -> dict[str, Any] | tuple[dict[str, Any], int]:
        with contextlib.ExitStack() as on_failure:
            handle, name = tempfile.mkstemp(dir=cloud.context.directory, suffix=".raw")
            os.close(handle)
            output = Path(name)
            on_failure.callback(output.unlink)
            try:
                cloud.export(request.args["id"], request.args.get("region"), output)
            except LookupError as error:
                return {"error": str(error)}, 404
            on_failure.pop_all()
        # Whoever asks sees the same files, and takes it away: a disk of some GiB of holes need not be sent.
        return {"file": str(output)}

    return app


def run_cloud(name: str, root: Path, operation_seconds: float, images: Sequence[Path] = ()) -> None:
    """Run one cloud until SIGTERM, or until the supervisor at the other end of stdin is gone."""
    log = RequestLog(root / "requests.jsonl", name)
    context = Context(
        name=name, root=root, operation_seconds=operation_seconds, log=log, faults=FaultBook(), images=images
    )
    cloud = _create_cloud(context)
    ended = threading.Event()
    # Ctrl-C reaches the whole process group: the supervisor decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_arguments: ended.set())

    def watch_supervisor() -> None:
        # Not through sys.stdin: its lock, held by a daemon thread, aborts the interpreter's shutdown.
        while os.read(0, 4096):
            pass
        ended.set()

    threading.Thread(target=watch_supervisor, daemon=True).start()
    variables = cloud.start()
    control = HttpsServer(_control_app(cloud), certificates=root)
    control.start()
    state = {"pid": os.getpid(), "control": control.url, "vars": variables}
    ready = root / f"{name}.json"
    partial = ready.with_suffix(".partial")
    partial.touch(mode=0o600)
    partial.write_text(json.dumps(state))
    partial.rename(ready)
    ended.wait()
    cloud.stop()
    for server in [*context.servers, control]:
        server.stop()
