# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters by which roles and playbooks find their words."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError

from tests.support.paths import REPOSITORY

_FILTERS = "ansible_collections.alpine.cloud.plugins.filter"
_NAMES = sorted(path.stem for path in Path(REPOSITORY, "plugins/filter").glob("[!_]*.py"))
_IMAGE = {"architecture": "x86_64", "firmware": "hybrid", "bootstrap": "tiny", "machine": "vm"}
_RECORD = {"image": "a", "cloud": "aws", "changed": True}
_FAILED = {"image": "a", "cloud": "aws", "error": {"step": "b", "message": "c"}}


def _filter(name: str) -> Callable[..., Any]:
    found: Callable[..., Any] = importlib.import_module(f"{_FILTERS}.{name}").FilterModule().filters()[name]
    return found


@pytest.mark.parametrize("name", _NAMES)
def test_each_filter_is_documented_under_its_name(name: str) -> None:
    module = importlib.import_module(f"{_FILTERS}.{name}")
    documentation = yaml.safe_load(module.DOCUMENTATION)
    assert set(module.FilterModule().filters()) == {name}
    assert documentation["name"] == name
    assert f"alpine.cloud.{name}" in module.EXAMPLES


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("firmware", ["uefi-preferred"], "hybrid"),
        ("firmware", ["V1"], "bios"),
        ("firmware", [["GVNIC", "UEFI_COMPATIBLE"]], "uefi"),
        ("boot_mode", [_IMAGE], "uefi-preferred"),
        ("boot_mode", [{**_IMAGE, "architecture": "aarch64"}], "uefi"),
        ("hyper_v_generation", [_IMAGE], "V2"),
        ("hyper_v_generation", [{**_IMAGE, "firmware": "bios"}], "V1"),
        ("image_family", [_IMAGE], "alpine-x86_64-uefi-tiny"),
        ("image_family", [_IMAGE, "bios"], "alpine-x86_64-bios-tiny"),
        ("image_family", [{**_IMAGE, "machine": "metal", "firmware": "bios"}], "alpine-x86_64-bios-tiny-metal"),
        (
            "image_tags",
            [{"name": "a", "release": "3.24.2", "revision": 1, "other": "x"}, "2028-05-01"],
            {
                "alpine-image": "a",
                "alpine-release": "3.24.2",
                "alpine-revision": "1",
                "alpine-end-of-life": "2028-05-01",
            },
        ),
        (
            "image_tags",
            [{"name": "a", "release": "3.24.2", "revision": 0}],
            {"alpine-image": "a", "alpine-release": "3.24.2", "alpine-revision": "0"},
        ),
        ("gcp_name", ["alpine-3.24.2-x86_64-tiny-r0"], "alpine-3-24-2-x86-64-tiny-r0"),
        ("gcp_labels", [{"alpine-release": "3.24.2"}], {"alpine-release": "3-24-2"}),
        ("image_title", [{"release": "3.24"}], "alpine release=3.24"),
        ("report_failures", [[_RECORD, _FAILED]], '1 of 2 imports failed: aws, a, step "b": c'),
    ],
)
def test_filters_find_words(name: str, arguments: list[Any], expected: Any) -> None:
    assert _filter(name)(*arguments) == expected


def test_the_table_knows_check_mode() -> None:
    report_table = _filter("report_table")
    assert "would change" in report_table([_RECORD], True)[1]
    assert "would change" not in report_table([_RECORD])[1]


def test_an_unknown_firmware_is_refused_in_the_words_of_a_filter() -> None:
    with pytest.raises(AnsibleFilterError, match="no cloud calls a firmware 'V3'"):
        _filter("firmware")("V3")
