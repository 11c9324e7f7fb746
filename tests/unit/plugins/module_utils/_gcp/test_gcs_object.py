# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import gzip
import io
import json
import tarfile
import types
from pathlib import Path
from typing import Any

import pytest
from google.api_core import exceptions as api
from google.cloud.storage.exceptions import DataCorruption

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import ConflictError, InputError, ProviderError
from ansible_collections.alpine.cloud.plugins.module_utils._gcp.gcs_object import (
    GcsObjectRequest,
    _ReportingReader,
    ensure_absent,
    ensure_present,
)

_SHA256 = "ab" * 32
_NAME = "alpine 1.tar.gz"
_URI = f"gs://images/{_NAME}"


def _raise(error: Exception | None) -> None:
    if error is not None:
        raise error


class FakeBlob:
    """An object, or one to be."""

    def __init__(self, bucket: FakeBucket, name: str, generation: int | None = None) -> None:
        self._client = bucket.client
        self.bucket = bucket
        self.name = name
        self.metadata: dict[str, Any] | None = None
        self.size: int | None = None
        self.crc32c: str | None = None
        self.generation = generation

    @property
    def uri(self) -> str:
        return f"gs://{self.bucket.name}/{self.name}"

    def upload_from_file(self, file: Any, **options: Any) -> None:
        self._client.calls.append(("upload", options))
        _raise(self._client.upload_error)
        self._client.uploaded = file.read()
        self.size, self.crc32c, self.generation = len(self._client.uploaded), "AAAAAA==", 17
        self._client.objects[self.uri] = self

    def delete(self, **options: Any) -> None:
        self._client.calls.append(("delete", {"generation": self.generation, **options}))
        _raise(self._client.delete_error)
        del self._client.objects[self.uri]


class FakeBucket:
    """A bucket, whether it exists or not."""

    class Access:
        uniform_bucket_level_access_enabled = False
        public_access_prevention = "inherited"

    def __init__(self, client: FakeClient, name: str) -> None:
        self.client = client
        self.name = name
        self.iam_configuration = self.Access()
        self.patched: dict[str, Any] = {}

    def _patch_property(self, name: str, value: Any) -> None:
        self.patched[name] = value

    def blob(self, name: str, chunk_size: int | None = None, generation: int | None = None) -> FakeBlob:
        self.client.chunk_size = chunk_size
        return FakeBlob(self, name, generation)

    def get_blob(self, name: str, timeout: float, retry: Any) -> FakeBlob | None:
        assert (timeout, retry.timeout) == (60.0, 30.0)
        return self.client.objects.get(f"gs://{self.name}/{name}")


class FakeClient:
    """As much of google.cloud.storage.Client as is used."""

    def __init__(self) -> None:
        self.buckets: set[str] = set()
        self.objects: dict[str, FakeBlob] = {}
        self.created: list[tuple[FakeBucket, str | None]] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.uploaded: bytes | None = None
        self.chunk_size: int | None = None
        self.upload_error: Exception | None = None
        self.delete_error: Exception | None = None
        self.create_error: Exception | None = None

    @property
    def clients(self) -> Any:
        """What GcpClients would be."""
        return types.SimpleNamespace(project="my-project", storage=self)

    def bucket(self, name: str) -> FakeBucket:
        return FakeBucket(self, name)

    def lookup_bucket(self, name: str, timeout: float, retry: Any) -> FakeBucket | None:
        assert (timeout, retry.timeout) == (60.0, 30.0)
        return FakeBucket(self, name) if name in self.buckets else None

    def create_bucket(self, bucket: FakeBucket, location: str | None, timeout: float, retry: Any) -> None:
        assert (timeout, retry.timeout) == (60.0, 30.0)
        _raise(self.create_error)
        self.created.append((bucket, location))
        self.buckets.add(bucket.name)

    def put(self, name: str, sha256: str | None) -> FakeBlob:
        blob = FakeBlob(self.bucket("images"), name)
        blob.metadata = {"source-sha256": sha256, "other": "x"} if sha256 else None
        blob.size, blob.crc32c, blob.generation = 5, "BBBBBB==", 7
        self.objects[blob.uri] = blob
        return blob


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """The beginning of a valid archive; more of it is not looked at."""
    member = tarfile.TarInfo("disk.raw")
    member.size = 1 << 30
    path = tmp_path / "disk.tar.gz"
    path.write_bytes(gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + bytes(1024)))
    return path


