# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._image.clouds import CLOUDS, Cloud, obstacles

_HYBRID = {"partition_table": "gpt", "firmware": "hybrid", "architecture": "x86_64", "published_for": None}


def _obstacles(**facts: Any) -> dict[Cloud, str]:
    return obstacles(**(_HYBRID | facts))


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"firmware": "uefi"},
        {"architecture": "aarch64", "firmware": "uefi"},
        {"architecture": None},
        {"partition_table": "mbr", "firmware": "bios"},
        {"published_for": "generic"},
    ],
)
def test_every_cloud_starts_it(facts: dict[str, Any]) -> None:
    assert _obstacles(**facts) == {}


@pytest.mark.parametrize(
    ("facts", "clouds", "words"),
    [
        ({"partition_table": "none", "firmware": "bios"}, {"gcp"}, "wants a partition table"),
        ({"firmware": "bios"}, {"gcp"}, "wants an MBR for BIOS"),
        ({"architecture": "aarch64", "firmware": "bios"}, set(CLOUDS), "starts aarch64 by UEFI only"),
        ({"published_for": "aws"}, {"azure", "gcp", "oci"}, "published for AWS alone"),
        ({"published_for": "nocloud"}, set(CLOUDS), "outside of clouds"),
    ],
)
def test_some_do_not(facts: dict[str, Any], clouds: set[str], words: str) -> None:
    found = _obstacles(**facts)
    assert set(found) == clouds
    assert all(words in reason for reason in found.values())
