# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Raw disks are mostly holes, and stay so when they are copied."""

from __future__ import annotations

import subprocess
from pathlib import Path


def copy_sparse(source: Path, target: Path) -> None:
    """Copy a disk, with holes wherever it has nothing but zeros. (shutil would fill them.)"""
    subprocess.run(["cp", "--sparse=always", str(source), str(target)], check=True)
