# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from tests.image import _commands
from tests.image._commands import ImageError, installed_packages, required_packages, run


def test_required_packages_are_names_alone() -> None:
    packages = required_packages()
    assert "qemu-utils" in packages
    assert all(name and " " not in name and not name.startswith("#") for name in packages)


def test_missing_packages_are_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_commands, "run", _answer("gdisk 1.0.9-2.1 installed\nmtools 4.0.33 config-files\n"))
    with pytest.raises(ImageError, match=r"apt-get install cpio mtools$"):
        installed_packages(["gdisk", "mtools", "cpio"])


def test_versions_of_the_required_packages_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_commands, "run", _answer("adduser 3.134 installed\ngdisk 1.0.9-2.1 installed\n"))
    assert installed_packages(["gdisk"]) == {"gdisk": "1.0.9-2.1"}


def test_a_missing_tool_is_an_image_error() -> None:
    with pytest.raises(ImageError, match="no-such-tool is missing"):
        run("no-such-tool")


def test_a_failing_tool_tells_why() -> None:
    with pytest.raises(ImageError, match=r"sh failed \(3\): too bad"):
        run("sh", "-c", "echo too bad >&2; exit 3")


def _answer(stdout: str) -> object:
    def fake_run(*_command: str) -> object:
        return type("Completed", (), {"stdout": stdout})

    return fake_run
