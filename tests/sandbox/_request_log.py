# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The log of requests: what each one asked for, in the provider's words, and what became of it."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
from pathlib import Path


@dataclasses.dataclass(frozen=True)
class Operation:
    """What a request asks for, in the provider's words.

    :param service: such as ``s3`` or ``compute``.
    :param name: such as ``PutObject`` or ``images.insert``.
    :param write: whether the call can change state; tests of check mode rely on it.
    """

    service: str
    name: str
    write: bool


class RequestLog:
    """Appends one JSON object a line; several processes share the file."""

    def __init__(self, path: Path, cloud: str) -> None:
        self._cloud = cloud
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def write(
        self,
        operation: Operation,
        *,
        method: str,
        path: str,
        status: int,
        received: int,
        sent: int,
        byte_range: str | None = None,
    ) -> None:
        now = datetime.datetime.now(datetime.UTC)
        line = {
            "time": now.isoformat(timespec="milliseconds"),
            "cloud": self._cloud,
            "service": operation.service,
            "operation": operation.name,
            "method": method,
            "path": path,
            "status": status,
            "bytes_in": received,
            "bytes_out": sent,
            "write": operation.write,
            "range": byte_range,
        }
        os.write(self._file, json.dumps(line).encode() + b"\n")
