# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError, ProviderError
from ansible_collections.alpine.cloud.plugins.module_utils._image.names import parse_image_name
from ansible_collections.alpine.cloud.plugins.module_utils._official.catalogue import (
    FORMATS,
    Image,
    NoMatchError,
    Wanted,
    best_first,
    find_images,
    images_in,
    select,
)
from ansible_collections.alpine.cloud.plugins.module_utils._official.http import FetchError, HttpClient
from ansible_collections.alpine.cloud.plugins.module_utils._official.listing import ListedFile

_MIRROR = "https://mirror.example.com/alpine"
_OTHER = "https://other.example.com/alpine"
_RELEASES_URL = "https://alpine.example.com/releases.json"
_RELEASES = json.dumps(
    {
        "latest_stable": "v3.24",
        "release_branches": [
            {"rel_branch": "edge"},
            *({"rel_branch": f"v3.{minor}", "eol_date": f"20{minor + 4}-05-01"} for minor in range(2, 25)),
        ],
    }
)
# All three eras, and what else lies about.
_PUBLISHED = (
    "generic_alpine-3.24.1-x86_64-uefi-cloudinit-r0.qcow2",
    "generic_alpine-3.24.1-x86_64-bios-tiny-r0.qcow2",
    "nocloud_alpine-3.24.1-x86_64-uefi-cloudinit-r3.qcow2",
    "aws_alpine-3.24.1-aarch64-uefi-tiny-r0.vhd",
    "alpine-3.24.0-aarch64-uefi-cloudinit-r0.qcow2",
    "alpine-3.24.2-x86_64-cloudinit-r0.qcow2",
    "alpine-3.24.2-x86_64-cloudinit-r2.qcow2",
    "alpine-3.24.2-x86_64-cloudinit-r10.qcow2",
    "alpine-3.24.2-x86_64-tiny-r0.qcow2",
    "alpine-3.24.2-x86_64-tiny-metal-r0.raw.tar.gz",
    "alpine-3.24.2-aarch64-tiny-r0.qcow2",
)
_OTHER_FILES = ("README", "alpine-virt-3.24.2-x86_64.iso", "alpine-3.24-x86_64-tiny-r0.qcow2", "disk.qcow2")


def _listed(*names: str, url: str = "https://m/") -> dict[str, ListedFile]:
    return {name: ListedFile(f"{url}{name}", 7, "2026-06-16T09:03") for name in names}


def _images(*names: str) -> list[Image]:
    return images_in(_listed(*(names or _PUBLISHED)))


def _names(images: Sequence[Image]) -> list[str]:
    return [image.url.rpartition("/")[2] for image in images]


def _page(*names: str) -> str:
    return "".join(f'<a href="{name}">{name}</a> 16-Jun-2026 09:03 7\n' for name in names)


@dataclasses.dataclass(frozen=True)
class _Client(HttpClient):
    """Answers from a dictionary by URL, and with 404 for what is not there."""

    answers: dict[str, str | FetchError] = dataclasses.field(default_factory=dict)
    asked: list[str] = dataclasses.field(default_factory=list)

    def read(self, url: str, *, limit: int) -> bytes:
        self.asked.append(url)
        answer = self.answers.get(url)
        if answer is None:
            raise FetchError(url, "HTTP status 404 (Not Found)", status=404)
        if isinstance(answer, FetchError):
            raise answer
        assert len(answer) < limit
        return answer.encode()


def _folder(branch: str = "v3.24", mirror: str = _MIRROR) -> str:
    return f"{mirror}/{branch}/releases/cloud/"


def _find(client: _Client, mirrors: Sequence[str] = (_MIRROR,), **wanted: Any) -> Any:
    return find_images(client, Wanted(**wanted), mirrors, _RELEASES_URL)


