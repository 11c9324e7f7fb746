# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate in each cloud: runs that are killed, the run that ends as if nothing had happened, and what follows it.

Each run has to get past the moment at which the one before it was killed, and the last one to the end.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.wait import wait_until
from tests.image import ImageSpec
from tests.integration.conftest import RunningSandbox, StartSandbox
from tests.support.bootable import GATE, bootable_facts
from tests.support.disks import SmallDisk
from tests.support.login import KeyFile
from tests.support.paths import REPOSITORY
from tests.support.playbook import changed_tasks, kill_playbook, run_playbook
from tests.support.role import Role, image_facts

_KEYS = "alpine-boot-test-*"
# Of a content of its own: a snapshot of the same content would be taken for this one's.
_IMAGE = ImageSpec(release="3.24.90")


@dataclasses.dataclass(frozen=True)
class Moment:
    """When a run is killed: while the ``request`` is on its way, or the ``answer``, after the cloud has acted."""

    operation: str
    what: str


@dataclasses.dataclass(frozen=True)
class Case:
    role: str
    format: str
    size: str
    variables: dict[str, Any]
    moments: tuple[Moment, ...]
    """In the order in which a run comes by them."""
    once: tuple[str, ...]
    """What is asked of the cloud once, however many runs that takes, and in this order."""
    gate: tuple[str, ...]
    """The machine's life, and what may only come after it."""
    published: Callable[[dict[str, Any]], object]
    """Of a result: where the image can be found."""
    places: object


_CASES = {
    "aws": Case(
        "alpine_aws",
        "dynamic_vhd",
        "t3.nano",
        {"alpine_aws_copy_regions": ["us-east-1"]},
        (
            Moment("ImportKeyPair", "answer"),
            Moment("RunInstances", "answer"),
            # Of what the run before has left.
            Moment("TerminateInstances", "request"),
            # Now it has booted.
            Moment("CreateTags", "request"),
        ),
        ("ImportSnapshot", "RegisterImage", "CopyImage"),
        ("ImportKeyPair", "RunInstances", "TerminateInstances", "DeleteKeyPair", "CreateTags", "CopyImage"),
        lambda result: [region["region"] for region in result["regions"]],
        ["eu-central-1", "us-east-1"],
    ),
    "azure": Case(
        "alpine_azure",
        "fixed_vhd",
        "Standard_B2ats_v2",
        {"alpine_azure_gallery": "boot.test", "alpine_azure_target_regions": [{"name": "northeurope"}]},
        (
            Moment("VirtualMachines_CreateOrUpdate", "answer"),
            Moment("GalleryImageVersions_Update", "request"),
        ),
        ("GalleryImageVersions_CreateOrUpdate",),
        ("VirtualMachines_CreateOrUpdate", "VirtualMachines_Delete", "GalleryImageVersions_Update"),
        lambda result: [region["region"] for region in result["regions"]],
        ["northeurope", "westeurope"],
    ),
    "gcp": Case(
        "alpine_gcp",
        "gce_tar",
        "e2-micro",
        {},
        (
            Moment("instances.getSerialPortOutput", "request"),
            # In the family, but without the label that remembers the proof.
            Moment("images.patch", "answer"),
        ),
        ("images.insert",),
        ("instances.insert", "instances.delete", "images.patch"),
        lambda result: result["ids"]["family"],
        "alpine-x86-64-uefi-tiny",
    ),
    "oci": Case(
        "alpine_oci",
        "qcow2",
        "VM.Standard.E4.Flex",
        {},
        (
            Moment("LaunchInstance", "answer"),
            Moment("UpdateImage", "request"),
        ),
        ("CreateImage", "CreateComputeImageCapabilitySchema"),
        ("LaunchInstance", "TerminateInstance", "UpdateImage"),
        lambda result: result["region"],
        "eu-frankfurt-1",
    ),
}
_LAUNCHED = {"aws": r"ssh alpine@(203\.0\.113\.\d+)", "oci": r"ssh\s+alpine@(198\.18\.0\.\d+)"}


def _kill(sandbox: RunningSandbox, cloud: str, role: Role, moment: Moment, settings: dict[str, Any]) -> None:
    with sandbox.held(cloud, moment.operation, moment.what):
        run = role.start(**settings)
        try:
            sandbox.until_struck(cloud)
        finally:
            output = kill_playbook(run)
        assert run.returncode == -9, output


