# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._official import transfer
from ansible_collections.alpine.cloud.plugins.module_utils._official.checksum import ChecksumError
from ansible_collections.alpine.cloud.plugins.module_utils._official.signature_errors import (
    SignatureUnavailableError,
)
from ansible_collections.alpine.cloud.plugins.module_utils._official.verification import (
    DownloadError,
)
from tests.support.downloads import CONTENT, FORGED, MIB, NAME, SHA256, SHA512, World
from tests.support.mirror import File, Mirror

pytestmark = pytest.mark.usefixtures("loopback")


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
        world.download(sha512=SHA512.upper(), verify_signature="require")
        world.mirror.exchanges.clear()
        assert not world.download(sha512=SHA512, verify_signature="require")["changed"]
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
        result = world.download(url=[url])
        assert result["url"] == world.urls()[0]
        world.mirror.files.clear()
        with pytest.raises(DownloadError) as caught:
            world.download(url=[url])
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
        assert world.download(url=[url, *world.urls("b")])["url"] == world.urls("b")[0]

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
        assert world.download(sha512_url=[world.mirror.url("/SHA512SUMS")])["sha512"] == SHA512


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
            world.download(url=[url])

    def test_no_url(self, world: World) -> None:
        assert world.failure(InputError, "") == "url must have at least one URL"

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ({"sha512": "abc"}, "sha512 must be a SHA-512"),
            ({"fingerprint": "BFFCDF22"}, "fingerprint must be the whole fingerprint"),
            ({"key_url": "key.asc"}, "key_url must be a URL"),
            ({"sha512_url": ["x"]}, "sha512_url must be a URL"),
            ({"signature_url": ["x"]}, "signature_url must be a URL"),
            ({"timeout": 0}, "timeout must be more than 0 seconds"),
        ],
    )
    def test_options_before_anything_is_asked(self, world: World, options: dict[str, Any], reason: str) -> None:
        assert world.failure(InputError, **options).startswith(reason)
        assert world.mirror.exchanges == []

    def test_a_key_that_cannot_be_read(self, world: World) -> None:
        message = world.failure(InputError, key="/nowhere/key.asc")
        assert message.startswith("key /nowhere/key.asc cannot be read: No such file or directory")
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
        message = world.failure(InputError, work_dir=str(tmp_path / "file"), check_mode=True)
        assert "is not a directory" in message
