# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._image.report import (
    image_title,
    report_failures,
    report_table,
)

_MADE = {
    "image": "alpine-3.24.2-x86_64-tiny-r0",
    "cloud": "aws",
    "region": "eu-central-1",
    "firmware": "hybrid",
    "changed": True,
    "seconds": 12.5,
    "id": "ami-1",
}
_FAILED = {
    "image": "b",
    "cloud": "azure",
    "seconds": 1.0,
    "error": {"step": "Upload the VHD", "message": "No room."},
}


# Titles


@pytest.mark.parametrize(
    ("request_", "title"),
    [
        ({}, "alpine latest"),
        ({"release": "3.24", "arch": "aarch64"}, "alpine release=3.24 arch=aarch64"),
        ({"release": 3.24, "verify_signature": True}, "alpine release=3.24 verify_signature=True"),
        ({"path": "/images/alpine-3.24.2-x86_64-tiny-r0.qcow2"}, "alpine-3.24.2-x86_64-tiny-r0"),
        ({"path": "disk.raw.tar.gz"}, "disk.raw.tar"),
        ({"url": "https://example.org/a/disk.qcow2", "sha512": "ab"}, "disk"),
        ({"url": ["https://one.example/first.qcow2", "https://two.example/second.qcow2"]}, "first"),
        ({"url": []}, "alpine url=[]"),
        ({"path": "disk.qcow2", "name": "alpine-3.24.2-x86_64-tiny-r0"}, "alpine-3.24.2-x86_64-tiny-r0"),
    ],
)
def test_an_image_is_called_by_what_is_known_of_it(request_: dict[str, Any], title: str) -> None:
    assert image_title(request_) == title


# Table


def test_the_table_has_a_line_for_each_import() -> None:
    unchanged = {**_MADE, "cloud": "gcp", "region": "global", "firmware": "uefi", "changed": False, "id": "123"}
    assert report_table([_MADE, unchanged, _FAILED], check_mode=False) == [
        "IMAGE                         CLOUD  REGION        FIRMWARE  STATUS     SECONDS  ID",
        "alpine-3.24.2-x86_64-tiny-r0  aws    eu-central-1  hybrid    changed    12.5     ami-1",
        "alpine-3.24.2-x86_64-tiny-r0  gcp    global        uefi      unchanged  12.5     123",
        'b                             azure  -             -         failed     1.0      step "Upload the VHD"',
    ]


def test_check_mode_says_what_would_be() -> None:
    table = report_table([{**_MADE, "id": None}], check_mode=True)
    assert table[1].endswith("  hybrid    would change  12.5     -")


def test_what_did_not_change_would_not_change() -> None:
    assert "  unchanged  " in report_table([{**_MADE, "changed": False}], check_mode=True)[1]


def test_a_table_of_nothing_has_headings() -> None:
    assert report_table([], check_mode=False) == ["IMAGE  CLOUD  REGION  FIRMWARE  STATUS  SECONDS  ID"]


# Failures


def test_failures_are_counted_and_told() -> None:
    other = {**_FAILED, "cloud": "oci", "error": {"step": "Import the image", "message": "Out of\nhost capacity."}}
    assert report_failures([_MADE, _FAILED, other]) == (
        '2 of 3 imports failed: azure, b, step "Upload the VHD": No room.; '
        'oci, b, step "Import the image": Out of\nhost capacity.'
    )


def test_no_failure_is_no_sentence() -> None:
    assert report_failures([_MADE]) == ""
    assert report_failures([]) == ""
