# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is secret is neither printed, nor returned, nor written, whatever is wrong with it."""

from __future__ import annotations

import base64

import pytest

from tests.support.cloud import Cloud
from tests.support.planted import SECRET, fails_silently

_BLOB = {"storage_account": "images", "container": "images", "name": "a.vhd", "state": "absent"}


@pytest.mark.parametrize(
    "options",
    [
        {"secret": f"{SECRET}\n{SECRET}"},
        {"secret": SECRET},
        {"account_key": f"{SECRET} {SECRET}"},
        {"account_key": SECRET},
        {"blob_endpoint": f"https://127.0.0.1:1/images?sig={SECRET}"},
        {"authority_host": f"https://me:{SECRET}@127.0.0.1:1"},
    ],
    ids=str,
)
def test_nothing_is_told(azure: Cloud, options: dict[str, str]) -> None:
    fails_silently(azure, "alpine_azure_page_blob", **_BLOB, **options)


def test_a_signed_source_is_not_told(azure: Cloud) -> None:
    fails_silently(
        azure.with_options(blob_endpoint=None),
        "alpine_azure_gallery_version",
        resource_group="alpine",
        gallery="nowhere",
        gallery_image="nothing",
        name="1.0.0",
        location="westeurope",
        storage_account="other",
        source_uri=f"https://other.blob.core.windows.net/a.vhd?sv=1&sig={SECRET}",
        source_sha256=base64.b16encode(b"a" * 32).decode(),
    )
