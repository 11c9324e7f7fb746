# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make or update a lane: a virtual environment of the Python that runs this, with the ansible-core that fits it.

``python3.13 tests/tools/lane.py .venv-3.13 requirements.txt tests/requirements.txt``
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

_ANSIBLE_CORE = "ansible-core~=2.19.0" if sys.version_info < (3, 12) else "ansible-core~=2.21.0"


def _is_ours(directory: Path) -> bool:
    """Whether the environment runs, and with the Python version at hand: an upgrade of the system breaks both."""
    code = "import sys; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([directory / "bin/python", "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return done.stdout.split() == [str(part) for part in sys.version_info[:2]]


def main() -> int:
    directory = Path(sys.argv[1])
    requirements = sys.argv[2:]
    if not _is_ours(directory):
        shutil.rmtree(directory, ignore_errors=True)
        venv.create(directory, with_pip=True)
    print(f"Installing {_ANSIBLE_CORE} and {', '.join(requirements)} into {directory}", flush=True)
    # Of the SDKs' 25,000 files a run imports a few hundred: those are compiled then, not all of them now.
    command: list[str | Path] = [directory / "bin/pip", "install", "-qq", "--no-compile", _ANSIBLE_CORE]
    for file in requirements:
        command += ["-r", file]
    # A PYTHONPATH would make pip take what lies there for installed.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