def _request(**options: Any) -> GcsObjectRequest:
    return GcsObjectRequest(**{"bucket": "images", "name": _NAME, "source_sha256": _SHA256, **options})


def _no_warning(text: str) -> None:
    raise AssertionError(text)


# Options


def _params(**options: Any) -> dict[str, Any]:
    return {
        "bucket": "images",
        "name": _NAME,
        "source_sha256": _SHA256.upper(),
        "src": "/disk.tar.gz",
        "create_bucket": False,
        "location": None,
        "best_effort": False,
        **options,
    }


def test_options_are_normalised() -> None:
    assert GcsObjectRequest.from_params(_params()) == _request(src="/disk.tar.gz")


def test_an_object_can_be_named_without_its_content() -> None:
    assert GcsObjectRequest.from_params(_params(source_sha256=None)).source_sha256 is None


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("bucket", "Images"),
        ("bucket", "a"),
        ("bucket", "-images"),
        ("bucket", "b" * 64),
        *(("bucket", name) for name in ("ab", "a/b", "goog-x", "my-google", "a..b", ".a", "a.b.", "192.0.2.1")),
        ("bucket", ".".join(["b" * 60] * 4)),
        ("name", "disk.raw"),
        ("name", "é" * 509 + ".tar.gz"),
        ("source_sha256", "ab"),
    ],
)
def test_illegal_options_are_named(option: str, value: str) -> None:
    with pytest.raises(InputError, match=f"^{option} must"):
        GcsObjectRequest.from_params(_params(**{option: value}))


@pytest.mark.parametrize("bucket", ["my-project.appspot.com", "a_b", "images.example.com", "b" * 63, "192.0.2.1.x"])
def test_legal_buckets(bucket: str) -> None:
    assert GcsObjectRequest.from_params(_params(bucket=bucket)).bucket == bucket


# Upload


def test_a_file_is_uploaded_if_nothing_is_there(client: FakeClient, archive: Path) -> None:
    result = ensure_present(client.clients, _request(src=str(archive)), check_mode=False, warn=_no_warning)
    assert client.objects[_URI].metadata == {"source-sha256": _SHA256}
    upload = dict(client.calls)["upload"]
    assert (upload["if_generation_match"], upload["checksum"], upload["size"]) == (0, "crc32c", archive.stat().st_size)
    assert upload["timeout"] == (10.0, 120.0)
    assert upload["retry"].timeout == 300.0
    assert upload["content_type"] == "application/gzip"
    assert client.uploaded == archive.read_bytes()
    # https://cloud.google.com/storage/docs/performing-resumable-uploads#chunked-upload
    assert client.chunk_size is not None
    assert client.chunk_size % (256 * 1024) == 0
    assert result == {
        "changed": True,
        "bucket": "images",
        "bucket_created": False,
        "name": _NAME,
        "uri": _URI,
        "url": "https://storage.googleapis.com/images/alpine%201.tar.gz",
        "size": archive.stat().st_size,
        "crc32c": "AAAAAA==",
        "generation": "17",
        "source_sha256": _SHA256,
        "diff": {
            "before": {},
            "after": {
                "object": _URI,
                "size": archive.stat().st_size,
                "source_sha256": _SHA256,
                "bucket_created": False,
            },
        },
    }


def test_the_same_content_is_not_uploaded_again(client: FakeClient) -> None:
    client.put(_NAME, _SHA256)
    result = ensure_present(client.clients, _request(src="/nonexistent"), check_mode=False, warn=_no_warning)
    assert client.calls == []
    assert not result["changed"]
    assert not result["bucket_created"]
    assert "diff" not in result
    assert (result["generation"], result["size"], result["crc32c"]) == ("7", 5, "BBBBBB==")


