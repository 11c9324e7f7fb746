# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is secret is neither printed, nor returned, nor written, whatever is wrong with it."""

from __future__ import annotations

import pytest

from tests.support.cloud import Cloud
from tests.support.planted import SECRET, fails_silently

_SIGNED = f"https://storage.googleapis.com/b/o?X-Goog-Signature={SECRET}"


@pytest.mark.parametrize("module", ["alpine_gcs_object", "alpine_gcp_image"])
@pytest.mark.parametrize(
    "options",
    [
        {"auth_kind": "accesstoken", "access_token": f"{SECRET}\n{SECRET}"},
        {"auth_kind": "accesstoken", "access_token": SECRET},
        {
            "auth_kind": "serviceaccount",
            "service_account_file": None,
            "service_account_contents": f'{{"a": "{SECRET}"}}',
        },
        {"storage_endpoint": f"https://me:{SECRET}@127.0.0.1:1"},
    ],
    ids=str,
)
def test_nothing_is_told(gcp: Cloud, module: str, options: dict[str, str]) -> None:
    place = {"bucket": "images", "name": "a.tar.gz"} if module == "alpine_gcs_object" else {"name": "alpine"}
    fails_silently(gcp, module, **place, state="absent", **options)


def test_a_signed_source_is_not_told(gcp: Cloud) -> None:
    image = {"name": "Wrong", "source": _SIGNED, "source_sha256": "ab" * 32, "architecture": "x86_64"}
    fails_silently(gcp, "alpine_gcp_image", **image, firmware="uefi")
