# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of a kernel package are wanted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tests.image._commands import ImageError

# What a module needs is written in its .modinfo section, as NUL-terminated "key=value".
_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")


def modules_in_order(tree: Path, wanted: Iterable[str]) -> list[Path]:
    """The files of the wanted kernel modules and of all that they depend on, each after its own dependencies.

    :raises ImageError: when a module is neither a file of the kernel's nor built into it.
    """
    files = {path.stem.replace("-", "_"): path for path in sorted(tree.rglob("*.ko"))}
    built_in = {
        Path(line).stem.replace("-", "_")
        for listing in tree.rglob("modules.builtin")
        for line in listing.read_text().splitlines()
    }
    order: dict[str, Path] = {}

    def add(name: str) -> None:
        name = name.replace("-", "_")
        if name in order or name in built_in:
            return
        if name not in files:
            raise ImageError(f"the kernel has no module {name}")
        found = _DEPENDS.search(files[name].read_bytes())
        for dependency in found[1].decode().split(",") if found else []:
            if dependency:
                add(dependency)
        order[name] = files[name]

    for name in wanted:
        add(name)
    return list(order.values())
