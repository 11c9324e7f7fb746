# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logging in to a machine of the sandbox, as its user would."""

from __future__ import annotations

import dataclasses
import shlex
import subprocess
from pathlib import Path

from tests.sandbox._supervisor import ssh_arguments


@dataclasses.dataclass(frozen=True)
class KeyFile:
    """An SSH key that somebody has made for something else."""

    path: Path
    public: str

    @classmethod
    def make(cls, directory: Path) -> KeyFile:
        path = directory / "id_ed25519"
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "somebody@elsewhere", "-f", str(path)]
        subprocess.run(command, check=True)
        return cls(path, path.with_suffix(".pub").read_text().strip())

    def run(self, sandbox: Path, address: str, command: str) -> str:
        """What ``command`` prints on the machine, run by ``alpine``.

        :param sandbox: the sandbox's directory.
        :raises AssertionError: when that does not succeed, with what ssh says.
        """
        options = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "IdentitiesOnly=yes"]
        arguments = [f"-o{option}" for option in options] + shlex.split(ssh_arguments(sandbox))
        done = subprocess.run(
            ["ssh", "-F", "none", *arguments, "-i", str(self.path), f"alpine@{address}", command],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def reaches(self, sandbox: Path, address: str) -> bool | None:
        """Whether the machine lets ``alpine`` in already; ``None`` if not."""
        try:
            self.run(sandbox, address, "true")
        except AssertionError:
            return None
        return True
