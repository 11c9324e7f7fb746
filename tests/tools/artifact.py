# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the collection's tarball, install it offline, and see that ansible-core finds everything in it.

``python -m tests.tools.artifact DIST INSTALLED``: the tarball goes to DIST, the installed collection below INSTALLED.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parents[2]
_GENERATED = {"MANIFEST.json", "FILES.json"}


class _Ansible:
    """ansible-core's commands, as a user without any configuration has them, away from the checkout."""

    def __init__(self, installed: Path) -> None:
        self.home = installed / "home"
        self._environment = os.environ | {"HOME": str(self.home), "ANSIBLE_COLLECTIONS_PATH": str(installed)}

    def __call__(self, command: str, *arguments: str | Path) -> str:
        result = subprocess.run(
            [Path(sys.executable).with_name(command), *arguments],
            cwd=self.home, env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            check=False,
        )  # fmt: skip
        if result.returncode:
            sys.exit(f"{command} {' '.join(map(str, arguments))} ended with {result.returncode}:\n{result.stdout}")
        return result.stdout


def _build(ansible: _Ansible, dist: Path) -> Path:
    shutil.rmtree(dist, ignore_errors=True)
    ansible("ansible-galaxy", "collection", "build", _REPOSITORY, "--output-path", dist)
    (tarball,) = dist.glob("alpine-cloud-*.tar.gz")
    with tarfile.open(tarball) as tar:
        packed = {member.name for member in tar if member.isfile()}
    known = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=_REPOSITORY, check=True, capture_output=True, text=True,
    ).stdout.split("\0")  # fmt: skip
    stray = sorted(packed - set(known) - _GENERATED)
    if stray:
        sys.exit(f"build_ignore in galaxy.yml lets files into the tarball that git ignores: {', '.join(stray[:10])}")
    return tarball


def _check_documentation(ansible: _Ansible, kind: str, wanted: set[str]) -> None:
    listed = json.loads(ansible("ansible-doc", "--type", kind, "--list", "--json", "alpine.cloud"))
    if set(listed) != wanted:
        sys.exit(f"ansible-doc lists {sorted(listed)}, and not {sorted(wanted)}")
    shown = json.loads(ansible("ansible-doc", "--type", kind, "--json", *sorted(wanted))) if wanted else {}
    if set(shown) != wanted:
        sys.exit(f"ansible-doc shows {sorted(shown)}, and not {sorted(wanted)}")
    print(f"ansible-doc --type {kind}: {len(wanted)}")


def main() -> int:
    dist, installed = (Path(argument).absolute() for argument in sys.argv[1:3])
    shutil.rmtree(installed, ignore_errors=True)
    ansible = _Ansible(installed)
    ansible.home.mkdir(parents=True)
    tarball = _build(ansible, dist)
    ansible("ansible-galaxy", "collection", "install", "--offline", "--collections-path", installed, tarball)
    print(f"{tarball.name}: {tarball.stat().st_size >> 10} KiB, installed with ansible-core of {sys.executable}")

    for kind, pattern in (("module", "plugins/modules/*.py"), ("filter", "plugins/filter/*.py"), ("role", "roles/*")):
        names = {path.stem for path in _REPOSITORY.glob(pattern) if not path.name.startswith(("_", "."))}
        _check_documentation(ansible, kind, {f"alpine.cloud.{name}" for name in names})
    for playbook in sorted((_REPOSITORY / "playbooks").glob("*.yml")):
        ansible("ansible-playbook", "--syntax-check", f"alpine.cloud.{playbook.stem}")
        print(f"ansible-playbook --syntax-check alpine.cloud.{playbook.stem}: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
