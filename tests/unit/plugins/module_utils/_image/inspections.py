# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of inspections share."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.alpine.cloud.plugins.module_utils._image.inspect import InspectionRequest
from ansible_collections.alpine.cloud.plugins.module_utils._image.inspect import inspect_image as inspected

NAME = "alpine-3.24.2-x86_64-tiny-r0"


def inspect_image(
    path: Path,
    name: str | None = None,
    *,
    metadata_path: Path | None = None,
    warn: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """What the module returns."""
    metadata = None if metadata_path is None else str(metadata_path)
    return inspected(InspectionRequest(str(path), name, metadata), warn=warn).as_result()


def qcow2(folder: Path, disk: bytes, name: str = NAME) -> Path:
    raw, path = folder / "content.raw", folder / f"{name}.qcow2"
    raw.write_bytes(disk)
    subprocess.run(["qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", raw, path], check=True)
    return path
