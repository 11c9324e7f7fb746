# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError, ProviderError
from ansible_collections.alpine.cloud.plugins.module_utils._official.catalogue import ImageInfoRequest, find_images
from ansible_collections.alpine.cloud.plugins.module_utils._official.http import FetchError, HttpClient
from ansible_collections.alpine.cloud.plugins.module_utils._official.published_image import (
    FORMATS,
)
from ansible_collections.alpine.cloud.plugins.module_utils._official.selection import (
    NoMatchError,
    WantedImages,
)
from tests.support.published import PUBLISHED

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
    return find_images(ImageInfoRequest(client, WantedImages(**wanted), mirrors, _RELEASES_URL))


class TestMirrors:
    @pytest.mark.parametrize(
        ("release", "branch"), [("latest", "v3.24"), ("3.24", "v3.24"), ("3.24.1", "v3.24"), ("3.9.4", "v3.9")]
    )
    def test_are_asked_for_the_branch(self, release: str, branch: str) -> None:
        client = _Client(
            answers={_RELEASES_URL: _RELEASES, _folder(branch): _page("alpine-3.9.4-x86_64-tiny-r0.qcow2", *PUBLISHED)}
        )
        found = _find(client, release=release)
        assert client.asked == [_RELEASES_URL, _folder(branch)]
        assert found.mirror == _MIRROR
        assert found.images[0].url.startswith(_folder(branch))
        assert not found.warnings

    def test_images_have_their_branchs_end_of_life(self) -> None:
        client = _Client(answers={_RELEASES_URL: _RELEASES, _folder(): _page(*PUBLISHED)})
        assert {image.end_of_life for image in _find(client).images} == {"2028-05-01"}

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [(None, "releases.json: HTTP status 404"), ("<html>", "this is not Alpine's releases.json")],
    )
    def test_know_the_latest_branch_themselves(self, answer: str | None, reason: str) -> None:
        answers: dict[str, str | FetchError] = {_folder("latest-stable"): _page(*PUBLISHED)}
        found = _find(_Client(answers=answers | ({_RELEASES_URL: answer} if answer else {})))
        assert found.images[0].name.release == "3.24.2"
        assert found.images[0].end_of_life is None
        assert len(found.warnings) == 1
        assert "The ends of life are unknown" in found.warnings[0]
        assert reason in found.warnings[0]

    def test_are_passed_over_when_they_fail(self) -> None:
        client = _Client(answers={_RELEASES_URL: _RELEASES, _folder(mirror=_OTHER): _page(*PUBLISHED)})
        found = _find(client, [_MIRROR, _OTHER])
        assert found.mirror == _OTHER
        best = found.as_result()["newest"]
        file = best["url"].rpartition("/")[2]
        # What has failed may still have the file, but is asked last.
        assert best["urls"] == [f"{_folder(mirror=_OTHER)}{file}", f"{_folder()}{file}"]
        assert list(found.warnings) == [f"A mirror was passed over. {_folder()}: HTTP status 404 (Not Found)"]

    def test_are_passed_over_when_they_lag_behind(self) -> None:
        answers = {_folder(): _page(PUBLISHED[0]), _folder(mirror=_OTHER): _page(*PUBLISHED)}
        found = _find(_Client(answers={_RELEASES_URL: _RELEASES, **answers}), [_MIRROR, _OTHER], release="3.24.2")
        assert found.mirror == _OTHER
        assert f"{_MIRROR}: no image with release=3.24.2" in found.warnings[0]

    def test_the_rest_is_not_asked(self) -> None:
        client = _Client(answers={_RELEASES_URL: _RELEASES, _folder(): _page(*PUBLISHED)})
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
        client = _Client(answers={_RELEASES_URL: _RELEASES, _folder(mirror=_OTHER): _page(*PUBLISHED)})
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


def _params(**options: Any) -> dict[str, Any]:
    return {
        **dict.fromkeys(("revision", "architecture", "bootstrap", "firmware", "machine", "ca_file")),
        "release": "latest",
        "formats": list(FORMATS),
        "mirror_url": [_MIRROR],
        "releases_url": _RELEASES_URL,
        "validate_certs": True,
        "timeout": 30.0,
        **options,
    }


class TestRequest:
    def test_the_defaults(self) -> None:
        request = ImageInfoRequest.from_params(_params())
        wanted = WantedImages(formats=list(FORMATS))
        assert request == ImageInfoRequest(HttpClient(), wanted, [_MIRROR], _RELEASES_URL)

    def test_every_option_counts(self) -> None:
        wanted: dict[str, Any] = {
            "release": "3.24.1",
            "revision": 2,
            "architecture": "aarch64",
            "bootstrap": "tiny",
            "firmware": "uefi",
            "machine": "metal",
            "formats": ["raw"],
        }
        request = ImageInfoRequest.from_params(
            _params(mirror_url=[f"{_MIRROR}/", _OTHER], timeout=7.0, validate_certs=False, **wanted)
        )
        assert request.wanted == WantedImages(**wanted)
        assert request.mirrors == [_MIRROR, _OTHER]
        assert request.client == HttpClient(validate_certs=False, timeout=7.0)

    @pytest.mark.parametrize(
        ("options", "option"),
        [
            ({"mirror_url": []}, "mirror_url"),
            ({"mirror_url": [_MIRROR, "mirror"]}, "mirror_url"),
            ({"releases_url": "/releases.json"}, "releases_url"),
            ({"release": "edge"}, "release"),
            ({"formats": []}, "formats"),
            ({"timeout": 0}, "timeout"),
        ],
    )
    def test_what_cannot_work_is_refused(self, options: dict[str, Any], option: str) -> None:
        with pytest.raises(InputError, match=f"^{option} must "):
            ImageInfoRequest.from_params(_params(**options))
