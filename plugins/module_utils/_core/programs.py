# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running programs of the host: without a shell, with messages in one language, and nothing to read from a terminal."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
from collections.abc import Mapping

from .errors import AlpineCloudError, InputError
from .no_space import tells_no_space

_REASON_LENGTH = 1000


class UnusableProgramError(InputError):
    """A program is missing where the module runs, or cannot be started there."""


class ProgramError(AlpineCloudError):
    """A program failed, or took too long; the message has its own reason.

    :param status: its exit status; minus the signal's number where one has ended it, ``None`` where time was up.
    :param no_space: whether it says that a file system is full.
    """

    def __init__(self, message: str, *, status: int | None, no_space: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.no_space = no_space


@dataclasses.dataclass(frozen=True)
class Completed:
    """What a program has said until its end."""

    status: int
    """Its exit status; minus the signal's number where one has ended it."""
    stdout: str
    stderr: str

    @property
    def reason(self) -> str:
        """Why it failed, in its own words, of which some have one for every block of a disk; never empty."""
        words = (self.stderr or self.stdout).strip()
        return words[:_REASON_LENGTH] if words else f"exit status {self.status}"


@dataclasses.dataclass(frozen=True)
class Program:
    """A program that a user may have to install."""

    name: str
    packages: str
    """The packages that bring it, to complete the sentence "install the package …"."""

    def find(self) -> str:
        """Where it is.

        :raises UnusableProgramError: when it is not on ``PATH``; names the packages that have it.
        """
        path = shutil.which(self.name)
        if path is None:
            raise UnusableProgramError(
                f"{self.name} is not on PATH where this module runs: install the package {self.packages}"
            )
        return path

    def run(
        self,
        *arguments: str | os.PathLike[str],
        stdin: bytes = b"",
        timeout: float | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run it to its end, whether it succeeds or not.

        :param stdin: what it reads.
        :param timeout: seconds after which it is killed; ``None`` where its work may be of any size.
        :param variables: of its environment, besides those of this process.
        :raises UnusableProgramError: when it cannot be started.
        :raises ProgramError: when it takes longer than ``timeout``.
        """
        path = self.find()
        try:
            # Not AnsibleModule.run_command(): what calls this knows no module, and no shell is wanted.
            completed = subprocess.run(  # pylint: disable=ansible-bad-function
                [path, *arguments],
                input=stdin,
                capture_output=True,
                check=False,
                timeout=timeout,
                # So that its reasons can be told apart.
                env={**os.environ, **(variables or {}), "LC_ALL": "C"},
            )
        except subprocess.TimeoutExpired as error:
            raise ProgramError(
                f"{self.name} took longer than {timeout:g} seconds and was ended", status=None
            ) from error
        except OSError as error:
            raise UnusableProgramError(f"{self.name} ({path}) cannot be started: {error.strerror}") from error
        return Completed(
            completed.returncode,
            completed.stdout.decode("utf-8", "replace"),
            completed.stderr.decode("utf-8", "replace"),
        )

    def output(self, command: str, *arguments: str | os.PathLike[str], timeout: float | None = None) -> str:
        """Run it and return what it prints.

        :param command: its first argument, which messages name.
        :param timeout: as for :meth:`run`.
        :raises UnusableProgramError: when it cannot be started.
        :raises ProgramError: when it fails, or takes longer than ``timeout``.
        """
        completed = self.run(command, *arguments, timeout=timeout)
        if completed.status != 0:
            raise ProgramError(
                f"{self.name} {command} failed: {completed.reason}",
                status=completed.status,
                no_space=tells_no_space(completed.stderr),
            )
        return completed.stdout
