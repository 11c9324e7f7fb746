# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role alpine_gcp over the sandbox: what a user gets from one include_role."""

from __future__ import annotations

import filecmp
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.conftest import RunningSandbox, StartSandbox
from tests.support.disks import GIB, SmallDisk
from tests.support.playbook import run_playbook

Run = Callable[..., subprocess.CompletedProcess[str]]

_RECAP_UNCHANGED = "changed=0 "


@pytest.fixture
def sandbox(start_sandbox: StartSandbox) -> RunningSandbox:
    sandbox = start_sandbox("gcp")
    sandbox.clear_faults("gcp")
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
            {"ansible.builtin.include_role": {"name": "alpine.cloud.alpine_gcp"}},
            {"ansible.builtin.debug": {"msg": "RESULT {{ alpine_gcp_result | to_json }}"}},
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
            "files": {"gce_tar": str(small_disk.gce_tar)},
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


def _requests(sandbox: RunningSandbox, since: int = 0) -> list[dict[str, Any]]:
    return sandbox.logged_requests()[since:]


def _writes(sandbox: RunningSandbox, since: int) -> list[str]:
    return [request["operation"] for request in _requests(sandbox, since) if request["write"]]


def test_import_is_exact_clean_and_idempotent(
    sandbox: RunningSandbox, small_disk: SmallDisk, run: Run, tmp_path: Path
) -> None:
    name = "alpine-3.24.2-x86_64-tiny-r0"
    missing = {"files": {"gce_tar": "/nonexistent/alpine.raw.tar.gz"}}
    start = len(_requests(sandbox))
    check = run(name, "--check", "--diff", image=missing)
    assert check.returncode == 0, check.stdout
    assert "would be uploaded" in check.stdout
    assert '"family": "alpine-x86-64-uefi-tiny"' in check.stdout
    assert '\\"id\\": null' in check.stdout
    assert _writes(sandbox, start) == []

    real = run(name)
    assert real.returncode == 0, real.stdout
    assert '\\"name\\": \\"alpine-3-24-2-x86-64-tiny-r0\\"' in real.stdout
    assert '\\"firmware\\": \\"UEFI_COMPATIBLE\\"' in real.stdout
    assert _writes(sandbox, start)[-1] == "objects.delete"

    output = tmp_path / "disk.raw"
    sandbox.export("gcp", "alpine-3-24-2-x86-64-tiny-r0", None, output)
    padded = tmp_path / "padded.raw"
    subprocess.run(["cp", "--sparse=always", str(small_disk.raw), str(padded)], check=True)
    os.truncate(padded, GIB)
    assert filecmp.cmp(output, padded, shallow=False)

    before_second = len(_requests(sandbox))
    second = run(name, image=missing)
    assert second.returncode == 0, second.stdout
    assert _RECAP_UNCHANGED in second.stdout
    assert _writes(sandbox, before_second) == []


def test_failed_import_tells_why_cleans_up_and_can_be_repeated(sandbox: RunningSandbox, run: Run) -> None:
    name = "alpine-3.24.2-x86_64-tiny-r1"
    sandbox.order_fault("gcp", service="compute", operation="images.insert", fail="The zone of miracles is full.")
    start = len(_requests(sandbox))
    failed = run(name)
    assert failed.returncode != 0
    assert "Google Cloud could not import image alpine-3-24-2-x86-64-tiny-r1" in failed.stdout
    assert "The zone of miracles is full." in failed.stdout
    assert _writes(sandbox, start)[-1] == "objects.delete"

    again = run(name)
    assert again.returncode == 0, again.stdout
    assert "images.delete" in _writes(sandbox, start)


def test_archive_left_by_a_killed_run_is_removed(sandbox: RunningSandbox, run: Run) -> None:
    name = "alpine-3.24.2-x86_64-tiny-r2"
    kept = run(name, alpine_gcp_keep_staged=True)
    assert kept.returncode == 0, kept.stdout
    start = len(_requests(sandbox))
    after = run(name)
    assert after.returncode == 0, after.stdout
    assert _writes(sandbox, start) == ["objects.delete"]


def test_labels_and_family_converge_without_upload(sandbox: RunningSandbox, run: Run) -> None:
    name = "alpine-3.24.2-x86_64-tiny-r3"
    first = run(name)
    assert first.returncode == 0, first.stdout
    start = len(_requests(sandbox))
    changed = run(name, alpine_gcp_labels={"team": "platform"}, alpine_gcp_family="other")
    assert changed.returncode == 0, changed.stdout
    assert _writes(sandbox, start) == ["images.patch", "images.setLabels"]


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ({"partition_table": "none", "firmware": "bios"}, "partition table none"),
        ({"partition_table": "gpt", "firmware": "bios"}, "an MBR one for BIOS"),
        ({"partition_table": "mbr", "firmware": "bios", "architecture": "aarch64"}, "UEFI on aarch64"),
    ],
)
def test_what_cannot_boot_is_refused_before_any_request(
    sandbox: RunningSandbox, run: Run, image: dict[str, str], words: str
) -> None:
    start = len(_requests(sandbox))
    refused = run("alpine-3.20.0-x86_64-bios-tiny-r0", image=image)
    assert refused.returncode != 0
    assert words in refused.stdout
    assert _requests(sandbox, start) == []


def test_too_long_a_name_is_refused_before_any_request(sandbox: RunningSandbox, run: Run) -> None:
    start = len(_requests(sandbox))
    refused = run("alpine-3.24.2-x86_64-uefi-cloudinit-with-a-name-longer-than-google-takes-r0")
    assert refused.returncode != 0
    assert "characters" in refused.stdout
    assert _requests(sandbox, start) == []


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"alpine_gcp_storage_locations": ["mars-west1"]}, "storage_locations: there is no region mars-west1"),
        ({"alpine_gcp_bucket": "mars", "alpine_gcp_bucket_location": "MARS-WEST1"}, "in location MARS-WEST1"),
        ({"alpine_gcp_auth_kind": "application"}, "no usable application default credentials"),
        ({"alpine_gcp_service_account_file": "/nonexistent.json"}, "service_account_file /nonexistent.json"),
    ],
)
def test_bad_settings_end_before_anything_is_made(
    sandbox: RunningSandbox, run: Run, variables: dict[str, Any], words: str
) -> None:
    start = len(_requests(sandbox))
    refused = run("alpine-3.24.2-x86_64-tiny-r9", **variables)
    assert refused.returncode != 0
    assert words in refused.stdout
    assert [request for request in _requests(sandbox, start) if request["write"] and request["status"] < 400] == []
