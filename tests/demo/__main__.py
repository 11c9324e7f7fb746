# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``make demo``: import an Alpine-style image into four local clouds, again, and look at what landed."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.image import ImageError, build_image
from tests.sandbox._cloud import CLOUDS
from tests.sandbox._supervisor import Sandbox, SandboxError, running
from tests.support.compare import assert_same_disk
from tests.support.paths import BUILD, REPOSITORY
from tests.support.playbook import user_environment

_SANDBOX = BUILD / "sandbox"
_VARS = BUILD / "sandbox.yml"
_DEMO = BUILD / "demo"
_MANIFEST = _DEMO / "manifest.json"
# These clouds round a disk up to whole GiB.
_PADDED = {"aws", "gcp"}


def _say(text: str) -> None:
    print(f"\n── {text}", flush=True)


@contextlib.contextmanager
def _sandbox(image: Path) -> Iterator[Sandbox]:
    """The sandbox of ``make sandbox`` where one runs, and otherwise one for the length of the demo."""
    sandbox = Sandbox(_SANDBOX)
    if sandbox.is_running():
        _say("Using the sandbox that is running already")
        yield sandbox
        return
    _say("Starting four clouds on 127.0.0.1")
    with running(_SANDBOX, _VARS, list(CLOUDS), operation_seconds=1.0, images=[image]):
        yield sandbox
    _say("The local clouds have stopped. `make sandbox` keeps them running, for playbooks of your own.")


def _import(home: Path, image: Path) -> None:
    command = ["ansible-playbook", "playbooks/import_all.yml", "-e", f"@{_VARS.relative_to(REPOSITORY)}"]
    _say(" ".join(command))
    variables = {"alpine_images": [{"path": str(image)}], "alpine_manifest_path": str(_MANIFEST)}
    environment = user_environment(home)
    if sys.stdout.isatty():
        del environment["ANSIBLE_NOCOLOR"]
    program = str(Path(sys.executable).parent / command[0])
    subprocess.run(
        [program, *command[1:], "-e", json.dumps(variables)],
        cwd=REPOSITORY,
        env=environment,
        stdin=subprocess.DEVNULL,
        check=True,
    )


def _check_disks(sandbox: Sandbox, image: Path) -> None:
    for record in json.loads(_MANIFEST.read_text())["imports"]:
        with tempfile.TemporaryDirectory(dir=_DEMO) as directory:
            disk = Path(directory) / "disk.raw"
            sandbox.export(record["cloud"], record["id"], record["region"], disk)
            assert_same_disk(image, disk, padded=record["cloud"] in _PADDED)
        print(f"  {record['cloud']:<6} {record['id']}: the disk is the source's, bit for bit")


def _writes(sandbox: Sandbox) -> int:
    return sum(request["write"] for request in sandbox.logged_requests())


def main() -> int:
    _DEMO.mkdir(parents=True, exist_ok=True)
    try:
        _say("Building a bootable image (cached under build/)")
        image = build_image()
        print(f"  {image.relative_to(REPOSITORY)}")
        with _sandbox(image) as sandbox, tempfile.TemporaryDirectory() as home:
            _import(Path(home), image)
            _say("Reading the four disks back")
            _check_disks(sandbox, image)
            _say("The same command again: nothing is left to do")
            writes = _writes(sandbox)
            _import(Path(home), image)
            written = _writes(sandbox) - writes
            print(f"  requests of the second run that write: {written}")
            if written:
                return 1
    except subprocess.CalledProcessError as error:
        return error.returncode
    except (SandboxError, ImageError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    _say(f"What landed: {os.path.relpath(_MANIFEST)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
