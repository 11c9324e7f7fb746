# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role alpine_azure, over the local Azure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from azure.identity import ClientSecretCredential
from azure.storage.blob import BlobType, ContainerClient

from tests.integration.conftest import RunningSandbox, StartSandbox
from tests.support.compare import assert_same_disk
from tests.support.disks import SmallDisk, make_small_disk
from tests.support.playbook import run_playbook
from tests.support.role import Role, image_facts


def _staged_blobs(sandbox: RunningSandbox) -> set[str]:
    """Paths of the blobs that the role has made and not deleted. (Other tests of the session have other containers.)"""
    staged: set[str] = set()
    for request in sandbox.logged_requests():
        if "/alpine-images/" not in request["path"]:
            continue
        if request["operation"] == "PutBlob" and request["status"] == 201:
            staged.add(request["path"])
        elif request["operation"] == "DeleteBlob" and request["status"] == 202:
            staged.discard(request["path"])
    return staged


@pytest.fixture
def sandbox(start_sandbox: StartSandbox) -> RunningSandbox:
    sandbox = start_sandbox("azure")
    sandbox.clear_faults("azure")
    return sandbox


@pytest.fixture
def role(sandbox: RunningSandbox, small_disk: SmallDisk, home: Path, request: pytest.FixtureRequest) -> Role:
    """The role, for the small disk, with a gallery of its own, so that tests do not meet each other's versions."""
    gallery = request.node.name.removeprefix("test_").replace("[", ".").replace("]", "")[:80]
    image = image_facts(small_disk, "fixed_vhd", name="alpine-3.24.2-x86_64-tiny-r1", revision=1)
    return Role("alpine_azure", home, (sandbox.vars_file,), image, {"alpine_azure_gallery": gallery})


def test_import_from_nothing_to_second_run(
    sandbox: RunningSandbox, role: Role, small_disk: SmallDisk, tmp_path: Path
) -> None:
    regions = [{"name": "northeurope"}, {"name": "East US", "regional_replica_count": 2}]
    variables = {"alpine_azure_target_regions": regions, "alpine_azure_end_of_life_date": "2028-05-01"}
    start = sandbox.mark()
    foreseen = role.succeeds("--check", "--diff", **variables).result
    assert sandbox.writes(start) == []
    assert (foreseen["changed"], foreseen["id"]) == (True, None)

    result = role.succeeds(**variables).result
    assert result["changed"] is True
    assert result["name"] == "alpine-x86_64-uefi-tiny/3.24.2001"
    assert (result["architecture"], result["firmware"], result["region"]) == ("x86_64", "uefi", "westeurope")
    assert [region["region"] for region in result["regions"]] == ["eastus", "northeurope", "westeurope"]
    assert {region["id"] for region in result["regions"]} == {result["id"]} == {result["ids"]["version"]}
    assert _staged_blobs(sandbox) == set()

    disk = tmp_path / "disk.raw"
    sandbox.export("azure", result["id"], "eastus", disk)
    assert_same_disk(small_disk.raw, disk, padded=False)

    start = sandbox.mark()
    again = role.succeeds(**variables)
    assert again.changed == 0
    assert again.result == result | {"changed": False}
    assert sandbox.writes(start) == []


def test_region_that_is_added_needs_no_upload(sandbox: RunningSandbox, role: Role) -> None:
    role.succeeds()
    start = sandbox.mark()
    result = role.succeeds(alpine_azure_target_regions=[{"name": "swedencentral"}]).result
    assert [region["region"] for region in result["regions"]] == ["swedencentral", "westeurope"]
    assert sandbox.writes(start) == ["GalleryImageVersions_Update"]


def test_hybrid_image_as_generation_1(role: Role) -> None:
    result = role.succeeds(alpine_azure_hyper_v_generation="V1").result
    assert result["name"] == "alpine-x86_64-bios-tiny/3.24.2001"
    assert result["firmware"] == "bios"


def test_aarch64_metal(sandbox: RunningSandbox, role: Role) -> None:
    image = {"architecture": "aarch64", "firmware": "uefi", "machine": "metal", "bootstrap": "cloudinit"}
    settings = {"image": image, "alpine_azure_version_scheme": "release"}
    result = role.succeeds(**settings, alpine_azure_keep_staged=True).result
    assert result["name"] == "alpine-aarch64-uefi-cloudinit-metal/3.24.2"
    assert (result["architecture"], result["firmware"]) == ("aarch64", "uefi")
    assert len(_staged_blobs(sandbox)) == 1
    # The next run clears up what is no longer to be kept.
    role.succeeds(**settings)
    assert _staged_blobs(sandbox) == set()


