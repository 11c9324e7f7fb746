# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import errno
import gzip
import io
import json
import random
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._core.progress import FILE_VARIABLE
from ansible_collections.alpine.cloud.plugins.module_utils._core.units import GIB
from ansible_collections.alpine.cloud.plugins.module_utils._disk import gce_tar
from ansible_collections.alpine.cloud.plugins.module_utils._disk.gce_tar import (
    compare_gce_tar,
    inspect_gce_tar,
    write_gce_tar,
)

KIB = 1 << 10
MIB = 1 << 20


def make_raw(path: Path, size: int, extents: dict[int, bytes]) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
        for offset, data in extents.items():
            file.seek(offset)
            file.write(data)
    return path


def make_tar(
    path: Path,
    *names: str,
    size: int = 0,
    tar_format: Literal[0, 1, 2] = tarfile.GNU_FORMAT,
    kind: bytes = tarfile.REGTYPE,
) -> Path:
    """Members of zeros, written by Python's tarfile; nothing but the first header when ``size`` is large."""
    with gzip.open(path, "wb", compresslevel=1) as stream:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = size
            member.type = kind
            stream.write(member.tobuf(tar_format))
            stream.write(bytes(min(size, MIB)))
        stream.write(bytes(1024))
    return path


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    generator = random.Random(1)
    extents = {number * 5 * MIB + 64 * KIB: generator.randbytes(200 * KIB) for number in range(3)}
    return make_raw(tmp_path / "disk.img", 16 * MIB, extents)


