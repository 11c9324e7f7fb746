# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The https server that every local cloud runs its WSGI applications in."""

from __future__ import annotations

import ssl
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class QuietHandler(WSGIRequestHandler):
    """The request log replaces werkzeug's access log on the terminal."""

    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


class HttpsServer:
    """A threaded https server on a free port of 127.0.0.1. It ends with the process."""

    def __init__(
        self, app: WSGIApplication, *, certificates: Path, handler: type[WSGIRequestHandler] = QuietHandler
    ) -> None:
        self._server: BaseWSGIServer = make_server("127.0.0.1", 0, app, threaded=True, request_handler=handler)
        self._server.request_queue_size = 128
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
        # The handshake belongs to the request's thread: a silent client must not keep others from connecting.
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._server.ssl_context = context
        self._server.socket.listen(128)
        self.url = f"https://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, name=self.url, daemon=True)

    def start(self) -> None:
        self._thread.start()
