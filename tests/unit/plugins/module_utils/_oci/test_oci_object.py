# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import base64
import hashlib
import struct
from pathlib import Path
from typing import Any

import pytest
from oci._vendor import requests

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import ConflictError, InputError, ProviderError
from ansible_collections.alpine.cloud.plugins.module_utils._core.units import MIB
from ansible_collections.alpine.cloud.plugins.module_utils._oci.oci_object import (
    OciObjectRequest,
    ensure_absent,
    ensure_present,
)
from ansible_collections.alpine.cloud.plugins.module_utils._oci.oci_object_state import OciObjectState
from ansible_collections.alpine.cloud.plugins.module_utils._oci.upload_file import UploadFile, check_image_file
from tests.support.scripted_oci import COMPARTMENT, Call, ScriptedOracle, error

_BUCKET = "/n/axnamespace/b/images"
_OBJECT = f"{_BUCKET}/o/alpine.qcow2"
_UPLOADS = f"{_BUCKET}/u"
_NAMESPACE = Call("GET", "/n", "axnamespace", query={})


def _qcow2(path: Path, *, backing_offset: int = 0, size: int = 1000) -> Path:
    # The header's fixed part, a version 2 image of one cluster.
    header = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, backing_offset, 0, 16, MIB, 0, 1, 512, 1024, 1, 0, 0)
    path.write_bytes(header + b"x" * (size - len(header)))
    return path


@pytest.fixture
def qcow2(tmp_path: Path) -> Path:
    return _qcow2(tmp_path / "alpine.qcow2")


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data).digest()).decode()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _bucket(public: str = "NoPublicAccess") -> Call:
    return Call("GET", _BUCKET, {"name": "images", "publicAccessType": public})


def _head(path: Path, **changes: str | None) -> Call:
    data = path.read_bytes()
    headers: dict[str, str | None] = {
        "content-length": str(len(data)),
        "etag": "E1",
        "content-md5": _md5(data),
        "opc-meta-source-sha256": _sha256(path),
        **changes,
    }
    return Call("HEAD", _OBJECT, headers={name: value for name, value in headers.items() if value is not None})


_NO_OBJECT = Call("HEAD", _OBJECT, status=404)
_NO_UPLOADS = Call("GET", _UPLOADS, [])


def _manage(oracle: ScriptedOracle, warnings: list[str], *, check_mode: bool = False, **options: Any) -> dict[str, Any]:
    params = {
        "state": "present",
        "name": "alpine.qcow2",
        "bucket": "images",
        "namespace": "axnamespace",
        "create_bucket": False,
        "compartment_id": None,
        "src": None,
        "source_image_type": "QCOW2",
        "source_sha256": None,
        "part_size": 32,
        "parallel_uploads": 1,
        "best_effort": False,
        **options,
    }
    connection = oracle.connection()
    request = OciObjectRequest.from_params(params)
    if params["state"] == "absent":
        return ensure_absent(connection, request, check_mode=check_mode, warn=warnings.append)
    return ensure_present(connection, request, check_mode=check_mode, warn=warnings.append)


# Local files


def _file_of(tmp_path: Path, data: bytes, part_size: int) -> UploadFile:
    path = tmp_path / "file"
    path.write_bytes(data)
    return UploadFile(path, part_size)


def test_checksum_of_a_file_that_goes_in_one_request(tmp_path: Path) -> None:
    file = _file_of(tmp_path, b"abc", 3)
    assert not file.is_multipart
    assert file.content_md5() == "kAFQmDzST7DWlj99KOF/cg=="
    assert file.source_sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("data", "parts"),
    [
        (b"abcdef", [b"abcd", b"ef"]),
        (b"abcdefgh", [b"abcd", b"efgh"]),
        (b"abcdefghi", [b"abcd", b"efgh", b"i"]),
    ],
)
def test_checksum_of_parts_is_that_of_their_binary_digests(tmp_path: Path, data: bytes, parts: list[bytes]) -> None:
    file = _file_of(tmp_path, data, 4)
    assert file.is_multipart
    digests = b"".join(hashlib.md5(part).digest() for part in parts)
    assert file.multipart_md5() == f"{_md5(digests)}-{len(parts)}"


