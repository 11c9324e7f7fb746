# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.core.exceptions import ServiceResponseError
from azure.core.rest import HttpRequest

from ansible_collections.alpine.cloud.plugins.module_utils._azure.blob_transport import patient_transport
from ansible_collections.alpine.cloud.plugins.module_utils._core.units import KIB, MIB
from tests.sandbox._certificates import create_certificates

BODY = bytes(3 * MIB)
CONNECTING = 0.2
"""Seconds; the whole body takes several times as long."""


class SlowServer:
    """Answers one request, whose body it reads slowly, or not at all."""

    def __init__(self, directory: Path) -> None:
        create_certificates(directory)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(directory / "server.pem", directory / "server.key")
        listener = socket.socket()
        # Inherited by what is accepted: nearly all waits on the sender's side.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * KIB)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        self._listener = context.wrap_socket(listener, server_side=True)
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}/"
        self.received = 0
        self.stuck = False
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        connection, _address = self._listener.accept()
        with connection:
            head = b""
            while b"\r\n\r\n" not in head:
                head += connection.recv(1)
            if self.stuck:
                self.ended.wait(30)
                return
            while self.received < len(BODY):
                self.received += len(connection.recv(64 * KIB))
                self.ended.wait(0.004)
            connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")

    def stop(self) -> None:
        self.ended.set()
        self._thread.join(10)
        self._listener.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SlowServer]:
    made = SlowServer(tmp_path)
    yield made
    made.stop()


def put(server: SlowServer, directory: Path, read_timeout: float) -> int:
    with patient_transport(
        connection_timeout=CONNECTING, read_timeout=read_timeout, connection_verify=str(directory / "ca.pem")
    ) as transport:
        return transport.send(HttpRequest("PUT", server.url, content=BODY)).status_code


def test_a_body_may_take_longer_than_connecting(server: SlowServer, tmp_path: Path) -> None:
    assert put(server, tmp_path, 10) == 201
    assert server.received == len(BODY)


def test_silence_is_bounded(server: SlowServer, tmp_path: Path) -> None:
    server.stuck = True
    with pytest.raises(ServiceResponseError):
        put(server, tmp_path, 0.5)
