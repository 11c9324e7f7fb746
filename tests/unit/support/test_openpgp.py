# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import pytest

from tests.support.openpgp import Signer


def test_nothing_is_left_though_nobody_closes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory() as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        signer = Signer("signer")
        signer.add_subkey()
        assert signer.sign(b"content").startswith(b"-----BEGIN PGP SIGNATURE-----")
        assert list(Path(folder).iterdir()) == []
        commands = []
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                commands.append(process.read_bytes())
        assert not [command for command in commands if f"{folder}/".encode() in command]
