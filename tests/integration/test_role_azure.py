# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role alpine_azure, over the local Azure."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
import yaml
from azure.identity import ClientSecretCredential
from azure.storage.blob import BlobType, ContainerClient

from tests.integration.conftest import RunningSandbox, StartSandbox
from tests.support.disks import SmallDisk, make_small_disk
from tests.support.playbook import run_playbook


@dataclasses.dataclass
class Role:
    """The role as a user runs it, for one image."""

    sandbox: RunningSandbox
    home: Path
    image: dict[str, Any]
    variables: dict[str, Any] = dataclasses.field(default_factory=dict)

    def run(self, *arguments: str, **variables: Any) -> CompletedProcess[str]:
        result_file = self.home / "result.json"
        result_file.unlink(missing_ok=True)
        tasks = [
            {"name": "Import", "ansible.builtin.include_role": {"name": "alpine.cloud.alpine_azure"}},
            {
                "name": "Keep the result",
                "ansible.builtin.copy": {
                    "content": "{{ alpine_azure_result | to_json }}",
                    "dest": str(result_file),
                    "mode": "0600",
                },
                "check_mode": False,
                "changed_when": False,
            },
        ]
        play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
        playbook = self.home / "role.yml"
        playbook.write_text(yaml.safe_dump([play]))
        return run_playbook(
            playbook,
            *arguments,
            home=self.home,
            variables={
                "ansible_python_interpreter": "{{ ansible_playbook_python }}",
                "alpine_image_result": self.image,
                **self.variables,
                **variables,
            },
            vars_files=[self.sandbox.vars_file],
        )

    def land(self, *arguments: str, **variables: Any) -> dict[str, Any]:
        """Run it, and return the fact that it sets."""
        done = self.run(*arguments, **variables)
        assert done.returncode == 0, done.stdout
        result: dict[str, Any] = json.loads((self.home / "result.json").read_text())
        return result

    def requests(self) -> list[dict[str, Any]]:
        return self.sandbox.logged_requests()

    def writes(self) -> int:
        return sum(request["write"] for request in self.requests())

    def staged_blobs(self) -> set[str]:
        """Paths of the blobs that were made and not deleted."""
        staged: set[str] = set()
        for request in self.requests():
            if request["operation"] == "PutBlob" and request["status"] == 201:
                staged.add(request["path"])
            elif request["operation"] == "DeleteBlob" and request["status"] == 202:
                staged.discard(request["path"])
        return staged


def _image(disk: SmallDisk, **overrides: Any) -> dict[str, Any]:
    return {
        "name": "alpine-3.24.2-x86_64-tiny-r1",
        "release": "3.24.2",
        "version": "3.24",
        "revision": 1,
        "architecture": "x86_64",
        "firmware": "hybrid",
        "bootstrap": "tiny",
        "machine": "vm",
        "path": str(disk.qcow2),
        "sha256": disk.sha256,
        "virtual_size": disk.raw.stat().st_size,
        "partition_table": "gpt",
        "files": {"fixed_vhd": str(disk.fixed_vhd)},
        **overrides,
    }


@pytest.fixture
def role(start_sandbox: StartSandbox, small_disk: SmallDisk, home: Path, request: pytest.FixtureRequest) -> Role:
    """With a gallery of its own, so that tests do not meet each other's versions."""
    gallery = request.node.name.removeprefix("test_").replace("[", ".").replace("]", "")[:80]
    return Role(start_sandbox("azure"), home, _image(small_disk), {"alpine_azure_gallery": gallery})


def _recap(done: CompletedProcess[str]) -> Mapping[str, int]:
    line = next(line for line in done.stdout.splitlines() if line.startswith("localhost  "))
    return {key: int(value) for key, value in (word.split("=") for word in line.split(":")[1].split())}


