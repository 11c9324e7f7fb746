# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ansible_collections.alpine.cloud.plugins.module_utils._aws.s3_bucket import derived_bucket_name
from ansible_collections.alpine.cloud.plugins.module_utils._aws.s3_object import (
    S3ObjectRequest,
    checked_vhd,
    ensure_absent,
    ensure_present,
)
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import ConflictError, InputError, ProviderError
from ansible_collections.alpine.cloud.plugins.module_utils._core.progress import FILE_VARIABLE

_SHA256 = "ab" * 32
_ACCOUNT = "123456789012"
_DERIVED = derived_bucket_name(_ACCOUNT, "eu-central-1", _SHA256)
_OWNER = {"ExpectedBucketOwner": _ACCOUNT}
_OBJECT = {"Bucket": "images", "Key": "alpine.vhd"}


def _vhd(path: Path, disk_type: int = 2) -> Path:
    """A fixed VHD of 1024 bytes, or one that says to be of another type."""
    size = 1024
    footer = bytearray(512)
    struct.pack_into(
        ">8sIIQI4sI4sQQIII", footer, 0,
        b"conectix", 2, 0x10000, 0xFFFFFFFFFFFFFFFF, 0, b"qem2", 0, b"Wi2k", size, size, 0, disk_type, 0,
    )  # fmt: skip
    struct.pack_into(">I", footer, 64, ~sum(footer) & 0xFFFFFFFF)
    path.write_bytes(bytes(size) + footer)
    return path


@pytest.fixture
def src(tmp_path: Path) -> Path:
    return _vhd(tmp_path / "alpine.vhd")


@pytest.fixture
def content(src: Path) -> str:
    return hashlib.sha256(src.read_bytes()).hexdigest()


class Uploads(list[dict[str, Any]]):
    """Records what is uploaded; fails instead if told so."""

    error: Exception | None = None
    times = 99
    """How often it fails."""

    def __call__(self, filename: str, bucket: str, key: str, **more: Any) -> None:
        if self.error is not None and self.times > 0:
            self.times -= 1
            raise self.error
        self.append({"filename": filename, "bucket": bucket, "key": key, **more})
        more["Callback"](1536)


@pytest.fixture
def uploads(aws: Any, monkeypatch: pytest.MonkeyPatch) -> Uploads:
    uploads = Uploads()
    monkeypatch.setattr(aws.s3, "upload_file", uploads)
    return uploads


def _params(src: Path | str | None, **options: Any) -> dict[str, Any]:
    return {
        "bucket": "images",
        "key": "alpine.vhd",
        "src": str(src) if src else None,
        "source_sha256": _SHA256,
        "create_bucket": False,
        "delete_bucket": False,
        "best_effort": False,
        **options,
    }


class Task:
    """What a task asks for, and the warnings that it gets."""

    def __init__(self, aws: Any, params: dict[str, Any], *, check_mode: bool) -> None:
        self.warnings: list[str] = []
        self._aws = aws
        self._request = S3ObjectRequest.from_params(params)
        self._check_mode = check_mode

    def present(self) -> dict[str, Any]:
        return ensure_present(self._aws, self._request, check_mode=self._check_mode, warn=self.warnings.append)

    def absent(self) -> dict[str, Any]:
        return ensure_absent(self._aws, self._request, check_mode=self._check_mode, warn=self.warnings.append)


def _object(aws: Any, params: dict[str, Any], *, check_mode: bool = False) -> tuple[Task, list[str]]:
    task = Task(aws, params, check_mode=check_mode)
    return task, task.warnings


def _head(content: str, **more: Any) -> dict[str, Any]:
    return {
        "ContentLength": 1536,
        "Metadata": {"source-sha256": _SHA256, "content-sha256": content},
        **more,
    }


def _expect_bucket(aws: Any, region: str = "eu-central-1") -> None:
    aws.expect("s3", "head_bucket", {"Bucket": "images"}, {"BucketRegion": region})


# Names and files


def test_derived_name_is_a_valid_bucket_of_this_account_region_and_image() -> None:
    assert len(_DERIVED) == 45
    assert _DERIVED.startswith("alpine-cloud-")
    assert derived_bucket_name(_ACCOUNT, "eu-central-1", _SHA256) == _DERIVED
    others = {
        derived_bucket_name("210987654321", "eu-central-1", _SHA256),
        derived_bucket_name(_ACCOUNT, "us-east-1", _SHA256),
        derived_bucket_name(_ACCOUNT, "eu-central-1", "cd" * 32),
    }
    assert len(others | {_DERIVED}) == 4


