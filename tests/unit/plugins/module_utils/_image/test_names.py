# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._image.names import (
    ImageName,
    azure_version,
    parse_image_name,
    strip_extension,
)

_words = st.from_regex(r"[a-z][a-z0-9]{0,9}", fullmatch=True)
_numbers = st.integers(min_value=0, max_value=9999)
releases = st.tuples(_numbers, _numbers, _numbers).map(lambda parts: ".".join(map(str, parts)))
image_names = st.builds(
    ImageName,
    release=releases,
    architecture=st.sampled_from(["x86_64", "aarch64"]),
    bootstrap=_words.filter(lambda word: word not in {"bios", "uefi", "metal", "vm"}),
    revision=_numbers,
    machine=st.sampled_from(["vm", "metal"]),
    firmware=st.sampled_from([None, "bios", "uefi"]),
    cloud=st.none() | _words,
)

# One of each era, and what else has been published.
PUBLISHED = {
    "generic_alpine-3.24.1-x86_64-uefi-cloudinit-r0": ImageName(
        "3.24.1", "x86_64", "cloudinit", 0, "vm", "uefi", "generic"
    ),
    "nocloud_alpine-3.23.4-x86_64-bios-cloudinit-r0": ImageName(
        "3.23.4", "x86_64", "cloudinit", 0, "vm", "bios", "nocloud"
    ),
    "aws_alpine-3.20.3-aarch64-uefi-tiny-metal-r1": ImageName("3.20.3", "aarch64", "tiny", 1, "metal", "uefi", "aws"),
    "alpine-3.23.6-aarch64-uefi-cloudinit-r0": ImageName("3.23.6", "aarch64", "cloudinit", 0, "vm", "uefi"),
    "alpine-3.24.2-x86_64-cloudinit-r2": ImageName("3.24.2", "x86_64", "cloudinit", 2),
    "alpine-3.24.2-aarch64-cloudinit-metal-r0": ImageName("3.24.2", "aarch64", "cloudinit", 0, "metal"),
    "alpine-3.24.2-x86_64-tiny-r10": ImageName("3.24.2", "x86_64", "tiny", 10),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parses_published_names(name: str) -> None:
    assert parse_image_name(name) == PUBLISHED[name]
    assert str(PUBLISHED[name]) == name


@given(image_names)
def test_parsing_undoes_formatting(image: ImageName) -> None:
    assert parse_image_name(str(image)) == image


@pytest.mark.parametrize(
    "name",
    [
        "",
        "disk",
        "alpine-3.24.2-x86_64-tiny",
        "alpine-3.24.2-x86_64-tiny-r",
        "alpine-3.24.2-x86_64-tiny-r01",
        "alpine-3.24.2-x86_64-tiny-r0.qcow2",
        "alpine-3.24-x86_64-tiny-r0",
        "alpine-3.24.2.1-x86_64-tiny-r0",
        "alpine-03.24.2-x86_64-tiny-r0",
        "alpine-edge-x86_64-tiny-r0",
        "alpine-3.24.2-riscv64-tiny-r0",
        "alpine-3.24.2-x86-64-tiny-r0",
        "alpine-3.24.2-x86_64-r0",
        "alpine-3.24.2-x86_64-uefi-r0",
        "alpine-3.24.2-x86_64-bios-uefi-r0",
        "alpine-3.24.2-x86_64-metal-r0",
        "alpine-3.24.2-x86_64-tiny-metal-metal-r0",
        "alpine-3.24.2-x86_64-efi-tiny-r0",
        "alpine-3.24.2-x86_64-cloud-init-r0",
        "Alpine-3.24.2-x86_64-tiny-r0",
        "alpine-virt-3.24.2-x86_64",
        "_alpine-3.24.2-x86_64-tiny-r0",
        "my cloud_alpine-3.24.2-x86_64-tiny-r0",
        " alpine-3.24.2-x86_64-tiny-r0",
        "alpine-3.24.2-x86_64-tiny-r0\n",
    ],
)
def test_refuses_other_names_and_says_where_to_give_one(name: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_image_name(name)
    assert caught.value.message.startswith(f"name {name!r} ")
    assert "alpine-3.24.2-x86_64-tiny-r0" in caught.value.message
    assert "alpine_image_name" in caught.value.message


def test_names_the_option_it_is_told() -> None:
    with pytest.raises(InputError, match=r"^image_name 'disk'"):
        parse_image_name("disk", option="image_name")


def test_own_name_lacks_the_cloud() -> None:
    image = parse_image_name("generic_alpine-3.24.1-x86_64-uefi-cloudinit-r0")
    assert image.name == "alpine-3.24.1-x86_64-uefi-cloudinit-r0"
    assert str(image) == "generic_alpine-3.24.1-x86_64-uefi-cloudinit-r0"
    assert image.version == "3.24"


def test_sorts_by_number() -> None:
    names = [
        "alpine-3.9.10-x86_64-tiny-r0",
        "alpine-3.24.2-x86_64-tiny-r2",
        "alpine-3.24.2-x86_64-tiny-r10",
        "alpine-3.24.10-x86_64-tiny-r0",
        "alpine-10.0.0-x86_64-tiny-r0",
    ]
    shuffled = [names[index] for index in (3, 0, 4, 2, 1)]
    assert sorted(shuffled, key=lambda name: parse_image_name(name).sort_key) == names


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/images/alpine-3.24.2-x86_64-tiny-r0.qcow2", "alpine-3.24.2-x86_64-tiny-r0"),
        ("alpine-3.24.2-x86_64-tiny-r0.RAW", "alpine-3.24.2-x86_64-tiny-r0"),
        ("alpine-3.24.2-aarch64-tiny-metal-r0.raw.tar.gz", "alpine-3.24.2-aarch64-tiny-metal-r0"),
        ("a/b.vhd", "b"),
        ("alpine-3.24.2-x86_64-tiny-r0", "alpine-3.24.2-x86_64-tiny-r0"),
        ("disk.iso", "disk.iso"),
    ],
)
def test_strips_the_extension_of_an_image_format_only(path: str, name: str) -> None:
    assert strip_extension(path) == name


