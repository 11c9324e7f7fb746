# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A page blob in memory, and the fixed VHD that is to be in it."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._azure.page_blob import (
    PageBlobRequest,
    ensure_absent,
    ensure_present,
)
from ansible_collections.alpine.cloud.plugins.module_utils._azure.page_ranges import BLOCK
from ansible_collections.alpine.cloud.plugins.module_utils._core.errors import ProviderError
from ansible_collections.alpine.cloud.plugins.module_utils._core.units import MIB
from tests.unit.plugins.module_utils._azure.fakes import SHA256, Clients, StoredBlob, storage_error


def footer(size: int, disk_type: int = 2, stamp: int = 0) -> bytes:
    data = bytearray(512)
    struct.pack_into(">8sIIQI4sI4sQQIII16s", data, 0, b"conectix", 2, 0x10000, 2**64 - 1, stamp, b"test", 0, b"test",
                     size, size, 0, disk_type, 0, b"u" * 16)  # fmt: skip
    data[64:68] = struct.pack(">I", ~sum(data) & 0xFFFFFFFF)
    return bytes(data)


def disk(mebibytes: int = 9, patches: tuple[int, ...] = (0, 3 * MIB, 3 * MIB + 5000, 8 * MIB)) -> bytes:
    content = bytearray(mebibytes * MIB)
    generator = random.Random(1)
    for offset in patches:
        content[offset : offset + 4000] = generator.randbytes(4000)
    return bytes(content)


class Case:
    """One blob, and the file that is to be in it."""

    def __init__(self, directory: Path, content: bytes | None = None, **options: Any) -> None:
        self.src = directory / "small.vhd"
        self.content = disk() if content is None else content
        self.write_file()
        self.clients: Any = Clients()
        self.service = self.clients.blobs
        self.blob = self.service.blob
        self.warnings: list[str] = []
        self.request = PageBlobRequest.from_params(
            {
                "storage_account": "account",
                "container": "images",
                "name": "small.vhd",
                "src": str(self.src),
                "source_sha256": SHA256,
                "create_container": False,
                "threads": 1,
                "best_effort": False,
                "wait": True,
                "wait_timeout": 5,
                "wait_interval": 0,
                **options,
            }
        )

    def write_file(self, stamp: int = 0) -> None:
        self.file = self.content + footer(len(self.content), stamp=stamp)
        self.src.write_bytes(self.file)

    def present(self, *, check_mode: bool = False) -> dict[str, Any]:
        return ensure_present(self.clients, self.request, check_mode=check_mode, warn=self.warnings.append)

    def absent(self, *, check_mode: bool = False) -> dict[str, Any]:
        return ensure_absent(self.clients, self.request, check_mode=check_mode, warn=self.warnings.append)

    @property
    def writes(self) -> list[str]:
        reads = ("get_blob_properties", "list_page_ranges")
        return [call for call in self.blob.calls if call not in reads]

    @property
    def stored(self) -> StoredBlob:
        stored: StoredBlob | None = self.blob.stored
        assert stored is not None
        return stored


def interrupted(case: Case) -> int:
    """Let the upload break off after two pages or more, the order being the threads' own.

    Returns how many bytes of the disk they hold. The footer does not count, since it is always sent again.
    """
    case.blob.failures["upload_page"] = [None, None, storage_error(403, "AuthenticationFailed")]
    with pytest.raises(ProviderError, match=r"Cannot write to blob images/small\.vhd: AuthenticationFailed"):
        case.present()
    assert case.stored.metadata == {"unfinished_source_sha256": SHA256}
    case.blob.failures.clear()
    return sum(len(page) for page in case.stored.pages.values() if len(page) >= BLOCK)
