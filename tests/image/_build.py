# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Building an image, or taking it from the cache when its inputs have not changed."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.image._commands import installed_packages, required_packages, run
from tests.image._disk import make_disk
from tests.image._packages import fetch_packages, unpack_packages
from tests.image._platform import PLATFORMS
from tests.image._spec import HYBRID, ImageSpec
from tests.image._system import make_root_tree
from tests.support.paths import BUILD

_CACHE = BUILD / "cache"
_OUTPUT = BUILD / "image"
_SOURCES = Path(__file__).parent


def build_image(spec: ImageSpec = HYBRID, output: Path = _OUTPUT, *, cache: Path = _CACHE) -> Path:
    """Put the image into the folder ``output``, as ``{spec.name}.qcow2``, and return its path.

    The same sources, tools and packages make the same image to the bit, so it is built once and then copied from
    ``cache``. Neither the cache nor the output ever holds half an image.

    :raises ImageError: when a tool or package is missing or fails.
    """
    platform = PLATFORMS[spec.arch]
    tools = installed_packages(required_packages())
    with _locked(cache):
        packages = fetch_packages(platform.packages, platform.debian, cache=cache)
        built = cache / "image" / image_key(spec, packages, tools) / f"{spec.name}.qcow2"
        if not built.exists():
            with _unfinished(built) as unfinished:
                _build(spec, packages, unfinished)
    image = output / built.name
    with _unfinished(image) as unfinished:
        shutil.copyfile(built, unfinished)
    return image


def image_key(spec: ImageSpec, packages: Iterable[Path], tools: dict[str, str]) -> str:
    """What the image is made of, as one word: the builder's own sources, packages, versions of tools, the spec."""
    sources = sorted(path for path in _SOURCES.rglob("*") if path.is_file() and path.suffix != ".pyc")
    names = [package.name for package in packages]
    key = hashlib.sha256(repr((spec, names, sorted(tools.items()))).encode())
    for path in sources:
        key.update(str(path.relative_to(_SOURCES)).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return key.hexdigest()[:16]


def _build(spec: ImageSpec, packages: Iterable[Path], image: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="alpine-image-") as directory:
        work = Path(directory)
        unpacked, tree, raw = work / "packages", work / "root", work / "disk.raw"
        unpack_packages(packages, unpacked)
        make_root_tree(spec, tree, packages=unpacked, work=work)
        make_disk(spec, raw, packages=unpacked, root_tree=tree, work=work)
        run("qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-c", "-o", "compat=v3", raw, image)


@contextlib.contextmanager
def _locked(cache: Path) -> Iterator[None]:
    """So that of several test processes one builds and the others wait for it."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "image.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _unfinished(path: Path) -> Iterator[Path]:
    """A file that becomes ``path`` when the context ends well, and is gone when not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=path.parent) as directory:
        unfinished = Path(directory, path.name)
        yield unfinished
        unfinished.replace(path)