@pytest.mark.parametrize("cloud", _CASES)
def test_what_has_said_its_word_is_published_once_however_often_runs_were_killed(
    cloud: str, start_sandbox: StartSandbox, small_disk: SmallDisk, home: Path, tmp_path: Path
) -> None:
    case = _CASES[cloud]
    sandbox = start_sandbox(cloud)
    temporary = home / "tmp"
    temporary.mkdir()
    role = Role(case.role, home, (sandbox.vars_file,), image_facts(small_disk), GATE | case.variables)
    image = bootable_facts(_IMAGE, tmp_path, case.format, name=_IMAGE.name) | {"release": _IMAGE.release}
    settings = {"image": image, "environment": {"TMPDIR": str(temporary)}}

    start, kept = sandbox.mark(), []
    for moment in case.moments:
        _kill(sandbox, cloud, role, moment, settings)
        kept.append(len(list(temporary.glob(_KEYS))))
    # The key of a killed run's machine stays until the next run.
    assert max(kept) == 1
    last = role.succeeds(**settings)
    assert last.result["boot"] == {
        "booted": True,
        "firmware": "uefi",
        "architecture": "x86_64",
        "user_data_seen": True,
        "key_seen": True,
        "ssh": "logged_in",
        "size": case.size,
        "seconds": last.result["boot"]["seconds"],
    }
    assert case.published(last.result) == case.places
    writes = sandbox.writes(start)
    assert [name for name in dict.fromkeys(writes) if name in case.once] == list(case.once)
    assert {name: writes.count(name) for name in case.once} == dict.fromkeys(case.once, 1)
    before = [name for name in writes[: writes.index(case.gate[-1]) + 1] if name in case.gate]
    assert before[-len(case.gate) :] == list(case.gate)
    assert sandbox.holdings(cloud) == {}
    # What Ansible has left of its own is Ansible's.
    assert not list(temporary.glob("alpine-*"))

    # Nor is anything staged: that would be removed now.
    start = sandbox.mark()
    assert role.succeeds(**settings).changed == 0
    assert sandbox.writes(start) == []

    if cloud in _LAUNCHED:
        _launch_from_a_manifest(sandbox, cloud, role, last.result, tmp_path)


def _launch_from_a_manifest(
    sandbox: RunningSandbox, cloud: str, role: Role, result: dict[str, Any], directory: Path
) -> None:
    """Prove again what a manifest lists, launch it, log in, remove it."""
    manifest = directory / "manifest.json"
    manifest.write_text(json.dumps({"imports": [result, {"cloud": cloud, "image": "x", "error": {}}]}))
    login = KeyFile.make(directory)
    variables = {
        "alpine_manifest_path": str(manifest),
        "alpine_launch_cloud": cloud,
        "alpine_launch_public_key": f"{login.path}.pub",
    }

    def play(name: str, *arguments: str) -> str:
        playbook = REPOSITORY / f"playbooks/{name}.yml"
        done = run_playbook(
            playbook, *arguments, home=role.home, variables={**variables, **role.variables}, vars_files=role.vars_files
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    if cloud == "aws":
        assert '"firmware": "uefi"' in play("boot_test")
        assert sandbox.holdings(cloud) == {}
    launched = re.search(_LAUNCHED[cloud], play("launch"))
    assert launched
    assert changed_tasks(play("launch")) == 0
    wait_until(lambda: login.reaches(sandbox.directory, launched[1]), timeout=60, interval=1, what="the machine")
    assert login.run(sandbox.directory, launched[1], "id -un") == "alpine\n"
    assert changed_tasks(play("launch", "-e", "state=absent")) == 1
    assert sandbox.holdings(cloud) == {}


def test_the_gate_wants_a_subnet_in_oracle_cloud_before_anything_is_uploaded(
    start_sandbox: StartSandbox, small_disk: SmallDisk, home: Path, tmp_path: Path
) -> None:
    sandbox = start_sandbox("oci")
    without = tmp_path / "vars.yml"
    lines = sandbox.vars_file.read_text().splitlines(keepends=True)
    without.write_text("".join(line for line in lines if not line.startswith("alpine_oci_subnet_id:")))
    role = Role("alpine_oci", home, (without,), image_facts(small_disk, "qcow2"), GATE)
    start = sandbox.mark()
    failed = role.fails(image={"name": "alpine-3.24.2-x86_64-tiny-r72", "sha256": "8" * 64})
    assert "alpine_oci_subnet_id must name a subnet" in failed
    assert sandbox.writes(start) == []


def test_check_mode_launches_nothing(start_sandbox: StartSandbox, small_disk: SmallDisk, home: Path) -> None:
    sandbox = start_sandbox("aws")
    role = Role("alpine_aws", home, (sandbox.vars_file,), image_facts(small_disk, "dynamic_vhd"), GATE)
    start = sandbox.mark()
    check = role.succeeds("--check", image={"name": "alpine-3.24.2-x86_64-tiny-r6", "sha256": "6" * 64})
    assert "would be launched in aws once, and removed again" in check.stdout
    assert sandbox.writes(start) == []


def test_without_anything_that_acts_on_user_data_a_mounted_root_is_the_proof(
    start_sandbox: StartSandbox, small_disk: SmallDisk, home: Path, tmp_path: Path
) -> None:
    sandbox = start_sandbox("gcp")
    role = Role("alpine_gcp", home, (sandbox.vars_file,), image_facts(small_disk), GATE)
    image = bootable_facts(ImageSpec(variant="bare"), tmp_path, "gce_tar", name="alpine-3.24.2-x86_64-tiny-r74")
    boot = role.succeeds(image=image | {"bootstrap": "none"}).result["boot"]
    assert boot == {
        "booted": True,
        "firmware": None,
        "architecture": None,
        "user_data_seen": None,
        "key_seen": None,
        "ssh": "not tried",
        "size": "e2-micro",
        "seconds": boot["seconds"],
    }
    assert sandbox.holdings("gcp") == {}
