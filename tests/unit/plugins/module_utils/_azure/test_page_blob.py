# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import random
import struct
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._azure.page_blob import (
    PageBlobRequest,
    check_fixed_vhd,
    ensure_absent,
    ensure_present,
)
from ansible_collections.alpine.cloud.plugins.module_utils._azure.page_ranges import BLOCK
from ansible_collections.alpine.cloud.plugins.module_utils._azure.page_upload import sequence_number
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import ConflictError, InputError, ProviderError
from ansible_collections.alpine.cloud.plugins.module_utils._core.units import MIB
from tests.unit.plugins.module_utils._azure.fakes import (
    OTHER_SHA256,
    SHA256,
    Clients,
    StoredBlob,
    storage_error,
)


def footer(size: int, disk_type: int = 2, stamp: int = 0) -> bytes:
    data = bytearray(512)
    struct.pack_into(">8sIIQI4sI4sQQIII16s", data, 0, b"conectix", 2, 0x10000, 2**64 - 1, stamp, b"test", 0, b"test",
                     size, size, 0, disk_type, 0, b"u" * 16)  # fmt: skip
    data[64:68] = struct.pack(">I", ~sum(data) & 0xFFFFFFFF)
    return bytes(data)


def disk(mebibytes: int = 9, patches: tuple[int, ...] = (0, 3 * MIB, 3 * MIB + 5000, 8 * MIB)) -> bytes:
    content = bytearray(mebibytes * MIB)
    generator = random.Random(1)
    for offset in patches:
        content[offset : offset + 4000] = generator.randbytes(4000)
    return bytes(content)


class Case:
    """One blob, and the file that is to be in it."""

    def __init__(self, directory: Path, content: bytes | None = None, **options: Any) -> None:
        self.src = directory / "small.vhd"
        self.content = disk() if content is None else content
        self.write_file()
        self.clients: Any = Clients()
        self.service = self.clients.blobs
        self.blob = self.service.blob
        self.warnings: list[str] = []
        self.request = PageBlobRequest.from_params(
            {
                "storage_account": "account",
                "container": "images",
                "name": "small.vhd",
                "src": str(self.src),
                "source_sha256": SHA256,
                "create_container": False,
                "threads": 1,
                **options,
            }
        )

    def write_file(self, stamp: int = 0) -> None:
        self.file = self.content + footer(len(self.content), stamp=stamp)
        self.src.write_bytes(self.file)

    def present(self, *, check_mode: bool = False) -> dict[str, Any]:
        return ensure_present(self.clients, self.request, check_mode=check_mode, warn=self.warnings.append)

    def absent(self, *, check_mode: bool = False) -> dict[str, Any]:
        return ensure_absent(self.clients, self.request, check_mode=check_mode, warn=self.warnings.append)

    @property
    def writes(self) -> list[str]:
        reads = ("get_blob_properties", "list_page_ranges")
        return [call for call in self.blob.calls if call not in reads]

    @property
    def stored(self) -> StoredBlob:
        stored: StoredBlob | None = self.blob.stored
        assert stored is not None
        return stored


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


# -- uploading


def test_sequence_numbers_differ_and_fit() -> None:
    assert sequence_number(SHA256) != sequence_number(OTHER_SHA256)
    assert 0 <= sequence_number("f" * 64) < 2**53


def test_upload(case: Case) -> None:
    result = case.present()
    assert case.stored.content() == case.file
    assert case.stored.metadata == {"source_sha256": SHA256}
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


def test_many_threads_make_the_same_blob(tmp_path: Path) -> None:
    case = Case(tmp_path, random.Random(2).randbytes(17 * MIB), threads=8)
    assert case.present()["uploaded_bytes"] == len(case.file)
    assert case.stored.content() == case.file


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


# -- interruption


def interrupted(case: Case) -> int:
    """Let the upload break off after two pages or more, the order being the threads' own.

    Returns how many bytes of the disk they hold. The footer does not count, since it is always sent again.
    """
    case.blob.failures["upload_page"] = [None, None, storage_error(403, "AuthenticationFailed")]
    with pytest.raises(ProviderError, match=r"Cannot write to blob images/small\.vhd: AuthenticationFailed"):
        case.present()
    assert case.stored.metadata == {"unfinished_source_sha256": SHA256}
    case.blob.failures.clear()
    return sum(len(page) for page in case.stored.pages.values() if len(page) >= BLOCK)