def test_import_from_nothing_to_second_run(role: Role, small_disk: SmallDisk, tmp_path: Path) -> None:
    regions = [{"name": "northeurope"}, {"name": "East US", "regional_replica_count": 2}]
    variables = {"alpine_azure_target_regions": regions, "alpine_azure_end_of_life_date": "2028-05-01"}
    before = role.writes()
    foreseen = role.land("--check", "--diff", **variables)
    assert role.writes() == before
    assert (foreseen["changed"], foreseen["id"]) == (True, None)

    result = role.land(**variables)
    assert result["changed"] is True
    assert result["name"] == "alpine-x86_64-uefi-tiny/3.24.2001"
    assert (result["architecture"], result["firmware"], result["region"]) == ("x86_64", "V2", "westeurope")
    assert [region["region"] for region in result["regions"]] == ["eastus", "northeurope", "westeurope"]
    assert {region["id"] for region in result["regions"]} == {result["id"]} == {result["ids"]["version"]}
    assert role.staged_blobs() == set()

    disk = tmp_path / "disk.raw"
    role.sandbox.export("azure", result["id"], "eastus", disk)
    assert disk.read_bytes() == small_disk.raw.read_bytes()

    before = role.writes()
    again = role.run(**variables)
    assert again.returncode == 0, again.stdout
    assert _recap(again)["changed"] == 0
    assert role.writes() == before


def test_region_that_is_added_needs_no_upload(role: Role) -> None:
    role.land()
    start = len(role.requests())
    result = role.land(alpine_azure_target_regions=[{"name": "swedencentral"}])
    assert [region["region"] for region in result["regions"]] == ["swedencentral", "westeurope"]
    writes = [request["operation"] for request in role.requests()[start:] if request["write"]]
    assert writes == ["GalleryImageVersions_Update"]


def test_hybrid_image_as_generation_1(role: Role) -> None:
    result = role.land(alpine_azure_hyper_v_generation="V1")
    assert result["name"] == "alpine-x86_64-bios-tiny/3.24.2001"
    assert result["firmware"] == "V1"


def test_aarch64_metal(role: Role) -> None:
    role.image |= {"architecture": "aarch64", "firmware": "uefi", "machine": "metal", "bootstrap": "cloudinit"}
    result = role.land(alpine_azure_version_scheme="release", alpine_azure_keep_staged=True)
    assert result["name"] == "alpine-aarch64-uefi-cloudinit-metal/3.24.2"
    assert (result["architecture"], result["firmware"]) == ("aarch64", "V2")
    assert len(role.staged_blobs()) == 1
    # The next run clears up what is no longer to be kept.
    role.land(alpine_azure_version_scheme="release")
    assert role.staged_blobs() == set()


def test_failed_import_is_told_cleared_up_and_made_good(role: Role) -> None:
    role.sandbox.order_fault("azure", operation="GalleryImageVersions_CreateOrUpdate", fail="The disk is on fire.")
    failed = role.run()
    assert failed.returncode != 0
    assert "The disk is on fire." in failed.stdout
    assert role.staged_blobs() == set()

    start = len(role.requests())
    result = role.land()
    assert result["changed"] is True
    operations = [request["operation"] for request in role.requests()[start:] if request["write"]]
    assert "GalleryImageVersions_Delete" in operations
    assert role.staged_blobs() == set()


def test_replication_that_fails_names_the_region(role: Role) -> None:
    role.sandbox.order_fault("azure", operation="GalleryImageVersions_Replicate", fail="No capacity.", nth=2)
    failed = role.run(alpine_azure_target_regions=[{"name": "westus2"}])
    assert failed.returncode != 0
    assert "region:westus2, detail:No capacity." in failed.stdout


def test_other_content_is_refused_before_the_upload(role: Role, tmp_path: Path) -> None:
    role.land()
    start = len(role.requests())
    other = make_small_disk(tmp_path, seed=7)
    role.image = _image(other)
    refused = role.run()
    assert refused.returncode != 0
    assert "holds other content" in refused.stdout
    assert not any(request["write"] for request in role.requests()[start:])


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"alpine_azure_resource_group": "nowhere"}, "resource_group must name one that exists"),
        ({"alpine_azure_storage_account": "nosuchaccount"}, "az storage account create"),
        ({"alpine_azure_target_regions": [{"name": "atlantis"}]}, "target_regions: 'atlantis'"),
        ({"alpine_azure_hyper_v_generation": "V1", "firmware": "uefi"}, "cannot boot in Azure"),
        ({"architecture": "aarch64", "firmware": "bios"}, "cannot boot in Azure"),
    ],
    ids=["group", "account", "region", "generation", "architecture"],
)
def test_bad_input_ends_before_anything_is_made(role: Role, variables: dict[str, Any], message: str) -> None:
    before = role.writes()
    role.image |= {key: value for key, value in variables.items() if key in role.image}
    refused = role.run(**{key: value for key, value in variables.items() if key not in role.image})
    assert refused.returncode != 0
    assert message in refused.stdout
    assert role.writes() == before


