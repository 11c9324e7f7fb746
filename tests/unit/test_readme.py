# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection offers stands in the README, and in meta/runtime.yml where it belongs there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from tests.support.paths import REPOSITORY

_README = (REPOSITORY / "README.md").read_text()
_MODULES = sorted(path.stem for path in REPOSITORY.glob("plugins/modules/alpine_*.py"))
_PROVIDERS = {"aws": ("s3", "ec2"), "azure": ("azure",), "gcp": ("gcs", "gcp"), "oci": ("oci",)}


def _offered() -> list[str]:
    roles = [path.name for path in REPOSITORY.glob("roles/*")]
    playbooks = [path.stem for path in REPOSITORY.glob("playbooks/*.yml")]
    return sorted([*_MODULES, *roles, *playbooks])


@pytest.mark.parametrize("name", _offered())
def test_the_tables_are_complete(name: str) -> None:
    assert f"`{name}`" in _README


@pytest.mark.parametrize(
    "document", ["README.md", *(str(p.relative_to(REPOSITORY)) for p in REPOSITORY.glob("roles/*/README.md"))]
)
def test_links_lead_somewhere(document: str) -> None:
    path = REPOSITORY / document
    for target in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", path.read_text()):
        file = path.parent / target[0] if target[0] else path
        assert file.exists(), target
        if target[1]:
            headings = re.findall(r"^#+ (.*)$", file.read_text(), re.MULTILINE)
            assert target[1] in [re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("group", _PROVIDERS)
def test_action_groups_hold_the_modules_of_their_provider(group: str) -> None:
    runtime = yaml.safe_load((REPOSITORY / "meta/runtime.yml").read_text())
    modules = [name for name in _MODULES if name.split("_")[1] in _PROVIDERS[group]]
    assert sorted(runtime["action_groups"][group]) == modules


def test_every_role_variable_of_the_example_exists() -> None:
    for name in set(re.findall(r"^(alpine_(aws|azure|gcp|oci)_\w+):", _README, re.MULTILINE)):
        specs = yaml.safe_load(Path(REPOSITORY / f"roles/alpine_{name[1]}/meta/argument_specs.yml").read_text())
        assert name[0] in specs["argument_specs"]["main"]["options"]
