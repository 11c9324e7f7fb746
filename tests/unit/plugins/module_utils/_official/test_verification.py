# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import InputError
from ansible_collections.alpine.cloud.plugins.module_utils._core.work_directory import default_work_dir
from ansible_collections.alpine.cloud.plugins.module_utils._official.download import DownloadRequest
from ansible_collections.alpine.cloud.plugins.module_utils._official.http import HttpClient
from ansible_collections.alpine.cloud.plugins.module_utils._official.local_image import LocalImageRequest
from ansible_collections.alpine.cloud.plugins.module_utils._official.signing_key import (
    ALPINE_FINGERPRINT,
    ALPINE_KEY_URL,
)
from ansible_collections.alpine.cloud.plugins.module_utils._official.verification import ImageVerification

URL = "https://a.example/alpine.qcow2"


def params(**options: Any) -> dict[str, Any]:
    return {
        **dict.fromkeys(("key", "sha512", "sha512_url", "signature_url", "verify_signature", "ca_file", "work_dir")),
        "fingerprint": ALPINE_FINGERPRINT,
        "key_url": ALPINE_KEY_URL,
        "validate_certs": True,
        "timeout": 30.0,
        "wait_timeout": 3600,
        **options,
    }


def test_the_defaults() -> None:
    assert ImageVerification.from_params(params()) == ImageVerification(
        default_work_dir(), HttpClient(), ALPINE_FINGERPRINT, ALPINE_KEY_URL
    )


def test_every_option_counts() -> None:
    verification = ImageVerification.from_params(
        params(
            work_dir="/work",
            timeout=7.0,
            validate_certs=False,
            fingerprint=ALPINE_FINGERPRINT.lower(),
            key_url="https://a.example/key.asc",
            key="key.asc",
            sha512="AB" * 64,
            sha512_url=["https://a.example/sums"],
            signature_url=["https://a.example/sig"],
            verify_signature="prefer",
        )
    )
    assert verification == ImageVerification(
        work_dir=Path("/work"),
        http=HttpClient(validate_certs=False, timeout=7.0),
        fingerprint=ALPINE_FINGERPRINT,
        key_url="https://a.example/key.asc",
        key="key.asc",
        sha512="ab" * 64,
        sha512_urls=["https://a.example/sums"],
        signature_urls=["https://a.example/sig"],
        mode="prefer",
    )


def test_a_download_is_of_these_urls() -> None:
    request = DownloadRequest.from_params(params(url=[f"{URL}?token=1", "https://b.example/x"], wait_timeout=7))
    assert request == DownloadRequest(
        [f"{URL}?token=1", "https://b.example/x"], ImageVerification.from_params(params()), 7
    )
    assert request.file_name == "alpine.qcow2"


@pytest.mark.parametrize("urls", [["x", URL], [URL, "x"]])
def test_each_url_is_looked_at(urls: list[str]) -> None:
    with pytest.raises(InputError, match=r"^url must be a URL"):
        DownloadRequest.from_params(params(url=urls))
    for option in ("sha512_url", "signature_url"):
        with pytest.raises(InputError, match=f"^{option} must be a URL"):
            LocalImageRequest.from_params(params(src="x", **{option: urls}))