def test_import_of_what_is_no_fixed_vhd_fails_in_azures_words(role: Role, small_disk: SmallDisk) -> None:
    """The page blob module would refuse these; whoever uploads otherwise learns why Azure does."""
    variables = yaml.safe_load(role.sandbox.vars_file.read_text())
    fixed = small_disk.fixed_vhd.read_bytes()
    blobs = {
        "3.0.1": ("page", small_disk.dynamic_vhd.read_bytes(), "is of Dynamic VHD type. Please retry with fixed VHD"),
        "3.0.2": ("page", small_disk.raw.read_bytes(), "Disk is expected to have cookie value 'conectix'"),
        "3.0.3": ("page", fixed[:-1024] + fixed[-512:], "its VHD footer states a virtual size of 16777216 bytes"),
        "3.0.4": ("block", fixed, "is not a page blob"),
    }
    credential = ClientSecretCredential(
        variables["alpine_azure_tenant"],
        variables["alpine_azure_client_id"],
        variables["alpine_azure_secret"],
        authority=variables["alpine_azure_authority_host"],
        disable_instance_discovery=True,
        connection_verify=variables["alpine_azure_ca_file"],
    )
    with ContainerClient(
        variables["alpine_azure_blob_endpoint"],
        "unfit",
        credential=credential,
        connection_verify=variables["alpine_azure_ca_file"],
    ) as container:
        container.create_container()
        for version, (kind, content, _reason) in blobs.items():
            blob = container.get_blob_client(f"{version}.vhd")
            if kind == "block":
                blob.upload_blob(content, blob_type=BlobType.BLOCKBLOB)
                continue
            blob.create_page_blob(len(content))
            for offset in (0, len(content) - 4096):
                blob.upload_page(content[offset : offset + 4096], offset=offset, length=4096)

    gallery = {"resource_group": "{{ alpine_azure_resource_group }}", "location": "{{ alpine_azure_location }}"}
    defaults = {
        name: f"{{{{ alpine_azure_{name} }}}}"
        for name in (
            "tenant", "client_id", "secret", "subscription_id", "authority_host", "disable_instance_discovery",
            "arm_endpoint", "ca_file",
        )
    }  # fmt: skip
    tasks = [
        {"name": "Gallery", "alpine.cloud.alpine_azure_gallery": {**gallery, "name": "unfit", "wait_interval": 1}},
        {
            "name": "Definition",
            "alpine.cloud.alpine_azure_gallery_image": {
                **gallery,
                "gallery": "unfit",
                "name": "unfit",
                "architecture": "x86_64",
                "hyper_v_generation": "V2",
                "publisher": "p",
                "offer": "o",
                "sku": "s",
                "wait_interval": 1,
            },
        },
        {
            "name": "Version",
            "alpine.cloud.alpine_azure_gallery_version": {
                **gallery,
                "gallery": "unfit",
                "gallery_image": "unfit",
                "name": "{{ item }}",
                "source_sha256": small_disk.sha256,
                "source_uri": "{{ alpine_azure_blob_endpoint }}/unfit/{{ item }}.vhd",
                "storage_account": "{{ alpine_azure_storage_account }}",
                "wait_interval": 1,
            },
            "loop": list(blobs),
        },
    ]
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "module_defaults": {"group/alpine.cloud.azure": defaults},
        "tasks": tasks,
    }
    playbook = role.home / "unfit.yml"
    playbook.write_text(yaml.safe_dump([play]))
    done = run_playbook(
        playbook,
        home=role.home,
        variables={"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        vars_files=[role.sandbox.vars_file],
    )
    assert done.returncode != 0
    for _kind, _content, reason in blobs.values():
        assert reason in done.stdout
