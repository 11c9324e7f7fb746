# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where pip gets packages from: an index, a certificate and the like, out of its files and the environment."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Mapping
from pathlib import Path


def pip_settings(python: str | Path, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The settings that hold for every command of the pip that ``python`` has, such as ``index-url``.

    :param environment: by default that of this process.
    """
    listed = subprocess.run(
        [python, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True, env=environment
    ).stdout
    of_files, of_environment = {}, {}
    for line in listed.splitlines():
        # global.index-url='https://…' out of a file, :env:.cert='…' out of a variable.
        name, _equals, value = line.partition("=")
        origin, _dot, key = name.rpartition(".")
        if origin == ":env:":
            of_environment[key] = str(ast.literal_eval(value))
        elif origin == "global":
            of_files[key] = str(ast.literal_eval(value))
    return of_files | of_environment
