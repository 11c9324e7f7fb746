# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gated runs that are killed: the runs after them end as if nothing had happened.

Each run has to get past the moment at which the one before it was killed, and the last one to the end.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from tests.image import ImageSpec
from tests.integration.conftest import RunningSandbox, StartSandbox
from tests.support.bootable import bootable_facts
from tests.support.disks import SmallDisk
from tests.support.playbook import kill_playbook
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
    variables: dict[str, Any]
    moments: tuple[Moment, ...]
    """In the order in which a run comes by them."""
    once: tuple[str, ...]
    """What is asked of the cloud once, however many runs that takes."""


_CASES = {
    "aws": Case(
        "alpine_aws",
        "dynamic_vhd",
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
    ),
    "azure": Case(
        "alpine_azure",
        "fixed_vhd",
        {"alpine_azure_gallery": "boot.kills", "alpine_azure_target_regions": [{"name": "northeurope"}]},
        (
            Moment("GalleryImageVersions_CreateOrUpdate", "answer"),
            Moment("VirtualMachines_CreateOrUpdate", "answer"),
            Moment("GalleryImageVersions_Update", "request"),
        ),
        ("GalleryImageVersions_CreateOrUpdate",),
    ),
    "gcp": Case(
        "alpine_gcp",
        "gce_tar",
        {"alpine_gcp_zone": "europe-west1-b"},
        (
            Moment("images.insert", "answer"),
            Moment("instances.getSerialPortOutput", "request"),
            # In the family, but without the label that remembers the proof.
            Moment("images.patch", "answer"),
        ),
        ("images.insert",),
    ),
}


def _kill(sandbox: RunningSandbox, cloud: str, role: Role, moment: Moment, settings: dict[str, Any]) -> None:
    with sandbox.held(cloud, moment.operation, moment.what):
        run = role.start(**settings)
        try:
            sandbox.until_struck(cloud)
        finally:
            output = kill_playbook(run)
        assert run.returncode == -9, output


@pytest.mark.parametrize("cloud", _CASES)
def test_killed_runs_leave_nothing_that_the_next_ones_do_not_mend(
    cloud: str, start_sandbox: StartSandbox, small_disk: SmallDisk, home: Path, tmp_path: Path
) -> None:
    case = _CASES[cloud]
    sandbox = start_sandbox(cloud)
    temporary = home / "tmp"
    temporary.mkdir()
    variables = {"alpine_boot_test": True, "alpine_boot_test_wait_interval": 1, **case.variables}
    role = Role(case.role, home, (sandbox.vars_file,), image_facts(small_disk), variables)
    image = bootable_facts(_IMAGE, tmp_path, case.format, name=_IMAGE.name) | {"release": _IMAGE.release}
    settings = {"image": image, "environment": {"TMPDIR": str(temporary)}}

    start, kept = sandbox.mark(), []
    for moment in case.moments:
        _kill(sandbox, cloud, role, moment, settings)
        kept.append(len(list(temporary.glob(_KEYS))))
    # The key of a killed run's machine stays until the next run.
    assert max(kept) == 1
    last = role.succeeds(**settings)
    assert last.result["boot"]["ssh"] == "logged_in"
    writes = sandbox.writes(start)
    assert {name: writes.count(name) for name in case.once} == dict.fromkeys(case.once, 1)
    assert sandbox.holdings(cloud) == {}
    # What Ansible has left of its own is Ansible's.
    assert not list(temporary.glob("alpine-*"))

    # Nor is anything staged: that would be removed now.
    start = sandbox.mark()
    assert role.succeeds(**settings).changed == 0
    assert sandbox.writes(start) == []
