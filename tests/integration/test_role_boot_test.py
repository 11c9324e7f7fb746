# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role alpine_boot_test over the sandbox: images that boot, and images that do not."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.wait import wait_until
from tests.image import HYBRID, build_image
from tests.integration.conftest import RunningSandbox, StartSandbox
from tests.support.disks import SmallDisk
from tests.support.login import KeyFile
from tests.support.paths import REPOSITORY
from tests.support.playbook import changed_tasks, run_playbook
from tests.support.role import Role, image_facts


@pytest.fixture
def sandbox(start_sandbox: StartSandbox) -> RunningSandbox:
    sandbox = start_sandbox("aws")
    sandbox.clear_faults("aws")
    return sandbox


@pytest.fixture(scope="module")
def bootable(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What is particular to the bootable image among the facts of role alpine_image."""
    directory = tmp_path_factory.mktemp("bootable")
    image = build_image(HYBRID, directory)
    vhd = directory / "disk.vhd"
    subprocess.run(
        ["qemu-img", "convert", "-O", "vpc", "-o", "subformat=dynamic,force_size=on", image, vhd], check=True
    )
    sha256 = hashlib.sha256(image.read_bytes()).hexdigest()
    return {"name": image.stem, "path": str(image), "sha256": sha256, "files": {"dynamic_vhd": str(vhd)}}


@pytest.fixture
def role(sandbox: RunningSandbox, small_disk: SmallDisk, home: Path) -> Role:
    """Role alpine_aws, with the gate."""
    variables = {
        "alpine_boot_test": True,
        "alpine_aws_copy_regions": ["us-east-1"],
        "alpine_boot_test_wait_interval": 1,
    }
    return Role("alpine_aws", home, (sandbox.vars_file,), image_facts(small_disk, "dynamic_vhd"), variables)


def test_an_image_is_copied_once_it_has_said_its_word(
    sandbox: RunningSandbox, role: Role, bootable: dict[str, Any], tmp_path: Path
) -> None:
    start = sandbox.mark()
    first = role.succeeds(image=bootable)
    writes = sandbox.writes(start)
    launch = ["ImportKeyPair", "RunInstances", "TerminateInstances", "DeleteKeyPair", "CreateTags", "CopyImage"]
    assert [name for name in writes if name in launch][-6:] == launch
    assert first.result["boot"] == {
        "booted": True,
        "firmware": "uefi",
        "architecture": "x86_64",
        "user_data_seen": True,
        "key_seen": True,
        "ssh": "logged_in",
        "size": "t3.nano",
        "seconds": first.result["boot"]["seconds"],
    }
    assert sandbox.holdings("aws") == {}

    start = sandbox.mark()
    second = role.succeeds(image=bootable)
    assert sandbox.writes(start) == []
    assert second.changed == 0

    # What the manifest then lists can be tested again, and launched.
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"imports": [first.result, {"cloud": "aws", "image": "x", "error": {}}]}))
    login = KeyFile.make(tmp_path)

    def play(name: str, *arguments: str) -> str:
        variables = {"alpine_manifest_path": str(manifest), "alpine_launch_public_key": f"{login.path}.pub"}
        playbook = REPOSITORY / f"playbooks/{name}.yml"
        done = run_playbook(
            playbook, *arguments, home=role.home, variables={**variables, **role.variables}, vars_files=role.vars_files
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    assert '"firmware": "uefi"' in play("boot_test")
    assert sandbox.holdings("aws") == {}
    launched = re.search(r"ssh alpine@(203\.0\.113\.\d+)", play("launch"))
    assert launched
    assert changed_tasks(play("launch")) == 0
    wait_until(lambda: login.reaches(sandbox.directory, launched[1]), timeout=60, interval=1, what="the machine")
    assert login.run(sandbox.directory, launched[1], "id -un") == "alpine\n"
    assert changed_tasks(play("launch", "-e", "state=absent")) == 1
    assert sandbox.holdings("aws") == {}


def test_an_image_that_does_not_boot_is_not_copied_and_says_why(
    sandbox: RunningSandbox, role: Role, small_disk: SmallDisk
) -> None:
    name = "alpine-3.24.2-x86_64-tiny-r7"
    start = sandbox.mark()
    failed = role.fails(image={"name": name, "sha256": "7" * 64}, alpine_boot_test_wait_timeout=15)
    assert f"{name} (ami-" in failed
    assert "does not boot in aws: Instance alpine-boot-test-" in failed
    assert "has not said" in failed
    assert "BdsDxe: failed to load Boot0001" in failed
    assert "CopyImage" not in sandbox.writes(start)
    assert sandbox.writes(start).count("RegisterImage") == 1
    assert sandbox.holdings("aws") == {}


def test_check_mode_launches_nothing(sandbox: RunningSandbox, role: Role) -> None:
    start = sandbox.mark()
    check = role.succeeds("--check", image={"name": "alpine-3.24.2-x86_64-tiny-r6", "sha256": "6" * 64})
    assert "would be launched in aws once, and removed again" in check.stdout
    assert sandbox.writes(start) == []