def test_failed_import_is_told_cleared_up_and_made_good(sandbox: RunningSandbox, role: Role) -> None:
    sandbox.order_fault("azure", operation="GalleryImageVersions_CreateOrUpdate", fail="The disk is on fire.")
    assert "The disk is on fire." in role.fails()
    assert _staged_blobs(sandbox) == set()

    start = sandbox.mark()
    result = role.succeeds().result
    assert result["changed"] is True
    assert "GalleryImageVersions_Delete" in sandbox.writes(start)
    assert _staged_blobs(sandbox) == set()


def test_nothing_good_is_lost_by_a_time_out_or_a_refused_removal(sandbox: RunningSandbox, role: Role) -> None:
    with sandbox.held("azure", "GalleryImageVersions_CreateOrUpdate"):
        assert "(wait_timeout)" in role.fails(alpine_azure_wait_timeout=8)
        assert len(_staged_blobs(sandbox)) == 1, "Azure still imports from it"
    sandbox.order_fault("azure", operation="DeleteBlob", status=403)
    start = sandbox.mark()
    finished = role.succeeds()
    assert "GalleryImageVersions_CreateOrUpdate" not in sandbox.writes(start), "the next run joins in"
    (left,) = finished.result["remains"]
    assert left.startswith("alpine-images/")
    assert role.succeeds().result["remains"] == []
    assert _staged_blobs(sandbox) == set()


def test_replication_that_fails_names_the_region(sandbox: RunningSandbox, role: Role) -> None:
    sandbox.order_fault("azure", operation="GalleryImageVersions_Replicate", fail="No capacity.", nth=2)
    failed = role.fails(alpine_azure_target_regions=[{"name": "westus2"}])
    assert "region:westus2, detail:No capacity." in failed


def test_other_content_is_refused_before_the_upload(sandbox: RunningSandbox, role: Role, tmp_path: Path) -> None:
    role.succeeds()
    start = sandbox.mark()
    other = make_small_disk(tmp_path, seed=7)
    files = {"fixed_vhd": str(other.fixed_vhd)}
    refused = role.fails(image={"path": str(other.qcow2), "sha256": other.sha256, "files": files})
    assert "holds other content" in refused
    assert sandbox.writes(start) == []


@pytest.mark.parametrize(
    ("image", "variables", "message"),
    [
        ({}, {"alpine_azure_resource_group": "nowhere"}, "resource_group must name one that exists"),
        ({}, {"alpine_azure_storage_account": "nosuchaccount"}, "az storage account create"),
        ({}, {"alpine_azure_target_regions": [{"name": "atlantis"}]}, "target_regions: 'atlantis'"),
        ({"firmware": "uefi"}, {"alpine_azure_hyper_v_generation": "V1"}, "cannot boot in Azure"),
        ({"obstacles": {"azure": "it is for another cloud"}}, {}, "cannot be used in Azure: it is for another cloud"),
    ],
    ids=["group", "account", "region", "generation", "architecture"],
)
def test_bad_input_ends_before_anything_is_made(
    sandbox: RunningSandbox, role: Role, image: dict[str, str], variables: dict[str, Any], message: str
) -> None:
    start = sandbox.mark()
    assert message in role.fails(image=image, **variables)
    assert sandbox.writes(start) == []


def test_import_of_what_is_no_fixed_vhd_fails_in_azures_words(
    sandbox: RunningSandbox, small_disk: SmallDisk, home: Path
) -> None:
    """The page blob module would refuse these; whoever uploads otherwise learns why Azure does."""
    variables = yaml.safe_load(sandbox.vars_file.read_text())
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
    playbook = home / "unfit.yml"
    playbook.write_text(yaml.safe_dump([play]))
    done = run_playbook(
        playbook,
        home=home,
        variables={"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        vars_files=[sandbox.vars_file],
    )
    assert done.returncode != 0
    for _kind, _content, reason in blobs.values():
        assert reason in done.stdout
