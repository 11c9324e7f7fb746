# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What botocore reads of the services, kept for the whole process and for those that are forked from it."""

from __future__ import annotations

import functools
from typing import Any

import botocore.session
from botocore.loaders import JSONFileLoader


@functools.cache
def share_descriptions(*services: str) -> None:
    """Let all sessions share what is read: each reads it anew, and EC2's description has some MiB.

    :param services: whose descriptions are read now.
    """
    read = JSONFileLoader.load_file

    @functools.cache
    def load(path: str) -> Any:
        return read(JSONFileLoader(), path)

    # A newer botocore that has no such method must not go back to reading anew without a word.
    assert callable(read)
    JSONFileLoader.load_file = lambda _loader, path: load(path)  # type: ignore[assignment, method-assign]
    loader = botocore.session.Session().get_component("data_loader")
    for service in services:
        for name in ("endpoints", "partitions", "sdk-default-configuration"):
            loader.load_data(name)
        for kind in ("service-2", "endpoint-rule-set-1"):
            loader.load_service_model(service, kind)
