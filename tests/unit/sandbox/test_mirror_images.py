# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mirror's images are made once, and again when what makes them has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sandbox._mirror import _images
from tests.sandbox._mirror._images import image_parts, published_images


def test_images_are_made_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = []

    def make(directory: Path) -> None:
        made.append(directory)
        (directory / "alpine-3.24.2-x86_64-tiny-r0.qcow2").write_bytes(b"image")

    monkeypatch.setattr(_images, "_make_images", make)
    cache, own = tmp_path / "cache", tmp_path / "alpine-3.24.2-aarch64-tiny-r0.qcow2"
    first = published_images([], cache=cache)
    assert first["alpine-3.24.2-x86_64-tiny-r0.qcow2"].read_bytes() == b"image"
    assert published_images([own], cache=cache) == first | {own.name: own}
    assert len(made) == 1
    source = tmp_path / "source.py"
    source.write_text("changed")
    monkeypatch.setattr(_images, "_SOURCES", (source,))
    assert published_images([], cache=cache) != first
    assert len(made) == 2
    # Nothing unfinished is left behind.
    assert sorted(path.name for path in cache.iterdir() if path.name.startswith("unfinished")) == []


def test_an_image_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(directory: Path) -> None:
        (directory / "half").touch()
        raise RuntimeError

    monkeypatch.setattr(_images, "_make_images", fail)
    with pytest.raises(RuntimeError):
        published_images([], cache=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("generic_alpine-3.23.4-x86_64-bios-cloudinit-r0.qcow2", ("generic", "bios", "cloudinit", "0")),
        ("alpine-3.24.2-x86_64-cloudinit-metal-r10.raw.tar.gz", ("", "", "cloudinit", "10")),
    ],
)
def test_names(name: str, parts: tuple[str, ...]) -> None:
    found = image_parts(name)
    assert (found["cloud"], found["firmware"], found["bootstrap"], found["revision"]) == parts
