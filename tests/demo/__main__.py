# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""``make demo``: import images from a local mirror into four local clouds, again, look at what landed, and boot it."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from tests.image import NEWEST, ImageError, build_image
from tests.sandbox._cloud import CLOUDS, SERVICES
from tests.sandbox._supervisor import Sandbox, SandboxError, running
from tests.support.compare import PADDING_CLOUDS, assert_same_disk
from tests.support.paths import BUILD, REPOSITORY
from tests.support.playbook import user_environment

_SANDBOX = BUILD / "sandbox"
_VARS = BUILD / "sandbox.yml"
_DEMO = BUILD / "demo"
_MANIFEST = _DEMO / "manifest.json"


def _say(text: str) -> None:
    print(f"\n── {text}", flush=True)


@contextlib.contextmanager
def _sandbox(images: Sequence[Path]) -> Iterator[Sandbox]:
    """The sandbox of ``make sandbox`` where one runs, and otherwise one for the length of the demo."""
    sandbox = Sandbox(_SANDBOX)
    if sandbox.is_running():
        _say("Using the sandbox that is running already")
        yield sandbox
        return
    _say("Starting four clouds and a mirror that publishes the images on 127.0.0.1")
    with running(_SANDBOX, _VARS, list(SERVICES), operation_seconds=1.0, images=images):
        yield sandbox
    _say("The local clouds have stopped. `make sandbox` keeps them running, for playbooks of your own.")


def _play(home: Path, playbook: str, **variables: object) -> None:
    command = ["ansible-playbook", f"playbooks/{playbook}.yml", "-e", f"@{_VARS.relative_to(REPOSITORY)}"]
    if variables:
        command += ["-e", json.dumps(variables)]
    _say(shlex.join(command))
    environment = user_environment(home)
    if sys.stdout.isatty():
        del environment["ANSIBLE_NOCOLOR"]
    program = str(Path(sys.executable).parent / command[0])
    subprocess.run(
        [program, *command[1:], "-e", json.dumps({"alpine_manifest_path": str(_MANIFEST)})],
        cwd=REPOSITORY,
        env=environment,
        stdin=subprocess.DEVNULL,
        check=True,
    )


def _import(home: Path) -> None:
    _say(f"alpine_images: {yaml.safe_load(_VARS.read_text())['alpine_images']}")
    _play(home, "import_all")


def _boot(home: Path) -> None:
    """One machine in each cloud, of the architecture that is emulated faster."""
    _play(home, "boot_test", alpine_boot_test_architectures=["x86_64"])


def _check_disks(sandbox: Sandbox, images: Sequence[Path]) -> None:
    sources = {image.stem: image for image in images}
    for record in json.loads(_MANIFEST.read_text())["imports"]:
        with tempfile.TemporaryDirectory(dir=_DEMO) as directory:
            disk = Path(directory) / "disk.raw"
            sandbox.export(record["cloud"], record["id"], record["region"], disk)
            assert_same_disk(sources[record["image"]], disk, padded=record["cloud"] in PADDING_CLOUDS)
        print(f"  {record['cloud']:<6} {record['id']}: the disk is the source's, bit for bit")


def _downloads(sandbox: Sandbox, since: int) -> int:
    """How often an image was asked for, and not only its checksum or the like."""
    return sum(request["operation"] == "GetFile" for request in sandbox.logged_requests(since))


def main() -> int:
    _DEMO.mkdir(parents=True, exist_ok=True)
    try:
        _say("Building bootable images (cached under build/)")
        images = [build_image(spec) for spec in NEWEST.values()]
        for image in images:
            print(f"  {image.relative_to(REPOSITORY)}")
        with _sandbox(images) as sandbox, tempfile.TemporaryDirectory() as home:
            start = sandbox.mark()
            _import(Path(home))
            if _downloads(sandbox, start) < len(images):
                print("demo: the images did not come from the mirror", file=sys.stderr)
                return 1
            _say("Reading the disks back")
            _check_disks(sandbox, images)
            _say("The same command again: nothing is left to do")
            start = sandbox.mark()
            _import(Path(home))
            downloads, writes = _downloads(sandbox, start), len(sandbox.writes(start))
            print(f"  requests of the second run that download an image: {downloads}, that write to a cloud: {writes}")
            if downloads or writes:
                return 1
            _say("One machine in each cloud, launched from what was imported: has each said its word?")
            _boot(Path(home))
            if left := {cloud: held for cloud in CLOUDS if (held := sandbox.holdings(cloud))}:
                print(f"demo: machines have left {left}", file=sys.stderr)
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
