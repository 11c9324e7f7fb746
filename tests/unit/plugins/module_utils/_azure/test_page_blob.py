# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._azure.page_blob import check_fixed_vhd
from ansible_collections.alpine.cloud.plugins.module_utils._azure.page_ranges import BLOCK
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import ConflictError, InputError, ProviderError
from ansible_collections.alpine.cloud.plugins.module_utils._core.units import MIB
from tests.unit.plugins.module_utils._azure.fakes import OTHER_SHA256, SHA256, StoredBlob, storage_error
from tests.unit.plugins.module_utils._azure.page_blob_case import Case, footer, interrupted


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def test_upload(case: Case) -> None:
    result = case.present()
    assert case.stored.content() == case.file
    assert case.stored.metadata == {"source_sha256": SHA256}
    assert case.stored.content_type == "application/octet-stream"
    assert case.stored.content_md5 == hashlib.md5(case.file, usedforsecurity=False).digest()
    assert result["changed"] is True
    assert result["uploaded_bytes"] == 3 * BLOCK + 512
    assert result["size"] == len(case.file)
    assert result["url"] == case.blob.url
    assert result["diff"] == {
        "before": {},
        "after": {"state": "complete", "size": len(case.file), "source_sha256": SHA256},
    }


def test_the_marker_is_written_last(case: Case) -> None:
    case.present()
    assert case.writes == ["create_page_blob", *["upload_page"] * 4, "set_http_headers", "set_blob_metadata"]


def test_upload_foreseen(case: Case) -> None:
    check = case.present(check_mode=True)
    assert case.writes == []
    real = case.present()
    assert check == {**real, "uploaded_bytes": 0}


def test_upload_of_a_file_that_is_yet_to_be_made(case: Case) -> None:
    case.src.unlink()
    result = case.present(check_mode=True)
    assert (result["changed"], result["size"]) == (True, None)
    assert case.warnings == [f"src {case.src} does not exist yet, so it cannot be checked"]
    with pytest.raises(InputError, match="no such file"):
        case.present()
    assert case.writes == []


def test_second_run_sends_nothing(case: Case) -> None:
    case.present()
    case.write_file(stamp=1)
    before = list(case.writes)
    result = case.present()
    assert (result["changed"], result["uploaded_bytes"]) == (False, 0)
    assert case.writes == before


def test_complete_blob_needs_no_file_in_check_mode(case: Case) -> None:
    case.present()
    case.src.unlink()
    result = case.present(check_mode=True)
    assert (result["changed"], result["size"]) == (False, len(case.file))


# -- what is there already


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (StoredBlob(512, {}, 0), "was not uploaded by this module"),
        (StoredBlob(512, {}, 0, blob_type="BlockBlob"), "is no page blob"),
        (StoredBlob(512, {"source_sha256": OTHER_SHA256}, 0), f"holds other content.*{OTHER_SHA256}"),
        (StoredBlob(512, {"source_sha256": SHA256}, 0), "holds other content"),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_conflicts(case: Case, stored: StoredBlob, message: str, check_mode: bool) -> None:
    case.blob.stored = stored
    with pytest.raises(ConflictError, match=message):
        case.present(check_mode=check_mode)
    assert case.writes == []


def test_missing_container(case: Case) -> None:
    case.service.container.present = False
    with pytest.raises(InputError, match="container 'images' does not exist: create it first"):
        case.present()
    assert case.present(check_mode=True)["changed"] is True
    assert "create_container=true" in case.warnings[0]
    assert case.service.container.created == 0


@pytest.mark.parametrize("error", [None, storage_error(409, "ContainerAlreadyExists")])
def test_container_is_created(tmp_path: Path, error: Exception | None) -> None:
    case = Case(tmp_path, create_container=True)
    case.service.container.present = False
    case.service.container.create_error = error
    assert case.present(check_mode=True)["changed"] is True
    assert case.service.container.created == 0
    case.present()
    assert case.service.container.created == 1
    assert case.stored.content() == case.file


def test_container_that_is_being_deleted_is_waited_for(tmp_path: Path) -> None:
    case = Case(tmp_path, create_container=True)
    container: Any = case.service.container
    container.present = False
    original, refusals = container.create_container, [storage_error(409, "ContainerBeingDeleted")] * 2

    def create() -> None:
        if refusals:
            raise refusals.pop()
        original()

    container.create_container = create
    assert case.present()["changed"] is True
    assert (refusals, container.created) == ([], 1)


def test_container_that_cannot_be_created(tmp_path: Path) -> None:
    case = Case(tmp_path, create_container=True, wait=False)
    case.service.container.present = False
    case.service.container.create_error = storage_error(409, "ContainerBeingDeleted")
    with pytest.raises(ProviderError, match="ContainerBeingDeleted"):
        case.present()


# -- what Azure would refuse


