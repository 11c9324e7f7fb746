# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian packages of any architecture, from the archives that this machine's apt knows. None is installed."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tests.image._commands import ImageError, run

# With lists of its own, so that neither another architecture has to be added to the machine nor root be there.
_APT_CONFIGURATION = """\
Dir::State "{directory}";
Dir::State::status "{directory}/status";
Dir::Cache "{directory}/cache";
#clear APT::Architectures;
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
Acquire::Languages "none";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""
_FIELD = re.compile(r"^(\S+): (.*)$", re.MULTILINE)


def fetch_packages(names: Sequence[str], architecture: str, *, cache: Path) -> list[Path]:
    """The files of the packages, downloaded if ``cache`` does not hold them yet; apt checks what it downloads.

    :param names: a metapackage of the kernel's stands for the kernel that it depends on.
    :param architecture: in Debian's word.
    :raises ImageError: when they cannot be found or downloaded.
    """
    apt = _Apt(architecture, cache / "apt" / architecture)
    packages = cache / "packages"
    try:
        return apt.fetch(names, packages)
    except ImageError:
        # There are no lists yet, or they have packages that the archive has replaced since.
        complaints = apt.update()
    try:
        return apt.fetch(names, packages)
    except ImageError as error:
        raise ImageError(f"the packages for {architecture} cannot be had: {error}\n{complaints}".rstrip()) from error


def unpack_packages(files: Iterable[Path], into: Path) -> None:
    """Unpack packages over each other.

    :raises ImageError: when one is damaged.
    """
    for file in files:
        run("dpkg-deb", "-x", file, into)


class _Apt:
    """apt, as if on a machine of the architecture."""

    def __init__(self, architecture: str, directory: Path) -> None:
        self._architecture = architecture
        self._configuration = directory / "apt.conf"
        for part in ("lists/partial", "cache/archives/partial"):
            (directory / part).mkdir(parents=True, exist_ok=True)
        (directory / "status").touch()
        self._configuration.write_text(
            _APT_CONFIGURATION.format(directory=directory.absolute(), architecture=architecture)
        )

    def update(self) -> str:
        """Get the archives' lists; returns what apt complains of, such as an archive that cannot be reached."""
        return run("apt-get", "-c", self._configuration, "-qq", "update").stderr

    def fetch(self, names: Sequence[str], into: Path) -> list[Path]:
        shown = run("apt-cache", "-c", self._configuration, "--no-all-versions", "show", *names).stdout
        records = {}
        for record in shown.split("\n\n"):
            fields = dict(_FIELD.findall(record))
            if "Package" in fields:
                records[fields["Package"]] = fields
        if missing := set(names) - set(records):
            raise ImageError(f"apt knows no {', '.join(sorted(missing))}")
        into.mkdir(parents=True, exist_ok=True)
        return [self._download(*_package(records[name]), into) for name in names]

    def _download(self, name: str, version: str, into: Path) -> Path:
        # As apt names it.
        file = into / f"{name}_{version.replace(':', '%3a')}_{self._architecture}.deb"
        if not file.exists():
            with tempfile.TemporaryDirectory(dir=into) as directory:
                run("apt-get", "-c", self._configuration, "-qq", "download", f"{name}={version}", cwd=Path(directory))
                Path(directory, file.name).rename(file)
        return file


def _package(record: Mapping[str, str]) -> tuple[str, str]:
    """Name and version of the package that a record speaks of, or of the kernel that it stands for."""
    if kernel := re.match(r"(linux-image-\S+) \(= (\S+)\)", record.get("Depends", "")):
        return kernel[1], kernel[2]
    return record["Package"], record["Version"]
