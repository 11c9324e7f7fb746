# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role alpine_oci over the sandbox: what a user gets from one include_role."""

from __future__ import annotations

import filecmp
import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.conftest import RunningSandbox, StartSandbox
from tests.support.disks import SmallDisk
from tests.support.playbook import run_playbook

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def sandbox(start_sandbox: StartSandbox) -> RunningSandbox:
    sandbox = start_sandbox("oci")
    sandbox.clear_faults("oci")
    return sandbox


@pytest.fixture
def run(sandbox: RunningSandbox, small_disk: SmallDisk, home: Path) -> Run:
    """Run the role on the small disk: ``run("name", "--check", image={...})``; asserts nothing."""
    playbook = home / "role.yml"
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "tasks": [
            {"ansible.builtin.include_role": {"name": "alpine.cloud.alpine_oci"}},
            {
                "ansible.builtin.copy": {
                    "content": "{{ alpine_oci_result | to_json }}",
                    "dest": str(home / "result.json"),
                    "mode": "0644",
                },
                "check_mode": False,
                "changed_when": False,
            },
        ],
    }
    playbook.write_text(yaml.safe_dump([play]))

    def run_role(
        name: str, *arguments: str, image: Mapping[str, Any] | None = None, **variables: Any
    ) -> subprocess.CompletedProcess[str]:
        facts = {
            "name": name,
            "release": "3.24.2",
            "revision": 0,
            "architecture": "x86_64",
            "firmware": "hybrid",
            "bootstrap": "tiny",
            "machine": "vm",
            "path": str(small_disk.qcow2),
            "sha256": small_disk.sha256,
            "virtual_size": small_disk.raw.stat().st_size,
            "partition_table": "gpt",
            "files": {"qcow2": str(small_disk.qcow2)},
            **(image or {}),
        }
        interpreter = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        return run_playbook(
            playbook,
            *arguments,
            home=home,
            variables={**interpreter, "alpine_image_result": facts, **variables},
            vars_files=[sandbox.vars_file],
        )

    return run_role


def _result(home: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((home / "result.json").read_text())
    return result


def _writes(sandbox: RunningSandbox, since: int) -> list[str]:
    return [request["operation"] for request in sandbox.logged_requests()[since:] if request["write"]]


def _now(sandbox: RunningSandbox) -> int:
    return len(sandbox.logged_requests())


def test_import_is_exact_clean_and_idempotent(
    sandbox: RunningSandbox, small_disk: SmallDisk, run: Run, home: Path, tmp_path: Path
) -> None:
    name = "alpine-3.24.2-x86_64-tiny-r0"
    missing = {"files": {"qcow2": "/nonexistent/alpine.qcow2"}}
    start = _now(sandbox)
    check = run(name, "--check", "--diff", image=missing)
    assert check.returncode == 0, check.stdout
    assert "does not exist yet" in check.stdout
    assert '+    "firmware": "UEFI_64"' in check.stdout
    assert _result(home)["id"] is None
    assert _result(home)["changed"] is True
    assert _writes(sandbox, start) == []

    real = run(name)
    assert real.returncode == 0, real.stdout
    result = _result(home)
    assert result["image"] == result["name"] == name
    assert result["region"] == "eu-frankfurt-1"
    assert result["regions"] == [{"region": "eu-frankfurt-1", "id": result["id"]}]
    assert result["firmware"] == "UEFI_64"
    assert result["ids"]["firmware_from"] == "launch_options"
    assert result["ids"]["capability_schema"].startswith("ocid1.computeimgcapschema.")
    writes = _writes(sandbox, start)
    assert writes.count("PutObject") == writes.count("DeleteObject") == 1
    assert writes.index("DeleteObject") > writes.index("CreateImage")

    # Read back now that the object is gone.
    output = tmp_path / "disk.raw"
    sandbox.export("oci", result["id"], None, output)
    assert filecmp.cmp(output, small_disk.raw, shallow=False)

    before_second = _now(sandbox)
    second = run(name, image=missing)
    assert second.returncode == 0, second.stdout
    assert re.search(r"changed=0 ", second.stdout)
    assert _writes(sandbox, before_second) == []
    assert _result(home) == result | {"changed": False}


def test_failed_import_tells_why_cleans_up_and_can_be_repeated(sandbox: RunningSandbox, run: Run, home: Path) -> None:
    name = "alpine-3.24.2-x86_64-tiny-r1"
    sandbox.order_fault("oci", service="compute", operation="CreateImage", fail="The stars are not aligned.")
    start = _now(sandbox)
    failed = run(name)
    assert failed.returncode != 0
    assert f"The import of image {name} failed, and the image is DELETED: The stars are not aligned." in failed.stdout
    assert _writes(sandbox, start)[-1] == "DeleteObject"

    again = run(name)
    assert again.returncode == 0, again.stdout
    assert _result(home)["changed"] is True


def test_file_left_by_a_killed_run_is_removed(sandbox: RunningSandbox, run: Run) -> None:
    name = "alpine-3.24.2-x86_64-tiny-r2"
    kept = run(name, alpine_oci_keep_staged=True)
    assert kept.returncode == 0, kept.stdout
    start = _now(sandbox)
    after = run(name)
    assert after.returncode == 0, after.stdout
    assert _writes(sandbox, start) == ["DeleteObject"]


def test_arm_image_gets_arm_shapes_and_firmware_from_capabilities(
    sandbox: RunningSandbox, run: Run, home: Path
) -> None:
    sandbox.order_fault("oci", operation="CreateImage.launchOptions", fail="ignore")
    arm = run("alpine-3.24.2-aarch64-tiny-r0", image={"architecture": "aarch64", "firmware": "uefi"})
    assert arm.returncode == 0, arm.stdout
    assert "has firmware BIOS in its launch options, not UEFI_64" in arm.stdout
    result = _result(home)
    assert result["firmware"] == "UEFI_64"
    assert result["ids"]["firmware_from"] == "capabilities"
    assert "VM.Standard.A1.Flex" in result["ids"]["shapes"]
    assert "VM.Standard.E5.Flex" not in result["ids"]["shapes"]


def test_bad_input_costs_no_upload(sandbox: RunningSandbox, run: Run) -> None:
    start = _now(sandbox)
    impossible = run("alpine-3.24.2-aarch64-tiny-r9", image={"architecture": "aarch64", "firmware": "bios"})
    assert impossible.returncode != 0
    assert "cannot boot in Oracle Cloud: it is aarch64 with firmware bios" in impossible.stdout
    misspelt = run("alpine-3.24.2-x86_64-tiny-r9", alpine_oci_shapes=[{"name": "VM.Standard.E5.Flexible"}])
    assert misspelt.returncode != 0
    assert "shapes: VM.Standard.E5.Flexible is not offered" in misspelt.stdout
    region = run("alpine-3.24.2-x86_64-tiny-r9", alpine_oci_region="mars-north-1")
    assert region.returncode != 0
    assert "region 'mars-north-1' is not a region of Oracle Cloud" in region.stdout
    assert _writes(sandbox, start) == []
