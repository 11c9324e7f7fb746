# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._image.names import parse_image_name
from ansible_collections.alpine.cloud.plugins.module_utils._official.published_image import (
    PublishedImage,
    images_in,
)
from tests.support.published import OTHER_FILES, PUBLISHED, file_names, listed, published_images


class TestImages:
    def test_are_those_among_the_files_that_have_such_names(self) -> None:
        names = [*PUBLISHED, *OTHER_FILES]
        assert file_names(published_images(*names)) == list(PUBLISHED)

    def test_know_the_files_that_go_with_them(self) -> None:
        name = "alpine-3.24.2-x86_64-tiny-metal-r0"
        files = listed(
            *(
                f"{name}{end}"
                for end in (".raw.tar.gz", ".raw.tar.gz.sha512", ".raw.tar.gz.asc", ".yaml", ".yaml.sha512")
            )
        )
        assert images_in(files) == [
            PublishedImage(
                name=parse_image_name(name),
                format="raw.tar.gz",
                url=f"https://m/{name}.raw.tar.gz",
                sha512_url=f"https://m/{name}.raw.tar.gz.sha512",
                signature_url=f"https://m/{name}.raw.tar.gz.asc",
                metadata_url=f"https://m/{name}.yaml",
                size=7,
                modified="2026-06-16T09:03",
            )
        ]

    def test_say_when_there_are_none(self) -> None:
        (image,) = published_images("alpine-3.24.2-x86_64-tiny-r0.qcow2")
        assert (image.sha512_url, image.signature_url, image.metadata_url) == (None, None, None)

    @pytest.mark.parametrize(
        ("name", "firmwares"),
        [
            ("generic_alpine-3.24.1-x86_64-uefi-tiny-r0", {"uefi"}),
            ("alpine-3.23.6-x86_64-bios-tiny-r0", {"bios"}),
            ("alpine-3.24.2-x86_64-tiny-r0", {"bios", "uefi"}),
            ("alpine-3.24.2-aarch64-tiny-r0", {"uefi"}),
        ],
    )
    def test_boot_by_what_their_names_say(self, name: str, firmwares: set[str]) -> None:
        assert published_images(f"{name}.qcow2")[0].firmwares == firmwares

    def test_result_tells_everything(self) -> None:
        (image,) = published_images("generic_alpine-3.24.1-x86_64-uefi-cloudinit-r0.qcow2")
        result = dataclasses.replace(image, end_of_life="2028-05-01").as_result()
        assert result == {
            "name": "alpine-3.24.1-x86_64-uefi-cloudinit-r0",
            "url": "https://m/generic_alpine-3.24.1-x86_64-uefi-cloudinit-r0.qcow2",
            "sha512_url": None,
            "signature_url": None,
            "metadata_url": None,
            "cloud": "generic",
            "release": "3.24.1",
            "version": "3.24",
            "revision": 0,
            "architecture": "x86_64",
            "firmware": "uefi",
            "bootstrap": "cloudinit",
            "machine": "vm",
            "format": "qcow2",
            "size": 7,
            "modified": "2026-06-16T09:03",
            "end_of_life": "2028-05-01",
        }
