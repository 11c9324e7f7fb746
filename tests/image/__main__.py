# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small bootable Alpine-style disk image: ``python -m tests.image build --output DIR`` prints where it is."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.image import FIRMWARES, ImageError, ImageSpec, build_image


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.image", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build an image, or take it from the cache")
    build.add_argument("--output", type=Path, required=True, help="the folder that the image goes into")
    build.add_argument("--firmware", choices=FIRMWARES, default="hybrid")
    build.add_argument(
        "--release", default="", help="the Alpine release that the name tells (one that fits the firmware)"
    )
    build.add_argument("--revision", type=int, default=0)
    build.add_argument("--arch", choices=["x86_64"], default="x86_64")
    arguments = parser.parse_args()
    spec = ImageSpec(arguments.firmware, arguments.release, arguments.revision, arguments.arch)
    try:
        print(build_image(spec, arguments.output))
    except ImageError as error:
        print(f"image: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