def test_vhd_is_looked_at(src: Path, content: str, tmp_path: Path) -> None:
    assert checked_vhd(src) == content
    with pytest.raises(InputError, match="a differencing VHD needs its parent"):
        checked_vhd(_vhd(tmp_path / "difference.vhd", 4))
    raw = tmp_path / "disk.raw"
    raw.write_bytes(bytes(2048))
    with pytest.raises(InputError, match="not a VHD"):
        checked_vhd(raw)


# Present


def test_upload_into_a_bucket_of_its_own(aws: Any, src: Path, content: str, uploads: Uploads) -> None:
    aws.expect("sts", "get_caller_identity", {}, {"Account": _ACCOUNT})
    aws.refuse("s3", "head_bucket", "404", status=404)
    aws.expect(
        "s3",
        "create_bucket",
        {"Bucket": _DERIVED, "CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}},
        {},
    )
    aws.expect(
        "s3",
        "put_public_access_block",
        {
            "Bucket": _DERIVED,
            "PublicAccessBlockConfiguration": {
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
            **_OWNER,
        },
        {},
    )
    aws.expect("s3", "head_object", {"Bucket": _DERIVED, "Key": "alpine.vhd", **_OWNER}, _head(content))
    s3_object, warnings = _object(aws, _params(src, bucket=None, create_bucket=True))
    result = s3_object.present()
    assert result["changed"]
    assert result["bucket"] == _DERIVED
    assert result["bucket_created"]
    assert result["url"] == f"s3://{_DERIVED}/alpine.vhd"
    assert result["diff"]["before"] == {}
    assert result["diff"]["after"]["content_sha256"] == content
    assert uploads[0]["ExtraArgs"] == {
        "Metadata": {"source-sha256": _SHA256, "content-sha256": content},
        **_OWNER,
    }
    assert uploads[0]["Config"].multipart_chunksize * 10_000 > 64 << 30
    assert warnings == []


def test_us_east_1_gets_no_location_constraint(
    aws: Any, src: Path, content: str, uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws, "region", "us-east-1")
    aws._stubs[("s3", "us-east-1")] = aws._stubs[("s3", "eu-central-1")]
    aws.refuse("s3", "head_bucket", "404", status=404)
    aws.expect("s3", "create_bucket", {"Bucket": "images"}, {})
    aws.expect("s3", "put_public_access_block", None, {})
    aws.expect("s3", "head_object", None, _head(content))
    s3_object, _warnings = _object(aws, _params(src, create_bucket=True))
    assert s3_object.present()["bucket_created"]


def test_same_content_is_not_uploaded_again(aws: Any, src: Path, content: str) -> None:
    _expect_bucket(aws)
    aws.expect("s3", "head_object", _OBJECT, _head(content))
    s3_object, _warnings = _object(aws, _params(src))
    result = s3_object.present()
    assert not result["changed"]
    assert not result["bucket_created"]
    assert result["size"] == 1536
    assert result["diff"] == {"before": {}, "after": {}}


@pytest.mark.parametrize("head", [{"ContentLength": 1024}, {"Metadata": {"source-sha256": _SHA256}}])
def test_unfinished_or_other_conversion_is_replaced(
    aws: Any, src: Path, content: str, uploads: Uploads, head: dict[str, Any]
) -> None:
    _expect_bucket(aws)
    aws.expect("s3", "head_object", _OBJECT, _head(content, **head))
    aws.expect("s3", "head_object", _OBJECT, _head(content))
    s3_object, _warnings = _object(aws, _params(src))
    assert s3_object.present()["changed"]
    assert len(uploads) == 1


@pytest.mark.parametrize("metadata", [{}, {"source-sha256": "cd" * 32}])
def test_object_of_another_image_is_a_conflict(aws: Any, src: Path, metadata: dict[str, str]) -> None:
    _expect_bucket(aws)
    aws.expect("s3", "head_object", _OBJECT, {"ContentLength": 1536, "Metadata": metadata})
    s3_object, _warnings = _object(aws, _params(src))
    with pytest.raises(ConflictError, match=r"s3://images/alpine\.vhd holds other content.*choose another key"):
        s3_object.present()


def test_upload_that_did_not_arrive_is_an_error(aws: Any, src: Path, uploads: Uploads) -> None:
    _expect_bucket(aws)
    aws.refuse("s3", "head_object", "404", status=404)
    aws.expect("s3", "head_object", _OBJECT, _head("cd" * 32))
    s3_object, _warnings = _object(aws, _params(src))
    with pytest.raises(ProviderError, match="does not hold what was uploaded"):
        s3_object.present()


def test_bucket_goes_again_when_the_upload_fails(aws: Any, src: Path, uploads: Uploads) -> None:
    uploads.error = ClientError({"Error": {"Code": "SlowDown", "Message": "Slow down"}}, "UploadPart")
    aws.refuse("s3", "head_bucket", "404", status=404)
    aws.expect("s3", "create_bucket", None, {})
    aws.expect("s3", "put_public_access_block", None, {})
    aws.expect("s3", "delete_bucket", {"Bucket": "images"}, {})
    s3_object, _warnings = _object(aws, _params(src, create_bucket=True))
    with pytest.raises(ProviderError, match="UploadPart answered SlowDown"):
        s3_object.present()


def test_bucket_goes_again_when_it_cannot_be_made_private(aws: Any, src: Path) -> None:
    aws.refuse("s3", "head_bucket", "404", status=404)
    aws.expect("s3", "create_bucket", None, {})
    aws.refuse("s3", "put_public_access_block", "AccessDenied", status=403)
    aws.expect("s3", "delete_bucket", {"Bucket": "images"}, {})
    s3_object, _warnings = _object(aws, _params(src, create_bucket=True))
    with pytest.raises(ProviderError, match="Could not block public access to bucket images"):
        s3_object.present()


def test_existing_bucket_is_left_when_the_upload_fails(aws: Any, src: Path, uploads: Uploads) -> None:
    uploads.error = ClientError({"Error": {"Code": "SlowDown", "Message": "Slow down"}}, "UploadPart")
    _expect_bucket(aws)
    aws.refuse("s3", "head_object", "404", status=404)
    s3_object, _warnings = _object(aws, _params(src, create_bucket=True))
    with pytest.raises(ProviderError):
        s3_object.present()


def test_bucket_whose_deletion_goes_on_is_waited_for(
    aws: Any, src: Path, content: str, uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    aws.refuse("s3", "head_bucket", "404", status=404)
    aws.refuse("s3", "create_bucket", "OperationAborted", status=409)
    # The answer to the second got lost, and the SDK asked again.
    aws.refuse("s3", "create_bucket", "BucketAlreadyOwnedByYou", status=409)
    aws.expect("s3", "put_public_access_block", None, {})
    aws.expect("s3", "head_object", None, _head(content))
    s3_object, _warnings = _object(aws, _params(src, create_bucket=True))
    assert s3_object.present()["bucket_created"]


@pytest.mark.parametrize(("code", "status"), [("OperationAborted", 409), ("NoSuchBucket", 404)])
def test_a_new_bucket_that_cannot_be_closed_yet_is_waited_for(
    aws: Any, src: Path, content: str, uploads: Uploads, monkeypatch: pytest.MonkeyPatch, code: str, status: int
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    aws.refuse("s3", "head_bucket", "404", status=404)
    aws.expect("s3", "create_bucket", None, {})
    aws.refuse("s3", "put_public_access_block", code, status=status)
    aws.expect("s3", "put_public_access_block", None, {})
    aws.expect("s3", "head_object", None, _head(content))
    s3_object, _warnings = _object(aws, _params(src, create_bucket=True))
    assert s3_object.present()["bucket_created"]


@pytest.mark.parametrize("code", ["NoSuchUpload", "NoSuchBucket"])
def test_an_upload_that_another_run_has_taken_away_begins_again(
    aws: Any, src: Path, content: str, uploads: Uploads, code: str
) -> None:
    uploads.error, uploads.times = ClientError({"Error": {"Code": code, "Message": "gone"}}, "UploadPart"), 1
    _expect_bucket(aws)
    aws.refuse("s3", "head_object", "404", status=404)
    if code == "NoSuchBucket":
        aws.expect("s3", "create_bucket", None, {})
        aws.expect("s3", "put_public_access_block", None, {})
    else:
        aws.refuse("s3", "head_object", "404", status=404)
    aws.expect("s3", "head_object", _OBJECT, _head(content))
    s3_object, _warnings = _object(aws, _params(src, create_bucket=True))
    assert s3_object.present()["bucket_created"] is (code == "NoSuchBucket")
    assert len(uploads) == 1


def test_an_upload_begins_again_twice_at_most(aws: Any, src: Path, uploads: Uploads) -> None:
    uploads.error = ClientError({"Error": {"Code": "NoSuchUpload", "Message": "gone"}}, "UploadPart")
    _expect_bucket(aws)
    for _time in range(3):
        aws.refuse("s3", "head_object", "404", status=404)
    s3_object, _warnings = _object(aws, _params(src))
    with pytest.raises(ProviderError, match="NoSuchUpload: gone"):
        s3_object.present()


def test_an_upload_that_has_arrived_although_s3_denies_it_is_done(
    aws: Any, src: Path, content: str, uploads: Uploads
) -> None:
    error = ClientError({"Error": {"Code": "NoSuchUpload", "Message": "gone"}}, "CompleteMultipartUpload")
    uploads.error, uploads.times = error, 1
    _expect_bucket(aws)
    aws.refuse("s3", "head_object", "404", status=404)
    aws.expect("s3", "head_object", _OBJECT, _head(content))
    s3_object, _warnings = _object(aws, _params(src))
    assert s3_object.present()["changed"]
    assert uploads == []


def test_an_upload_that_another_run_has_removed_is_repeated(
    aws: Any, src: Path, content: str, uploads: Uploads
) -> None:
    _expect_bucket(aws)
    for _time in range(2):
        aws.refuse("s3", "head_object", "404", status=404)
    aws.expect("s3", "head_object", _OBJECT, _head(content))
    s3_object, _warnings = _object(aws, _params(src))
    assert s3_object.present()["changed"]
    assert len(uploads) == 2


def test_a_bucket_that_cannot_be_removed_does_not_hide_why_the_upload_failed(
    aws: Any, src: Path, uploads: Uploads
) -> None:
    uploads.error = ClientError({"Error": {"Code": "SlowDown", "Message": "Slow down"}}, "UploadPart")
    aws.refuse("s3", "head_bucket", "404", status=404)
    aws.expect("s3", "create_bucket", None, {})
    aws.expect("s3", "put_public_access_block", None, {})
    aws.refuse("s3", "delete_bucket", "AccessDenied", status=403)
    s3_object, warnings = _object(aws, _params(src, create_bucket=True))
    with pytest.raises(ProviderError, match="UploadPart answered SlowDown"):
        s3_object.present()
    assert "Bucket images stays" in warnings[0]


def test_bucket_that_another_account_has_is_an_error(aws: Any, src: Path) -> None:
    aws.refuse("s3", "head_bucket", "404", status=404)
    aws.refuse("s3", "create_bucket", "BucketAlreadyExists", status=409)
    s3_object, _warnings = _object(aws, _params(src, create_bucket=True))
    with pytest.raises(
        ProviderError, match="Could not create bucket images: CreateBucket answered BucketAlreadyExists"
    ):
        s3_object.present()


def test_forbidden_bucket_is_explained(aws: Any, src: Path) -> None:
    aws.refuse("s3", "head_bucket", "403", status=403)
    s3_object, _warnings = _object(aws, _params(src))
    with pytest.raises(ProviderError, match="bucket images belongs to another account, or you may not see it"):
        s3_object.present()


def test_bucket_of_another_region_is_refused(aws: Any, src: Path) -> None:
    _expect_bucket(aws, "us-east-1")
    s3_object, _warnings = _object(aws, _params(src))
    with pytest.raises(InputError, match="bucket images is in us-east-1, but ImportSnapshot in eu-central-1"):
        s3_object.present()


def test_missing_bucket_is_refused_unless_it_may_be_created(aws: Any, src: Path) -> None:
    aws.refuse("s3", "head_bucket", "404", status=404)
    s3_object, _warnings = _object(aws, _params(src))
    with pytest.raises(InputError, match="bucket images does not exist: create it first, or set create_bucket"):
        s3_object.present()


def test_missing_file_is_refused_before_any_request(aws: Any) -> None:
    s3_object, _warnings = _object(aws, _params("/nonexistent.vhd"))
    with pytest.raises(InputError, match=r"src /nonexistent\.vhd: no such file"):
        s3_object.present()


def test_check_mode_reads_only(aws: Any, src: Path, content: str) -> None:
    aws.refuse("s3", "head_bucket", "404", status=404)
    s3_object, warnings = _object(aws, _params(src, create_bucket=True), check_mode=True)
    result = s3_object.present()
    assert result["changed"]
    assert result["bucket_created"]
    assert result["content_sha256"] == content
    assert warnings == []


def test_check_mode_bears_what_an_earlier_step_would_make(aws: Any) -> None:
    aws.refuse("s3", "head_bucket", "404", status=404)
    s3_object, warnings = _object(aws, _params("/nonexistent.vhd"), check_mode=True)
    result = s3_object.present()
    assert result["changed"]
    assert result["size"] is None
    assert len(warnings) == 2


# Absent


def _expect_listing(aws: Any, *keys: str) -> None:
    aws.expect(
        "s3",
        "list_objects_v2",
        {"Bucket": "images", "MaxKeys": 2},
        {"Contents": [{"Key": key} for key in keys]},
    )


def _expect_uploads(aws: Any, *uploads: tuple[str, str]) -> None:
    aws.expect(
        "s3",
        "list_multipart_uploads",
        {"Bucket": "images", "Prefix": "alpine.vhd"},
        {"Uploads": [{"Key": key, "UploadId": upload_id} for key, upload_id in uploads]},
    )


def test_object_interrupted_uploads_and_bucket_are_removed(aws: Any) -> None:
    _expect_bucket(aws)
    aws.expect("s3", "head_object", _OBJECT, _head("cd" * 32))
    _expect_uploads(aws, ("alpine.vhd", "1"), ("alpine.vhd.old", "2"))
    _expect_listing(aws, "alpine.vhd")
    aws.expect("s3", "abort_multipart_upload", {**_OBJECT, "UploadId": "1"}, {})
    aws.expect("s3", "delete_object", _OBJECT, {})
    aws.expect("s3", "delete_bucket", {"Bucket": "images"}, {})
    s3_object, _warnings = _object(aws, _params(None, delete_bucket=True))
    result = s3_object.absent()
    assert result["changed"]
    assert result["bucket_deleted"]
    assert result["diff"]["after"] == {}
    assert "bucket_created" not in result


def test_bucket_in_use_stays(aws: Any) -> None:
    _expect_bucket(aws)
    aws.refuse("s3", "head_object", "404", status=404)
    _expect_uploads(aws)
    _expect_listing(aws, "another.vhd")
    s3_object, _warnings = _object(aws, _params(None, delete_bucket=True))
    result = s3_object.absent()
    assert not result["changed"]
    assert not result["bucket_deleted"]


def test_bucket_that_fills_meanwhile_stays(aws: Any) -> None:
    _expect_bucket(aws)
    aws.expect("s3", "head_object", _OBJECT, _head("cd" * 32))
    _expect_uploads(aws)
    _expect_listing(aws, "alpine.vhd")
    aws.expect("s3", "delete_object", _OBJECT, {})
    aws.refuse("s3", "delete_bucket", "BucketNotEmpty", status=409)
    s3_object, _warnings = _object(aws, _params(None, delete_bucket=True))
    assert not s3_object.absent()["bucket_deleted"]


@pytest.mark.parametrize("check_mode", [True, False])
def test_object_of_another_image_is_not_removed(aws: Any, check_mode: bool) -> None:
    _expect_bucket(aws)
    aws.expect("s3", "head_object", _OBJECT, {"ContentLength": 1, "Metadata": {}})
    s3_object, _warnings = _object(aws, _params(None), check_mode=check_mode)
    with pytest.raises(ConflictError, match=rf"s3://images/alpine\.vhd carries no source-sha256, not {_SHA256}"):
        s3_object.absent()


@pytest.mark.parametrize("gone", ["head_object", "abort_multipart_upload", "delete_bucket"])
def test_what_another_run_has_removed_meanwhile_is_done(aws: Any, gone: str) -> None:
    code = "NoSuchUpload" if gone == "abort_multipart_upload" else "NoSuchBucket"

    def answer(operation: str, params: Any, result: dict[str, Any]) -> bool:
        if operation == gone:
            aws.refuse("s3", operation, code, status=404)
        else:
            aws.expect("s3", operation, params, result)
        return operation != gone

    _expect_bucket(aws)
    found = answer("head_object", _OBJECT, _head("cd" * 32))
    _expect_uploads(aws, ("alpine.vhd", "1"))
    _expect_listing(aws, "alpine.vhd")
    answer("abort_multipart_upload", {**_OBJECT, "UploadId": "1"}, {})
    if found:
        aws.expect("s3", "delete_object", _OBJECT, {})
    answer("delete_bucket", {"Bucket": "images"}, {})
    s3_object, _warnings = _object(aws, _params(None, delete_bucket=True))
    assert s3_object.absent()["changed"]


def test_a_bucket_that_goes_while_it_is_looked_at_is_done(aws: Any) -> None:
    _expect_bucket(aws)
    aws.expect("s3", "head_object", _OBJECT, _head("cd" * 32))
    aws.refuse("s3", "list_multipart_uploads", "NoSuchBucket", status=404)
    s3_object, _warnings = _object(aws, _params(None, delete_bucket=True))
    assert not s3_object.absent()["changed"]


def _expect_versions(aws: Any, versions: dict[str, str | None], *markers: str) -> None:
    """:param versions: the digests by their ids."""
    other = {"Key": "alpine.vhd.old", "VersionId": "other"}
    aws.expect(
        "s3",
        "list_object_versions",
        {"Bucket": "images", "Prefix": "alpine.vhd"},
        {
            "Versions": [*({"Key": "alpine.vhd", "VersionId": version} for version in versions), other],
            "DeleteMarkers": [*({"Key": "alpine.vhd", "VersionId": marker} for marker in markers), other],
        },
    )
    for version, sha256 in versions.items():
        metadata = {"source-sha256": sha256} if sha256 else {}
        head = {"ContentLength": 1, "Metadata": metadata, "VersionId": version}
        aws.expect("s3", "head_object", {**_OBJECT, "VersionId": version}, head)


@pytest.mark.parametrize(
    ("versions", "removed"),
    [
        ({"1": _SHA256, "2": _SHA256}, ["1", "2", "m"]),
        ({"1": _SHA256, "2": None}, ["1"]),
        ({"1": "cd" * 32}, []),
        ({}, ["m"]),
    ],
)
def test_below_a_delete_marker_the_versions_of_the_content_are_deleted(
    aws: Any, versions: dict[str, str | None], removed: list[str]
) -> None:
    _expect_bucket(aws)
    stub = aws._stub("s3")[1]
    stub.add_client_error("head_object", "404", "", 404, response_meta={"HTTPHeaders": {"x-amz-delete-marker": "true"}})
    _expect_versions(aws, versions, "m")
    _expect_uploads(aws)
    for version in removed:
        aws.expect("s3", "delete_object", {**_OBJECT, "VersionId": version}, {})
    s3_object, _warnings = _object(aws, _params(None))
    assert s3_object.absent()["changed"] is bool(removed)


def test_what_is_refused_stays_with_a_warning(aws: Any) -> None:
    _expect_bucket(aws)
    aws.expect("s3", "head_object", _OBJECT, _head("cd" * 32, VersionId="1"))
    _expect_versions(aws, {"1": _SHA256})
    _expect_uploads(aws, ("alpine.vhd", "u"))
    _expect_listing(aws, "alpine.vhd")
    aws.refuse("s3", "abort_multipart_upload", "AccessDenied", "no right", status=403)
    aws.refuse("s3", "delete_object", "AccessDenied", "retention", status=403)
    aws.refuse("s3", "delete_bucket", "AccessDenied", "no right", status=403)
    s3_object, warnings = _object(aws, _params(None, delete_bucket=True, best_effort=True))
    result = s3_object.absent()
    assert not result["changed"]
    assert not result["bucket_deleted"]
    url = "s3://images/alpine.vhd"
    assert result["remains"] == [f"Upload u to {url}", f"Version 1 of {url}", "Bucket images"]
    assert "DeleteObject answered AccessDenied: retention. Remove it by hand, or have it kept" in warnings[1]


@pytest.mark.parametrize("operation", ["head_bucket", "head_object"])
def test_what_cannot_even_be_looked_at_stays_with_a_warning(aws: Any, operation: str) -> None:
    if operation == "head_object":
        _expect_bucket(aws)
    aws.refuse("s3", operation, "403", status=403)
    s3_object, warnings = _object(aws, _params(None, best_effort=True))
    result = s3_object.absent()
    assert (result["changed"], result["remains"], len(warnings)) == (False, ["s3://images/alpine.vhd"], 1)


def test_other_content_stays_with_a_warning_when_a_run_cleans_up(aws: Any) -> None:
    _expect_bucket(aws)
    aws.expect("s3", "head_object", _OBJECT, {"ContentLength": 1, "Metadata": {}})
    s3_object, warnings = _object(aws, _params(None, best_effort=True))
    assert s3_object.absent()["remains"] == ["s3://images/alpine.vhd"]
    assert "carries no source-sha256" in warnings[0]


def test_nothing_to_remove(aws: Any) -> None:
    aws.refuse("s3", "head_bucket", "404", status=404)
    s3_object, _warnings = _object(aws, _params(None, delete_bucket=True))
    assert not s3_object.absent()["changed"]


def test_removal_in_check_mode_reads_only(aws: Any) -> None:
    _expect_bucket(aws)
    aws.expect("s3", "head_object", _OBJECT, _head("cd" * 32))
    _expect_uploads(aws)
    s3_object, _warnings = _object(aws, _params(None), check_mode=True)
    assert s3_object.absent()["changed"]


def test_bucket_can_only_be_derived_from_an_image(aws: Any) -> None:
    with pytest.raises(InputError, match="bucket is missing; it can only be left out together with source_sha256"):
        _object(aws, _params(None, bucket=None, source_sha256=None))


def test_an_object_beside_others_goes_but_the_bucket_stays(aws: Any) -> None:
    _expect_bucket(aws)
    aws.expect("s3", "head_object", _OBJECT, _head("cd" * 32))
    _expect_uploads(aws)
    _expect_listing(aws, "alpine.vhd", "another.vhd")
    aws.expect("s3", "delete_object", _OBJECT, {})
    s3_object, _warnings = _object(aws, _params(None, delete_bucket=True))
    result = s3_object.absent()
    assert result["changed"]
    assert not result["bucket_deleted"]
    assert result["diff"]["before"] == {
        "bucket": "images",
        "key": "alpine.vhd",
        "size": 1536,
        "content_sha256": "cd" * 32,
        "source_sha256": _SHA256,
    }


def test_check_mode_tells_that_a_bucket_in_use_would_stay(aws: Any) -> None:
    _expect_bucket(aws)
    aws.expect("s3", "head_object", _OBJECT, _head("cd" * 32))
    _expect_uploads(aws)
    _expect_listing(aws, "alpine.vhd", "another.vhd")
    s3_object, _warnings = _object(aws, _params(None, delete_bucket=True), check_mode=True)
    result = s3_object.absent()
    assert (result["changed"], result["bucket_deleted"]) == (True, False)


def test_without_a_digest_the_key_decides_what_is_removed(aws: Any) -> None:
    _expect_bucket(aws)
    aws.expect("s3", "head_object", _OBJECT, {"ContentLength": 1, "Metadata": {}})
    _expect_uploads(aws)
    aws.expect("s3", "delete_object", _OBJECT, {})
    s3_object, _warnings = _object(aws, _params(None, source_sha256=None))
    assert s3_object.absent()["changed"]


def test_the_upload_tells_how_far_it_is(
    aws: Any, src: Path, content: str, uploads: Uploads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FILE_VARIABLE, str(tmp_path / "progress"))
    _expect_bucket(aws)
    aws.refuse("s3", "head_object", "404", status=404)
    aws.expect("s3", "head_object", _OBJECT, _head(content))
    s3_object, _warnings = _object(aws, _params(src))
    s3_object.present()
    assert uploads[0]["filename"] == str(src)
    assert json.loads((tmp_path / "progress").read_text()) == {
        "step": "upload", "done": 1536, "total": 1536, "unit": "bytes",
    }  # fmt: skip