class TestWriting:
    def test_gnu_tar_extracts_the_disk_padded_to_a_gib(self, tmp_path: Path, raw: Path) -> None:
        target = tmp_path / "disk.tar.gz"
        assert write_gce_tar(raw, target).size == GIB
        listing = subprocess.run(["tar", "-tzf", target], check=True, capture_output=True, text=True)
        assert listing.stdout == "disk.raw\n"
        assert listing.stderr == ""
        subprocess.run(["tar", "-xzf", target, "-C", tmp_path], check=True)
        extracted = tmp_path / "disk.raw"
        assert extracted.stat().st_size == GIB
        # Still with holes.
        assert extracted.stat().st_blocks * 512 < 2 * MIB
        with extracted.open("rb") as file:
            assert file.read(16 * MIB) == raw.read_bytes()
            assert not any(file.read(MIB))

    def test_what_it_writes_passes_the_check_and_the_comparison(self, tmp_path: Path, raw: Path) -> None:
        target = tmp_path / "disk.tar.gz"
        write_gce_tar(raw, target)
        assert inspect_gce_tar(target).size == GIB
        assert compare_gce_tar(target, raw)

    def test_tells_its_progress(self, tmp_path: Path, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        log = tmp_path / "progress"
        monkeypatch.setenv(FILE_VARIABLE, str(log))
        write_gce_tar(raw, tmp_path / "disk.tar.gz")
        last = json.loads(log.read_text().splitlines()[-1])
        assert last["step"] == "packing"
        # 200 KiB from a multiple of 64 KiB on, in whole multiples.
        assert last["done"] == last["total"] == 3 * 256 * KIB

    def test_is_small(self, tmp_path: Path, raw: Path) -> None:
        write_gce_tar(raw, tmp_path / "disk.tar.gz")
        assert (tmp_path / "disk.tar.gz").stat().st_size < 700 * KIB

    def test_same_disk_gives_same_file(self, tmp_path: Path, raw: Path) -> None:
        copy = tmp_path / "copy"
        # Without holes, and of another age.
        copy.write_bytes(raw.read_bytes())
        write_gce_tar(raw, tmp_path / "1.tar.gz")
        write_gce_tar(copy, tmp_path / "2.tar.gz")
        assert (tmp_path / "1.tar.gz").read_bytes() == (tmp_path / "2.tar.gz").read_bytes()

    @pytest.mark.parametrize("count", [0, 1, 3, 4, 24, 25, 26, 60])
    def test_any_number_of_extents(self, tmp_path: Path, count: int) -> None:
        # 4 fit into the header, 21 into each further block, and one more marks the end.
        raw = make_raw(tmp_path / "disk.img", 16 * MIB, {n * 256 * KIB + KIB: b"data" for n in range(count)})
        target = tmp_path / "disk.tar.gz"
        write_gce_tar(raw, target)
        assert compare_gce_tar(target, raw)
        with tarfile.open(target) as archive:
            member = archive.next()
            assert member is not None
            assert (member.name, member.size, member.issparse()) == ("disk.raw", GIB, True)

    @given(
        size=st.integers(1, 600).map(lambda sectors: sectors * 512),
        writes=st.lists(st.tuples(st.integers(0, 599), st.integers(1, 300)), max_size=5),
    )
    @settings(max_examples=40, deadline=None)
    def test_any_disk_comes_back(self, size: int, writes: list[tuple[int, int]]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            extents = {sector * 512: b"x" * min(length * 512, size - sector * 512) for sector, length in writes
                       if sector * 512 < size}  # fmt: skip
            raw = make_raw(Path(folder, "disk.img"), size, extents)
            target = Path(folder, "disk.tar.gz")
            write_gce_tar(raw, target)
            with tarfile.open(target) as archive:
                content = archive.extractfile("disk.raw")
                assert content is not None
                assert content.read(size) == raw.read_bytes()
                assert not any(content.read(64 * KIB))

    def test_whole_gib_stay_as_they_are(self, tmp_path: Path) -> None:
        raw = make_raw(tmp_path / "disk.img", 2 * GIB, {2 * GIB - 512: b"end".ljust(512, b"\0")})
        assert write_gce_tar(raw, tmp_path / "disk.tar.gz").size == 2 * GIB
        assert inspect_gce_tar(tmp_path / "disk.tar.gz").size == 2 * GIB

    @pytest.mark.parametrize("gibibytes", [8, 9])
    def test_sizes_that_octal_cannot_express(self, tmp_path: Path, gibibytes: int) -> None:
        size = gibibytes * GIB
        raw = make_raw(tmp_path / "disk.img", size, {size - 512: b"end".ljust(512, b"\0")})
        target = tmp_path / "disk.tar.gz"
        write_gce_tar(raw, target)
        assert inspect_gce_tar(target).size == size
        listing = subprocess.run(["tar", "-tvzf", target], check=True, capture_output=True, text=True)
        assert f" {size} " in listing.stdout
        # The number has not displaced what comes behind it.
        assert len(gzip.decompress(target.read_bytes())) % 512 == 0

    def test_even_nothing_is_a_gib(self, tmp_path: Path) -> None:
        raw = make_raw(tmp_path / "disk.img", 0, {})
        assert write_gce_tar(raw, tmp_path / "disk.tar.gz").size == GIB
        assert compare_gce_tar(tmp_path / "disk.tar.gz", raw)

    def test_a_broken_sector_at_the_end(self, tmp_path: Path) -> None:
        raw = make_raw(tmp_path / "disk.img", 1000, {0: b"x" * 1000})
        write_gce_tar(raw, tmp_path / "disk.tar.gz")
        assert compare_gce_tar(tmp_path / "disk.tar.gz", raw)
        assert len(gzip.decompress((tmp_path / "disk.tar.gz").read_bytes())) % 512 == 0
        listing = subprocess.run(["tar", "-tzf", tmp_path / "disk.tar.gz"], check=True, capture_output=True, text=True)
        assert (listing.stdout, listing.stderr) == ("disk.raw\n", "")

    def test_notices_when_the_disk_shrinks_meanwhile(
        self, tmp_path: Path, raw: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(gce_tar, "_data_extents", lambda _file, length: [(length - 512, 1024)])
        with pytest.raises(InputError, match="cut short"):
            write_gce_tar(raw, tmp_path / "disk.tar.gz")


class TestComparing:
    @pytest.mark.parametrize("offset", [0, 64 * KIB, 10 * MIB + 100 * KIB, 16 * MIB - 1])
    def test_notices_one_other_byte(self, tmp_path: Path, raw: Path, offset: int) -> None:
        write_gce_tar(raw, tmp_path / "disk.tar.gz")
        with raw.open("r+b") as file:
            file.seek(offset)
            before = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([before ^ 1]))
        assert not compare_gce_tar(tmp_path / "disk.tar.gz", raw)

    def test_notices_a_second_member(self, tmp_path: Path) -> None:
        raw = make_raw(tmp_path / "disk.img", MIB, {})
        assert compare_gce_tar(make_tar(tmp_path / "1.tar.gz", "disk.raw", size=MIB), raw)
        assert not compare_gce_tar(make_tar(tmp_path / "2.tar.gz", "disk.raw", "more", size=MIB), raw)

    def test_notices_a_disk_that_is_too_short(self, tmp_path: Path) -> None:
        raw = make_raw(tmp_path / "disk.img", MIB + 1, {})
        assert not compare_gce_tar(make_tar(tmp_path / "disk.tar.gz", "disk.raw", size=MIB), raw)

    def test_notices_that_there_is_no_file(self, tmp_path: Path, raw: Path) -> None:
        assert not compare_gce_tar(make_tar(tmp_path / "0.tar.gz"), raw)
        assert not compare_gce_tar(make_tar(tmp_path / "1.tar.gz", "disk.raw", kind=tarfile.DIRTYPE), raw)


class TestChecking:
    @pytest.fixture(params=["gnu tar", "tarfile"])
    def good(self, request: pytest.FixtureRequest, tmp_path: Path) -> Path:
        target = tmp_path / "disk.tar.gz"
        if request.param == "tarfile":
            return make_tar(target, "disk.raw", size=GIB)
        make_raw(tmp_path / "disk.raw", GIB, {MIB: b"data"})
        subprocess.run(["tar", "--format=oldgnu", "-Sczf", target, "-C", tmp_path, "disk.raw"], check=True)
        return target

    def test_takes_what_others_write(self, good: Path) -> None:
        assert inspect_gce_tar(good).size == GIB

    def test_reads_the_beginning_only(self, tmp_path: Path) -> None:
        # Nothing but a header that promises a GiB.
        assert inspect_gce_tar(make_tar(tmp_path / "disk.tar.gz", "disk.raw", size=GIB)).size == GIB

    @pytest.mark.parametrize("tar_format", [tarfile.PAX_FORMAT, tarfile.USTAR_FORMAT])
    def test_refuses_another_tar_format(self, tmp_path: Path, tar_format: Literal[0, 2]) -> None:
        path = make_tar(tmp_path / "disk.tar.gz", "disk.raw", size=GIB, tar_format=tar_format)
        with pytest.raises(InputError, match=rf"^src {path} is not a tar file in GNU format .*alpine_image_convert"):
            inspect_gce_tar(path)

    @pytest.mark.parametrize("name", ["./disk.raw", "disk.img", "images/disk.raw", "disk.raw" * 20])
    def test_refuses_another_member(self, tmp_path: Path, name: str) -> None:
        path = make_tar(tmp_path / "disk.tar.gz", name, size=GIB)
        with pytest.raises(InputError, match=f"one file, disk.raw, in no folder, but begins with '{name}'"):
            inspect_gce_tar(path)

    @pytest.mark.parametrize("kind", [tarfile.DIRTYPE, tarfile.SYMTYPE])
    def test_refuses_what_is_no_file(self, tmp_path: Path, kind: bytes) -> None:
        with pytest.raises(InputError, match=r"one file, disk\.raw"):
            inspect_gce_tar(make_tar(tmp_path / "disk.tar.gz", "disk.raw", kind=kind))

    @pytest.mark.parametrize("size", [0, 512, GIB - 512, GIB + 512])
    def test_refuses_broken_gib(self, tmp_path: Path, size: int) -> None:
        with pytest.raises(InputError, match=f"whole GiB, but is {size} bytes"):
            inspect_gce_tar(make_tar(tmp_path / "disk.tar.gz", "disk.raw", size=size))

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"", "not a tar file"),
            (b"plain text", "not compressed by gzip"),
            (gzip.compress(b"text", mtime=0), "not a tar file"),
            (gzip.compress(bytes(2048), mtime=0), "not a tar file"),
        ],
    )
    def test_refuses_what_is_no_tar_file(self, tmp_path: Path, content: bytes, reason: str) -> None:
        path = tmp_path / "disk.tar.gz"
        path.write_bytes(content)
        with pytest.raises(InputError, match=f"^src {path} .*{reason}"):
            inspect_gce_tar(path)

    @pytest.mark.parametrize("length", [20, 60])
    def test_refuses_a_truncated_one(self, tmp_path: Path, length: int) -> None:
        path = make_tar(tmp_path / "disk.tar.gz", "disk.raw", size=GIB)
        path.write_bytes(path.read_bytes()[:length])
        with pytest.raises(InputError, match="damaged or incomplete"):
            inspect_gce_tar(path)

    def test_refuses_a_wrong_checksum(self, tmp_path: Path) -> None:
        header = bytearray(gzip.decompress(make_tar(tmp_path / "disk.tar.gz", "disk.raw", size=GIB).read_bytes()))
        header[100] ^= 1
        (tmp_path / "disk.tar.gz").write_bytes(gzip.compress(header))
        with pytest.raises(InputError, match="damaged or incomplete"):
            inspect_gce_tar(tmp_path / "disk.tar.gz")

    def test_explains_what_cannot_be_read(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="No such file"):
            inspect_gce_tar(tmp_path / "missing.tar.gz")


