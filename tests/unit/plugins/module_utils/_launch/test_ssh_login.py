# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._launch.ssh_login import SshLogin


@pytest.fixture
def ssh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An ssh that does what a test writes into it, and notes its arguments."""
    program = tmp_path / "bin/ssh"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    return program


def params(tmp_path: Path, **options: Any) -> dict[str, Any]:
    key = tmp_path / "key"
    key.touch()
    return {
        "host": "203.0.113.2",
        "user": "alpine",
        "private_key_file": str(key),
        "ssh_args": "",
        "command": "true",
        "timeout": 60,
        **options,
    }


def answer(ssh: Path, script: str) -> None:
    ssh.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >>{ssh}.log\n{script}\n')


def test_a_login_returns_what_the_command_prints(ssh: Path, tmp_path: Path) -> None:
    answer(ssh, "echo x86_64")
    result = SshLogin.from_params(params(tmp_path, command="uname -m", ssh_args="-J 'bastion host'")).attempt()
    assert result == {"changed": False, "status": "logged_in", "stdout": "x86_64\n", "reason": None}
    arguments = Path(f"{ssh}.log").read_text().splitlines()
    assert arguments[:2] == ["-J", "bastion host"]
    assert arguments[-7:] == ["-i", str(tmp_path / "key"), "-l", "alpine", "--", "203.0.113.2", "uname -m"]
    assert "BatchMode=yes" in arguments
    assert "UserKnownHostsFile=/dev/null" in arguments


def test_a_command_that_fails_has_been_run_all_the_same(ssh: Path, tmp_path: Path) -> None:
    answer(ssh, "exit 1")
    assert SshLogin.from_params(params(tmp_path)).attempt()["status"] == "logged_in"


def test_a_key_that_is_not_accepted_is_told_at_once(ssh: Path, tmp_path: Path) -> None:
    answer(ssh, "echo 'alpine@203.0.113.2: Permission denied (publickey).' >&2; exit 255")
    result = SshLogin.from_params(params(tmp_path)).attempt()
    assert result["status"] == "refused"
    assert "Permission denied" in result["reason"]


def test_a_machine_that_is_not_reached_yet_is_tried_again(ssh: Path, tmp_path: Path) -> None:
    answer(ssh, f"[ -e {tmp_path}/second ] && exit 0; touch {tmp_path}/second; echo 'Connection refused' >&2; exit 255")
    assert SshLogin.from_params(params(tmp_path)).attempt()["status"] == "logged_in"


def test_one_that_is_never_reached_is_no_failure(ssh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(ssh, "echo 'ssh: connect to host 203.0.113.2 port 22: Connection timed out' >&2; exit 255")
    clock = itertools.count(0, 25)
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    result = SshLogin.from_params(params(tmp_path)).attempt()
    assert (result["status"], result["stdout"]) == ("unreachable", "")
    assert "Connection timed out" in result["reason"]
    assert Path(f"{ssh}.log").read_text().count("BatchMode") == 3


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"private_key_file": "/nonexistent/key"}, "private_key_file /nonexistent/key: no such file"),
        ({"ssh_args": "-o 'open"}, "ssh_args cannot be taken apart as a shell does it: No closing quotation"),
    ],
)
def test_bad_options_are_named(tmp_path: Path, options: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        SshLogin.from_params(params(tmp_path, **options))


def test_a_missing_ssh_is_told_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="install the package openssh-client"):
        SshLogin.from_params(params(tmp_path)).attempt()