def test_dynamic_vhd(tmp_path: Path) -> None:
    path = tmp_path / "dynamic.vhd"
    path.write_bytes(bytes(512) + footer(MIB, disk_type=3))
    with pytest.raises(InputError, match="is a dynamic VHD, but Azure imports fixed ones only: convert it with"):
        check_fixed_vhd(str(path))


@pytest.mark.parametrize("size", [0, 512, MIB + 512])
def test_sizes_that_are_no_whole_mebibytes(tmp_path: Path, size: int) -> None:
    path = tmp_path / "odd.vhd"
    path.write_bytes(bytes(size) + footer(size))
    with pytest.raises(InputError, match=f"virtual size of {size} bytes, but Azure wants a whole number of MiB"):
        check_fixed_vhd(str(path))


def test_truncated_and_other_files(tmp_path: Path) -> None:
    path = tmp_path / "x.vhd"
    path.write_bytes(bytes(MIB))
    with pytest.raises(InputError, match="this is not a VHD"):
        check_fixed_vhd(str(path))
    path.write_bytes(bytes(512) + footer(MIB))
    with pytest.raises(InputError, match="damaged or incomplete"):
        check_fixed_vhd(str(path))
    with pytest.raises(InputError, match="no such file"):
        check_fixed_vhd(str(tmp_path))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "small.img"}, "must end with '.vhd'"),
        ({"name": ".vhd"}, "must end with '.vhd'"),
        ({"container": "Images"}, "is not a container's name"),
        ({"container": "a--b"}, "is not a container's name"),
        ({"container": "ab"}, "is not a container's name"),
        ({"container": "a" * 64}, "is not a container's name"),
        ({"threads": 0}, "threads must be 1 to 64"),
        ({"threads": 65}, "threads must be 1 to 64"),
        ({"name": "a" * 1021 + ".vhd"}, "must end with '.vhd'"),
        ({"source_sha256": "abc"}, "source_sha256 must be a SHA-256"),
        ({"storage_account": ""}, "is not an account's name"),
        ({"storage_account": "ab"}, "is not an account's name"),
        ({"storage_account": "Account"}, "is not an account's name"),
        ({"storage_account": "a" * 25}, "is not an account's name"),
        ({"storage_account": "my-account"}, "is not an account's name"),
    ],
)
def test_illegal_input(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Case(tmp_path, **options)


# -- deletion


def test_deletion(case: Case) -> None:
    case.present()
    foreseen = case.absent(check_mode=True)
    assert case.blob.stored is not None
    result = case.absent()
    assert result == foreseen
    assert result["changed"] is True
    assert case.blob.stored is None
    assert case.absent() == {"changed": False, "url": case.blob.url, "remains": []}


def test_deletion_of_what_is_unfinished(case: Case) -> None:
    interrupted(case)
    assert case.absent()["changed"] is True
    assert case.blob.stored is None


@pytest.mark.parametrize("metadata", [{"source_sha256": OTHER_SHA256}, {}])
def test_other_content_is_not_deleted(case: Case, metadata: dict[str, str]) -> None:
    case.blob.stored = StoredBlob(512, metadata, 0)
    for check_mode in (True, False):
        with pytest.raises(ConflictError, match=f"not {SHA256}, and is not removed"):
            case.absent(check_mode=check_mode)
    assert case.writes == []


@pytest.mark.parametrize("kind", ["PageBlob", "BlockBlob"])
def test_deletion_by_name_alone(tmp_path: Path, kind: str) -> None:
    case = Case(tmp_path, source_sha256=None, src=None)
    case.blob.stored = StoredBlob(512, {}, 0, blob_type=kind)
    assert case.absent()["changed"] is True


def test_deletion_that_another_was_faster_with(case: Case) -> None:
    case.blob.stored = StoredBlob(512, {"source_sha256": SHA256}, 0)
    case.blob.failures["delete_blob"] = [storage_error(404, "BlobNotFound")]
    assert case.absent()["changed"] is True


@pytest.mark.parametrize("code", ["BlobImmutableDueToPolicy", "AuthorizationPermissionMismatch"])
def test_refused_deletion_with_best_effort(tmp_path: Path, code: str) -> None:
    case = Case(tmp_path, best_effort=True)
    case.blob.stored = StoredBlob(512, {"source_sha256": SHA256}, 0)
    case.blob.failures["delete_blob"] = [storage_error(409, code)]
    result = case.absent()
    assert (result["changed"], result["remains"]) == (False, ["images/small.vhd"])
    assert code in case.warnings[0]
    assert "alpine_azure_keep_staged" in case.warnings[0]


def test_other_content_with_best_effort_remains(tmp_path: Path) -> None:
    case = Case(tmp_path, best_effort=True)
    case.blob.stored = StoredBlob(512, {"source_sha256": OTHER_SHA256}, 0)
    assert case.absent(check_mode=True)["remains"] == ["images/small.vhd"]
