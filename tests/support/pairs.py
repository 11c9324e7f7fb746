# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs of one module at once, held at the moment at which they could miss each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.alpine.cloud.plugins.module_utils._core.wait import wait_until
from tests.support.cloud import Cloud
from tests.support.module_run import ModuleResult


def at_once(
    cloud: Cloud, module: str, held: str, *, other: Mapping[str, Any] | None = None, **options: Any
) -> tuple[ModuleResult, ModuleResult]:
    """Run a module twice; neither may send ``held``, an operation that writes, before both are about to.

    :param other: options of the second run that are others.
    :return: what both have answered; neither may fail.
    """

    def both_wait() -> bool | None:
        return any(fault["seen"] >= 2 for fault in cloud.sandbox.faults(cloud.name)) or None

    with cloud.sandbox.held(cloud.name, held, "request", count=2):
        runs = [cloud.start(module, **options), cloud.start(module, **{**options, **(other or {})})]
        wait_until(both_wait, timeout=60, interval=0.02, what=f"two requests for {held}")
    first, second = (run.result() for run in runs)
    assert not first.failed, first.result
    assert not second.failed, second.result
    return first, second
