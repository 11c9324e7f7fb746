# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is secret is neither printed, nor returned, nor written, whatever is wrong with it."""

from __future__ import annotations

import pytest

from tests.support.cloud import Cloud
from tests.support.planted import SECRET, fails_silently


@pytest.mark.parametrize(
    "options",
    [
        {"session_token": f"{SECRET}\n{SECRET}"},
        {"secret_key": SECRET},
        {"session_token": SECRET + "ä"},
        {"endpoint_url": f"https://me:{SECRET}@127.0.0.1:1"},
        {"endpoint_url": f"https://127.0.0.1:1/?X-Amz-Signature={SECRET}"},
    ],
    ids=str,
)
def test_nothing_is_told(aws: Cloud, options: dict[str, str]) -> None:
    fails_silently(aws, "alpine_s3_object", bucket="images", key="a.vhd", state="absent", **options)
