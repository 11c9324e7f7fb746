# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bootable images, in the formats that the clouds take."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from typing import Any

from tests.image import ImageSpec, build_image
from tests.support.disks import make_gce_tar

GATE = {"alpine_boot_test": True, "alpine_boot_test_wait_interval": 1}
"""The variables with which a role launches what it has imported, before it publishes that."""


def bootable_facts(spec: ImageSpec, directory: Path, *formats: str, name: str) -> dict[str, Any]:
    """What is particular to a bootable image among the facts of role alpine_image.

    :param formats: ``qcow2``, ``dynamic_vhd``, ``fixed_vhd``, ``gce_tar``: what is in ``files``.
    :param name: one of its own, where other tests look into the same cloud.
    """
    image = build_image(spec, directory)
    makers = {"qcow2": lambda path, _form: path, "dynamic_vhd": _vhd, "fixed_vhd": _vhd, "gce_tar": _gce_tar}
    return {
        "name": name,
        "path": str(image),
        "sha256": hashlib.sha256(image.read_bytes()).hexdigest(),
        "files": {form: str(makers[form](image, form.removesuffix("_vhd"))) for form in formats},
    }


def _vhd(image: Path, subformat: str) -> Path:
    vhd = image.with_suffix(f".{subformat}.vhd")
    options = f"subformat={subformat},force_size=on"
    subprocess.run(["qemu-img", "convert", "-O", "vpc", "-o", options, image, vhd], check=True)
    return vhd


def _gce_tar(image: Path, _form: str) -> Path:
    raw = image.with_suffix(".raw")
    subprocess.run(["qemu-img", "convert", "-O", "raw", image, raw], check=True)
    return make_gce_tar(raw, image.with_suffix(".tar.gz"))
