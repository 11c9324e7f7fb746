# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One cloud of the sandbox, and the modules that are run against it."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.alpine.cloud.plugins.module_utils._core.wait import wait_until
from tests.support.module_run import ModuleResult, RunningModule, run_module, start_module
from tests.support.sandboxes import RunningSandbox


@dataclasses.dataclass(frozen=True)
class Cloud:
    """A local cloud, and the options by which modules sign in there."""

    name: str
    sandbox: RunningSandbox
    home: Path
    options: Mapping[str, Any]
    """Given to every module, unless a run gives another value; ``None`` leaves one out."""

    def with_options(self, **options: Any) -> Cloud:
        """The same cloud, with more options for every module."""
        return dataclasses.replace(self, options={**self.options, **options})

    @property
    def variables(self) -> dict[str, Any]:
        """What the vars file says of it."""
        variables: dict[str, Any] = yaml.safe_load(self.sandbox.vars_file.read_text())
        return variables

    def start(self, module: str, *, check_mode: bool = False, **options: Any) -> RunningModule:
        return start_module(module, {**self.options, **options}, home=self.home, check_mode=check_mode)

    def run(self, module: str, *, check_mode: bool = False, **options: Any) -> ModuleResult:
        """Run a module, whatever comes of it."""
        return run_module(module, {**self.options, **options}, home=self.home, check_mode=check_mode)

    def succeeds(self, module: str, *, check_mode: bool = False, **options: Any) -> ModuleResult:
        """Run a module that must not fail, nor write in check mode."""
        before = self.mark()
        result = self.run(module, check_mode=check_mode, **options)
        assert not result.failed, result.result
        if check_mode:
            assert self.writes(before) == []
        return result

    def fails(self, module: str, *, check_mode: bool = False, **options: Any) -> ModuleResult:
        """Run a module that must fail, in the way that modules fail: without a traceback."""
        result = self.run(module, check_mode=check_mode, **options)
        assert result.failed, result.result
        assert "exception" not in result, result["exception"]
        return result

    def mark(self) -> int:
        """How many requests there were so far."""
        return self.sandbox.mark()

    def writes(self, since: int) -> list[str]:
        """The operations of the requests that can change state, since :meth:`mark`."""
        return self.sandbox.writes(since)

    def requests(self, since: int) -> list[dict[str, Any]]:
        return self.sandbox.logged_requests(since)

    def operations(self, since: int) -> list[str]:
        return [request["operation"] for request in self.requests(since)]

    def fault(self, operation: str, **fault: Any) -> None:
        """Order a fault, as :class:`tests.sandbox._faults.Fault` has it; it must strike before the test ends."""
        self.sandbox.order_fault(self.name, operation=operation, **fault)

    def held(self, operation: str, what: str = "operation") -> contextlib.AbstractContextManager[None]:
        """Keep back what this operation begins, or its request or answer, until the context ends."""
        return self.sandbox.held(self.name, operation, what)

    def until(self, operation: str, since: int, *, count: int = 1) -> None:
        """Wait until this operation has been answered so often since :meth:`mark`."""
        wait_until(
            lambda: self.operations(since).count(operation) >= count or None,
            timeout=60,
            interval=0.02,
            what=f"answers to {operation}",
        )

    def unused_faults(self) -> list[dict[str, Any]]:
        """The faults that have not struck yet; they are withdrawn."""
        return self.sandbox.unused_faults(self.name)

    def export(self, resource_id: str, output: Path, *, region: str | None = None) -> Path:
        """Write the raw disk of an imported image to ``output``, and return that."""
        self.sandbox.export(self.name, resource_id, region, output)
        return output
