# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._official.published_image import (
    FORMATS,
)
from ansible_collections.alpine.cloud.plugins.module_utils._official.selection import (
    NoMatchError,
    WantedImages,
    best_first,
    select,
)
from tests.support.published import file_names, published_images


class TestOrder:
    def test_release_then_generic_then_revision_by_number(self) -> None:
        names = [
            "alpine-3.24.10-x86_64-tiny-r0.qcow2",
            "alpine-3.24.2-x86_64-tiny-r10.qcow2",
            "alpine-3.24.2-x86_64-tiny-r2.qcow2",
            "generic_alpine-3.24.2-x86_64-uefi-tiny-r1.qcow2",
            "nocloud_alpine-3.24.2-x86_64-uefi-tiny-r11.qcow2",
            "alpine-3.9.10-x86_64-tiny-r0.qcow2",
        ]
        assert file_names(best_first(published_images(*sorted(names)))) == names

    def test_then_what_serves_more_users(self) -> None:
        names = [
            "alpine-3.24.2-x86_64-cloudinit-r0.qcow2",
            "alpine-3.24.2-x86_64-cloudinit-r0.raw.tar.gz",
            "alpine-3.24.2-x86_64-cloudinit-metal-r0.qcow2",
            "alpine-3.24.2-x86_64-tiny-r0.qcow2",
            "alpine-3.24.2-x86_64-uefi-cloudinit-r0.qcow2",
            "alpine-3.24.2-x86_64-bios-cloudinit-r0.qcow2",
            "alpine-3.24.2-aarch64-cloudinit-r0.qcow2",
        ]
        assert file_names(best_first(published_images(*sorted(names)))) == names

    def test_formats_as_the_user_has_them(self) -> None:
        images = published_images("alpine-3.24.2-x86_64-tiny-r0.qcow2", "alpine-3.24.2-x86_64-tiny-r0.vhd")
        assert [image.format for image in select(images, WantedImages(formats=["vhd", "qcow2"]))] == ["vhd", "qcow2"]

    @given(
        st.lists(
            st.tuples(
                st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30)),
                st.integers(0, 30),
                st.sampled_from([("", ""), ("", "-uefi"), ("generic_", "-uefi")]),
                st.sampled_from(["x86_64", "aarch64"]),
                st.sampled_from(FORMATS),
            ),
            unique=True,
        ),
        st.randoms(use_true_random=False),
    )
    def test_is_numerical_over_all_schemes_whatever_the_order_of_the_listing(
        self, parts: list[Any], random: Any
    ) -> None:
        names = [
            f"{cloud}alpine-{'.'.join(map(str, release))}-{architecture}{firmware}-tiny-r{revision}.{extension}"
            for release, revision, (cloud, firmware), architecture, extension in parts
        ]
        images = best_first(published_images(*names)) if names else []
        assert sorted(file_names(images)) == sorted(names)
        keys = [(*map(int, image.name.release.split(".")), image.name.revision) for image in images]
        assert keys == sorted(keys, reverse=True)
        shuffled = list(images)
        random.shuffle(shuffled)
        assert best_first(shuffled) == images


class TestSelection:
    @pytest.mark.parametrize(
        ("wanted", "best", "count"),
        [
            ({}, "alpine-3.24.2-x86_64-cloudinit-r10.qcow2", 11),
            ({"release": "3.24"}, "alpine-3.24.2-x86_64-cloudinit-r10.qcow2", 11),
            ({"release": "v3.24"}, "alpine-3.24.2-x86_64-cloudinit-r10.qcow2", 11),
            ({"release": "3.24.1"}, "generic_alpine-3.24.1-x86_64-uefi-cloudinit-r0.qcow2", 4),
            ({"release": "3.24.1", "firmware": "bios"}, "generic_alpine-3.24.1-x86_64-bios-tiny-r0.qcow2", 1),
            ({"release": "3.24.2", "revision": 2}, "alpine-3.24.2-x86_64-cloudinit-r2.qcow2", 1),
            ({"revision": 0, "bootstrap": "cloudinit"}, "alpine-3.24.2-x86_64-cloudinit-r0.qcow2", 3),
            ({"architecture": "aarch64"}, "alpine-3.24.2-aarch64-tiny-r0.qcow2", 3),
            ({"firmware": "bios"}, "alpine-3.24.2-x86_64-cloudinit-r10.qcow2", 6),
            ({"firmware": "uefi", "architecture": "aarch64"}, "alpine-3.24.2-aarch64-tiny-r0.qcow2", 3),
            ({"machine": "metal"}, "alpine-3.24.2-x86_64-tiny-metal-r0.raw.tar.gz", 1),
            ({"machine": "vm"}, "alpine-3.24.2-x86_64-cloudinit-r10.qcow2", 10),
            ({"formats": ["vhd"]}, "aws_alpine-3.24.1-aarch64-uefi-tiny-r0.vhd", 1),
        ],
    )
    def test_finds(self, wanted: dict[str, Any], best: str, count: int) -> None:
        images = select(published_images(), WantedImages(**wanted))
        assert file_names(images)[0] == best
        assert len(images) == count

    @pytest.mark.parametrize(
        ("wanted", "words"),
        [
            (
                {"release": "3.24.7"},
                "no image with release=3.24.7, where release can be 3.24.2, 3.24.1, 3.24.0. There are: ",
            ),
            (
                {"release": "3.24.1", "architecture": "aarch64", "bootstrap": "cloudinit"},
                "no image with bootstrap=cloudinit among those with release=3.24.1, architecture=aarch64, where "
                "bootstrap can be tiny. There are: aws_alpine-3.24.1-aarch64-uefi-tiny-r0",
            ),
            (
                {"architecture": "aarch64", "firmware": "bios"},
                "no image with firmware=bios among those with architecture=aarch64, where firmware can be uefi. "
                "There are: alpine-3.24.2-aarch64-tiny-r0, aws_alpine-3.24.1-aarch64-uefi-tiny-r0, "
                "alpine-3.24.0-aarch64-uefi-cloudinit-r0",
            ),
            (
                {"bootstrap": "cloudinit", "revision": 1},
                "no image with revision=1 among those with bootstrap=cloudinit, where revision can be 10, 2, 0, 3. ",
            ),
            (
                {"machine": "metal", "formats": ["vhd", "qcow2"]},
                "no image with formats=qcow2, vhd among those with machine=metal, where formats can be raw.tar.gz. ",
            ),
        ],
    )
    def test_tells_what_there_is_when_nothing_is_as_wanted(self, wanted: dict[str, Any], words: str) -> None:
        with pytest.raises(NoMatchError) as caught:
            select(published_images(), WantedImages(**wanted))
        assert words in caught.value.message

    def test_tells_some_of_very_many(self) -> None:
        images = published_images(*(f"alpine-3.24.{patch}-x86_64-tiny-r0.qcow2" for patch in range(50)))
        with pytest.raises(NoMatchError, match=r"There are: alpine-3\.24\.49-.*-r0 and 38 more$"):
            select(images, WantedImages(bootstrap="cloudinit"))

    @pytest.mark.parametrize("release", ["", "edge", "3", "3.24.2.1", "3.24-r0", "latest-stable", "../3.24", "3.24\n"])
    def test_refuses_what_is_no_release(self, release: str) -> None:
        with pytest.raises(
            InputError, match=r"^release must be latest, a branch such as 3.24 or a release such as 3.24.2"
        ):
            WantedImages(release=release)

    def test_refuses_no_formats(self) -> None:
        with pytest.raises(InputError, match=r"^formats must name one at least"):
            WantedImages(formats=[])
