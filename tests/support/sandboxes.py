# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures for tests over the sandbox: what is started or made once for each worker."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.wait import wait_until
from tests.sandbox._supervisor import Sandbox, running
from tests.support.disks import SmallDisk, make_small_disk


@dataclasses.dataclass(frozen=True)
class RunningSandbox(Sandbox):
    directory: Path
    vars_file: Path

    @contextlib.contextmanager
    def held(self, cloud: str, operation: str, what: str = "operation", **fault: Any) -> Iterator[None]:
        """Have what :class:`tests.sandbox._faults.Fault` calls ``hold`` last until the context ends.

        Other faults of the cloud end with it, too; all of them must have struck.
        """
        self.order_fault(cloud, operation=operation, hold=what, **fault)
        try:
            yield
        finally:
            unused = self.unused_faults(cloud)
        assert unused == [], "These faults were ordered, but no request ran into them"

    def until_struck(self, cloud: str) -> None:
        """Wait until each fault that was ordered has struck."""

        def struck() -> bool | None:
            return all(fault["seen"] >= fault["nth"] for fault in self.faults(cloud)) or None

        wait_until(struck, timeout=300, interval=0.02, what=f"the faults to strike: {self.faults(cloud)}")

    def unused_faults(self, cloud: str) -> list[dict[str, Any]]:
        """The faults that have not struck yet; all are withdrawn."""
        unused = [fault for fault in self.faults(cloud) if fault["seen"] < fault["nth"]]
        self.clear_faults(cloud)
        return unused


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
