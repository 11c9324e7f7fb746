# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every request is in the log by the time that its answer has arrived: "no writing request" is a claim about it."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import EnvironBuilder

from tests.sandbox._faults import Fault, FaultBook
from tests.sandbox._recorder import Recorder
from tests.sandbox._request_log import Operation, RequestLog

_PIECES = [b"ab", b"cd", b"ef"]


class _Sandbox:
    def __init__(self, directory: Path, pieces: list[bytes]) -> None:
        self._log = directory / "requests.jsonl"
        self.faults = FaultBook()
        self.asked = 0
        self._pieces = pieces
        self._recorder = Recorder(
            self._app,
            log=RequestLog(self._log, "cloud"),
            faults=self.faults,
            classify=lambda _request: Operation("service", "PutThing", write=True),
            error_body=lambda operation, status: ("text/plain", f"{operation.name} {status}".encode()),
        )

    def _app(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        self.asked += 1
        environ["wsgi.input"].read(3)
        start_response("201 Created", [("Content-Length", str(sum(map(len, self._pieces))))])
        return list(self._pieces)

    def put(self, connection: socket.socket | None = None) -> Iterable[bytes]:
        environ = EnvironBuilder("/thing", method="PUT", data=b"xyz", headers=[("Range", "bytes=0-1")]).get_environ()
        environ["werkzeug.socket"] = connection
        self.status = ""

        def start(status: str, _headers: Any, _info: Any = None) -> Any:
            self.status = status

        return self._recorder(environ, start)

    def logged(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]


@pytest.fixture
def sandbox(tmp_path: Path) -> _Sandbox:
    return _Sandbox(tmp_path, _PIECES)


def test_a_request_is_logged_before_the_end_of_its_answer(sandbox: _Sandbox) -> None:
    answer = iter(sandbox.put())
    assert [next(answer), next(answer)] == _PIECES[:2]
    assert sandbox.logged() == []
    assert next(answer) == b"ef"
    (line,) = sandbox.logged()
    assert list(answer) == []
    assert (line["operation"], line["method"], line["status"], line["write"]) == ("PutThing", "PUT", 201, True)
    assert (line["bytes_in"], line["bytes_out"], line["range"]) == (3, 6, "bytes=0-1")
    assert len(sandbox.logged()) == 1


def test_an_empty_answer_is_logged(tmp_path: Path) -> None:
    sandbox = _Sandbox(tmp_path, [])
    assert list(sandbox.put()) == []
    assert [line["status"] for line in sandbox.logged()] == [201]


def test_a_status_that_was_ordered_is_answered_instead(sandbox: _Sandbox) -> None:
    sandbox.faults.order(Fault(operation="Put*", status=503))
    assert list(sandbox.put()) == [b"PutThing 503"]
    assert (sandbox.status, sandbox.asked) == ("503 Ordered Fault", 0)
    assert [(line["status"], line["bytes_in"]) for line in sandbox.logged()] == [(503, 3)]
    assert list(sandbox.put()) == _PIECES


@pytest.mark.parametrize(("drop", "asked", "sent"), [("before", 0, b""), ("after", 1, b""), ("during", 1, b"abc")])
def test_connections_are_dropped_at_the_moment_that_was_ordered(
    sandbox: _Sandbox, drop: str, asked: int, sent: bytes
) -> None:
    sandbox.faults.order(Fault(drop=drop))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        answer = b"".join(sandbox.put(theirs))
        assert ours.recv(1) == b""
    assert (answer, sandbox.asked) == (sent, asked)
    assert [line["bytes_out"] for line in sandbox.logged()] == [len(sent)]


@pytest.mark.parametrize(("hold", "asked"), [("request", 0), ("answer", 1)])
def test_what_is_held_goes_on_when_the_faults_are_cleared(sandbox: _Sandbox, hold: str, asked: int) -> None:
    sandbox.faults.order(Fault(hold=hold))
    with ThreadPoolExecutor() as pool:
        put = pool.submit(lambda: list(sandbox.put()))
        try:
            while not sandbox.faults.listing()[0]["seen"] or sandbox.asked < asked:
                time.sleep(0.01)
            with pytest.raises(TimeoutError):
                put.result(timeout=0.1)
            assert (sandbox.asked, sandbox.logged()) == (asked, [])
        finally:
            sandbox.faults.clear()
        assert put.result(timeout=30) == _PIECES


def test_a_request_whose_client_ends_while_it_is_held_never_arrives(sandbox: _Sandbox) -> None:
    sandbox.faults.order(Fault(hold="request"))
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor() as pool:
        client = socket.create_connection(server.getsockname())
        client.sendall(b"unread")
        connection, _answer = server.accept()
        with connection:
            put = pool.submit(lambda: list(sandbox.put(connection)))
            client.close()
            while not sandbox.faults.listing()[0]["seen"]:
                time.sleep(0.01)
            sandbox.faults.clear()
            assert put.result(timeout=30) == []
    assert (sandbox.asked, [line["status"] for line in sandbox.logged()]) == (0, [0])


def test_an_operation_is_held_until_the_faults_are_cleared() -> None:
    faults = FaultBook()
    faults.order(Fault(operation="Put*", hold="operation"))
    assert faults.take_hold("service", "GetThing").is_set()
    held = faults.take_hold("service", "PutThing")
    assert not held.is_set()
    # Once, as it was ordered.
    assert faults.take_hold("service", "PutThing").is_set()
    faults.clear()
    assert held.is_set()


def test_a_fault_is_of_one_kind_that_there_is() -> None:
    with pytest.raises(ValueError, match="hold is one of request, answer, operation, not 'breath'"):
        Fault(hold="breath")
    with pytest.raises(ValueError, match="exactly one"):
        Fault(hold="answer", status=503)
