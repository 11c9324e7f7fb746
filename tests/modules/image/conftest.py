# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules on local images, which need no cloud."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.module_run import ModuleResult, RunningModule, run_module, start_module


@dataclasses.dataclass(frozen=True)
class ImageModule:
    """One module, and the options of every run."""

    name: str
    home: Path
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def with_options(self, **options: Any) -> ImageModule:
        return dataclasses.replace(self, options={**self.options, **options})

    def with_environment(self, **environment: str) -> ImageModule:
        return dataclasses.replace(self, environment={**self.environment, **environment})

    def start(self) -> RunningModule:
        return start_module(self.name, self.options, home=self.home, environment=self.environment)

    def succeeds(self, *, check_mode: bool = False, **options: Any) -> ModuleResult:
        result = self._run(check_mode, options)
        assert not result.failed, result.result
        return result

    def fails(self, *, check_mode: bool = False, **options: Any) -> str:
        """Run it, and return its message; it must fail in the way that modules fail, without a traceback."""
        result = self._run(check_mode, options)
        assert result.failed, result.result
        assert "exception" not in result, result["exception"]
        return result.msg

    def _run(self, check_mode: bool, options: Mapping[str, Any]) -> ModuleResult:
        return run_module(
            self.name,
            {**self.options, **options},
            home=self.home,
            check_mode=check_mode,
            environment=self.environment,
        )


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    """A work directory that is not there yet."""
    return tmp_path / "work"