@pytest.mark.parametrize(
    ("size", "content_md5", "multipart_md5", "same"),
    [
        (6, _md5(b"abcdef"), None, True),
        (6, _md5(b"abcdeX"), None, False),
        (5, _md5(b"abcdef"), None, False),
        (6, None, _md5(hashlib.md5(b"abcd").digest() + hashlib.md5(b"ef").digest()) + "-2", True),
        (6, None, _md5(b"other") + "-2", False),
        # Parts of another size cannot be compared.
        (6, None, _md5(b"other") + "-3", True),
        (7, None, _md5(b"other") + "-3", False),
        (6, None, None, True),
    ],
)
def test_stored_content_is_compared_by_the_services_checksum(
    tmp_path: Path, size: int, content_md5: str | None, multipart_md5: str | None, same: bool
) -> None:
    stored = OciObjectState(size, "E", None, None, content_md5, multipart_md5)
    assert _file_of(tmp_path, b"abcdef", 4).is_content_of(stored) is same


def test_image_files_are_told_by_their_first_bytes(tmp_path: Path, qcow2: Path) -> None:
    check_image_file(qcow2, "QCOW2")
    vmdk = tmp_path / "alpine.vmdk"
    vmdk.write_bytes(b"KDMV" + bytes(100))
    check_image_file(vmdk, "VMDK")
    with pytest.raises(InputError, match="is no VMDK image, as source_image_type says"):
        check_image_file(qcow2, "VMDK")
    with pytest.raises(InputError, match="is not a qcow2 image"):
        check_image_file(vmdk, "QCOW2")
    with pytest.raises(InputError, match="no such file"):
        check_image_file(tmp_path / "missing", "QCOW2")


def test_image_with_backing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has a backing file"):
        check_image_file(_qcow2(tmp_path / "overlay.qcow2", backing_offset=512), "QCOW2")


# Uploading


def test_upload_in_one_request(oracle: ScriptedOracle, warnings: list[str], qcow2: Path) -> None:
    oracle.expect(
        _bucket(),
        _NO_OBJECT,
        Call(
            "PUT",
            _OBJECT,
            sent={
                "Content-MD5": _md5(qcow2.read_bytes()),
                "if-none-match": "*",
                "opc-meta-source-sha256": _sha256(qcow2),
                "Content-Length": "1000",
            },
            headers={"etag": "E1"},
        ),
        _head(qcow2),
    )
    result = _manage(oracle, warnings, src=str(qcow2))
    assert oracle.bodies[2] == qcow2.read_bytes()
    assert result == {
        "changed": True,
        "namespace": "axnamespace",
        "bucket": "images",
        "name": "alpine.qcow2",
        "size": 1000,
        "source_sha256": _sha256(qcow2),
        "etag": "E1",
        "bucket_created": False,
        "aborted_uploads": 0,
        "diff": {
            "before": {},
            "after": {
                "namespace": "axnamespace",
                "bucket": "images",
                "name": "alpine.qcow2",
                "size": 1000,
                "source_sha256": _sha256(qcow2),
            },
        },
    }
    assert warnings == []


def test_upload_in_parts(oracle: ScriptedOracle, warnings: list[str], tmp_path: Path) -> None:
    large = _qcow2(tmp_path / "large.qcow2", size=10 * MIB + 5)
    data = large.read_bytes()
    digests = hashlib.md5(data[: 10 * MIB]).digest() + hashlib.md5(data[10 * MIB :]).digest()
    part = f"{_UPLOADS}/alpine.qcow2"
    others = [{"object": "alpine.qcow2", "uploadId": name} for name in ("stranger", "empty")]
    oracle.expect(
        _bucket(),
        _NO_OBJECT,
        _NO_UPLOADS,
        Call(
            "POST",
            _UPLOADS,
            {"uploadId": "U1"},
            body={"object": "alpine.qcow2", "metadata": {"opc-meta-source-sha256": _sha256(large)}},
            sent={"if-none-match": "*"},
        ),
        Call(
            "PUT",
            part,
            query={"uploadId": "U1", "uploadPartNum": "1"},
            sent={"Content-MD5": _md5(data[: 10 * MIB])},
            headers={"etag": "P1", "opc-content-md5": "x"},
        ),
        Call(
            "PUT",
            part,
            query={"uploadId": "U1", "uploadPartNum": "2"},
            sent={"Content-MD5": _md5(data[10 * MIB :])},
            headers={"etag": "P2", "opc-content-md5": "x"},
        ),
        Call(
            "POST",
            part,
            query={"uploadId": "U1"},
            body={
                "partsToCommit": [{"partNum": 1, "etag": "P1"}, {"partNum": 2, "etag": "P2"}],
                "partsToExclude": [],
            },
            sent={"if-none-match": "*"},
        ),
        _head(large, **{"content-md5": None, "opc-multipart-md5": f"{_md5(digests)}-2"}),
        # What a killed run has left, a stranger's, one that holds nothing yet, and one of another object.
        Call("GET", _UPLOADS, [{"object": "alpine.qcow2", "uploadId": "killed"}], headers={"opc-next-page": "2"}),
        Call("GET", _UPLOADS, [*others, {"object": "other", "uploadId": "U2"}], query={"page": "2"}),
        Call("GET", part, [{"partNumber": 2, "md5": _md5(data[10 * MIB :])}], query={"uploadId": "killed"}),
        Call("DELETE", part, query={"uploadId": "killed"}, status=204),
        Call("GET", part, [{"partNumber": 1, "md5": "other"}], query={"uploadId": "stranger"}),
        Call("GET", part, [], query={"uploadId": "empty"}),
    )
    result = _manage(oracle, warnings, src=str(large), part_size=10)
    assert result["changed"] is True
    assert result["aborted_uploads"] == 1
    assert result["size"] == 10 * MIB + 5


