# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rooms of plugins/module_utils, and which of them may import which; the names of classes."""

from __future__ import annotations

import ast
import collections
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import REPOSITORY

PLUGINS = REPOSITORY / "plugins"

MAY_IMPORT = {
    "_core": (),
    "_disk": ("_core",),
    "_image": ("_core", "_disk"),
    "_official": ("_core", "_disk", "_image"),
    "_launch": ("_core",),
    "_aws": ("_core", "_disk", "_image", "_launch"),
    "_azure": ("_core", "_disk", "_image", "_launch"),
    "_gcp": ("_core", "_disk", "_image", "_launch"),
    "_oci": ("_core", "_disk", "_image", "_launch"),
}
"""Each room, and those that it may import from besides itself."""

GIVEN_NAMES = {"ActionModule", "FilterModule", "ModuleDocFragment"}
"""Classes that every plugin of a kind has, since Ansible looks for them."""

FILES = sorted(path.relative_to(PLUGINS) for path in PLUGINS.rglob("*.py"))


def imports_of(file: Path) -> Iterator[tuple[ast.ImportFrom | ast.Import, str]]:
    """Each import statement of a file below plugins, and what it imports: a path below plugins for a relative one."""
    for node in ast.walk(ast.parse((PLUGINS / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            package = file.parent.parts[: len(file.parent.parts) - node.level + 1]
            yield node, "/".join((*package, *filter(None, (node.module or "").split("."))))
        elif isinstance(node, ast.ImportFrom):
            yield node, node.module or ""
        elif isinstance(node, ast.Import):
            for name in node.names:
                yield node, name.name


def test_every_file_of_module_utils_is_in_a_room() -> None:
    files = {file for file in FILES if file.parts[0] == "module_utils" and file.name != "__init__.py"}
    assert {file.parts[1] for file in files} == set(MAY_IMPORT)


@pytest.mark.parametrize("file", FILES, ids=str)
def test_imports_within_the_collection_are_relative(file: Path) -> None:
    absolute = [name for _node, name in imports_of(file) if name.startswith("ansible_collections")]
    assert not absolute


@pytest.mark.parametrize("file", [file for file in FILES if file.parts[0] == "module_utils"], ids=str)
def test_a_room_imports_only_those_before_it(file: Path) -> None:
    room = file.parts[1]
    relative = [name for node, name in imports_of(file) if isinstance(node, ast.ImportFrom) and node.level]
    outside = [name for name in relative if name.split("/")[:2] != ["module_utils", room]]
    allowed = {f"module_utils/{other}" for other in MAY_IMPORT.get(room, ())}
    assert not [name for name in outside if "/".join(name.split("/")[:2]) not in allowed]


def test_the_name_of_a_class_is_used_once() -> None:
    """Or else it is too general: a name says which thing it is of, whichever file it is met in."""
    places: dict[str, list[str]] = collections.defaultdict(list)
    for file in FILES:
        for node in ast.walk(ast.parse((PLUGINS / file).read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and node.name not in GIVEN_NAMES:
                places[node.name].append(str(file))
    assert {name: files for name, files in places.items() if len(files) > 1} == {}
