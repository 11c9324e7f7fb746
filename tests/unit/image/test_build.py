# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from tests.image import _build
from tests.image._build import build_image, image_key
from tests.image._commands import ImageError
from tests.image._spec import AARCH64, ImageSpec

_PACKAGES = [Path("linux-image-6.1.0-56-cloud-amd64_6.1.192-2_amd64.deb"), Path("busybox-static_1.35_amd64.deb")]
_TOOLS = {"qemu-utils": "1:7.2"}


class Builder:
    """Stands in for the building itself, which takes seconds."""

    def __init__(self) -> None:
        self.built: list[ImageSpec] = []
        self.fail = False

    def build(self, spec: ImageSpec, _packages: list[Path], image: Path) -> None:
        self.built.append(spec)
        image.write_text(f"{spec.name} half")
        if self.fail:
            raise ImageError("mkfs.ext4 failed")
        image.write_text(f"{spec.name} whole")


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> Builder:
    builder = Builder()
    monkeypatch.setattr(_build, "_build", builder.build)
    monkeypatch.setattr(_build, "fetch_packages", lambda _names, _architecture, *, cache: _PACKAGES)
    monkeypatch.setattr(_build, "installed_packages", lambda _required: _TOOLS)
    return builder


def test_an_image_is_built_once_and_then_copied(tmp_path: Path, builder: Builder) -> None:
    cache = tmp_path / "cache"
    first = build_image(ImageSpec(), tmp_path / "first", cache=cache)
    first.write_text("spoilt by its user")
    second = build_image(ImageSpec(), tmp_path / "second/deep", cache=cache)
    assert len(builder.built) == 1
    assert second == tmp_path / "second/deep/alpine-3.24.2-x86_64-tiny-r0.qcow2"
    assert second.read_text() == "alpine-3.24.2-x86_64-tiny-r0 whole"


def test_images_of_other_specs_are_built_too(tmp_path: Path, builder: Builder) -> None:
    specs = (ImageSpec(), ImageSpec(revision=1), AARCH64)
    images = {build_image(spec, tmp_path, cache=tmp_path / "cache") for spec in specs}
    assert len(images) == len(builder.built) == 3


def test_a_failed_build_leaves_nothing_that_is_trusted(tmp_path: Path, builder: Builder) -> None:
    builder.fail = True
    with pytest.raises(ImageError):
        build_image(ImageSpec(), tmp_path / "output", cache=tmp_path / "cache")
    assert not list(tmp_path.rglob("*.qcow2"))
    builder.fail = False
    assert build_image(ImageSpec(), tmp_path / "output", cache=tmp_path / "cache").read_text().endswith("whole")


@pytest.mark.parametrize(
    ("spec", "packages", "tools"),
    [
        (ImageSpec(revision=1), _PACKAGES, _TOOLS),
        (ImageSpec("uefi"), _PACKAGES, _TOOLS),
        (AARCH64, _PACKAGES, _TOOLS),
        (ImageSpec(), [Path("linux-image-6.1.0-56-cloud-amd64_6.1.193-1_amd64.deb"), _PACKAGES[1]], _TOOLS),
        (ImageSpec(), [_PACKAGES[0], Path("busybox-static_1.36_amd64.deb")], _TOOLS),
        (ImageSpec(), _PACKAGES, {"qemu-utils": "1:8.0"}),
    ],
)
def test_every_input_changes_the_key(spec: ImageSpec, packages: list[Path], tools: dict[str, str]) -> None:
    assert image_key(spec, packages, tools) != image_key(ImageSpec(), _PACKAGES, _TOOLS)


def test_where_the_packages_lie_does_not_change_the_key() -> None:
    elsewhere = [Path("/elsewhere") / package for package in _PACKAGES]
    assert image_key(ImageSpec(), elsewhere, _TOOLS) == image_key(ImageSpec(), _PACKAGES, _TOOLS)


def test_the_sources_change_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_build, "_SOURCES", tmp_path)
    keys = []
    for content in ("one", "two"):
        tmp_path.joinpath("init").write_text(content)
        tmp_path.joinpath("_build.pyc").write_text(content[::-1])
        keys.append(image_key(ImageSpec(), _PACKAGES, _TOOLS))
    tmp_path.joinpath("_build.pyc").unlink()
    keys.append(image_key(ImageSpec(), _PACKAGES, _TOOLS))
    assert keys[0] != keys[1] == keys[2]
