# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ``ansible-test sanity`` of the ansible-core that this Python has, over the working tree, without ignore files.

``sanity.py WORK``: the tree is copied below WORK, where ansible-test's own caches lie too.
"""

from __future__ import annotations

import ast
import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

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
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    ).stdout
    configuration = configparser.RawConfigParser()
    configuration["global"] = {"quiet": "2"}
    for line in listed.splitlines():
        # global.index-url='https://…' out of a file, :env:.cert='…' out of a variable; those come first, and win.
        name, _equals, value = line.partition("=")
        origin, _dot, key = name.rpartition(".")
        if origin == ":env:" or (origin == "global" and key not in configuration["global"]):
            configuration["global"][key] = ast.literal_eval(value)
    file = home / ".config/pip/pip.conf"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)  # an index's address may hold a password
    with file.open("w") as stream:
        configuration.write(stream)


def _copy_tree(collection: Path) -> None:
    """Copy what git would commit: ansible-test needs a repository, at a path that ends as a collection's does."""
    shutil.rmtree(collection, ignore_errors=True)
    collection.mkdir(parents=True)
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"],
        cwd=_REPOSITORY, check=True, capture_output=True, text=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, names):
        source = _REPOSITORY / name
        if source.is_file():  # and not deleted since
            target = collection / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
    subprocess.run(["git", "init", "--quiet"], cwd=collection, check=True)


def main() -> int:
    work = Path(sys.argv[1]).absolute()
    home = work / "home"
    cache = home / ".ansible/test/cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in _GET_PIP_VERSIONS:
        (cache / f"get_pip_{version}.py").write_text(_GET_PIP)
    _write_pip_configuration(home)
    collection = work / "ansible_collections/alpine/cloud"
    _copy_tree(collection)

    # The folder of the interpreter itself comes first on PATH: ansible-test looks for other Pythons there, and what it
    # finds elsewhere may be a shim that does not run.
    binaries = Path(sys.executable).parent
    environment = os.environ | {"HOME": str(home), "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    options = ["--local", "--python", version, "--color", "no", *sys.argv[2:]]
    command: list[str | Path] = [binaries / "ansible-test", "sanity", *options]
    return subprocess.run(command, cwd=collection, env=environment, stdin=subprocess.DEVNULL, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
