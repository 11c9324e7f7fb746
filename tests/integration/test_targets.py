# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every integration target, against the sandbox of its cloud, or the mirror."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.conftest import StartSandbox
from tests.support.disks import SmallDisk
from tests.support.paths import REPOSITORY
from tests.support.playbook import run_target

# Those that ansible-test does not run yet.
_TARGETS = sorted(
    path.parent.name
    for path in REPOSITORY.glob("tests/integration/targets/alpine_*/aliases")
    if "unsupported" in path.read_text()
)
_PREFIXES = {
    "alpine_s3_": "aws", "alpine_ec2_": "aws", "alpine_azure_": "azure", "alpine_gcs_": "gcp", "alpine_gcp_": "gcp",
    "alpine_oci_": "oci", "alpine_image_info": "mirror", "alpine_image_download": "mirror",
}  # fmt: skip


def _cloud_of(target: str) -> str | None:
    return next((cloud for prefix, cloud in _PREFIXES.items() if target.startswith(prefix)), None)


@pytest.mark.parametrize("target", _TARGETS)
def test_target(target: str, start_sandbox: StartSandbox, small_disk: SmallDisk, home: Path) -> None:
    cloud = _cloud_of(target)
    variables = small_disk.as_vars()
    if cloud is None:
        run_target(target, home=home, variables=variables, vars_files=[])
        return
    sandbox = start_sandbox(cloud)
    variables["sandbox_requests_file"] = str(sandbox.requests_file)
    variables["sandbox_directory"] = str(sandbox.directory)
    run_target(target, home=home, variables=variables, vars_files=[sandbox.vars_file])
