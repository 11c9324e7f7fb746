# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running the local ``qemu-img``.

Every command names the formats of its files, since ``qemu-img`` would otherwise guess them from content that the
image's author controls; and every path is absolute, since it takes ``nbd:…`` or ``json:…`` for something else.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import Any

from .._core.errors import AlpineCloudError, InputError

_REASON_LENGTH = 1000


class QemuImgError(AlpineCloudError):
    """``qemu-img`` failed; the message has its own reason.

    :param status: its exit status.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def find_qemu_img() -> str:
    """Where ``qemu-img`` is.

    :raises InputError: when it is not on ``PATH``; names the packages that have it.
    """
    path = shutil.which("qemu-img")
    if path is None:
        raise InputError(
            "qemu-img is not on PATH where this module runs: install the package qemu-utils (Debian, Ubuntu), "
            "qemu-img (Alpine, Fedora) or qemu (Homebrew)"
        )
    return path


def qemu_img(command: str, *arguments: str | os.PathLike[str]) -> str:
    """Run ``qemu-img command …`` and return what it prints.

    :raises InputError: when there is none.
    :raises QemuImgError: when it fails.
    """
    # Not AnsibleModule.run_command(): what calls this knows no module, and no shell is wanted.
    completed = subprocess.run(  # pylint: disable=ansible-bad-function
        [find_qemu_img(), command, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        # So that its reasons can be told apart.
        env={**os.environ, "LC_ALL": "C"},
    )
    if completed.returncode != 0:
        reason = (completed.stderr or completed.stdout).strip() or f"exit status {completed.returncode}"
        # `check` may have a line for every cluster.
        raise QemuImgError(f"qemu-img {command} failed: {reason[:_REASON_LENGTH]}", completed.returncode)
    return completed.stdout


def qemu_img_json(command: str, *arguments: str | os.PathLike[str]) -> dict[str, Any]:
    """As :func:`qemu_img`, for the commands that can answer in JSON."""
    answer: dict[str, Any] = json.loads(qemu_img(command, "--output=json", *arguments))
    return answer
