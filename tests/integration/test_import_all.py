# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job, as a user runs it: ``ansible-playbook playbooks/import_all.yml`` against four clouds."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import RunningSandbox, StartSandbox
from tests.sandbox._cloud import CLOUDS, SERVICES
from tests.sandbox._supervisor import running
from tests.support.compare import PADDING_CLOUDS, assert_same_disk
from tests.support.disks import SmallDisk, make_small_disk
from tests.support.paths import REPOSITORY
from tests.support.playbook import changed_tasks, run_playbook

_PLAYBOOK = REPOSITORY / "playbooks/import_all.yml"

Result = subprocess.CompletedProcess[str]
Import = Callable[..., Result]


def _records(manifest: Path) -> dict[str, dict[str, Any]]:
    return {record["cloud"]: record for record in json.loads(manifest.read_text())["imports"]}


def _errors(manifest: Path) -> dict[str, str]:
    """The messages of what failed, by cloud."""
    return {cloud: record["error"]["message"] for cloud, record in _records(manifest).items() if "error" in record}


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return tmp_path / "out/manifest.json"


@pytest.fixture
def import_all(home: Path, manifest: Path) -> Import:
    def run(
        sandbox: RunningSandbox,
        image: Path,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        **variables: Any,
    ) -> Result:
        base = {"alpine_images": [{"path": str(image)}], "alpine_manifest_path": str(manifest)}
        return run_playbook(
            _PLAYBOOK,
            *arguments,
            home=home,
            variables=base | variables,
            vars_files=[sandbox.vars_file],
            environment=environment,
        )

    return run


def test_check_then_import_then_nothing_to_do(
    start_sandbox: StartSandbox, import_all: Import, manifest: Path, tmp_path: Path
) -> None:
    sandbox = start_sandbox(*SERVICES)
    # By a name of its own: other tests look into the same clouds, for the small disk's.
    disk = make_small_disk(tmp_path, name="alpine-3.24.2-x86_64-tiny-r1", seed=1)

    check = import_all(sandbox, disk.qcow2, "--check", "--diff")
    assert check.returncode == 0, check.stdout
    assert sandbox.writes() == []
    assert changed_tasks(check.stdout) > 0
    assert check.stdout.count("would change") == len(CLOUDS)
    assert not manifest.exists()

    first = import_all(sandbox, disk.qcow2)
    assert first.returncode == 0, first.stdout
    records = _records(manifest)
    assert sorted(records) == sorted(CLOUDS)
    for cloud, record in records.items():
        assert record["changed"] is True
        assert record["sha256"] == disk.sha256
        assert record["architecture"] == "x86_64"
        assert record["seconds"] > 0
        exported = tmp_path / f"{cloud}.raw"
        sandbox.export(cloud, record["id"], record["region"], exported)
        assert_same_disk(disk.qcow2, exported, padded=cloud in PADDING_CLOUDS)
    firmware = {cloud: record["firmware"] for cloud, record in records.items()}
    assert firmware == {"aws": "hybrid", "azure": "uefi", "gcp": "uefi", "oci": "uefi"}

    start = sandbox.mark()
    second = import_all(sandbox, disk.qcow2)
    assert second.returncode == 0, second.stdout
    assert changed_tasks(second.stdout) == 0, second.stdout
    assert sandbox.writes(start) == []
    again = _records(manifest)
    assert {cloud: record["id"] for cloud, record in again.items()} == {
        cloud: record["id"] for cloud, record in records.items()
    }
    assert not any(record["changed"] for record in again.values())