@pytest.mark.parametrize(
    ("held", "words"),
    [("cd" * 32, f"holds the image with SHA-256 {'cd' * 32}"), (None, "something that this collection has not put")],
)
def test_other_content_is_left_alone(client: FakeClient, held: str | None, words: str) -> None:
    client.put(_NAME, held)
    with pytest.raises(ConflictError, match=words):
        ensure_present(client.clients, _request(), check_mode=False, warn=_no_warning)
    with pytest.raises(ConflictError, match=f"not {_SHA256}, and is not removed"):
        ensure_absent(client.clients, _request(), check_mode=False, warn=_no_warning)
    assert client.calls == []


def test_a_bucket_is_created_private(client: FakeClient, archive: Path) -> None:
    request = _request(src=str(archive), create_bucket=True, location="EUROPE-WEST1")
    result = ensure_present(client.clients, request, check_mode=False, warn=_no_warning)
    [(bucket, location)] = client.created
    assert bucket.name == "images"
    assert location == "EUROPE-WEST1"
    assert bucket.iam_configuration.uniform_bucket_level_access_enabled is True
    assert bucket.iam_configuration.public_access_prevention == "enforced"
    assert bucket.patched == {"softDeletePolicy": {"retentionDurationSeconds": "0"}}
    assert result["bucket_created"]
    assert result["diff"]["after"]["bucket_created"] is True


def test_an_existing_bucket_is_not_created(client: FakeClient, archive: Path) -> None:
    client.buckets.add("images")
    result = ensure_present(
        client.clients, _request(src=str(archive), create_bucket=True), check_mode=False, warn=_no_warning
    )
    assert client.created == []
    assert not result["bucket_created"]


