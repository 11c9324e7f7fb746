# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.paths import REPOSITORY


@pytest.mark.parametrize("tool", ["sgdisk", "mke2fs", "debugfs"])
def test_tools_are_found_by_users_who_have_no_sbin(tool: str) -> None:
    code = f"import tests.support.disks, shutil; print(shutil.which({tool!r}))"
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True,
        check=True,
    ).stdout  # fmt: skip
    assert found.strip() != "None"