def test_images_by_release_and_one_that_some_clouds_cannot_start(
    start_sandbox: StartSandbox, import_all: Import, manifest: Path, tmp_path: Path
) -> None:
    sandbox = start_sandbox(*SERVICES)
    start = sandbox.mark()
    result = import_all(
        sandbox,
        tmp_path,
        "--check",
        alpine_images=[
            {},
            {"release": 3.24, "bootstrap": "tiny"},
            {"release": "3.23.4", "arch": "x86_64", "firmware": "bios"},
            {"release": "3.24", "revision": 7},
        ],
        alpine_clouds=["gcp", "oci"],
        alpine_image_work_dir=str(tmp_path / "work"),
    )
    assert result.returncode != 0
    assert sandbox.writes(start) == []
    lines = re.findall(r'"(\S.*?) +(aws|azure|gcp|oci) .*(would change|failed)', result.stdout)
    found: dict[str, dict[str, str]] = {}
    for image, cloud, status in lines:
        found.setdefault(image, {})[cloud] = status
    changing = {"gcp": "would change", "oci": "would change"}
    assert found == {
        "alpine-3.24.2-x86_64-cloudinit-r10": changing,
        "alpine-3.24.2-x86_64-tiny-r0": changing,
        "alpine-3.23.4-x86_64-bios-cloudinit-r0": changing | {"gcp": "failed"},
        "alpine release=3.24 revision=7": {"gcp": "failed", "oci": "failed"},
    }
    output = " ".join(result.stdout.split())
    assert "3 of 8 imports failed" in output
    assert "It can be imported into aws, azure, oci" in output
    assert "no image with revision=7" in output


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ([], "alpine_images must list at least one image"),
        ("latest", "alpine_images must list at least one image"),
        ([{"realease": "3.24"}], "realease"),
        ([{"path": "a.qcow2", "url": ["https://example.com/a.qcow2"]}], "mutually exclusive"),
        ([{"arch": "arm64"}], "must be one of: x86_64, aarch64"),
    ],
    ids=["none", "text", "misspelt", "exclusive", "architecture"],
)
def test_images_that_are_named_wrongly(
    import_all: Import, start_sandbox: StartSandbox, images: Any, words: str
) -> None:
    sandbox = start_sandbox(*SERVICES)
    start = sandbox.mark()
    result = import_all(sandbox, Path("unused"), alpine_images=images)
    assert result.returncode != 0
    assert words in " ".join(result.stdout.split())
    assert sandbox.logged_requests(start) == []


def test_the_playbook_for_one_cloud_keeps_to_it(start_sandbox: StartSandbox, small_disk: SmallDisk, home: Path) -> None:
    sandbox = start_sandbox(*SERVICES)
    start = sandbox.mark()
    result = run_playbook(
        REPOSITORY / "playbooks/import_oci.yml",
        "--check",
        home=home,
        # As a user's vars file for all clouds has it.
        variables={"alpine_clouds": list(CLOUDS), "alpine_images": [{"path": str(small_disk.qcow2)}]},
        vars_files=[sandbox.vars_file],
    )
    assert result.returncode == 0, result.stdout
    assert {request["cloud"] for request in sandbox.logged_requests(start)} == {"oci"}


def test_a_cloud_that_is_down_leaves_the_others_running(import_all: Import, manifest: Path, tmp_path: Path) -> None:
    disk = make_small_disk(tmp_path, seed=2)
    directory, vars_file = tmp_path / "sandbox", tmp_path / "sandbox.yml"
    clouds = ["aws", "gcp", "oci"]
    with running(directory, vars_file, clouds, operation_seconds=0.5):
        sandbox = RunningSandbox(directory, vars_file)
        sandbox.stop("gcp")
        result = import_all(sandbox, disk.qcow2)

    assert result.returncode != 0
    records = _records(manifest)
    assert [cloud for cloud, record in records.items() if "error" in record] == ["gcp"]
    assert all(records[cloud]["id"] for cloud in clouds if cloud != "gcp")
    step = records["gcp"]["error"]["step"]
    assert step
    assert f'1 of 3 imports failed: gcp, {disk.qcow2.stem}, step "{step}": ' in result.stdout.replace('\\"', '"')


# For each cloud: variables without which there are no credentials, and the option that the message has to name.
_NO_CREDENTIALS: dict[str, tuple[dict[str, Any], str]] = {
    "aws": ({"alpine_aws_access_key": "", "alpine_aws_secret_key": ""}, "access_key"),
    "azure": ({"alpine_azure_client_id": "", "alpine_azure_secret": ""}, "client_id"),
    "gcp": ({"alpine_gcp_service_account_file": ""}, "service_account_file"),
    "oci": ({"alpine_oci_config_file_location": "/nonexistent/config"}, "config_file_location"),
}