def test_failed_part_leaves_no_upload(oracle: ScriptedOracle, warnings: list[str], tmp_path: Path) -> None:
    large = _qcow2(tmp_path / "large.qcow2", size=10 * MIB + 5)
    part = f"{_UPLOADS}/alpine.qcow2"
    oracle.expect(
        _bucket(),
        _NO_OBJECT,
        _NO_UPLOADS,
        Call("POST", _UPLOADS, {"uploadId": "U1"}),
        error("PUT", part, 400, "UnmatchedContentMD5"),
        error("PUT", part, 400, "UnmatchedContentMD5"),
        Call("DELETE", part, query={"uploadId": "U1"}, status=204),
    )
    with pytest.raises(ProviderError, match=r"Could not upload alpine.qcow2 in bucket images: Because") as caught:
        _manage(oracle, warnings, src=str(large), part_size=10)
    assert caught.value.operation == "UploadPart"


def test_same_content_is_not_uploaded_again(oracle: ScriptedOracle, warnings: list[str], qcow2: Path) -> None:
    oracle.expect(_bucket(), _head(qcow2))
    result = _manage(oracle, warnings, src=str(qcow2))
    assert result["changed"] is False
    assert result["etag"] == "E1"
    assert result["diff"] == {"before": {}, "after": {}}


@pytest.mark.parametrize("stored", ["0" * 64, None])
def test_other_content_is_a_conflict(
    oracle: ScriptedOracle, warnings: list[str], qcow2: Path, stored: str | None
) -> None:
    oracle.expect(_bucket(), _head(qcow2, **{"opc-meta-source-sha256": stored}))
    with pytest.raises(ConflictError, match=r"holds other content .* choose another name, or delete it first"):
        _manage(oracle, warnings, src=str(qcow2))


def test_damaged_content_of_ours_is_replaced(oracle: ScriptedOracle, warnings: list[str], qcow2: Path) -> None:
    oracle.expect(
        _bucket(),
        _head(qcow2, **{"content-length": "999"}),
        Call("PUT", _OBJECT, sent={"if-match": "E1"}, headers={"etag": "E2"}),
        _head(qcow2, etag="E2"),
    )
    result = _manage(oracle, warnings, src=str(qcow2))
    assert result["changed"] is True
    assert result["diff"]["before"] == {"size": 999}
    assert result["diff"]["after"] == {"size": 1000}


def test_lost_answer_to_a_put_is_recognised(oracle: ScriptedOracle, warnings: list[str], qcow2: Path) -> None:
    oracle.expect(_bucket(), _NO_OBJECT, error("PUT", _OBJECT, 412, "IfNoneMatchFailed"), _head(qcow2))
    assert _manage(oracle, warnings, src=str(qcow2))["changed"] is True


def test_another_process_with_other_content_is_not(oracle: ScriptedOracle, warnings: list[str], qcow2: Path) -> None:
    other = _head(qcow2, **{"opc-meta-source-sha256": "0" * 64})
    oracle.expect(_bucket(), _NO_OBJECT, error("PUT", _OBJECT, 412, "IfNoneMatchFailed"), other)
    with pytest.raises(ProviderError, match="IfNoneMatchFailed"):
        _manage(oracle, warnings, src=str(qcow2))


