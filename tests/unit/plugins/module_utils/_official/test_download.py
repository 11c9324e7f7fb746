# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import errno
import hashlib
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import AlpineCloudError, InputError
from ansible_collections.alpine.cloud.plugins.module_utils._official import transfer
from ansible_collections.alpine.cloud.plugins.module_utils._official.checksum import ChecksumError
from ansible_collections.alpine.cloud.plugins.module_utils._official.download import (
    DownloadError,
    ImageDownload,
    LocalImage,
    Verification,
)
from ansible_collections.alpine.cloud.plugins.module_utils._official.http import HttpClient
from ansible_collections.alpine.cloud.plugins.module_utils._official.signature_check import SignatureMode
from ansible_collections.alpine.cloud.plugins.module_utils._official.signature_errors import (
    SignatureRejectedError,
    SignatureUnavailableError,
)
from tests.support.mirror import File, Mirror
from tests.support.openpgp import Signer

MIB = 1 << 20
NAME = "alpine-3.24.2-x86_64-tiny-r0.qcow2"
CONTENT = random.Random(3).randbytes(3 * MIB // 2)
SHA512 = hashlib.sha512(CONTENT).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FORGED = CONTENT[::-1]
DAY = 86400


@pytest.fixture(scope="module")
def signer() -> Iterator[Signer]:
    with Signer("signer") as made:
        yield made


@pytest.fixture(scope="module")
def other() -> Iterator[Signer]:
    with Signer("other") as made:
        yield made


@pytest.fixture(scope="module")
def expired() -> Iterator[Signer]:
    with Signer("expired", age=3 * DAY, expires="1d") as made:
        yield made


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("time.sleep", lambda seconds: None)


def published(signer: Signer, content: bytes = CONTENT) -> dict[str, File]:
    """An image as Alpine publishes it, on two mirrors, and the key."""
    files = {
        NAME: content,
        f"{NAME}.sha512": hashlib.sha512(content).hexdigest().encode(),
        f"{NAME}.asc": signer.sign(content),
    }
    return {
        **{f"/{mirror}/{name}": File(content) for mirror in ("a", "b") for name, content in files.items()},
        "/key.asc": File(signer.public_key),
    }


@pytest.fixture
def mirror(signer: Signer) -> Iterator[Mirror]:
    with Mirror(published(signer)) as started:
        yield started


@dataclasses.dataclass
class World:
    """What a user does, and what is there afterwards."""

    mirror: Mirror
    work: Path
    fingerprint: str
    warnings: list[str] = dataclasses.field(default_factory=list)

    @property
    def image(self) -> Path:
        return self.work / "downloads" / SHA512 / NAME

    def urls(self, mirrors: str = "a") -> list[str]:
        return [self.mirror.url(f"/{mirror}/{NAME}") for mirror in mirrors]

    def verification(self, **options: Any) -> Verification:
        return Verification(
            **{
                "work_dir": self.work,
                "http": HttpClient(timeout=5),
                "fingerprint": self.fingerprint,
                "key_url": self.mirror.url("/key.asc"),
                **options,
            }
        )

    def download(self, mirrors: str = "a", *, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        download = ImageDownload(self.urls(mirrors), self.verification(**options), wait_timeout=30)
        return download.run(check_mode=check_mode, warn=self.warnings.append)

    def failure(self, error: type[AlpineCloudError], mirrors: str = "a", **options: Any) -> str:
        with pytest.raises(error) as caught:
            self.download(mirrors, **options)
        assert caught.type is error
        return caught.value.message

    def verify(self, src: Path, *, check_mode: bool = False, **options: Any) -> dict[str, Any]:
        local = LocalImage(str(src), self.verification(**options))
        return local.run(check_mode=check_mode, warn=self.warnings.append)

    def requests(self) -> list[str]:
        """For the image itself."""
        return [exchange.path for exchange in self.mirror.exchanges if exchange.path.endswith(NAME)]

    def left(self) -> set[str]:
        """The files in the image's folder."""
        return {path.name for path in self.image.parent.iterdir()} if self.image.parent.exists() else set()


@pytest.fixture
def world(mirror: Mirror, tmp_path: Path, signer: Signer) -> World:
    return World(mirror, tmp_path / "work", signer.fingerprint)


class TestMetadata:
    def test_comes_with_the_image(self, world: World) -> None:
        name = NAME.rpartition(".")[0] + ".yaml"
        world.mirror.files[f"/b/{name}"] = File(b"end_of_life: 2028-05-01")
        result = world.download("ab")
        assert Path(result["metadata"]) == world.image.with_name(name)
        assert Path(result["metadata"]).read_text() == "end_of_life: 2028-05-01"
        world.mirror.exchanges.clear()
        assert world.download("ab")["metadata"] == result["metadata"]
        assert not any(exchange.path.endswith(".yaml") for exchange in world.mirror.exchanges)

    @pytest.mark.parametrize("content", [None, b"<html>: [", b"a list"])
    def test_nothing_depends_on_it(self, world: World, content: bytes | None) -> None:
        if content is not None:
            world.mirror.files["/a/" + NAME.rpartition(".")[0] + ".yaml"] = File(content)
        assert world.download()["metadata"] is None
        assert world.warnings == []


class TestDownload:
    def test_result(self, world: World) -> None:
        result = world.download()
        assert world.image.read_bytes() == CONTENT
        assert result == {
            "path": str(world.image),
            "size": len(CONTENT),
            "sha512": SHA512,
            "sha256": SHA256,
            "verified": {"checksum": True, "signature": True, "fingerprint": world.fingerprint},
            "metadata": None,
            "url": world.urls()[0],
            "resumed": False,
            "downloaded_bytes": len(CONTENT),
            "changed": True,
            "diff": {"before": {}, "after": {"path": str(world.image), "sha512": SHA512}},
        }
        assert world.left() == {NAME, f"{NAME}.json", f"{NAME}.lock"}
        assert world.warnings == []

    def test_the_second_run_downloads_nothing(self, world: World) -> None:
        first = world.download()
        world.mirror.exchanges.clear()
        second = world.download()
        assert [exchange.path for exchange in world.mirror.exchanges] == [f"/a/{NAME}.sha512"]
        assert second == first | {
            "changed": False, "url": None, "downloaded_bytes": 0, "diff": {"before": {}, "after": {}},
        }  # fmt: skip

    def test_with_a_known_digest_the_second_run_needs_no_mirror(self, world: World) -> None:
        world.download(sha512=SHA512.upper(), mode="require")
        world.mirror.exchanges.clear()
        assert not world.download(sha512=SHA512, mode="require")["changed"]
        assert world.mirror.exchanges == []

    def test_check_mode_reads_only_what_is_small(self, world: World) -> None:
        result = world.download(check_mode=True)
        assert (result["changed"], result["path"], result["sha512"]) == (True, str(world.image), SHA512)
        assert (result["size"], result["sha256"], result["downloaded_bytes"]) == (None, None, 0)
        assert result["verified"] == {"checksum": False, "signature": False, "fingerprint": None}
        assert result["diff"] == {"before": {}, "after": {"path": str(world.image), "sha512": SHA512}}
        assert world.requests() == []
        assert not world.work.exists()
        world.download()
        assert not world.download(check_mode=True)["changed"]

    def test_check_mode_foresees_what_is_missing(self, world: World) -> None:
        del world.mirror.files[f"/a/{NAME}.asc"]
        assert "there is no signature" in world.failure(SignatureUnavailableError, check_mode=True)

    def test_an_interrupted_one_continues(self, world: World) -> None:
        image = world.mirror.files[f"/a/{NAME}"]
        image.break_after, image.statuses = [MIB], [None, 403]
        message = world.failure(DownloadError)
        assert "403" in message
        assert "What has arrived is kept, and the next run continues there." in message
        assert not world.image.exists()
        result = world.download()
        assert (result["resumed"], result["downloaded_bytes"]) == (True, len(CONTENT) - MIB)
        assert world.mirror.sent(f"/a/{NAME}") == len(CONTENT)
        assert world.image.read_bytes() == CONTENT
        assert world.left() == {NAME, f"{NAME}.json", f"{NAME}.lock"}

    def test_parts_that_do_not_belong_together_are_replaced(self, world: World) -> None:
        image = world.mirror.files[f"/a/{NAME}"]
        image.break_after, image.statuses = [MIB], [None, 403]
        world.failure(DownloadError)
        partial = world.image.with_name(f"{NAME}.partial")
        partial.write_bytes(bytes(MIB))
        result = world.download()
        assert world.image.read_bytes() == CONTENT
        assert (result["resumed"], result["downloaded_bytes"]) == (False, 2 * len(CONTENT) - MIB)
        assert world.left() == {NAME, f"{NAME}.json", f"{NAME}.lock"}

    def test_a_damaged_copy_is_replaced(self, world: World) -> None:
        world.download()
        world.image.write_bytes(FORGED)
        assert world.download(check_mode=True)["changed"]
        result = world.download()
        assert (result["changed"], world.image.read_bytes()) == (True, CONTENT)
        assert len(world.warnings) == 1
        assert "was changed after it had been downloaded" in world.warnings[0]

    def test_runs_at_once_download_once(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        # Handlers can only be set in the main thread.
        monkeypatch.setattr("signal.signal", lambda number, handler: None)
        results: list[dict[str, Any]] = []
        threads = [threading.Thread(target=lambda: results.append(world.download())) for _number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(result["changed"] for result in results) == [False, False, True]
        assert world.requests() == [f"/a/{NAME}"]
        assert {result["path"] for result in results} == {str(world.image)}

    def test_no_secret_is_told(self, world: World) -> None:
        url = f"{world.urls()[0]}?token=secret"
        result = ImageDownload([url], world.verification()).run(check_mode=False, warn=world.warnings.append)
        assert result["url"] == world.urls()[0]
        world.mirror.files.clear()
        with pytest.raises(DownloadError) as caught:
            ImageDownload([url], world.verification()).run(check_mode=False, warn=world.warnings.append)
        assert "secret" not in caught.value.message


class TestMirrors:
    def test_the_second_works(self, world: World) -> None:
        world.mirror.files[f"/a/{NAME}"].statuses = [503] * 4
        result = world.download("ab")
        assert (result["url"], result["downloaded_bytes"]) == (world.urls("b")[0], len(CONTENT))

    def test_the_second_continues_what_the_first_has_begun(self, world: World) -> None:
        image = world.mirror.files[f"/a/{NAME}"]
        image.break_after, image.statuses = [MIB], [None, 403]
        result = world.download("ab")
        assert (result["url"], result["resumed"]) == (world.urls("b")[0], True)
        assert world.mirror.sent(f"/b/{NAME}") == len(CONTENT) - MIB
        assert world.image.read_bytes() == CONTENT

    def test_the_second_works_where_the_first_has_nothing(self, world: World) -> None:
        for name in (NAME, f"{NAME}.sha512", f"{NAME}.asc"):
            del world.mirror.files[f"/a/{name}"]
        assert world.download("ab")["verified"]["signature"]

    def test_the_second_works_where_the_first_has_a_page_as_digest(self, world: World) -> None:
        world.mirror.files[f"/a/{NAME}.sha512"].content = b"<html>"
        assert world.download("ab")["sha512"] == SHA512

    def test_the_second_works_where_the_first_is_damaged(self, world: World) -> None:
        world.mirror.files[f"/a/{NAME}"].content = FORGED
        assert world.download("ab")["url"] == world.urls("b")[0]
        assert world.image.read_bytes() == CONTENT
        assert world.image.with_name(f"{NAME}.rejected").read_bytes() == FORGED

    def test_the_second_works_where_the_first_is_down(self, world: World) -> None:
        with Mirror() as down:
            url = down.url(f"/{NAME}")
        download = ImageDownload([url, *world.urls("b")], world.verification())
        assert download.run(check_mode=False, warn=world.warnings.append)["url"] == world.urls("b")[0]

    def test_the_reason_of_each_is_told(self, world: World) -> None:
        world.mirror.files[f"/a/{NAME}"].statuses = [503] * 4
        del world.mirror.files[f"/b/{NAME}"]
        message = world.failure(DownloadError, "ab")
        assert message.startswith(f"{NAME} cannot be downloaded: {world.urls('a')[0]}: ")
        assert "503" in message
        assert f"; {world.urls('b')[0]}: " in message
        assert "404" in message
        assert "https_proxy" in message

    def test_what_nobody_has_is_told(self, world: World) -> None:
        del world.mirror.files[f"/a/{NAME}"]
        message = world.failure(DownloadError)
        assert "404" in message
        assert "alpine_image_info" in message
        assert world.left() == {f"{NAME}.lock"}


class TestChecksum:
    def test_a_wrong_one_puts_the_file_aside(self, world: World) -> None:
        world.mirror.files[f"/a/{NAME}"].content = FORGED
        message = world.failure(ChecksumError)
        rejected = world.image.with_name(f"{NAME}.rejected")
        assert message.startswith(f"{NAME} is not the image that it should be: {world.urls()[0]} has the SHA-512 ")
        assert hashlib.sha512(FORGED).hexdigest() in message
        assert f"instead of {SHA512}, and was put aside as {rejected}" in message
        assert rejected.read_bytes() == FORGED
        assert world.left() == {f"{NAME}.rejected", f"{NAME}.lock"}
        # The next run begins anew, and leaves alone what was put aside.
        world.mirror.files[f"/a/{NAME}"].content = CONTENT
        assert not world.download()["resumed"]
        assert rejected.read_bytes() == FORGED

    def test_the_users_own_digest_counts(self, world: World) -> None:
        message = world.failure(ChecksumError, sha512="0" * 128)
        assert f"has the SHA-512 {SHA512}" in message
        assert "0" * 128 in message

    def test_a_file_cut_short_at_the_mirror_is_told_by_its_size(self, world: World) -> None:
        world.mirror.files[f"/a/{NAME}"].content = CONTENT[:-1]
        assert f"({len(CONTENT) - 1} bytes)" in world.failure(ChecksumError)

    def test_a_transfer_cut_short_is_told(self, world: World) -> None:
        image = world.mirror.files[f"/a/{NAME}"]
        image.announced, image.ranges = len(CONTENT) + 7, False
        assert "7 bytes early" in world.failure(DownloadError)

    def test_a_missing_one_is_told_before_anything_is_downloaded(self, world: World) -> None:
        del world.mirror.files[f"/a/{NAME}.sha512"]
        message = world.failure(DownloadError)
        assert message.startswith(f"{NAME} cannot be verified: there is no SHA-512 of it: {world.urls()[0]}.sha512: ")
        assert "option sha512_url" in message
        assert world.requests() == []
        assert not world.work.exists()

    def test_a_server_in_trouble_is_told(self, world: World) -> None:
        world.mirror.files[f"/a/{NAME}.sha512"].statuses = [500] * 4
        assert "its SHA-512 cannot be read: " in world.failure(DownloadError)

    def test_a_malformed_one_is_told(self, world: World) -> None:
        world.mirror.files[f"/a/{NAME}.sha512"].content = b"<html>Log in"
        message = world.failure(ChecksumError)
        assert "holds no SHA-512" in message
        assert "'<html>Log in'" in message
        assert world.requests() == []

    def test_may_be_elsewhere(self, world: World) -> None:
        world.mirror.files["/SHA512SUMS"] = File(f"{'0' * 128}  other\n{SHA512} *{NAME}\n".encode())
        del world.mirror.files[f"/a/{NAME}.sha512"]
        assert world.download(sha512_urls=[world.mirror.url("/SHA512SUMS")])["sha512"] == SHA512


class TestSignature:
    def test_a_forged_image_with_its_own_digest_is_put_aside(self, world: World) -> None:
        digest = hashlib.sha512(FORGED).hexdigest()
        world.mirror.files[f"/a/{NAME}"].content = FORGED
        world.mirror.files[f"/a/{NAME}.sha512"].content = digest.encode()
        for mode in ("require", "prefer"):
            message = world.failure(SignatureRejectedError, mode=mode)
            rejected = world.work / "downloads" / digest / f"{NAME}.rejected"
            assert message.startswith(f"{NAME} is not trusted: ")
            assert "is not one of this content" in message
            assert f"was put aside as {rejected}: do not use it" in message
            assert rejected.read_bytes() == FORGED
            assert {path.name for path in rejected.parent.iterdir()} == {rejected.name, f"{NAME}.lock"}

    @pytest.mark.parametrize("mode", ["require", "prefer"])
    def test_one_by_another_key_is_refused(self, world: World, other: Signer, mode: SignatureMode) -> None:
        world.mirror.files[f"/a/{NAME}.asc"].content = other.sign(CONTENT)
        message = world.failure(SignatureRejectedError, mode=mode)
        assert f"by the key {other.fingerprint}" in message
        assert not world.image.exists()

    def missing(self, world: World, reason: str, **options: Any) -> None:
        """What is missing ends the task where it is required, and is told where it is preferred."""
        message = world.failure(SignatureUnavailableError, **options)
        assert message.startswith(f"The signature of {NAME} cannot be checked: ")
        assert reason in message
        assert "option sha512" in message
        assert "verify_signature to prefer" in message
        assert not world.image.exists()
        assert world.requests() == []
        result = world.download(mode="prefer", **options)
        assert result["verified"] == {"checksum": True, "signature": False, "fingerprint": None}
        assert len(world.warnings) == 1
        assert reason in world.warnings[0]

    def test_none(self, world: World) -> None:
        del world.mirror.files[f"/a/{NAME}.asc"]
        self.missing(world, "there is no signature")

    def test_no_key(self, world: World) -> None:
        del world.mirror.files["/key.asc"]
        self.missing(world, "key cannot be fetched")

    def test_a_wrong_key(self, world: World, other: Signer) -> None:
        world.mirror.files["/key.asc"].content = other.public_key
        self.missing(world, f"holds the key {other.fingerprint}, but fingerprint says {world.fingerprint}")

    def test_a_wrong_fingerprint(self, world: World) -> None:
        signers = world.fingerprint
        world.fingerprint = "0" * 40
        self.missing(world, f"holds the key {signers}, but fingerprint says {'0' * 40}")

    def test_an_expired_key(self, world: World, expired: Signer) -> None:
        world.mirror.files |= published(expired)
        world.fingerprint = expired.fingerprint
        self.missing(world, "expired on ")

    def test_no_gpg(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PATH", "/nowhere")
        self.missing(world, "gpg is not on PATH")

    def test_a_subkey_that_has_expired_keeps_what_was_downloaded(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with Signer("subkey", age=3 * DAY) as signer:
            signer._gpg("--quick-add-key", signer.fingerprint, "ed25519", "sign", "1d")
            world.mirror.files |= published(signer)
            world.fingerprint = signer.fingerprint
            assert "expired on " in world.failure(SignatureUnavailableError)
        assert not world.image.exists()
        result = world.download(mode="prefer")
        assert (result["downloaded_bytes"], result["resumed"], result["changed"]) == (0, True, True)
        assert len(world.requests()) == 1
        assert "expired on " in world.warnings[0]

    def test_off_looks_for_nothing(self, world: World) -> None:
        result = world.download(mode="off")
        assert not result["verified"]["signature"]
        metadata = f"/a/{NAME.rpartition('.')[0]}.yaml"
        assert [exchange.path for exchange in world.mirror.exchanges] == [f"/a/{NAME}.sha512", f"/a/{NAME}", metadata]
        assert not world.download(mode="off")["changed"]

    def test_what_was_downloaded_without_is_verified_later(self, world: World) -> None:
        world.download(mode="off")
        result = world.download()
        assert (result["changed"], result["verified"]["signature"]) == (False, True)
        assert len(world.requests()) == 1
        # And is not again.
        world.mirror.exchanges.clear()
        assert world.download()["verified"]["signature"]
        assert [exchange.path for exchange in world.mirror.exchanges] == [f"/a/{NAME}.sha512"]

    def test_what_was_downloaded_without_is_put_aside_if_it_is_not_trusted(self, world: World, other: Signer) -> None:
        world.mirror.files[f"/a/{NAME}.asc"].content = other.sign(CONTENT)
        world.download(mode="off")
        with pytest.raises(SignatureRejectedError):
            world.download(check_mode=True)
        assert world.image.exists()
        world.failure(SignatureRejectedError)
        assert not world.image.exists()
        assert world.left() == {f"{NAME}.rejected", f"{NAME}.lock"}

    def test_what_one_has_signed_is_not_what_another_has(self, world: World, other: Signer) -> None:
        world.download()
        world.mirror.files["/key.asc"].content = other.public_key
        world.fingerprint = other.fingerprint
        assert "by the key" in world.failure(SignatureRejectedError)

    @pytest.mark.parametrize(
        ("options", "mode"),
        [
            ({}, "require"),
            ({"sha512": SHA512}, "off"),
            ({"sha512": SHA512, "key": "key.asc"}, "require"),
            ({"sha512": SHA512, "signature_urls": ["http://a.example/x"]}, "require"),
            ({"sha512": SHA512, "mode": "prefer"}, "prefer"),
            ({"sha512_urls": ["http://a.example/x"]}, "require"),
            ({"mode": "off"}, "off"),
        ],
    )
    def test_the_default_is_safe(self, world: World, options: dict[str, Any], mode: SignatureMode) -> None:
        assert world.verification(**options).signature_mode == mode

    def test_may_be_elsewhere(self, world: World) -> None:
        world.mirror.files["/x.sig"] = world.mirror.files.pop(f"/a/{NAME}.asc")
        assert world.download(signature_urls=[world.mirror.url("/x.sig")])["verified"]["signature"]

    def test_the_key_may_be_given(self, world: World, signer: Signer) -> None:
        del world.mirror.files["/key.asc"]
        assert world.download(key=signer.public_key.decode())["verified"]["signature"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("file:///etc/passwd", "url must be a URL that begins with https:// or http://"),
            ("alpine.qcow2", "url must be a URL"),
            ("http://a.example", "must end with the name of a file"),
            ("http://a.example/v3.24/", "must end with the name of a file"),
            ("http://a.example/..", "must end with the name of a file"),
            ("http://a.example/%2e%2e", "must end with the name of a file"),
            ("http://a.example/x%2f..%2fy", "must end with the name of a file"),
            ("http://a.example/x%00", "must end with the name of a file"),
        ],
    )
    def test_urls(self, world: World, url: str, reason: str) -> None:
        with pytest.raises(InputError, match=reason):
            ImageDownload([url], world.verification()).run(check_mode=False, warn=world.warnings.append)

    def test_no_url(self, world: World) -> None:
        assert world.failure(InputError, "") == "url must have at least one URL"

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ({"sha512": "abc"}, "sha512 must be a SHA-512"),
            ({"fingerprint": "BFFCDF22"}, "fingerprint must be the whole fingerprint"),
            ({"key_url": "key.asc"}, "key_url must be a URL"),
            ({"sha512_urls": ["x"]}, "sha512_url must be a URL"),
            ({"signature_urls": ["x"]}, "signature_url must be a URL"),
            ({"key": "/nowhere/key.asc"}, "key /nowhere/key.asc cannot be read: No such file or directory"),
        ],
    )
    def test_options(self, world: World, options: dict[str, Any], reason: str) -> None:
        assert world.failure(InputError, **options).startswith(reason)
        assert world.requests() == []


class TestDisk:
    def test_too_small_is_told_before(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": MIB}))
        message = world.failure(InputError)
        assert f"work_dir {world.work} cannot be used: 2 MiB are needed there, but 1 MiB are free" in message
        assert "option work_dir" in message

    def test_full_is_told_and_what_has_arrived_is_kept(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        def fill_up(*arguments: object) -> Iterator[bytes]:
            yield CONTENT[:MIB]
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(transfer, "read_chunks", fill_up)
        assert f"work_dir {world.work} cannot be used: it is full" in world.failure(InputError)
        monkeypatch.undo()
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert world.download()["downloaded_bytes"] == len(CONTENT) - MIB

    def test_unusable_is_told_in_check_mode(self, world: World, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        message = world.failure(InputError, work_dir=tmp_path / "file", check_mode=True)
        assert "is not a directory" in message


class TestLocal:
    @pytest.fixture
    def src(self, tmp_path: Path, signer: Signer) -> Path:
        path = tmp_path / NAME
        path.write_bytes(CONTENT)
        path.with_name(f"{NAME}.sha512").write_text(f"{SHA512}  {NAME}\n")
        path.with_name(f"{NAME}.asc").write_bytes(signer.sign(CONTENT))
        return path

    @pytest.mark.parametrize("check_mode", [False, True])
    def test_is_verified_by_the_files_next_to_it(self, world: World, src: Path, check_mode: bool) -> None:
        result = world.verify(src, check_mode=check_mode)
        assert (result["path"], result["size"], result["sha512"], result["sha256"]) == (
            str(src), len(CONTENT), SHA512, SHA256,
        )  # fmt: skip
        assert result["verified"] == {"checksum": True, "signature": True, "fingerprint": world.fingerprint}
        assert (result["changed"], result["downloaded_bytes"], result["url"]) == (False, 0, None)
        assert [exchange.path for exchange in world.mirror.exchanges] == ["/key.asc"]

    def test_is_verified_by_what_a_mirror_has(self, world: World, src: Path) -> None:
        src.with_name(f"{NAME}.sha512").unlink()
        src.with_name(f"{NAME}.asc").unlink()
        urls: dict[str, Any] = {
            "sha512_urls": [world.mirror.url(f"/a/{NAME}.sha512")],
            "signature_urls": [world.mirror.url(f"/a/{NAME}.asc")],
        }
        assert world.verify(src, **urls)["verified"]["signature"]

    def test_is_verified_by_a_digest_alone(self, world: World, src: Path) -> None:
        assert world.verify(src, sha512=SHA512)["verified"]["checksum"]
        assert world.mirror.exchanges == []

    @pytest.mark.parametrize("content", [FORGED, CONTENT[:-1], b""])
    def test_is_left_as_it_is_when_it_is_wrong(self, world: World, src: Path, content: bytes) -> None:
        src.write_bytes(content)
        before = sorted(path.name for path in src.parent.iterdir())
        with pytest.raises(ChecksumError) as caught:
            world.verify(src, mode="off")
        assert caught.value.message.startswith(f"src {src} is not the image that it should be: its SHA-512 is ")
        assert f"{src}.sha512 says {SHA512}. The file is left as it is" in caught.value.message
        assert src.read_bytes() == content
        assert sorted(path.name for path in src.parent.iterdir()) == before

    def test_is_left_as_it_is_when_it_is_not_trusted(self, world: World, src: Path, other: Signer) -> None:
        src.with_name(f"{NAME}.asc").write_bytes(other.sign(CONTENT))
        with pytest.raises(SignatureRejectedError, match=r"by the key .* The file is left as it is"):
            world.verify(src)
        assert src.read_bytes() == CONTENT

    def test_a_missing_signature_is_told(self, world: World, src: Path) -> None:
        src.with_name(f"{NAME}.asc").unlink()
        with pytest.raises(
            SignatureUnavailableError, match=rf"^The signature of src {src} cannot be checked: .*\.asc: No"
        ):
            world.verify(src)
        assert not world.verify(src, mode="prefer")["verified"]["signature"]
        assert len(world.warnings) == 1

    def test_a_missing_digest_is_told(self, world: World, src: Path) -> None:
        src.with_name(f"{NAME}.sha512").unlink()
        with pytest.raises(
            InputError, match=r"nothing says what its SHA-512 should be: .* option sha512 or sha512_url"
        ):
            world.verify(src)

    def test_a_missing_file_is_told(self, world: World, tmp_path: Path) -> None:
        src = tmp_path / "missing.qcow2"
        with pytest.raises(InputError, match=f"^src {src}: no such file"):
            world.verify(src)
        result = world.verify(src, check_mode=True)
        assert (result["changed"], result["size"], result["verified"]["checksum"]) == (False, None, False)
        assert "does not exist yet" in world.warnings[0]

    def test_a_directory_is_refused(self, world: World, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="this is no regular file"):
            world.verify(tmp_path)
