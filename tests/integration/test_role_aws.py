# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role alpine_aws over the sandbox: what a user gets from one include_role."""

from __future__ import annotations

import filecmp
import json
import os
import re
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

_UNCHANGED = "changed=0 "
_COPIES = ["us-east-1", "eu-west-1"]


@pytest.fixture
def sandbox(start_sandbox: StartSandbox) -> RunningSandbox:
    sandbox = start_sandbox("aws")
    sandbox.clear_faults("aws")
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
            {"ansible.builtin.include_role": {"name": "alpine.cloud.alpine_aws"}},
            {
                "ansible.builtin.copy": {
                    "content": "{{ alpine_aws_result | to_json }}",
                    "dest": str(home / "result.json"),
                    "mode": "0600",
                },
                "check_mode": False,
                "changed_when": False,
                "diff": False,
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
            "files": {"dynamic_vhd": str(small_disk.dynamic_vhd)},
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


@pytest.fixture
def result(home: Path) -> Callable[[], dict[str, Any]]:
    """The fact that the last run has set."""
    return lambda: json.loads((home / "result.json").read_text())


def _writes(sandbox: RunningSandbox, since: int) -> list[str]:
    return [request["operation"] for request in sandbox.logged_requests()[since:] if request["write"]]


def _equals_padded(output: Path, raw: Path, tmp_path: Path) -> bool:
    padded = tmp_path / "padded.raw"
    subprocess.run(["cp", "--sparse=always", str(raw), str(padded)], check=True)
    os.truncate(padded, GIB)
    return filecmp.cmp(output, padded, shallow=False)


def test_import_is_exact_clean_and_idempotent(
    sandbox: RunningSandbox, small_disk: SmallDisk, run: Run, result: Callable[[], dict[str, Any]], tmp_path: Path
) -> None:
    name = "alpine-3.24.2-x86_64-tiny-r0"
    missing = {"files": {"dynamic_vhd": "/nonexistent/alpine.vhd"}}
    start = len(sandbox.logged_requests())
    check = run(name, "--check", "--diff", image=missing, alpine_aws_copy_regions=_COPIES)
    assert check.returncode == 0, check.stdout
    assert "it would be uploaded" in check.stdout
    assert '"boot_mode": "uefi-preferred"' in check.stdout
    assert result()["changed"]
    assert result()["id"] is None
    assert result()["regions"] == [{"region": region, "id": None} for region in ["eu-central-1", *_COPIES]]
    assert _writes(sandbox, start) == []

    real = run(name, alpine_aws_copy_regions=_COPIES)
    assert real.returncode == 0, real.stdout
    imported = result()
    assert imported["name"] == name
    assert imported["firmware"] == "uefi-preferred"
    assert imported["ids"]["image"] == imported["id"]
    assert imported["ids"]["snapshot"].startswith("snap-")
    assert [entry["region"] for entry in imported["regions"]] == ["eu-central-1", *_COPIES]
    assert _writes(sandbox, start) == [
        "CreateBucket",
        "PutPublicAccessBlock",
        "PutObject",
        "ImportSnapshot",
        "CreateTags",
        "DeleteObject",
        "DeleteBucket",
        "RegisterImage",
        "CopyImage",
        "CopyImage",
    ]

    for entry in imported["regions"]:
        output = tmp_path / "disk.raw"
        sandbox.export("aws", entry["id"], entry["region"], output)
        assert _equals_padded(output, small_disk.raw, tmp_path), entry

    before_second = len(sandbox.logged_requests())
    second = run(name, image=missing, alpine_aws_copy_regions=_COPIES)
    assert second.returncode == 0, second.stdout
    assert _UNCHANGED in second.stdout
    assert result() == imported | {"changed": False}
    assert _writes(sandbox, before_second) == []


@pytest.mark.parametrize(
    ("architecture", "firmware", "boot_mode"),
    [("x86_64", "bios", "legacy-bios"), ("aarch64", "hybrid", "uefi")],
)
def test_boot_mode_follows_the_disk(
    run: Run, result: Callable[[], dict[str, Any]], architecture: str, firmware: str, boot_mode: str
) -> None:
    name = f"alpine-3.24.2-{architecture}-{firmware}-tiny-r0"
    real = run(name, "--check", image={"architecture": architecture, "firmware": firmware, "sha256": "0" * 64})
    assert real.returncode == 0, real.stdout
    assert result()["firmware"] == boot_mode
    assert result()["architecture"] == architecture


def test_failed_import_tells_why_cleans_up_and_can_be_repeated(sandbox: RunningSandbox, run: Run) -> None:
    name = "alpine-3.24.2-x86_64-tiny-r1"
    image = {"sha256": "1" * 64}
    sandbox.order_fault("aws", operation="ImportSnapshot", fail="The warehouse is full.")
    start = len(sandbox.logged_requests())
    failed = run(name, image=image)
    assert failed.returncode != 0
    assert re.search(
        "Import task import-snap-[0-9a-f]+ is delet(ing|ed): ClientError: The warehouse is full.", failed.stdout
    )
    assert _writes(sandbox, start)[-2:] == ["DeleteObject", "DeleteBucket"]

    again = run(name, image=image)
    assert again.returncode == 0, again.stdout
    assert "RegisterImage" in _writes(sandbox, start)


def test_damaged_disk_fails_in_the_cloud(
    sandbox: RunningSandbox, small_disk: SmallDisk, run: Run, tmp_path: Path
) -> None:
    # The footer is whole, so only VM Import can see it.
    damaged = tmp_path / "damaged.vhd"
    content = bytearray(small_disk.dynamic_vhd.read_bytes())
    content[512:520] = b"\0" * 8
    damaged.write_bytes(content)
    start = len(sandbox.logged_requests())
    failed = run("alpine-3.24.2-x86_64-tiny-r2", image={"sha256": "2" * 64, "files": {"dynamic_vhd": str(damaged)}})
    assert failed.returncode != 0
    assert "Disk validation failed [Unsupported VHD format: no dynamic disk header" in failed.stdout
    assert _writes(sandbox, start)[-2:] == ["DeleteObject", "DeleteBucket"]


def test_what_a_killed_run_left_is_removed_and_not_uploaded_again(sandbox: RunningSandbox, run: Run) -> None:
    name = "alpine-3.24.2-x86_64-tiny-r3"
    image = {"sha256": "3" * 64}
    kept = run(name, image=image, alpine_aws_keep_staged=True)
    assert kept.returncode == 0, kept.stdout
    start = len(sandbox.logged_requests())
    after = run(name, image=image)
    assert after.returncode == 0, after.stdout
    assert _writes(sandbox, start) == ["DeleteObject", "DeleteBucket"]


def test_bucket_of_the_user_stays(sandbox: RunningSandbox, run: Run) -> None:
    name = "alpine-3.24.2-x86_64-tiny-r4"
    bucket = {"alpine_aws_bucket": "a-users-bucket"}
    missing = run(name, image={"sha256": "4" * 64}, **bucket)
    assert missing.returncode != 0
    assert "bucket a-users-bucket does not exist: create it first, or set create_bucket" in missing.stdout

    kept = run(name, image={"sha256": "4" * 64}, **bucket, alpine_aws_bucket_create=True, alpine_aws_keep_staged=True)
    assert kept.returncode == 0, kept.stdout
    start = len(sandbox.logged_requests())
    other = run(f"{name}1", image={"sha256": "5" * 64}, **bucket, alpine_aws_bucket_create=True)
    assert other.returncode == 0, other.stdout
    assert "DeleteObject" in _writes(sandbox, start)
    assert "DeleteBucket" not in _writes(sandbox, start)


def test_tags_and_description_converge_without_upload(sandbox: RunningSandbox, run: Run) -> None:
    name = "alpine-3.24.2-x86_64-tiny-r5"
    image = {"sha256": "6" * 64}
    first = run(name, image=image)
    assert first.returncode == 0, first.stdout
    start = len(sandbox.logged_requests())
    changed = run(name, image=image, alpine_aws_tags={"team": "platform"}, alpine_aws_description="Ours")
    assert changed.returncode == 0, changed.stdout
    assert _writes(sandbox, start) == ["CreateTags", "ModifyImageAttribute"]


@pytest.mark.parametrize(
    ("image", "variables", "message"),
    [
        ({"architecture": "aarch64", "firmware": "bios"}, {}, "EC2 boots aarch64 by UEFI only"),
        ({}, {"alpine_aws_copy_regions": ["us-east-9"]}, "regions: AWS has no region 'us-east-9'"),
        ({"files": {"dynamic_vhd": "/nonexistent.vhd"}}, {}, "src /nonexistent.vhd: no such file"),
    ],
)
def test_bad_input_ends_before_anything_is_written(
    sandbox: RunningSandbox, run: Run, image: dict[str, Any], variables: dict[str, Any], message: str
) -> None:
    start = len(sandbox.logged_requests())
    refused = run("alpine-3.24.2-x86_64-tiny-r6", image={"sha256": "7" * 64, **image}, **variables)
    assert refused.returncode != 0
    # The message is wrapped nowhere, but shown with quotes escaped.
    assert message in re.sub(r'\\"', '"', refused.stdout)
    assert _writes(sandbox, start) == []