def test_what_arrived_is_checked(oracle: ScriptedOracle, warnings: list[str], qcow2: Path) -> None:
    oracle.expect(_bucket(), _NO_OBJECT, Call("PUT", _OBJECT), _head(qcow2, **{"content-md5": _md5(b"other")}))
    with pytest.raises(ProviderError, match=r"What Object Storage now holds as alpine.qcow2 in bucket images is not"):
        _manage(oracle, warnings, src=str(qcow2))


def test_no_answer_is_told(oracle: ScriptedOracle, warnings: list[str], qcow2: Path) -> None:
    oracle.expect(Call("GET", _BUCKET, raises=requests.exceptions.ConnectionError("Connection refused")))
    with pytest.raises(ProviderError, match="no answer from Oracle Cloud: Connection refused") as caught:
        _manage(oracle, warnings, src=str(qcow2))
    assert caught.value.operation == "GetBucket"


# Buckets


def test_bucket_is_created_closed(oracle: ScriptedOracle, warnings: list[str], qcow2: Path) -> None:
    oracle.expect(
        Call("GET", "/n", "axnamespace", query={"compartmentId": COMPARTMENT}),
        error("GET", _BUCKET, 404, "BucketNotFound"),
        Call(
            "POST",
            "/n/axnamespace/b",
            {"name": "images"},
            body={"name": "images", "compartmentId": COMPARTMENT, "publicAccessType": "NoPublicAccess"},
        ),
        Call("PUT", _OBJECT),
        _head(qcow2),
    )
    result = _manage(oracle, warnings, src=str(qcow2), namespace=None, create_bucket=True, compartment_id=COMPARTMENT)
    assert result["bucket_created"] is True


def test_bucket_that_appears_meanwhile_is_used(oracle: ScriptedOracle, warnings: list[str], qcow2: Path) -> None:
    oracle.expect(
        error("GET", _BUCKET, 404, "BucketNotFound"),
        error("POST", "/n/axnamespace/b", 409, "BucketAlreadyExists"),
        _bucket(),
        Call("PUT", _OBJECT),
        _head(qcow2),
    )
    result = _manage(oracle, warnings, src=str(qcow2), create_bucket=True, compartment_id=COMPARTMENT)
    assert result["changed"] is True


def test_bucket_name_taken_in_another_tenancy_is_an_error(
    oracle: ScriptedOracle, warnings: list[str], qcow2: Path
) -> None:
    oracle.expect(
        error("GET", _BUCKET, 404, "BucketNotFound"),
        error("POST", "/n/axnamespace/b", 409, "BucketAlreadyExists"),
        error("GET", _BUCKET, 404, "BucketNotFound"),
    )
    with pytest.raises(ProviderError, match="BucketAlreadyExists"):
        _manage(oracle, warnings, src=str(qcow2), create_bucket=True, compartment_id=COMPARTMENT)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "bucket images does not exist: create it, or set create_bucket"),
        ({"create_bucket": True}, "compartment_id says where to create it"),
    ],
)
def test_missing_bucket_is_refused(
    oracle: ScriptedOracle, warnings: list[str], qcow2: Path, options: dict[str, Any], message: str
) -> None:
    oracle.expect(error("GET", _BUCKET, 404, "BucketNotFound"))
    with pytest.raises(InputError, match=message):
        _manage(oracle, warnings, src=str(qcow2), **options)


def test_unreadable_bucket_is_no_missing_one(oracle: ScriptedOracle, warnings: list[str], qcow2: Path) -> None:
    oracle.expect(error("GET", _BUCKET, 403, "NotAllowed"))
    with pytest.raises(ProviderError, match="NotAllowed"):
        _manage(oracle, warnings, src=str(qcow2), create_bucket=True, compartment_id=COMPARTMENT)


def test_public_bucket_is_warned_of(oracle: ScriptedOracle, warnings: list[str], qcow2: Path) -> None:
    oracle.expect(_bucket("ObjectRead"), _head(qcow2))
    _manage(oracle, warnings, src=str(qcow2))
    assert warnings == ["Bucket images is open to the public (ObjectRead)"]


# Check mode: the script has no writing call


def test_check_mode_tells_what_would_be_uploaded(oracle: ScriptedOracle, warnings: list[str], qcow2: Path) -> None:
    oracle.expect(_bucket(), _NO_OBJECT)
    result = _manage(oracle, warnings, check_mode=True, src=str(qcow2))
    assert result["changed"] is True
    assert result["etag"] is None
    assert result["size"] == 1000
    assert result["diff"]["after"]["source_sha256"] == _sha256(qcow2)


