# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a local cloud is to the sandbox."""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.sandbox._faults import FaultBook
from tests.sandbox._https import HttpsServer, QuietHandler
from tests.sandbox._recorder import Classify, ErrorBody, Recorder
from tests.sandbox._request_log import RequestLog

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from werkzeug.serving import WSGIRequestHandler

    from tests.sandbox._machines import MachineRoom

CLOUDS = ("aws", "azure", "gcp", "oci")
MIRROR = "mirror"
ADDRESSES = "addresses"
"""The folder in the sandbox's that has a file for each public address of a machine."""
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

    @property
    def directory(self) -> Path:
        """Where this cloud keeps its data."""
        path = self.root / self.name
        path.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def ca_file(self) -> Path:
        return self.root / "ca.pem"

    @property
    def addresses(self) -> Path:
        """Where the ports are written at which machines are reached."""
        return self.root / ADDRESSES

    def machine_room(self, network: str) -> MachineRoom:
        """A place for this cloud's machines; it has to be stopped in ``Cloud.stop``.

        :param network: the first three numbers of its public addresses; each cloud has others.
        """
        # Imported when needed: the mirror has no machines.
        from tests.sandbox._machines import MachineRoom

        return MachineRoom(self.directory / "machines", self.addresses, network)

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

    def holdings(self) -> dict[str, list[str]]:
        """The ids of all that launched machines are made of, by what they are: instances, volumes, interfaces …

        What a test demands to be empty in the end. Nothing that an import makes is among it.
        """
        return {}

    def stop(self) -> None:  # noqa: B027
        """End what ``start`` began besides the servers, such as child processes."""
