# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ``ansible-test`` of the ansible-core that this Python has, over the working tree, as anybody would run it.

``python -m tests.tools.ansible_test WORK sanity|units|integration ARGUMENT…``: the tree is copied below WORK, to the
only kind of path at which ansible-test works, ``ansible_collections/alpine/cloud``; its own caches lie beside it.
``integration`` runs over a sandbox that is started for it.
"""

from __future__ import annotations

import configparser
import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.tools.pip_settings import pip_settings

_REPOSITORY = Path(__file__).resolve().parents[2]

# ansible-test's virtual environments come without pip, and it fetches the installer from a host of its own
# (ansible/ansible#77304). A file in its cache stops that: this one has the pip of this Python install the wanted one.
_GET_PIP = f"""\
import subprocess
import sys

arguments = [item for item in sys.argv[1:] if item not in ("--no-setuptools", "--no-wheel")]
# As a process of its own: ansible-test runs this file inside a wrapper that pip must not see.
command = [{sys.executable!r}, "-m", "pip", "--python", sys.executable, "install", *arguments]
sys.exit(subprocess.run(command).returncode)
"""
_GET_PIP_VERSIONS = ("24_2", "25_2")  # of ansible-core 2.18 and 2.19; of 2.20 and 2.21


def _write_pip_configuration(home: Path) -> None:
    """Let pip under ansible-test be as it is here: neither this HOME nor PIP_* variables reach it."""
    configuration = configparser.RawConfigParser()
    configuration["global"] = pip_settings(sys.executable) | {"quiet": "2"}
    file = home / ".config/pip/pip.conf"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)  # an index's address may hold a password
    with file.open("w") as stream:
        configuration.write(stream)


def _git_files(folder: Path, *options: str) -> set[str]:
    command = ["git", "ls-files", "-z", *options]
    listed = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    return set(filter(None, listed.split("\0")))


def _update_copy(collection: Path) -> None:
    """Copy what git would commit: ansible-test needs a repository, at a path that ends as a collection's does."""
    collection.mkdir(parents=True, exist_ok=True)
    if not (collection / ".git").is_dir():
        subprocess.run(["git", "init", "--quiet"], cwd=collection, check=True)
    names = {
        name
        for name in _git_files(_REPOSITORY, "--cached", "--others", "--exclude-standard", "--deduplicate")
        if (_REPOSITORY / name).is_file()  # and not deleted since
    }
    for stale in _git_files(collection, "--others", "--exclude-standard") - names:
        (collection / stale).unlink()
    for name in names:
        source, target = _REPOSITORY / name, collection / name
        status = source.stat()
        with contextlib.suppress(FileNotFoundError):
            there = target.stat()
            if (there.st_mtime_ns, there.st_size, there.st_mode) == (
                status.st_mtime_ns, status.st_size, status.st_mode,
            ):  # fmt: skip
                continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def _copy_of_the_tree(work: Path) -> Path:
    """The collection's folder below ``work``; steps that run at the same time share it."""
    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        collection = work / "ansible_collections/alpine/cloud"
        _update_copy(collection)
    return collection


def _ansible_test(work: Path, collection: Path, command: str, arguments: list[str]) -> int:
    home = work / "home"
    cache = home / ".ansible/test/cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in _GET_PIP_VERSIONS:
        (cache / f"get_pip_{version}.py").write_text(_GET_PIP)
    _write_pip_configuration(home)

    # The folder of the interpreter itself comes first on PATH: ansible-test looks for other Pythons there, and what it
    # finds elsewhere may be a shim that does not run.
    binaries = Path(sys.executable).parent
    environment = os.environ | {"HOME": str(home), "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    options = ["--local", "--python", version, "--color", "no", *arguments]
    started = [str(binaries / "ansible-test"), command, *options]
    return subprocess.run(started, cwd=collection, env=environment, stdin=subprocess.DEVNULL, check=False).returncode


def _over_a_sandbox(work: Path, collection: Path, arguments: list[str]) -> int:
    # Not before it is needed: sanity and units know nothing of the sandbox.
    from tests.sandbox._cloud import SERVICES
    from tests.sandbox._supervisor import running

    with running(
        work / "sandbox",
        work / "sandbox.yml",
        list(SERVICES),
        operation_seconds=0.2,
        integration_config=collection / "tests/integration/integration_config.yml",
    ):
        return _ansible_test(work, collection, "integration", arguments)


def main() -> int:
    work, command, arguments = Path(sys.argv[1]).absolute(), sys.argv[2], sys.argv[3:]
    collection = _copy_of_the_tree(work)
    if command == "integration":
        return _over_a_sandbox(work, collection, arguments)
    return _ansible_test(work, collection, command, arguments)


if __name__ == "__main__":
    sys.exit(main())