class TestFindingData:
    """The extents that are stored: whatever the file system says of holes, zeros are left out."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> Iterator[io.BufferedReader]:
        block = 64 * KIB
        content = bytes(block) + b"1" * block + b"2" * block + bytes(2 * block) + b"3" * 512
        (tmp_path / "disk").write_bytes(content)
        with (tmp_path / "disk").open("rb") as file:
            yield file

    def test_goes_by_whole_blocks_wherever_data_begins(self, tmp_path: Path) -> None:
        # The file system stores 4 KiB in the midst of a block, and knows holes around it.
        path = make_raw(tmp_path / "sparse", 4 * 64 * KIB, {68 * KIB: b"4" * 4 * KIB})
        with path.open("rb") as file:
            assert gce_tar._data_extents(file, 4 * 64 * KIB) == [(64 * KIB, 64 * KIB)]

    def test_a_file_that_cannot_be_read_is_no_hole(
        self, file: io.BufferedReader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(_descriptor: int, _offset: int, _whence: int) -> int:
            raise OSError(errno.EIO, "Input/output error")

        monkeypatch.setattr("os.lseek", broken)
        with pytest.raises(OSError, match="Input/output error"):
            gce_tar._data_extents(file, 512)

    def test_joins_neighbours_and_skips_zeros(self, file: io.BufferedReader) -> None:
        block = 64 * KIB
        assert gce_tar._data_extents(file, 5 * block + 512) == [(block, 2 * block), (5 * block, 512)]