def test_interrupted_upload_is_resumed(case: Case) -> None:
    sent = interrupted(case)
    # The file may have been converted anew, with another footer.
    case.write_file(stamp=5)
    check = case.present(check_mode=True)
    result = case.present()
    assert (check["resumed"], result["resumed"]) == (True, True)
    assert result["uploaded_bytes"] == 3 * BLOCK + 512 - sent
    assert "create_page_blob" not in case.writes[case.writes.index("upload_page") :]
    assert case.stored.content() == case.file
    assert case.stored.content_md5 == hashlib.md5(case.file, usedforsecurity=False).digest()
    assert result["diff"]["before"] == {"state": "unfinished", "source_sha256": None}


def test_the_footer_is_written_even_when_it_is_there(case: Case) -> None:
    case.blob.failures["set_http_headers"] = [storage_error(403, "AuthenticationFailed")]
    with pytest.raises(ProviderError):
        case.present()
    case.write_file(stamp=5)
    assert case.present()["uploaded_bytes"] == 512
    assert case.stored.content() == case.file


def test_unfinished_upload_of_other_content_is_replaced(case: Case) -> None:
    case.blob.stored = StoredBlob(4096, {"unfinished_source_sha256": OTHER_SHA256}, 7, pages={0: b"y" * 512})
    result = case.present()
    assert (result["changed"], result["resumed"]) == (True, False)
    assert case.stored.content() == case.file


def test_unfinished_upload_of_another_size_is_replaced(case: Case) -> None:
    case.blob.stored = StoredBlob(4096, {"unfinished_source_sha256": SHA256}, sequence_number(SHA256))
    assert case.present()["resumed"] is False
    assert case.stored.content() == case.file


def test_another_upload_that_takes_the_blob_over_stops_this_one(case: Case) -> None:
    def taken_over(*_arguments: Any, **_options: Any) -> None:
        case.stored.page_blob_sequence_number = sequence_number(OTHER_SHA256)
        raise storage_error(412, "SequenceNumberConditionNotMet")

    case.blob.upload_page = taken_over  # type: ignore[method-assign]
    with pytest.raises(ConflictError, match="was replaced by another upload"):
        case.present()
    assert "set_blob_metadata" not in case.writes


def test_another_upload_that_takes_the_blob_over_at_the_end(case: Case) -> None:
    original = case.blob.set_http_headers

    def taken_over(settings: Any, **options: Any) -> dict[str, Any]:
        answer = original(settings, **options)
        case.blob.stored = StoredBlob(len(case.file), {}, sequence_number(OTHER_SHA256), etag="x")
        return answer

    case.blob.set_http_headers = taken_over  # type: ignore[method-assign]
    with pytest.raises(ConflictError, match="was replaced by another upload"):
        case.present()
    assert case.stored.metadata == {}


@pytest.mark.parametrize(
    ("call", "code", "status"),
    [
        ("create_page_blob", "BlobAlreadyExists", 409),
        ("set_http_headers", "ConditionNotMet", 412),
        ("set_blob_metadata", "ConditionNotMet", 412),
    ],
)
def test_answers_that_got_lost(case: Case, call: str, code: str, status: int) -> None:
    """The SDK repeats a request, whose condition then meets what the first attempt has changed."""
    case.blob.failures[call] = [storage_error(status, code)]
    assert case.present()["changed"] is True
    assert case.stored.content() == case.file
    assert case.stored.metadata == {"source_sha256": SHA256}


def test_who_was_faster_to_create(case: Case) -> None:
    def create(*_arguments: Any, **_options: Any) -> None:
        case.blob.stored = StoredBlob(512, {"unfinished_source_sha256": OTHER_SHA256}, 1)
        raise storage_error(409, "BlobAlreadyExists")

    case.blob.create_page_blob = create  # type: ignore[method-assign]
    with pytest.raises(ConflictError, match="was replaced by another upload"):
        case.present()


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
    assert case.absent() == {"changed": False, "url": case.blob.url}


def test_deletion_of_what_is_unfinished(case: Case) -> None:
    interrupted(case)
    assert case.absent()["changed"] is True
    assert case.blob.stored is None


@pytest.mark.parametrize("metadata", [{"source_sha256": OTHER_SHA256}, {}])
def test_other_content_is_not_deleted(case: Case, metadata: dict[str, str]) -> None:
    case.blob.stored = StoredBlob(512, metadata, 0)
    assert case.absent()["changed"] is False
    assert case.writes == []


def test_deletion_by_name_alone(tmp_path: Path) -> None:
    case = Case(tmp_path, source_sha256=None, src=None)
    case.blob.stored = StoredBlob(512, {}, 0)
    assert case.absent()["changed"] is True


def test_deletion_that_another_was_faster_with(case: Case) -> None:
    case.blob.stored = StoredBlob(512, {"source_sha256": SHA256}, 0)
    case.blob.failures["delete_blob"] = [storage_error(404, "BlobNotFound")]
    assert case.absent()["changed"] is True
