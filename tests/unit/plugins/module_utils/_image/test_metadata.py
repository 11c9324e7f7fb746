# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError, refusal_of
from ansible_collections.alpine.cloud.plugins.module_utils._image import metadata
from ansible_collections.alpine.cloud.plugins.module_utils._image.metadata import (
    SIZE_LIMIT,
    ImageMetadata,
    parse_metadata,
    read_metadata,
    sidecar_of,
)
from ansible_collections.alpine.cloud.plugins.module_utils._image.names import parse_image_name

# As Alpine publishes it, but for the artifacts.
PUBLISHED = b"""\
name: generic_alpine-3.24.1-x86_64-uefi-tiny-r0
description: Alpine Linux 3.24.1 (x86_64) UEFI Tiny Cloud r0
release: 3.24.1
version: '3.24'
revision: '0'
arch: x86_64
bootstrap: tiny
firmware: uefi
cloud: generic
end_of_life: '2028-05-01'
released: 2026-06-04
"""


class TestParsing:
    def test_what_is_published(self) -> None:
        assert parse_metadata(PUBLISHED) == ImageMetadata(
            name="generic_alpine-3.24.1-x86_64-uefi-tiny-r0",
            release="3.24.1",
            revision=0,
            architecture="x86_64",
            bootstrap="tiny",
            firmware="uefi",
            end_of_life="2028-05-01",
        )

    def test_what_is_missing_is_unknown(self) -> None:
        assert parse_metadata(b"{}") == ImageMetadata()

    @pytest.mark.parametrize("key", ["name", "release", "arch", "bootstrap", "firmware"])
    @pytest.mark.parametrize("value", ["''", "3.24", "[tiny]", "null", "{a: b}", "true"])
    def test_what_is_no_text_is_unknown(self, key: str, value: str) -> None:
        assert parse_metadata(f"{key}: {value}".encode()) == ImageMetadata()

    @pytest.mark.parametrize(
        ("value", "revision"), [("7", 7), ("'10'", 10), ("r7", None), ("[7]", None), (".inf", None)]
    )
    def test_revisions(self, value: str, revision: int | None) -> None:
        assert parse_metadata(f"revision: {value}".encode()) == ImageMetadata(revision=revision)

    @pytest.mark.parametrize(
        ("value", "day"),
        [("2028-05-01", "2028-05-01"), ("2028-05-01T12:00:00Z", "2028-05-01"), ("soon", None), ("1", None)],
    )
    def test_ends_of_life(self, value: str, day: str | None) -> None:
        assert parse_metadata(f"end_of_life: {value}".encode()) == ImageMetadata(end_of_life=day)

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (b"a: [", "this is no YAML: "),
            (b"end_of_life: 2028-99-99", "this is no YAML: "),
            (b"!!python/object/apply:os.getcwd []", "this is no YAML: "),
            (b"\xff\xfe\x00", "this is no YAML: "),
            (b"- list", "this is no YAML mapping, such as Alpine publishes next to its images"),
            (b"", "this is no YAML mapping, such as Alpine publishes next to its images"),
        ],
    )
    def test_what_is_none_is_refused_in_one_line(self, content: bytes, reason: str) -> None:
        with pytest.raises(InputError) as caught:
            parse_metadata(content, refusal_of("metadata a.yaml"))
        assert caught.value.message.startswith(f"metadata a.yaml: {reason}")
        assert "\n" not in caught.value.message

    def test_without_pyyaml(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(metadata, "HAS_YAML", False)
        with pytest.raises(InputError, match="cannot be read without the Python library PyYAML"):
            parse_metadata(PUBLISHED)


class TestReading:
    def test_a_file(self, tmp_path: Path) -> None:
        path = tmp_path / "image.yaml"
        path.write_bytes(PUBLISHED)
        assert read_metadata(path) == parse_metadata(PUBLISHED)

    def test_as_much_as_there_may_be(self, tmp_path: Path) -> None:
        path = tmp_path / "image.yaml"
        path.write_bytes(PUBLISHED.ljust(SIZE_LIMIT, b"\n"))
        assert read_metadata(path).release == "3.24.1"
        path.write_bytes(PUBLISHED.ljust(SIZE_LIMIT + 1, b"\n"))
        with pytest.raises(InputError) as caught:
            read_metadata(path)
        assert caught.value.message == f"metadata {path} is larger than 256 KiB, so it is something else"

    def test_what_cannot_be_read_or_is_something_else(self, tmp_path: Path) -> None:
        path = tmp_path / "image.yaml"
        with pytest.raises(InputError) as caught:
            read_metadata(path)
        assert caught.value.message == f"metadata {path}: No such file or directory"
        path.write_bytes(b"- list")
        with pytest.raises(InputError, match=f"^metadata {path}: this is no YAML mapping"):
            read_metadata(path)


@pytest.mark.parametrize("extension", ["qcow2", "raw", "img", "vhd", "vhd.gz", "raw.xz", "raw.tar.gz", "tar.gz"])
def test_the_file_next_to_an_image(extension: str) -> None:
    name = "alpine-3.24.2-x86_64-tiny-r0"
    assert sidecar_of(Path(f"/images/{name}.{extension}")) == Path(f"/images/{name}.yaml")


class TestContradictions:
    NAME = parse_image_name("alpine-3.24.1-x86_64-uefi-tiny-r0")

    @pytest.mark.parametrize(
        ("said", "phrase"),
        [
            (ImageMetadata(release="3.24.2"), "release is 3.24.2 there and 3.24.1 in the name"),
            (ImageMetadata(revision=1), "revision is 1 there and 0 in the name"),
            (ImageMetadata(architecture="aarch64"), "architecture is aarch64 there and x86_64 in the name"),
            (ImageMetadata(bootstrap="cloudinit"), "bootstrap is cloudinit there and tiny in the name"),
            (ImageMetadata(firmware="bios"), "firmware is bios there and uefi in the name"),
        ],
    )
    def test_each_is_told(self, said: ImageMetadata, phrase: str) -> None:
        assert said.contradictions(self.NAME) == [phrase]

    def test_all_are_told(self) -> None:
        assert len(ImageMetadata(release="3.24.2", revision=1, firmware="bios").contradictions(self.NAME)) == 3

    def test_what_is_the_same_or_unknown_is_none(self) -> None:
        assert parse_metadata(PUBLISHED).contradictions(self.NAME) == []
        assert ImageMetadata().contradictions(self.NAME) == []
        assert ImageMetadata(firmware="bios").contradictions(parse_image_name("alpine-3.24.2-x86_64-tiny-r0")) == []
