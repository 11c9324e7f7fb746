# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-test reads files of requirements of its own, which cannot include the collection's."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.paths import REPOSITORY


def requirements_in(file: Path) -> set[str]:
    return {line for line in file.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")}


@pytest.mark.parametrize("file", ["tests/unit/requirements.txt", "tests/integration/requirements.txt"])
def test_what_the_modules_need_is_installed_for_ansible_test(file: str) -> None:
    assert requirements_in(REPOSITORY / "requirements.txt") <= requirements_in(REPOSITORY / file)