def test_a_bucket_that_another_run_creates_meanwhile_is_used(
    client: FakeClient, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create_bucket(*_arguments: Any, **_options: Any) -> None:
        client.buckets.add("images")
        raise api.Conflict("you already own it")

    monkeypatch.setattr(client, "create_bucket", create_bucket)
    result = ensure_present(
        client.clients, _request(src=str(archive), create_bucket=True), check_mode=False, warn=_no_warning
    )
    assert result["changed"]
    assert not result["bucket_created"]


def test_a_bucket_name_that_somebody_else_has_is_an_error(client: FakeClient, archive: Path) -> None:
    client.create_error = api.Conflict("The requested bucket name is not available.")
    with pytest.raises(ProviderError, match=r"could not create bucket images .*not available"):
        ensure_present(
            client.clients, _request(src=str(archive), create_bucket=True), check_mode=False, warn=_no_warning
        )
    assert client.calls == []


def test_a_bucket_that_may_not_be_created_is_an_error_even_if_it_is_there(
    client: FakeClient, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create_bucket(*_arguments: Any, **_options: Any) -> None:
        client.buckets.add("images")
        raise api.Forbidden("storage.buckets.create is needed")

    monkeypatch.setattr(client, "create_bucket", create_bucket)
    request = _request(src=str(archive), create_bucket=True, location="EUROPE-WEST1")
    with pytest.raises(ProviderError, match=r"create bucket images in location EUROPE-WEST1 \(create_bucket\): stor"):
        ensure_present(client.clients, request, check_mode=False, warn=_no_warning)


def test_an_upload_that_is_refused_is_an_error_even_if_another_run_made_it(
    client: FakeClient, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def upload(*_arguments: Any, **_options: Any) -> None:
        client.put(_NAME, _SHA256)
        raise api.Forbidden("storage.objects.create is needed")

    monkeypatch.setattr(FakeBlob, "upload_from_file", upload)
    with pytest.raises(ProviderError, match=r"storage\.objects\.create is needed"):
        ensure_present(client.clients, _request(src=str(archive)), check_mode=False, warn=_no_warning)


def test_how_far_an_upload_is_can_be_followed(
    client: FakeClient, archive: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    followed, size = tmp_path / "progress", archive.stat().st_size
    monkeypatch.setenv("ALPINE_CLOUD_PROGRESS_FILE", str(followed))
    ensure_present(client.clients, _request(src=str(archive)), check_mode=False, warn=_no_warning)
    lines = [json.loads(line) for line in followed.read_text().splitlines()]
    assert lines[-1] == {"step": "upload", "done": size, "total": size, "unit": "bytes"}


def test_a_missing_bucket_names_the_ways_out(client: FakeClient, archive: Path) -> None:
    client.upload_error = api.NotFound("The specified bucket does not exist.")
    with pytest.raises(InputError, match="bucket images does not exist: create it, name another, or set create_bucket"):
        ensure_present(client.clients, _request(src=str(archive)), check_mode=False, warn=_no_warning)


def test_a_lost_answer_is_no_failure(client: FakeClient, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def upload(*_arguments: Any, **_options: Any) -> None:
        client.put(_NAME, _SHA256)
        raise api.PreconditionFailed("conditionNotMet")

    monkeypatch.setattr(FakeBlob, "upload_from_file", upload)
    result = ensure_present(client.clients, _request(src=str(archive)), check_mode=False, warn=_no_warning)
    assert result["generation"] == "7"


def test_another_run_with_other_content_is_a_conflict(
    client: FakeClient, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def upload(*_arguments: Any, **_options: Any) -> None:
        client.put(_NAME, "cd" * 32)
        raise api.PreconditionFailed("conditionNotMet")

    monkeypatch.setattr(FakeBlob, "upload_from_file", upload)
    with pytest.raises(ConflictError):
        ensure_present(client.clients, _request(src=str(archive)), check_mode=False, warn=_no_warning)


def test_a_precondition_that_fails_without_an_object_is_an_error(client: FakeClient, archive: Path) -> None:
    client.upload_error = api.PreconditionFailed("conditionNotMet")
    with pytest.raises(ProviderError, match="conditionNotMet"):
        ensure_present(client.clients, _request(src=str(archive)), check_mode=False, warn=_no_warning)


def test_a_damaged_upload_says_to_run_again(client: FakeClient, archive: Path) -> None:
    client.upload_error = DataCorruption(None, "crc32c differs")
    with pytest.raises(ProviderError, match="did not arrive as it was sent") as failure:
        ensure_present(client.clients, _request(src=str(archive)), check_mode=False, warn=_no_warning)
    assert failure.value.code == "DataCorruption"


def test_progress_follows_the_reading(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Recorder:
        def __init__(self) -> None:
            self.seen: list[int] = []

        def update(self, done: int) -> None:
            self.seen.append(done)

    progress: Any = Recorder()
    with _ReportingReader(str(archive), progress) as file:
        assert isinstance(file, io.BufferedReader)
        file.read(10)
        file.seek(0)
        file.read()
    assert progress.seen == [10, archive.stat().st_size]


# Bad input


def test_a_missing_file_is_an_error(client: FakeClient) -> None:
    with pytest.raises(InputError, match=r"^src /nonexistent: no such file"):
        ensure_present(client.clients, _request(src="/nonexistent"), check_mode=False, warn=_no_warning)


def test_a_file_is_needed_to_upload(client: FakeClient) -> None:
    with pytest.raises(InputError, match=r"^src is needed: gs://images/"):
        ensure_present(client.clients, _request(), check_mode=False, warn=_no_warning)


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_wrong_file_is_refused_before_the_bucket_is_created(
    client: FakeClient, tmp_path: Path, check_mode: bool
) -> None:
    wrong = tmp_path / "disk.qcow2"
    wrong.write_bytes(b"QFI\xfb" + bytes(1000))
    with pytest.raises(InputError, match="not compressed by gzip"):
        ensure_present(
            client.clients, _request(src=str(wrong), create_bucket=True), check_mode=check_mode, warn=_no_warning
        )
    assert client.created == []


# Check mode


def test_check_mode_tells_and_writes_nothing(client: FakeClient, archive: Path) -> None:
    result = ensure_present(
        client.clients, _request(src=str(archive), create_bucket=True), check_mode=True, warn=_no_warning
    )
    assert client.calls == []
    assert client.created == []
    assert result["changed"]
    assert result["bucket_created"]
    assert result["diff"]["after"]["size"] == archive.stat().st_size
    assert (result["generation"], result["crc32c"]) == (None, None)
    assert result["size"] == archive.stat().st_size


def test_check_mode_warns_of_a_file_that_is_yet_to_be_made(client: FakeClient) -> None:
    warnings: list[str] = []
    result = ensure_present(client.clients, _request(src="/nonexistent"), check_mode=True, warn=warnings.append)
    assert warnings == ["src /nonexistent does not exist yet; it would be uploaded"]
    assert result["changed"]
    assert result["size"] is None


def test_check_mode_needs_no_file(client: FakeClient) -> None:
    assert ensure_present(client.clients, _request(), check_mode=True, warn=_no_warning)["changed"]


# Deletion


@pytest.mark.parametrize("sha256", [_SHA256, None])
def test_the_object_that_was_seen_is_deleted(client: FakeClient, sha256: str | None) -> None:
    client.put(_NAME, _SHA256)
    result = ensure_absent(client.clients, _request(source_sha256=sha256), check_mode=False, warn=_no_warning)
    assert client.objects == {}
    deletion = dict(client.calls)["delete"]
    assert (deletion["generation"], deletion["timeout"], deletion["retry"].timeout) == (7, 60.0, 30.0)
    assert (result["size"], result["generation"], result["uri"]) == (None, None, _URI)
    assert result["changed"]
    assert result["diff"] == {
        "before": {"object": _URI, "size": 5, "source_sha256": _SHA256},
        "after": {},
    }


def test_check_mode_deletes_nothing(client: FakeClient) -> None:
    client.put(_NAME, _SHA256)
    assert ensure_absent(client.clients, _request(), check_mode=True, warn=_no_warning)["changed"]
    assert client.calls == []
    assert _URI in client.objects


@pytest.mark.parametrize("check_mode", [True, False])
def test_there_may_be_nothing_to_delete(client: FakeClient, check_mode: bool) -> None:
    assert not ensure_absent(client.clients, _request(), check_mode=check_mode, warn=_no_warning)["changed"]
    assert client.calls == []


def test_a_deletion_whose_answer_got_lost_is_done(client: FakeClient) -> None:
    client.put(_NAME, _SHA256)
    client.delete_error = api.NotFound("No such object")
    assert ensure_absent(client.clients, _request(), check_mode=False, warn=_no_warning)["changed"]


def test_a_refused_deletion_is_an_error(client: FakeClient) -> None:
    client.put(_NAME, _SHA256)
    client.delete_error = api.Forbidden("no permission")
    with pytest.raises(ProviderError, match=r"could not delete gs://images/.*: no permission"):
        ensure_absent(client.clients, _request(), check_mode=False, warn=_no_warning)


@pytest.mark.parametrize("reason", [api.Forbidden("retention"), api.Conflict("hold"), api.ServiceUnavailable("down")])
def test_what_cannot_be_removed_is_told_with_the_remedy_where_that_will_do(
    client: FakeClient, reason: Exception
) -> None:
    client.put(_NAME, _SHA256)
    client.delete_error = reason
    warnings: list[str] = []
    request = _request(best_effort=True)
    result = ensure_absent(client.clients, request, check_mode=False, warn=warnings.append)
    assert (result["changed"], result["remains"]) == (False, [_URI])
    assert f"{_URI} remains: Google Cloud could not delete {_URI}" in warnings[0]
    assert str(reason).partition(" ")[2] in warnings[0]
    assert "alpine_gcp_keep_staged" in warnings[0]