class TestImages:
    def test_are_those_among_the_files_that_have_such_names(self) -> None:
        names = [*_PUBLISHED, *_OTHER_FILES]
        assert _names(_images(*names)) == list(_PUBLISHED)

    def test_know_the_files_that_go_with_them(self) -> None:
        name = "alpine-3.24.2-x86_64-tiny-metal-r0"
        files = _listed(
            *(
                f"{name}{end}"
                for end in (".raw.tar.gz", ".raw.tar.gz.sha512", ".raw.tar.gz.asc", ".yaml", ".yaml.sha512")
            )
        )
        assert images_in(files) == [
            Image(
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
        (image,) = _images("alpine-3.24.2-x86_64-tiny-r0.qcow2")
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
        assert _images(f"{name}.qcow2")[0].firmwares == firmwares

    def test_result_tells_everything(self) -> None:
        (image,) = _images("generic_alpine-3.24.1-x86_64-uefi-cloudinit-r0.qcow2")
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
        assert _names(best_first(_images(*sorted(names)))) == names

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
        assert _names(best_first(_images(*sorted(names)))) == names

    def test_formats_as_the_user_has_them(self) -> None:
        images = _images("alpine-3.24.2-x86_64-tiny-r0.qcow2", "alpine-3.24.2-x86_64-tiny-r0.vhd")
        assert [image.format for image in select(images, Wanted(formats=["vhd", "qcow2"]))] == ["vhd", "qcow2"]

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
        images = best_first(_images(*names)) if names else []
        assert sorted(_names(images)) == sorted(names)
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
        images = select(_images(), Wanted(**wanted))
        assert _names(images)[0] == best
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
            select(_images(), Wanted(**wanted))
        assert words in caught.value.message

    def test_tells_some_of_very_many(self) -> None:
        images = _images(*(f"alpine-3.24.{patch}-x86_64-tiny-r0.qcow2" for patch in range(50)))
        with pytest.raises(NoMatchError, match=r"There are: alpine-3\.24\.49-.*-r0 and 38 more$"):
            select(images, Wanted(bootstrap="cloudinit"))

    @pytest.mark.parametrize("release", ["", "edge", "3", "3.24.2.1", "3.24-r0", "latest-stable", "../3.24", "3.24\n"])
    def test_refuses_what_is_no_release(self, release: str) -> None:
        with pytest.raises(
            InputError, match=r"^release must be latest, a branch such as 3.24 or a release such as 3.24.2"
        ):
            Wanted(release=release)

    def test_refuses_no_formats(self) -> None:
        with pytest.raises(InputError, match=r"^formats must name one at least"):
            Wanted(formats=[])


class TestMirrors:
    @pytest.mark.parametrize(
        ("release", "branch"), [("latest", "v3.24"), ("3.24", "v3.24"), ("3.24.1", "v3.24"), ("3.9.4", "v3.9")]
    )
    def test_are_asked_for_the_branch(self, release: str, branch: str) -> None:
        client = _Client(
            answers={_RELEASES_URL: _RELEASES, _folder(branch): _page("alpine-3.9.4-x86_64-tiny-r0.qcow2", *_PUBLISHED)}
        )
        found = _find(client, release=release)
        assert client.asked == [_RELEASES_URL, _folder(branch)]
        assert found.mirror == _MIRROR
        assert found.images[0].url.startswith(_folder(branch))
        assert not found.warnings

    def test_images_have_their_branchs_end_of_life(self) -> None:
        client = _Client(answers={_RELEASES_URL: _RELEASES, _folder(): _page(*_PUBLISHED)})
        assert {image.end_of_life for image in _find(client).images} == {"2028-05-01"}

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [(None, "releases.json: HTTP status 404"), ("<html>", "this is not Alpine's releases.json")],
    )
    def test_know_the_latest_branch_themselves(self, answer: str | None, reason: str) -> None:
        answers: dict[str, str | FetchError] = {_folder("latest-stable"): _page(*_PUBLISHED)}
        found = _find(_Client(answers=answers | ({_RELEASES_URL: answer} if answer else {})))
        assert found.images[0].name.release == "3.24.2"
        assert found.images[0].end_of_life is None
        assert len(found.warnings) == 1
        assert "The ends of life are unknown" in found.warnings[0]
        assert reason in found.warnings[0]

    def test_are_passed_over_when_they_fail(self) -> None:
        client = _Client(answers={_RELEASES_URL: _RELEASES, _folder(mirror=_OTHER): _page(*_PUBLISHED)})
        found = _find(client, [f"{_MIRROR}/", _OTHER])
        assert found.mirror == _OTHER
        best = found.as_result()["newest"]
        file = best["url"].rpartition("/")[2]
        # What has failed may still have the file, but is asked last.
        assert best["urls"] == [f"{_folder(mirror=_OTHER)}{file}", f"{_folder()}{file}"]
        assert list(found.warnings) == [f"A mirror was passed over. {_folder()}: HTTP status 404 (Not Found)"]

    def test_are_passed_over_when_they_lag_behind(self) -> None:
        answers = {_folder(): _page(_PUBLISHED[0]), _folder(mirror=_OTHER): _page(*_PUBLISHED)}
        found = _find(_Client(answers={_RELEASES_URL: _RELEASES, **answers}), [_MIRROR, _OTHER], release="3.24.2")
        assert found.mirror == _OTHER
        assert f"{_MIRROR}: no image with release=3.24.2" in found.warnings[0]

    def test_the_rest_is_not_asked(self) -> None:
        client = _Client(answers={_RELEASES_URL: _RELEASES, _folder(): _page(*_PUBLISHED)})
        _find(client, [_MIRROR, _OTHER])
        assert not any(url.startswith(_OTHER) for url in client.asked)

    def test_when_none_answers_each_is_named(self) -> None:
        down = FetchError(_folder(mirror=_OTHER), "Connection refused", transient=True)
        client = _Client(answers={_RELEASES_URL: _RELEASES, _folder(mirror=_OTHER): down})
        with pytest.raises(ProviderError) as caught:
            _find(client, [_OTHER, _MIRROR], release="3.24")
        assert caught.value.message == (
            f"no mirror has what is wanted: {_folder(mirror=_OTHER)}: Connection refused; "
            f"{_folder()}: HTTP status 404 (Not Found)"
        )
        assert caught.value.status == 404

    def test_when_one_answers_what_it_has_is_told(self) -> None:
        client = _Client(answers={_RELEASES_URL: _RELEASES, _folder(mirror=_OTHER): _page(*_PUBLISHED)})
        with pytest.raises(NoMatchError, match=r"404.*; https://other.*: no image with revision=4"):
            _find(client, [_MIRROR, _OTHER], release="3.24", revision=4)

    def test_a_branch_that_there_is_not_is_told(self) -> None:
        with pytest.raises(ProviderError) as caught:
            _find(_Client(answers={_RELEASES_URL: _RELEASES}), release="3.99")
        assert caught.value.message.endswith(
            ". Alpine has no branch 3.99; the newest are 3.24, 3.23, 3.22, 3.21, 3.20, 3.19 "
            "(in YAML, 3.20 without quotes is 3.2)"
        )

    def test_a_latest_branch_without_images_is_told(self) -> None:
        client = _Client(answers={_RELEASES_URL: _RELEASES, _folder(): "<html>"})
        with pytest.raises(NoMatchError, match=r"lists no cloud image\. The latest branch, 3\.24, may have no such"):
            _find(client)

    @pytest.mark.parametrize(
        ("mirrors", "releases_url", "option"),
        [
            ([], _RELEASES_URL, "mirror_url"),
            (["mirror"], _RELEASES_URL, "mirror_url"),
            ([_MIRROR], "/releases.json", "releases_url"),
        ],
    )
    def test_bad_urls_are_refused_before_anything_is_asked(
        self, mirrors: list[str], releases_url: str, option: str
    ) -> None:
        client = _Client(answers={})
        with pytest.raises(InputError, match=f"^{option} must "):
            find_images(client, Wanted(), mirrors, releases_url)
        assert not client.asked
