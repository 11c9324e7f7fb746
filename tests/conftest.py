# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that tests write goes below build, and what they have started ends when they are ended."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType
from typing import NoReturn

import pytest

from tests.support.paths import BUILD

_TEMPORARY = BUILD / "tmp"
_OWN_FOLDER = pytest.StashKey[Path]()


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    """Let contexts and fixtures clean up, as with Ctrl-C."""
    sys.exit(128 + number)


def pytest_configure(config: pytest.Config) -> None:
    _TEMPORARY.mkdir(parents=True, exist_ok=True)
    # Of programs that tests start, and of this process; ansible-test passes no such variable on.
    os.environ["TMPDIR"] = str(_TEMPORARY)
    tempfile.tempdir = None
    if config.option.basetemp is None:
        config.stash[_OWN_FOLDER] = config.option.basetemp = _TEMPORARY / f"pytest-{os.getpid()}"
    signal.signal(signal.SIGTERM, _leave)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    folder = session.config.stash.get(_OWN_FOLDER, None)
    if folder is not None and exitstatus == 0:
        shutil.rmtree(folder, ignore_errors=True)
