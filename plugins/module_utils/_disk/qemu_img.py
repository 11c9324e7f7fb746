# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running the local ``qemu-img``.

Every command names the formats of its files, since ``qemu-img`` would otherwise guess them from content that the
image's author controls; and every path is absolute, since it takes ``nbd:…`` or ``json:…`` for something else.
"""

from __future__ import annotations

import json
import os
from typing import Any

from .._core.programs import Program

QEMU_IMG = Program("qemu-img", "qemu-utils (Debian, Ubuntu), qemu-img (Alpine, Fedora) or qemu (Homebrew)")


def qemu_img(command: str, *arguments: str | os.PathLike[str]) -> str:
    """Run ``qemu-img command …`` and return what it prints. A disk may be of any size, so it takes what time it takes.

    :raises UnusableProgramError: when it is missing or cannot be started.
    :raises ProgramError: when it fails.
    """
    return QEMU_IMG.output(command, *arguments)


def qemu_img_json(command: str, *arguments: str | os.PathLike[str]) -> dict[str, Any]:
    """As :func:`qemu_img`, for the commands that can answer in JSON."""
    answer: dict[str, Any] = json.loads(qemu_img(command, "--output=json", *arguments))
    return answer
