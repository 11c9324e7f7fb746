# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking for secrets in all that a module prints, returns and writes."""

from __future__ import annotations

from typing import Any

from tests.support.cloud import Cloud
from tests.support.module_run import ModuleResult

SECRET = "hush5Xq7"
"""Planted in options and files."""


def fails_silently(cloud: Cloud, module: str, **options: Any) -> ModuleResult:
    """Run a module that must fail, and that must not tell the secret, in its traceback neither."""
    before = set(cloud.home.rglob("*"))
    result = cloud.run(module, **options, _ansible_tracebacks_for=["error"])
    assert result.failed, result.result
    assert SECRET not in result.printed
    written = [path for path in set(cloud.home.rglob("*")) - before if path.is_file()]
    assert [path for path in written if SECRET in path.read_text(errors="replace")] == []
    return result
