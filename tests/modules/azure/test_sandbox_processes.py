# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""No process of the sandbox outlives what it belongs to, even when that is killed outright."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.sandbox._supervisor import is_alive, running
from tests.support.paths import REPOSITORY

_PATIENCE = 30


def _await(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def _await_end(pid: int) -> None:
    _await(lambda: not is_alive(pid), f"process {pid} is still there")


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_cloud_ends_with_its_supervisor(tmp_path: Path) -> None:
    directory = tmp_path / "sandbox"
    command = [sys.executable, "-m", "tests.sandbox", "--directory", str(directory), "serve", "--clouds", "gcp"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL) as supervisor:
        try:
            state = directory / "gcp.json"
            _await(state.exists, "the cloud did not start")
            cloud = json.loads(state.read_text())["pid"]
            assert is_alive(cloud)
        finally:
            supervisor.kill()
    _await_end(cloud)


def test_azurite_ends_with_its_cloud(tmp_path: Path) -> None:
    with running(tmp_path / "sandbox", tmp_path / "vars.yml", ["azure"], operation_seconds=0.1) as processes:
        cloud = processes["azure"].pid
        azurite = _children(cloud)
        assert azurite
        os.kill(cloud, signal.SIGKILL)
        for pid in azurite:
            _await_end(pid)
