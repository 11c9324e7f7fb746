# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running one module as Ansible does, in a child of this process, which has its SDK loaded already.

A task of ansible-playbook starts an interpreter and imports an SDK, which takes ten times as long as what most modules
do. A forked child starts with all that done, and still leaves nothing behind in this process: neither settings of the
environment and the SDK, nor handlers of signals. It can be killed, and several can run at once.
"""

from __future__ import annotations

import ctypes
import dataclasses
import importlib
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NoReturn

from ansible.module_utils.testing import patch_module_args

from tests.support.playbook import user_environment

_MODULES = "ansible_collections.alpine.cloud.plugins.modules"
_PR_SET_PDEATHSIG = 1  # prctl(2)


@dataclasses.dataclass(frozen=True)
class ModuleResult:
    """What a module has answered: ``result["key"]``, or :attr:`msg` when it failed."""

    result: dict[str, Any]
    seconds: float
    """From the start to the end."""
    printed: str = ""
    """All that it has printed."""

    def __getitem__(self, key: str) -> Any:
        return self.result[key]

    def __contains__(self, key: str) -> bool:
        return key in self.result

    @property
    def failed(self) -> bool:
        return bool(self.result.get("failed", False))

    @property
    def changed(self) -> bool:
        return bool(self.result["changed"])

    @property
    def msg(self) -> str:
        return str(self.result["msg"])

    @property
    def warnings(self) -> list[str]:
        return [str(warning) for warning in self.result.get("warnings", [])]


class RunningModule:
    """A module in a child process."""

    def __init__(self, pid: int, stdout: IO[str], stderr: IO[str]) -> None:
        self.pid = pid
        self._stdout = stdout
        self._stderr = stderr
        self._started = time.monotonic()

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def ended(self) -> int:
        """Wait for the end, and return the exit status; minus the signal's number where one has ended it."""
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def result(self) -> ModuleResult:
        """Wait for what the module answers.

        :raises AssertionError: with what it has printed, when it answers nothing.
        """
        status = self.ended()
        seconds = time.monotonic() - self._started
        with self._stdout as stdout, self._stderr as stderr:
            texts = []
            for file in (stdout, stderr):
                file.seek(0)
                texts.append(file.read())
        lines = [line for line in texts[0].splitlines() if line.startswith("{")]
        assert lines and status in (0, 1), f"The module ended with {status}:\n{texts[0]}\n{texts[1]}"
        return ModuleResult(json.loads(lines[-1]), seconds, "".join(texts))


def start_module(
    name: str,
    options: Mapping[str, Any],
    *,
    home: Path,
    check_mode: bool = False,
    environment: Mapping[str, str] | None = None,
) -> RunningModule:
    """Start a module.

    :param name: such as ``alpine_gcp_image``.
    :param options: as in a task; those that are ``None`` are left out.
    :param home: the home directory of whoever runs it, also for temporary files.
    :param environment: variables besides those that :func:`user_environment` leaves.
    """
    module = importlib.import_module(f"{_MODULES}.{name}")
    temporary = home / ".ansible/tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    given = {key: value for key, value in options.items() if value is not None}
    internal = {
        "_ansible_check_mode": check_mode,
        "_ansible_diff": True,
        "_ansible_remote_tmp": str(temporary),
        "_ansible_module_name": f"alpine.cloud.{name}",
    }
    variables = user_environment(home) | {"TMPDIR": str(temporary)} | dict(environment or {})
    # They live as long as RunningModule does.
    stdout = tempfile.TemporaryFile("w+", dir=home)  # noqa: SIM115
    stderr = tempfile.TemporaryFile("w+", dir=home)  # noqa: SIM115
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _be_a_module(module, given | internal, variables, stdout.fileno(), stderr.fileno(), parent)
    return RunningModule(pid, stdout, stderr)


def _be_a_module(
    module: Any, arguments: dict[str, Any], variables: dict[str, str], stdout: int, stderr: int, parent: int
) -> NoReturn:
    """Run the module in the child, and end it. Nothing of the parent's, such as pytest's own exit handlers, may run."""
    status = 1
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(status)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
        os.environ.clear()
        os.environ.update(variables)
        os.chdir(variables["HOME"])
        tempfile.tempdir = None
        with patch_module_args(arguments):
            module.main()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
        status = 2
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def run_module(
    name: str,
    options: Mapping[str, Any],
    *,
    home: Path,
    check_mode: bool = False,
    environment: Mapping[str, str] | None = None,
) -> ModuleResult:
    """Run a module to its end; the parameters are those of :func:`start_module`."""
    return start_module(name, options, home=home, check_mode=check_mode, environment=environment).result()
