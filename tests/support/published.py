# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of images as mirrors have them, in unit tests."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.alpine.cloud.plugins.module_utils._official.listing import ListedFile
from ansible_collections.alpine.cloud.plugins.module_utils._official.published_image import PublishedImage, images_in

# All three eras, and what else lies about.
PUBLISHED = (
    "generic_alpine-3.24.1-x86_64-uefi-cloudinit-r0.qcow2",
    "generic_alpine-3.24.1-x86_64-bios-tiny-r0.qcow2",
    "nocloud_alpine-3.24.1-x86_64-uefi-cloudinit-r3.qcow2",
    "aws_alpine-3.24.1-aarch64-uefi-tiny-r0.vhd",
    "alpine-3.24.0-aarch64-uefi-cloudinit-r0.qcow2",
    "alpine-3.24.2-x86_64-cloudinit-r0.qcow2",
    "alpine-3.24.2-x86_64-cloudinit-r2.qcow2",
    "alpine-3.24.2-x86_64-cloudinit-r10.qcow2",
    "alpine-3.24.2-x86_64-tiny-r0.qcow2",
    "alpine-3.24.2-x86_64-tiny-metal-r0.raw.tar.gz",
    "alpine-3.24.2-aarch64-tiny-r0.qcow2",
)
OTHER_FILES = ("README", "alpine-virt-3.24.2-x86_64.iso", "alpine-3.24-x86_64-tiny-r0.qcow2", "disk.qcow2")


def listed(*names: str, url: str = "https://m/") -> dict[str, ListedFile]:
    return {name: ListedFile(f"{url}{name}", 7, "2026-06-16T09:03") for name in names}


def published_images(*names: str) -> list[PublishedImage]:
    return images_in(listed(*(names or PUBLISHED)))


def file_names(images: Sequence[PublishedImage]) -> list[str]:
    return [image.url.rpartition("/")[2] for image in images]