def test_check_mode_on_an_empty_cloud(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(error("GET", _BUCKET, 404, "BucketNotFound"))
    result = _manage(oracle, warnings, check_mode=True, src="/nonexistent/x.qcow2", source_sha256="AB" * 32)
    assert result["changed"] is True
    assert result["bucket_created"] is True
    assert result["size"] is None
    assert result["source_sha256"] == "ab" * 32
    assert len(warnings) == 2


def test_check_mode_with_the_object_there_but_not_the_file(
    oracle: ScriptedOracle, warnings: list[str], qcow2: Path
) -> None:
    oracle.expect(_bucket(), _head(qcow2))
    result = _manage(oracle, warnings, check_mode=True, src="/nonexistent/x.qcow2", source_sha256=_sha256(qcow2))
    assert result["changed"] is False


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"part_size": 9}, "part_size is 9 MiB, but Object Storage wants 10 at least"),
        ({"parallel_uploads": 0}, "parallel_uploads must be 1 at least"),
        ({"source_sha256": "12"}, "source_sha256 must be a SHA-256"),
        ({"src": "/nonexistent/x.qcow2"}, "src /nonexistent/x.qcow2: no such file"),
        ({"src": None}, "src is needed"),
    ],
)
def test_bad_options_are_refused_before_any_request(
    oracle: ScriptedOracle, warnings: list[str], qcow2: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        _manage(oracle, warnings, **{"src": str(qcow2), **options})


# Deleting


@pytest.mark.parametrize("version", [None, "V1"])
def test_the_version_that_was_seen_is_deleted(
    oracle: ScriptedOracle, warnings: list[str], qcow2: Path, version: str | None
) -> None:
    query = {"versionId": version} if version else {}
    oracle.expect(_head(qcow2, **{"version-id": version}), Call("DELETE", _OBJECT, status=204, query=query))
    result = _manage(oracle, warnings, state="absent")
    assert (result["changed"], result["remains"]) == (True, [])
    assert result["diff"]["before"]["size"] == 1000
    assert result["diff"]["after"] == {}


def test_deleting_in_check_mode_writes_nothing(oracle: ScriptedOracle, warnings: list[str], qcow2: Path) -> None:
    oracle.expect(_head(qcow2))
    assert _manage(oracle, warnings, check_mode=True, state="absent")["changed"] is True


@pytest.mark.parametrize("now", [{}, {"etag": "E2"}])
def test_an_object_that_goes_meanwhile_is_gone(
    oracle: ScriptedOracle, warnings: list[str], qcow2: Path, now: dict[str, str]
) -> None:
    oracle.expect(_head(qcow2), error("DELETE", _OBJECT, 404, "ObjectNotFound"))
    oracle.expect(_head(qcow2, **now) if now else _NO_OBJECT)
    assert _manage(oracle, warnings, state="absent")["changed"] is True


@pytest.mark.parametrize(("status", "code"), [(404, "ObjectNotFound"), (403, "NotAllowed"), (409, "RetentionRule")])
def test_what_cannot_be_removed_is_told_with_the_remedy_where_that_will_do(
    oracle: ScriptedOracle, warnings: list[str], qcow2: Path, status: int, code: str
) -> None:
    refused = [_head(qcow2), error("DELETE", _OBJECT, status, code), *([_head(qcow2)] if status == 404 else [])]
    oracle.expect(*refused)
    with pytest.raises(ProviderError, match=code):
        _manage(oracle, warnings, state="absent")
    assert warnings == []
    oracle.expect(*refused)
    result = _manage(oracle, warnings, state="absent", best_effort=True)
    assert (result["changed"], result["remains"]) == (False, ["alpine.qcow2 in bucket images"])
    assert f"({status} {code})" in warnings[0]
    assert "alpine_oci_keep_staged" in warnings[0]


@pytest.mark.parametrize("check_mode", [True, False])
def test_object_with_other_content_is_left_alone(
    oracle: ScriptedOracle, warnings: list[str], qcow2: Path, *, check_mode: bool
) -> None:
    oracle.expect(_head(qcow2))
    with pytest.raises(ConflictError, match=f"carries source-sha256 {_sha256(qcow2)}, not {'0' * 64}"):
        _manage(oracle, warnings, state="absent", source_sha256="0" * 64, check_mode=check_mode)


def test_absent_in_a_missing_bucket_is_absent(oracle: ScriptedOracle, warnings: list[str]) -> None:
    oracle.expect(_NAMESPACE, _NO_OBJECT)
    assert _manage(oracle, warnings, state="absent", namespace=None)["changed"] is False
