# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an import does with the bytes: look at them, and turn them into a raw disk."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

_FORMATS = {"QCOW2": "qcow2", "VMDK": "vmdk"}
_LARGEST_GIB = 400


class ImportFailed(Exception):
    """The reason, as the work request's errors have it."""


def convert_to_raw(image: Path, source_image_type: str, raw: Path) -> int:
    """Write the guest-visible disk to ``raw``, sparse; returns its size in bytes.

    :raises ImportFailed: when the file is not a complete image of that type.
    """
    kind = _FORMATS[source_image_type]
    try:
        info = json.loads(_qemu_img("info", "-f", kind, "--output", "json", str(image)))
    except ImportFailed as error:
        raise ImportFailed(f"The image is not a valid {source_image_type} image: {error}") from None
    if "backing-filename" in info:
        raise ImportFailed(f"The {source_image_type} image depends on the backing file {info['backing-filename']}")
    if info.get("encrypted"):
        raise ImportFailed(f"The {source_image_type} image is encrypted")
    details = info.get("format-specific", {}).get("data", {})
    if details.get("corrupt"):
        raise ImportFailed("The image is marked as corrupt")
    if "data-file" in details:
        raise ImportFailed(f"The image keeps its data in another file, {details['data-file']}")
    size: int = info["virtual-size"]
    if size == 0 or size > _LARGEST_GIB << 30:
        raise ImportFailed(f"The virtual size of {size} bytes is not within 1 byte and {_LARGEST_GIB} GiB")
    _check(kind, image)
    _qemu_img("convert", "-f", kind, "-O", "raw", str(image), str(raw))
    return size


def _check(kind: str, image: Path) -> None:
    result = subprocess.run(["qemu-img", "check", "-f", kind, str(image)], capture_output=True, text=True, check=False)
    # 3 is leaked clusters, which do no harm; 63 is a format that cannot be checked.
    if result.returncode not in (0, 3, 63):
        raise ImportFailed("The image is corrupt or truncated: its tables point to what is not there")


def _qemu_img(*arguments: str) -> str:
    result = subprocess.run(["qemu-img", *arguments], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise ImportFailed(result.stderr.strip().removeprefix("qemu-img: ").replace(arguments[-1], "the file"))
    return result.stdout
