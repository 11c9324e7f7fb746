# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.image import _packages
from tests.image._commands import ImageError
from tests.image._packages import fetch_packages

_NAMES = ["linux-image-cloud-arm64", "busybox-static"]
_KERNEL = (
    "Package: linux-image-cloud-arm64\nVersion: 6.1.{patch}-2\nProvides: wireguard-modules (= 1.0.0)\n"
    "Depends: linux-image-6.1.0-56-cloud-arm64 (= 6.1.{patch}-2)\nDescription: Linux\n Depends: not this\n"
)
_BUSYBOX = "Package: busybox-static\nVersion: 1:1.35.0-4\nDepends: libc6\n"
_FILES = ["linux-image-6.1.0-56-cloud-arm64_6.1.192-2_arm64.deb", "busybox-static_1%3a1.35.0-4_arm64.deb"]


class Archive:
    """Stands in for apt: has the kernel 6.1.192, and lists of before or of now."""

    def __init__(self) -> None:
        self.listed: str | None = None
        """The patch of the kernel that apt's lists name; without any lists it knows nothing."""
        self.reachable = True
        self.commands: list[list[str]] = []

    def run(self, *command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        program, _option, configuration, *arguments = map(str, command)
        assert 'Architecture "arm64"' in Path(configuration).read_text()
        self.commands.append([program, *(argument for argument in arguments if not argument.startswith("-"))])
        stdout = stderr = ""
        if program == "apt-cache":
            if self.listed is None:
                raise ImageError("apt-cache failed (100): E: No packages found")
            stdout = f"{_KERNEL.format(patch=self.listed)}\n{_BUSYBOX}\n"
        elif arguments[-1] == "update":
            if self.reachable:
                self.listed = "192"
            else:
                stderr = "W: Failed to fetch InRelease"
        else:
            assert cwd
            name, _equals, version = arguments[-1].partition("=")
            if not self.reachable or (name.startswith("linux") and version != "6.1.192-2"):
                raise ImageError("apt-get failed (100): E: Failed to fetch")
            (cwd / f"{name}_{version.replace(':', '%3a')}_arm64.deb").write_text(name)
        return subprocess.CompletedProcess(command, 0, stdout, stderr)


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> Archive:
    archive = Archive()
    monkeypatch.setattr(_packages, "run", archive.run)
    return archive


def test_a_metapackage_stands_for_its_kernel(archive: Archive, tmp_path: Path) -> None:
    files = fetch_packages(_NAMES, "arm64", cache=tmp_path)
    assert files == [tmp_path / "packages" / name for name in _FILES]
    assert all(file.is_file() for file in files)


def test_lists_are_fetched_when_there_are_none(archive: Archive, tmp_path: Path) -> None:
    fetch_packages(_NAMES, "arm64", cache=tmp_path)
    assert archive.commands == [
        ["apt-cache", "show", *_NAMES],
        ["apt-get", "update"],
        ["apt-cache", "show", *_NAMES],
        ["apt-get", "download", "linux-image-6.1.0-56-cloud-arm64=6.1.192-2"],
        ["apt-get", "download", "busybox-static=1:1.35.0-4"],
    ]


def test_lists_are_fetched_when_the_archive_has_newer_packages(archive: Archive, tmp_path: Path) -> None:
    archive.listed = "190"
    assert [file.name for file in fetch_packages(_NAMES, "arm64", cache=tmp_path)] == _FILES


def test_a_package_is_downloaded_once_and_then_without_network(archive: Archive, tmp_path: Path) -> None:
    first = fetch_packages(_NAMES, "arm64", cache=tmp_path)
    archive.reachable = False
    archive.commands.clear()
    assert fetch_packages(_NAMES, "arm64", cache=tmp_path) == first
    assert archive.commands == [["apt-cache", "show", *_NAMES]]


def test_a_failed_download_leaves_nothing(archive: Archive, tmp_path: Path) -> None:
    archive.listed, archive.reachable = "192", False
    with pytest.raises(ImageError, match=r"(?s)for arm64 cannot be had: .*Failed to fetch.*W: Failed to fetch InR"):
        fetch_packages(_NAMES, "arm64", cache=tmp_path)
    assert list((tmp_path / "packages").iterdir()) == []


def test_a_package_that_no_archive_has_is_named(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="for arm64 cannot be had: apt knows no grub-efi-arm64-bin"):
        fetch_packages([*_NAMES, "grub-efi-arm64-bin"], "arm64", cache=tmp_path)
