# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures for tests over the sandbox: what is started or made once for each worker."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.sandbox._supervisor import Sandbox, running
from tests.support.disks import SmallDisk, make_small_disk


@dataclasses.dataclass(frozen=True)
class RunningSandbox(Sandbox):
    directory: Path
    vars_file: Path


StartSandbox = Callable[..., RunningSandbox]


@contextlib.contextmanager
def sandboxes(make_directory: Callable[[str], Path], *, operation_seconds: float) -> Iterator[StartSandbox]:
    """Yield ``start("aws", …)``: a sandbox with just these clouds, started once and kept."""
    started: dict[tuple[str, ...], RunningSandbox] = {}
    with contextlib.ExitStack() as cleanup:

        def start(*clouds: str) -> RunningSandbox:
            if clouds not in started:
                directory = make_directory("sandbox")
                vars_file = directory.with_suffix(".yml")
                cleanup.enter_context(running(directory, vars_file, list(clouds), operation_seconds=operation_seconds))
                started[clouds] = RunningSandbox(directory, vars_file)
            return started[clouds]

        yield start


@pytest.fixture(scope="session")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> SmallDisk:
    return make_small_disk(tmp_path_factory.mktemp("disk"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty home directory."""
    path = tmp_path / "home"
    path.mkdir()
    return path
