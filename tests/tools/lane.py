# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make or update a lane: a virtual environment of the Python that runs this, with the ansible-core that fits it.

``python3.13 -m tests.tools.lane .venv-3.13 requirements.txt tests/requirements.txt``. With ``--lowest FOLDER`` the lane
stays as it is, and FOLDER, for PYTHONPATH, gets the lowest versions that the requirements allow.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from tests.tools.pip_settings import pip_settings

_ANSIBLE_CORE = "ansible-core~=2.19.0" if sys.version_info < (3, 12) else "ansible-core~=2.21.0"

# What uv calls the settings of pip's that say where packages come from; it reads none of pip's files.
_UV_VARIABLES = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}


def _is_ours(directory: Path) -> bool:
    """Whether the environment runs, and with the Python version at hand: an upgrade of the system breaks both."""
    code = "import sys; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([directory / "bin/python", "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return done.stdout.split() == [str(part) for part in sys.version_info[:2]]


def _environment(directory: Path) -> dict[str, str]:
    """This environment, with pip's index and certificates for uv too."""
    # A PYTHONPATH would make installers take what lies there for installed.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    settings = pip_settings(directory / "bin/python", environment)
    given = {variable: settings[key] for key, variable in _UV_VARIABLES.items() if key in settings}
    return given | environment


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lowest", type=Path, metavar="FOLDER")
    parser.add_argument("directory", type=Path)
    parser.add_argument("requirements", nargs="+")
    arguments = parser.parse_args()
    directory: Path = arguments.directory
    files = [f"--requirement={file}" for file in arguments.requirements]
    if arguments.lowest:
        shutil.rmtree(arguments.lowest, ignore_errors=True)
        wanted = ["--resolution=lowest-direct", f"--target={arguments.lowest}", *files]
        print(
            f"Installing the lowest versions of {', '.join(arguments.requirements)} into {arguments.lowest}", flush=True
        )
    else:
        if not _is_ours(directory):
            shutil.rmtree(directory, ignore_errors=True)
            venv.create(directory, with_pip=True)
        wanted = ["--upgrade", _ANSIBLE_CORE, *files]
        print(f"Installing {_ANSIBLE_CORE} and {', '.join(arguments.requirements)} into {directory}", flush=True)
    environment = _environment(directory)
    # uv takes a tenth of pip's time, and shares the files of the SDKs, 700 MB, between lanes.
    commands: list[list[str | Path]] = [
        [directory / "bin/pip", "install", "-qq", "uv"],
        [directory / "bin/uv", "pip", "install", "--quiet", f"--python={directory / 'bin/python'}", *wanted],
    ]
    for command in commands:
        code = subprocess.run(command, env=environment, check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
