# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tools that the builder calls, and what happens when one is missing or fails."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

EPOCH = 1_767_225_600
"""The time that everything in the image bears: 2026-01-01, so that a rebuild is the same to the bit."""

_PACKAGES = Path(__file__).with_name("packages.txt")
_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "SOURCE_DATE_EPOCH": str(EPOCH),
    "E2FSPROGS_FAKE_TIME": str(EPOCH),
    "MTOOLSRC": os.devnull,
    "MTOOLS_SKIP_CHECK": "1",
}


class ImageError(Exception):
    """The image cannot be built; the message says what to do about it."""


def run(*command: str | Path, cwd: Path | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command.

    :raises ImageError: when it is missing or fails, with what it said.
    """
    try:
        result = subprocess.run(
            command, cwd=cwd, input=stdin, capture_output=True, text=True, env=os.environ | _ENVIRONMENT, check=False
        )
    except FileNotFoundError:
        raise ImageError(f"{command[0]} is missing: building the test image takes a Debian system") from None
    if result.returncode:
        raise ImageError(f"{command[0]} failed ({result.returncode}): {result.stderr.strip()}")
    return result


def required_packages() -> list[str]:
    """The Debian packages in ``packages.txt``."""
    lines = _PACKAGES.read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def installed_packages(required: list[str]) -> dict[str, str]:
    """The versions of the required Debian packages.

    :raises ImageError: when some are not installed, with the command that does it.
    """
    listing = run("dpkg-query", "-W", "-f", "${Package} ${Version} ${db:Status-Status}\\n").stdout
    versions = {
        name: version for name, version, status in map(str.split, listing.splitlines()) if status == "installed"
    }
    if missing := sorted(set(required) - set(versions)):
        raise ImageError(f"Debian packages are missing: apt-get install {' '.join(missing)}")
    return {name: versions[name] for name in required}
