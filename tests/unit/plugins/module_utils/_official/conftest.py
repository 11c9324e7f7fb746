# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signers, and a mirror on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.downloads import DAY, World, published
from tests.support.mirror import Mirror
from tests.support.openpgp import Signer


@pytest.fixture(scope="module")
def signer() -> Signer:
    return Signer("signer")


@pytest.fixture(scope="module")
def other() -> Signer:
    return Signer("other")


@pytest.fixture
def expired() -> Signer:
    return Signer("expired", age=3 * DAY, expires="1d")


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked is asked on this machine, and again without a pause."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr("time.sleep", lambda seconds: None)


@pytest.fixture
def mirror(loopback: None) -> Iterator[Mirror]:
    """A mirror that has nothing yet."""
    with Mirror() as started:
        yield started


@pytest.fixture
def world(mirror: Mirror, tmp_path: Path, signer: Signer) -> World:
    """A mirror with one image, and a work directory."""
    mirror.files.update(published(signer))
    return World(mirror, tmp_path / "work", signer.fingerprint)
