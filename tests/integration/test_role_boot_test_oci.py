# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role alpine_oci with the gate: an image is noted as one that boots once it has said its word."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from tests.image import HYBRID, build_image
from tests.integration.conftest import StartSandbox
from tests.support.disks import SmallDisk
from tests.support.login import KeyFile
from tests.support.paths import REPOSITORY
from tests.support.playbook import run_playbook
from tests.support.role import Role, image_facts


def test_in_oracle_cloud_an_image_is_proved_launched_and_removed(
    start_sandbox: StartSandbox, small_disk: SmallDisk, home: Path, tmp_path: Path
) -> None:
    sandbox = start_sandbox("oci")
    path = build_image(HYBRID, tmp_path)
    bootable = {
        "name": f"{path.stem}70",
        "path": str(path),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "files": {"qcow2": str(path)},
    }
    variables: dict[str, Any] = {"alpine_boot_test": True, "alpine_boot_test_wait_interval": 1}
    role = Role("alpine_oci", home, (sandbox.vars_file,), image_facts(small_disk, "qcow2"), variables)
    start = sandbox.mark()
    first = role.succeeds(image=bootable)
    writes = sandbox.writes(start)
    story = ["CreateImage", "CreateComputeImageCapabilitySchema", "LaunchInstance", "TerminateInstance", "UpdateImage"]
    assert [name for name in writes if name in story] == story
    assert first.result["boot"] == {
        "booted": True,
        "firmware": "uefi",
        "architecture": "x86_64",
        "user_data_seen": True,
        "key_seen": True,
        "ssh": "logged_in",
        "size": "VM.Standard.E4.Flex",
        "seconds": first.result["boot"]["seconds"],
    }
    assert sandbox.holdings("oci") == {}

    start = sandbox.mark()
    assert role.succeeds(image=bootable).changed == 0
    assert sandbox.writes(start) == []

    start = sandbox.mark()
    broken = {"name": "alpine-3.24.2-x86_64-tiny-r71", "sha256": "9" * 64}
    assert "does not boot in oci" in role.fails(image=broken, alpine_boot_test_wait_timeout=20)
    assert "UpdateImage" not in sandbox.writes(start)
    assert sandbox.holdings("oci") == {}

    # What the manifest then lists can be launched.
    manifest = tmp_path / "manifest.json"
    manifest.write_text(json.dumps({"imports": [first.result]}))
    login = KeyFile.make(tmp_path)

    def launch(*arguments: str) -> str:
        own = {
            "alpine_manifest_path": str(manifest),
            "alpine_launch_cloud": "oci",
            "alpine_launch_public_key": f"{login.path}.pub",
        }
        playbook = REPOSITORY / "playbooks/launch.yml"
        done = run_playbook(
            playbook, *arguments, home=role.home, variables={**own, **role.variables}, vars_files=role.vars_files
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    assert re.search(r"ssh\s+alpine@198\.18\.0\.\d+", launch())
    launch("-e", "state=absent")
    assert sandbox.holdings("oci") == {}


def test_the_gate_wants_a_subnet_before_anything_is_uploaded(
    start_sandbox: StartSandbox, small_disk: SmallDisk, home: Path, tmp_path: Path
) -> None:
    sandbox = start_sandbox("oci")
    without = tmp_path / "vars.yml"
    lines = sandbox.vars_file.read_text().splitlines(keepends=True)
    without.write_text("".join(line for line in lines if not line.startswith("alpine_oci_subnet_id:")))
    role = Role("alpine_oci", home, (without,), image_facts(small_disk, "qcow2"), {"alpine_boot_test": True})
    start = sandbox.mark()
    failed = role.fails(image={"name": "alpine-3.24.2-x86_64-tiny-r72", "sha256": "8" * 64})
    assert "alpine_oci_subnet_id must name a subnet" in failed
    assert sandbox.writes(start) == []
