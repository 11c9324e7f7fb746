# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._core.progress import FILE_VARIABLE
from ansible_collections.alpine.cloud.plugins.module_utils._official import transfer as transfer_module
from ansible_collections.alpine.cloud.plugins.module_utils._official.http import ATTEMPTS, FetchError, HttpClient
from ansible_collections.alpine.cloud.plugins.module_utils._official.transfer import Transfer
from tests.support.mirror import File, Mirror

KIB = 1 << 10
MIB = 1 << 20
CONTENT = random.Random(1).randbytes(5 * MIB // 2)
HALF = MIB + 300


@pytest.fixture(autouse=True)
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    return slept


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with Mirror({"/a": File(CONTENT), "/b": File(CONTENT, etag='"2"')}) as started:
        yield started


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "image.partial"


def transfer(path: Path, check_space: Callable[[int], None] = lambda needed: None) -> Transfer:
    return Transfer(HttpClient(timeout=5), path, check_space)


def interrupt(mirror: Mirror, path: Path, name: str = "/a", after: int = HALF) -> None:
    """Have a run end after some bytes, with no further attempt."""
    mirror.files[name].break_after = [after]
    mirror.files[name].statuses = [None, 403]
    with pytest.raises(FetchError, match="403"):
        transfer(path).run(mirror.url(name))
    assert path.stat().st_size == after
    mirror.exchanges.clear()


class TestWhole:
    def test_in_one_go(self, mirror: Mirror, path: Path) -> None:
        needed: list[int] = []
        job = transfer(path, needed.append)
        job.run(mirror.url("/a"))
        assert path.read_bytes() == CONTENT
        assert (job.received, job.resumed, needed) == (len(CONTENT), False, [len(CONTENT)])
        job.finish()
        assert list(path.parent.iterdir()) == [path]

    def test_of_unknown_length(self, mirror: Mirror, path: Path) -> None:
        mirror.files["/a"].announce_length = False
        job = transfer(path, lambda needed: pytest.fail("nothing is known to be needed"))
        job.run(mirror.url("/a"))
        assert path.read_bytes() == CONTENT

    def test_progress_is_told(self, mirror: Mirror, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        interrupt(mirror, path)
        reports = path.with_name("progress")
        monkeypatch.setenv(FILE_VARIABLE, str(reports))
        transfer(path).run(mirror.url("/a"))
        lines = [json.loads(line) for line in reports.read_text().splitlines()]
        assert lines[0]["done"] > HALF
        assert lines[-1] == {"step": "download", "done": len(CONTENT), "total": len(CONTENT), "unit": "bytes"}


class TestContinuing:
    def test_after_a_break(self, mirror: Mirror, path: Path, sleeps: list[float]) -> None:
        mirror.files["/a"].break_after = [HALF]
        job = transfer(path)
        job.run(mirror.url("/a"))
        assert path.read_bytes() == CONTENT
        assert (job.received, job.resumed, len(sleeps)) == (len(CONTENT), True, 1)
        assert [(e.range, e.if_range, e.status) for e in mirror.exchanges] == [
            (None, None, 200), (f"bytes={HALF}-", '"1"', 206),
        ]  # fmt: skip
        assert mirror.sent("/a") == len(CONTENT)

    def test_in_another_run(self, mirror: Mirror, path: Path) -> None:
        interrupt(mirror, path)
        needed: list[int] = []
        job = transfer(path, needed.append)
        job.run(mirror.url("/a"))
        assert path.read_bytes() == CONTENT
        rest = len(CONTENT) - HALF
        assert (job.received, job.resumed, mirror.sent("/a"), needed) == (rest, True, rest, [rest])

    def test_at_another_mirror(self, mirror: Mirror, path: Path) -> None:
        interrupt(mirror, path)
        job = transfer(path)
        job.run(mirror.url("/b"))
        assert path.read_bytes() == CONTENT
        assert [(e.range, e.if_range, e.status) for e in mirror.exchanges] == [(f"bytes={HALF}-", None, 206)]

    def test_with_a_part_that_ends_early(self, mirror: Mirror, path: Path) -> None:
        mirror.files["/a"].break_after = [HALF, 2 * KIB, 3 * KIB]
        transfer(path).run(mirror.url("/a"))
        assert path.read_bytes() == CONTENT
        assert [e.range for e in mirror.exchanges] == [
            None, f"bytes={HALF}-", f"bytes={HALF + 2 * KIB}-", f"bytes={HALF + 5 * KIB}-",
        ]  # fmt: skip

    def test_with_a_part_that_is_shorter_than_was_asked_for(self, mirror: Mirror, path: Path) -> None:
        interrupt(mirror, path)
        mirror.files["/a"].longest_part = MIB
        transfer(path).run(mirror.url("/a"))
        assert path.read_bytes() == CONTENT
        assert [e.range for e in mirror.exchanges] == [f"bytes={HALF}-", f"bytes={HALF + MIB}-"]

    def test_by_date_where_the_tag_is_weak(self, mirror: Mirror, path: Path) -> None:
        date = "Tue, 24 Nov 2026 08:00:00 GMT"
        mirror.files["/a"].etag, mirror.files["/a"].modified = 'W/"1"', date
        interrupt(mirror, path)
        transfer(path).run(mirror.url("/a"))
        assert [(e.if_range, e.status) for e in mirror.exchanges] == [(date, 206)]

    def test_of_what_only_lacks_its_end(self, mirror: Mirror, path: Path) -> None:
        """A run was killed after the last byte: no request is needed."""
        transfer(path).run(mirror.url("/a"))
        mirror.exchanges.clear()
        job = transfer(path)
        job.run(mirror.url("/b"))
        assert (job.received, job.resumed, mirror.exchanges) == (0, True, [])


class TestBeginningAnew:
    def check(self, mirror: Mirror, path: Path, content: bytes = CONTENT) -> None:
        job = transfer(path)
        job.run(mirror.url("/a"))
        assert path.read_bytes() == content
        assert not job.resumed
        assert mirror.exchanges[-1].status == 200

    def test_when_the_file_is_another_now(self, mirror: Mirror, path: Path) -> None:
        interrupt(mirror, path)
        newer = CONTENT[::-1]
        mirror.files["/a"] = File(newer, etag='"newer"')
        self.check(mirror, path, newer)

    def test_when_the_server_knows_no_ranges(self, mirror: Mirror, path: Path) -> None:
        interrupt(mirror, path)
        mirror.files["/a"].ranges = False
        self.check(mirror, path)
        assert len(mirror.exchanges) == 1

    def test_when_the_file_is_shorter_than_what_is_there(self, mirror: Mirror, path: Path) -> None:
        interrupt(mirror, path)
        mirror.files["/a"] = File(CONTENT[: MIB // 2], etag='"1"')
        self.check(mirror, path, CONTENT[: MIB // 2])
        assert [e.status for e in mirror.exchanges] == [416, 200]

    def test_when_the_file_is_longer_at_another_mirror(self, mirror: Mirror, path: Path) -> None:
        interrupt(mirror, path, "/b")
        longer = CONTENT + b"more"
        mirror.files["/a"] = File(longer)
        self.check(mirror, path, longer)

    @pytest.mark.parametrize("content_range", ["bytes 7-100/2621440", "bytes 0-2621439/2621440"])
    def test_when_another_part_comes(self, mirror: Mirror, path: Path, content_range: str) -> None:
        interrupt(mirror, path)
        mirror.files["/a"].content_range = content_range
        self.check(mirror, path)

    def test_when_more_is_there_than_there_should_be(self, mirror: Mirror, path: Path) -> None:
        interrupt(mirror, path)
        path.write_bytes(CONTENT + b"more")
        self.check(mirror, path)

    @pytest.mark.parametrize("record", [None, "", "{", "[]", "null", '{"url": "x"}'])
    def test_when_nothing_says_what_is_there(self, mirror: Mirror, path: Path, record: str | None) -> None:
        interrupt(mirror, path)
        file = path.with_name(f"{path.name}.json")
        if record is None:
            file.unlink()
        else:
            file.write_text(record)
        self.check(mirror, path)

    def test_when_it_is_discarded(self, mirror: Mirror, path: Path) -> None:
        interrupt(mirror, path)
        transfer(path).discard()
        assert not list(path.parent.iterdir())
        self.check(mirror, path)


class TestFailing:
    def failure(self, mirror: Mirror, path: Path, name: str = "/a") -> FetchError:
        with pytest.raises(FetchError) as caught:
            transfer(path).run(mirror.url(name))
        assert caught.value.message.startswith(mirror.url(name))
        return caught.value

    def test_what_is_not_there_is_asked_for_once(self, mirror: Mirror, path: Path, sleeps: list[float]) -> None:
        assert self.failure(mirror, path, "/c").status == 404
        assert (len(mirror.exchanges), sleeps) == (1, [])
        assert not list(path.parent.iterdir())

    def test_trouble_is_bridged_with_growing_pauses(self, mirror: Mirror, path: Path, sleeps: list[float]) -> None:
        mirror.files["/a"].statuses = [503, 429, 500]
        transfer(path).run(mirror.url("/a"))
        assert path.read_bytes() == CONTENT
        assert len(sleeps) == 3
        assert all(0 <= pause <= 0.5 * 2**attempt for attempt, pause in enumerate(sleeps))

    def test_trouble_that_stays_ends_it(self, mirror: Mirror, path: Path) -> None:
        mirror.files["/a"].statuses = [503] * 10
        assert self.failure(mirror, path).status == 503
        assert len(mirror.exchanges) == ATTEMPTS

    def test_a_file_that_always_ends_early_is_told(self, mirror: Mirror, path: Path) -> None:
        mirror.files["/a"].announced = len(CONTENT) + 5
        mirror.files["/a"].ranges = False
        assert "5 bytes early" in self.failure(mirror, path).message
        # The first has brought something new.
        assert len(mirror.exchanges) == ATTEMPTS

    def test_attempts_do_not_count_after_which_it_went_on(self, mirror: Mirror, path: Path) -> None:
        mirror.files["/a"].content = CONTENT * 4
        mirror.files["/a"].break_after = [MIB + KIB] * 9
        transfer(path).run(mirror.url("/a"))
        assert len(mirror.exchanges) == 10 > ATTEMPTS
        assert path.read_bytes() == CONTENT * 4
        assert mirror.sent("/a") == len(CONTENT) * 4

    def test_a_server_that_is_down_is_told(self, path: Path) -> None:
        with Mirror() as mirror:
            url = mirror.url("/a")
        with pytest.raises(FetchError, match="Connection refused"):
            transfer(path).run(url)

    def test_a_part_that_nobody_has_asked_for_is_refused(self, mirror: Mirror, path: Path) -> None:
        mirror.files["/a"].statuses = [206]
        self.failure(mirror, path)

    def test_a_full_disk_is_told_before(self, mirror: Mirror, path: Path) -> None:
        def full(needed: int) -> None:
            raise InputError(f"{needed} bytes are needed")

        with pytest.raises(InputError, match=f"{len(CONTENT)} bytes are needed"):
            transfer(path, full).run(mirror.url("/a"))
        assert path.stat().st_size == 0

    def test_what_is_too_long_for_an_image_is_refused(
        self, mirror: Mirror, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(transfer_module, "MAX_SIZE", MIB)
        assert "the file is longer than" in self.failure(mirror, path).message
        assert not path.exists()
        mirror.files["/a"].announce_length = False
        assert "the file is longer than" in self.failure(mirror, path).message
        assert path.stat().st_size <= MIB + 64 * KIB