def test_missing_credentials_end_before_anything_is_written(
    start_sandbox: StartSandbox, small_disk: SmallDisk, import_all: Import, manifest: Path
) -> None:
    sandbox = start_sandbox(*SERVICES)
    variables = {key: value for missing, _option in _NO_CREDENTIALS.values() for key, value in missing.items()}
    start = sandbox.mark()
    result = import_all(sandbox, small_disk.qcow2, **variables)
    assert result.returncode != 0, result.stdout
    assert sandbox.writes(start) == []
    errors = _errors(manifest)
    assert sorted(errors) == sorted(CLOUDS)
    for cloud, (_variables, option) in _NO_CREDENTIALS.items():
        assert option in errors[cloud]


_SDKS = ("boto3", "azure.mgmt.compute", "google.cloud.storage", "oci")


def test_missing_sdks_are_named(
    start_sandbox: StartSandbox, small_disk: SmallDisk, import_all: Import, manifest: Path, tmp_path: Path
) -> None:
    sandbox = start_sandbox(*SERVICES)
    # Shadows the installed SDKs by a sitecustomize that refuses to find them.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name in {_SDKS!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
    )
    start = sandbox.mark()
    result = import_all(sandbox, small_disk.qcow2, environment={"PYTHONPATH": str(tmp_path)})
    assert result.returncode != 0, result.stdout
    assert sandbox.writes(start) == []
    errors = _errors(manifest)
    for cloud, sdk in zip(CLOUDS, ("boto3", "azure-mgmt-compute", "google-cloud-storage", "oci"), strict=True):
        assert f"Failed to import the required Python library ({sdk})" in errors[cloud]


def test_unknown_regions(
    start_sandbox: StartSandbox, small_disk: SmallDisk, import_all: Import, manifest: Path
) -> None:
    sandbox = start_sandbox(*SERVICES)
    start = sandbox.mark()
    result = import_all(
        sandbox,
        small_disk.qcow2,
        alpine_clouds=["aws", "azure", "oci"],
        alpine_aws_region="mars-north-1",
        alpine_azure_location="marsnorth",
        alpine_oci_region="mars-north-1",
    )
    assert result.returncode != 0, result.stdout
    assert sandbox.writes(start) == []
    errors = _errors(manifest)
    assert "mars-north-1" in errors["aws"]
    assert "marsnorth" in errors["azure"]
    assert "mars-north-1" in errors["oci"]


def _no_such_file(directory: Path) -> Path:
    return directory / "alpine-3.24.2-x86_64-tiny-r1.qcow2"


def _not_an_image(directory: Path) -> Path:
    path = directory / "alpine-3.24.2-x86_64-tiny-r2.qcow2"
    path.write_text("<html>404 Not Found</html>\n" * 100)
    return path


def _truncated(directory: Path) -> Path:
    path = make_small_disk(directory, name="alpine-3.24.2-x86_64-tiny-r3").qcow2
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def _empty(directory: Path) -> Path:
    path = directory / "alpine-3.24.2-x86_64-tiny-r4.qcow2"
    path.touch()
    return path


def _bad_name(directory: Path) -> Path:
    return make_small_disk(directory).qcow2.rename(directory / "my-image.qcow2")


def test_bad_files_end_before_anything_is_sent(
    start_sandbox: StartSandbox, import_all: Import, manifest: Path, tmp_path: Path
) -> None:
    sandbox = start_sandbox(*SERVICES)
    images = [make(tmp_path) for make in (_no_such_file, _not_an_image, _truncated, _empty, _bad_name)]
    start = sandbox.mark()
    result = import_all(sandbox, tmp_path, alpine_images=[{"path": str(image)} for image in images])
    assert result.returncode != 0, result.stdout
    assert sandbox.logged_requests(start) == []
    records = json.loads(manifest.read_text())["imports"]
    for image in images:
        own = [record for record in records if record["image"] == image.stem]
        assert sorted(record["cloud"] for record in own) == sorted(CLOUDS)
        (message,) = {record["error"]["message"] for record in own}
        assert message.startswith(("src ", "name "))
        assert image.stem in message
