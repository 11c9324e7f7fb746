# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of reading and converting images share."""

from __future__ import annotations

import hashlib
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.alpine.cloud.plugins.module_utils._core.units import MIB
from ansible_collections.alpine.cloud.plugins.module_utils._image.convert import ConversionRequest, convert
from tests.support.partitioned import HYBRID_DISK

# 2.5 MiB, so that every format but qcow2 has to round.
CONTENT = HYBRID_DISK + random.Random(5).randbytes(MIB // 2)


def run(request: ConversionRequest, *, check_mode: bool = False) -> dict[str, Any]:
    """Convert, with nothing to be warned of."""
    return convert(request, check_mode=check_mode, warn=lambda message: pytest.fail(f"unexpected warning: {message}"))


def to_qcow2(raw: Path, *options: str) -> Path:
    """Convert ``raw`` to a qcow2 beside it, with more ``options`` of ``qemu-img convert``."""
    path = raw.with_suffix(".qcow2")
    subprocess.run(["qemu-img", "convert", *options, "-f", "raw", "-O", "qcow2", raw, path], check=True)
    return path


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def nothing_kept(work_dir: Path) -> bool:
    """Whether nothing is left that the next run would trust."""
    return all(path.is_dir() or path.suffix == ".lock" for path in work_dir.rglob("*"))
