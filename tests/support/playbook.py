# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running ansible-playbook as a user would, with an empty home and none of this machine's cloud settings."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.sandbox._supervisor import is_alive
from tests.support.paths import COLLECTIONS, REPOSITORY


def user_environment(home: Path) -> dict[str, str]:
    """An environment that knows no cloud account: only the machine's CA settings, which must not matter, stay."""
    foreign = ("AWS_", "AZURE_", "ARM_", "GOOGLE_", "GCP_", "GCE_", "CLOUDSDK_", "OCI_", "BOTO_", "ANSIBLE_", "PYTHON")
    kept = ("AWS_CA_BUNDLE",)
    environment = {key: value for key, value in os.environ.items() if key in kept or not key.startswith(foreign)}
    return environment | {
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        # By default below the home that the system's user database says, whatever HOME is.
        "ANSIBLE_REMOTE_TMP": str(home / ".ansible/tmp"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
    }


def run_playbook(
    playbook: Path,
    *arguments: str,
    home: Path,
    variables: Mapping[str, Any],
    vars_files: Iterable[Path] = (),
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run ``playbook``; both output streams end up in ``stdout``."""
    process = start_playbook(
        playbook, *arguments, home=home, variables=variables, vars_files=vars_files, environment=environment
    )
    with process:
        stdout, _stderr = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, stdout)


def start_playbook(
    playbook: Path,
    *arguments: str,
    home: Path,
    variables: Mapping[str, Any],
    vars_files: Iterable[Path] = (),
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[str]:
    """Start it likewise."""
    command = [str(Path(sys.executable).parent / "ansible-playbook"), str(playbook), *arguments]
    for file in vars_files:
        command += ["-e", f"@{file}"]
    return subprocess.Popen(
        [*command, "-e", json.dumps(dict(variables))],
        cwd=REPOSITORY,
        env=user_environment(home) | dict(environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def kill_playbook(process: subprocess.Popen[str]) -> str:
    """Kill it with all that it has started, as the end of a CI job does, and return what it has printed.

    Ansible's workers have sessions of their own, so that they are in no group with it.
    """
    family = [process.pid]
    for pid in family:
        # Of all its threads.
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            family += map(int, children.read_text().split())
    for pid in family:
        os.kill(pid, signal.SIGKILL)
    stdout, _stderr = process.communicate()
    while any(map(is_alive, family[1:])):
        pass
    return stdout


def changed_tasks(output: str) -> int:
    """How many tasks have changed something, on all hosts together, according to the recap."""
    hosts = re.findall(r"^\S+ +: ok=\d+ +changed=(\d+) ", output, re.MULTILINE)
    assert hosts, f"There is no recap:\n{output}"
    return sum(map(int, hosts))
