# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clouds, each started once for each worker, and given to a test with a home of its own.

With ``--dist loadscope``, the tests of a folder run in one worker, so that each cloud is started once.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from xdist.scheduler import LoadScopeScheduling

from tests.support.botocore_descriptions import share_descriptions
from tests.support.cloud import Cloud
from tests.support.sandboxes import StartSandbox, home, sandboxes, small_disk

__all__ = ["home", "small_disk", "start_sandbox"]

_OPERATION_SECONDS = 0.2

# What modules import when they need it, loaded once before they are forked.
_SDKS = {
    "aws": ("boto3", "botocore.config", "botocore.exceptions", "boto3.exceptions", "boto3.s3.transfer"),
    "azure": ("azure.mgmt.compute", "azure.mgmt.core", "azure.storage.blob", "azure.identity"),
    "gcp": ("google.cloud.compute_v1", "google.cloud.storage", "google.oauth2.service_account"),
    "oci": ("oci", "oci.core", "oci.object_storage", "oci.work_requests"),
    "mirror": (),
}
_SIGN_IN = {
    "aws": ("endpoint_url", "aws_ca_bundle", "access_key", "secret_key", "region"),
    "azure": (
        "tenant", "subscription_id", "client_id", "secret", "authority_host", "disable_instance_discovery",
        "arm_endpoint", "blob_endpoint", "ca_file",
    ),
    "gcp": ("project", "auth_kind", "service_account_file", "storage_endpoint", "compute_endpoint", "ca_file"),
    "oci": (
        "config_file_location",
        "region",
        "object_storage_endpoint",
        "iaas_endpoint",
        "identity_endpoint",
        "ca_file",
    ),
    "mirror": (),
}  # fmt: skip
"""The options that all modules of a cloud have, and that the vars file has as ``alpine_<cloud>_<option>``."""


class _FolderScheduling(LoadScopeScheduling):
    """Gives the tests of a folder to one worker. (xdist's own groups are lost with pytest 9.2.)"""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0].rpartition("/")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return _FolderScheduling(config, log)


@pytest.fixture(scope="session")
def start_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartSandbox]:
    with sandboxes(tmp_path_factory.mktemp, operation_seconds=_OPERATION_SECONDS) as start:
        yield start


@pytest.fixture(scope="session")
def imported() -> dict[str, str]:
    """The ids of images that stay, by what they are of, so that not every launch imports one."""
    return {}


def _cloud_fixture(name: str) -> Callable[..., Iterator[Cloud]]:
    def cloud(start_sandbox: StartSandbox, home: Path) -> Iterator[Cloud]:
        for sdk in _SDKS[name]:
            importlib.import_module(sdk)
        if name == "aws":
            share_descriptions("ec2", "s3", "sts")
        sandbox = start_sandbox(name)
        variables: dict[str, Any] = yaml.safe_load(sandbox.vars_file.read_text())
        options = {option: variables[f"alpine_{name}_{option.removeprefix(f'{name}_')}"] for option in _SIGN_IN[name]}
        made = Cloud(name, sandbox, home, options)
        made.sandbox.clear_faults(name)
        yield made
        assert made.unused_faults() == [], "These faults were ordered, but the modules did not run into them"

    return pytest.fixture(name=name)(cloud)


aws = _cloud_fixture("aws")
azure = _cloud_fixture("azure")
gcp = _cloud_fixture("gcp")
oci = _cloud_fixture("oci")
mirror = _cloud_fixture("mirror")
