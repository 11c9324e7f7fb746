# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sandboxes and disks, made once for each worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.sandboxes import RunningSandbox, StartSandbox, home, sandboxes, small_disk

__all__ = ["RunningSandbox", "StartSandbox", "home", "small_disk", "start_sandbox"]


@pytest.fixture(scope="session")
def start_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartSandbox]:
    with sandboxes(tmp_path_factory.mktemp, operation_seconds=0.5) as start:
        yield start
