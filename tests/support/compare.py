# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is the disk that came out of a cloud the disk that went in?"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

PADDING_CLOUDS = ("aws", "gcp")
"""These round a disk up to whole GiB."""


def assert_same_disk(source: Path, exported: Path, *, padded: bool) -> None:
    """Assert that a raw disk holds, bit for bit, what a guest sees on the ``source`` image.

    :param source: an image in any format that qemu-img finds out by itself.
    :param exported: the raw disk.
    :param padded: that the disk may be longer than the source; then the rest must be zero.
    :raises AssertionError: with the offset, in bytes, of the first sector that differs.
    """
    source_size = _virtual_size(source)
    exported_size = exported.stat().st_size
    assert exported_size == source_size or (padded and exported_size > source_size), (
        f"{exported} has {exported_size} bytes, {source} {source_size}"
    )
    # Knows holes and unallocated clusters, and takes what the shorter one lacks for zeros.
    result = subprocess.run(
        ["qemu-img", "compare", "-F", "raw", str(source), str(exported)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, f"{exported} differs from {source}: {result.stdout}{result.stderr}"


def _virtual_size(image: Path) -> int:
    command = ["qemu-img", "info", "--output=json", str(image)]
    size: int = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["virtual-size"]
    return size