class TestAzureVersion:
    @pytest.mark.parametrize(
        ("release", "revision", "version"),
        [("3.21.0", 0, "3.21.0"), ("3.21.0", 1, "3.21.1"), ("3.24.2", 10, "3.24.2010"), ("3.24.2", 999, "3.24.2999")],
    )
    def test_puts_patch_and_revision_into_one_number(self, release: str, revision: int, version: str) -> None:
        assert azure_version(release, revision) == version

    def test_can_leave_the_revision_out(self) -> None:
        assert azure_version("3.24.2", 5, "release") == "3.24.2"

    @given(releases, st.integers(0, 999), releases, st.integers(0, 999))
    def test_sorts_as_the_images_do(self, release: str, revision: int, other: str, other_revision: int) -> None:
        def key(version: str) -> tuple[int, ...]:
            return tuple(map(int, version.split(".")))

        versions = key(azure_version(release, revision)), key(azure_version(other, other_revision))
        images = (*key(release), revision), (*key(other), other_revision)
        assert (versions[0] < versions[1]) == (images[0] < images[1])

    @pytest.mark.parametrize("revision", [-1, 1000])
    def test_refuses_a_revision_that_would_run_into_the_next_patch(self, revision: int) -> None:
        with pytest.raises(InputError, match="0 to 999"):
            azure_version("3.24.2", revision)

    @pytest.mark.parametrize("release", ["3.24", "edge", "3.24.2.1", "3.24.2-r0"])
    @pytest.mark.parametrize("scheme", ["patch_and_revision", "release"])
    def test_refuses_what_is_not_three_numbers(self, release: str, scheme: str) -> None:
        with pytest.raises(InputError, match="three numbers"):
            azure_version(release, 0, scheme)  # type: ignore[arg-type]
