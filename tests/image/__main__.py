# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small bootable Alpine-style disk image: ``python -m tests.image build|boot``."""

from __future__ import annotations

import argparse
import sys
import typing
from pathlib import Path

from tests.image import ARCHES, FIRMWARES, NEWEST, ImageError, ImageSpec, build_image
from tests.support.boot import boot
from tests.support.qemu import DiskBus
from tests.support.qemu import Firmware as BootFirmware


def _build(arguments: argparse.Namespace) -> None:
    firmware = arguments.firmware or NEWEST[arguments.arch].firmware
    spec = ImageSpec(firmware, arguments.release, arguments.revision, arguments.arch)
    print(build_image(spec, arguments.output))


def _boot(arguments: argparse.Namespace) -> None:
    log = boot(
        arguments.disk,
        arch=arguments.arch,
        firmware=arguments.firmware,
        disk_bus=arguments.disk_bus,
        timeout=arguments.timeout,
    )
    print(f"{log.image} has started in {log.seconds:.1f} seconds: {log.arch}, {log.firmware}, {arguments.disk_bus}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.image", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    command = commands.add_parser("build", help="build an image, or take it from the cache, and print where it is")
    command.add_argument("--output", type=Path, required=True, help="the folder that the image goes into")
    command.add_argument("--firmware", choices=FIRMWARES, help="(hybrid for x86_64, uefi for aarch64)")
    command.add_argument("--release", default="", help="of Alpine, for the name (the last that fits the firmware)")
    command.add_argument("--revision", type=int, default=0, help="of the image, for the name (%(default)s)")
    command.add_argument("--arch", choices=ARCHES, default="x86_64", help="(%(default)s)")
    command.set_defaults(run=_build)

    command = commands.add_parser("boot", help="boot a disk that holds such an image in QEMU, without changing it")
    command.add_argument("disk", type=Path, help="raw or qcow2")
    command.add_argument("--arch", choices=ARCHES, default="x86_64", help="(%(default)s)")
    command.add_argument("--firmware", choices=typing.get_args(BootFirmware), default="uefi")
    command.add_argument("--disk-bus", choices=typing.get_args(DiskBus), default="virtio-blk")
    command.add_argument("--timeout", type=float, default=180, help="in seconds (%(default)s)")
    command.set_defaults(run=_boot)

    arguments = parser.parse_args()
    try:
        arguments.run(arguments)
    except (ImageError, AssertionError, OSError, ValueError) as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
