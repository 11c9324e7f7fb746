# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.scripted_oci import ScriptedOracle, write_key


@pytest.fixture(scope="session")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_key(tmp_path_factory.mktemp("key") / "key.pem")


@pytest.fixture(autouse=True)
def _empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))


@pytest.fixture
def oracle(key_file: Path) -> Iterator[ScriptedOracle]:
    """Oracle Cloud, scripted; at the end all expected calls must have come."""
    script = ScriptedOracle(key_file)
    yield script
    script.finish()


@pytest.fixture
def warnings() -> list[str]:
    """What the module warned of: ``warn=warnings.append``."""
    return []
