# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logging in to a machine by SSH, as far as this host reaches it."""

from __future__ import annotations

import dataclasses
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from .._core.errors import InputError
from .._core.programs import Program, ProgramError

_SSH = Program("ssh", "openssh-client (Debian, Ubuntu, Alpine) or openssh-clients (Fedora)")
_CONNECT_SECONDS = 10
_ATTEMPT_SECONDS = 60
_PAUSE_SECONDS = 2
# The exit status of ssh itself (ssh(1)); any other is the command's.
_SSH_FAILED = 255
_REFUSALS = ("Permission denied", "Too many authentication failures", "no mutual signature")

LoginStatus = Literal["logged_in", "refused", "unreachable"]


@dataclasses.dataclass(frozen=True)
class SshLogin:
    """What the options ask for."""

    host: str
    user: str
    private_key_file: Path
    arguments: tuple[str, ...]
    """Of ssh, besides those that are always given."""
    command: str
    timeout: float
    """In seconds."""

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> SshLogin:
        """:raises InputError: when the key is no file, or ``ssh_args`` cannot be taken apart."""
        key = Path(params["private_key_file"]).expanduser()
        if not key.is_file():
            raise InputError(f"private_key_file {key}: no such file")
        try:
            arguments = shlex.split(params["ssh_args"])
        except ValueError as error:
            raise InputError(f"ssh_args cannot be taken apart as a shell does it: {error}") from error
        return cls(params["host"], params["user"], key, tuple(arguments), params["command"], params["timeout"])

    def attempt(self) -> dict[str, Any]:
        """Log in and run the command; again until that succeeds, is refused, or time is up.

        :raises InputError: when there is no ssh here.
        """
        deadline = time.monotonic() + self.timeout
        while True:
            status, text = self._once()
            if status != "unreachable" or time.monotonic() >= deadline:
                return {
                    "changed": False,
                    "status": status,
                    "stdout": text if status == "logged_in" else "",
                    "reason": None if status == "logged_in" else text,
                }
            time.sleep(_PAUSE_SECONDS)

    def _once(self) -> tuple[LoginStatus, str]:
        options = {
            "BatchMode": "yes",
            "ConnectTimeout": str(_CONNECT_SECONDS),
            "IdentitiesOnly": "yes",
            # Its host key was made a moment ago, and nobody is told anything.
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "LogLevel": "ERROR",
        }
        given = [argument for name, value in options.items() for argument in ("-o", f"{name}={value}")]
        try:
            done = _SSH.run(
                *self.arguments, *given, "-i", self.private_key_file, "-l", self.user, "--", self.host, self.command,
                timeout=_ATTEMPT_SECONDS,
            )  # fmt: skip
        except ProgramError as error:
            return "unreachable", error.message
        if done.status != _SSH_FAILED:
            return "logged_in", done.stdout
        return ("refused" if any(words in done.stderr for words in _REFUSALS) else "unreachable"), done.reason
