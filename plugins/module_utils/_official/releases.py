# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which branches of Alpine there are and until when each is maintained, by https://alpinelinux.org/releases.json."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any

from .._core.dates import published_day
from .._core.errors import AlpineCloudError


class ReleasesError(AlpineCloudError):
    """What was read is not Alpine's releases.json."""


@dataclasses.dataclass(frozen=True)
class Branch:
    """A branch, such as 3.24."""

    end_of_life: str | None
    """The last day on which it is maintained, as ``YYYY-MM-DD``; ``edge`` has none."""
    releases: tuple[str, ...]
    """Such as ``3.24.2``; ``edge`` has none."""


@dataclasses.dataclass(frozen=True)
class Releases:
    """All branches by their versions, such as ``3.24``; what is called ``v3.24`` elsewhere is without the v here."""

    latest_stable: str
    branches: Mapping[str, Branch]

    def end_of_life(self, version: str) -> str | None:
        """Of a branch; ``None`` too where the branch is not known."""
        branch = self.branches.get(version)
        return branch.end_of_life if branch else None


def parse_releases(text: bytes) -> Releases:
    """Read releases.json, leniently: what is odd about one branch is taken for unknown.

    :raises ReleasesError: when it is no such file.
    """
    try:
        document = json.loads(text)
        latest_stable = _version(document["latest_stable"])
        if not re.fullmatch(r"\d+\.\d+", latest_stable):
            raise ValueError(f"latest_stable is {latest_stable!r}")
        branches = {_version(entry["rel_branch"]): _parse_branch(entry) for entry in document["release_branches"]}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ReleasesError(
            "this is not Alpine's releases.json, which has latest_stable and release_branches: "
            f"{type(error).__name__}: {error}"
        ) from error
    return Releases(latest_stable, branches)


def _version(branch: str) -> str:
    return branch.removeprefix("v")


def _parse_branch(entry: dict[str, Any]) -> Branch:
    releases = entry.get("releases") or []
    return Branch(
        end_of_life=published_day(entry.get("eol_date")),
        releases=tuple(str(release["version"]) for release in releases if "version" in release),
    )
