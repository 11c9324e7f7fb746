# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags of Azure's resources, of which option ``append_tags`` says whether those of others stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._core.errors import InputError

_MOST_TAGS = 50
_LONGEST_NAME = 512
_LONGEST_VALUE = 256
_FORBIDDEN = set("<>%&\\?/")


def checked_tags(tags: Mapping[str, Any] | None, own: Mapping[str, str] | None = None) -> Mapping[str, Any] | None:
    """Return ``tags``.

    The rules: https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations

    :param own: the tags that the module sets besides, and the option that each comes from.
    :raises InputError: when Azure would refuse them.
    """
    if tags is None:
        return None
    own = own or {}
    names: dict[str, str] = {}
    for name, value in tags.items():
        if name in own:
            raise InputError(f"tags: {name!r} is set by the module, from {own[name]}")
        if not 1 <= len(name) <= _LONGEST_NAME or _FORBIDDEN & set(name):
            raise InputError(f"tags: a name has 1 to {_LONGEST_NAME} characters, and none of <>%&\\?/, unlike {name!r}")
        if len(str(value)) > _LONGEST_VALUE:
            raise InputError(
                f"tags: a value has {_LONGEST_VALUE} characters at most, but that of {name!r} {len(str(value))}"
            )
        twin = names.setdefault(name.lower(), name)
        if twin != name:
            raise InputError(f"tags: {twin!r} and {name!r} are the same to Azure, which does not look at case")
    if len(tags) + len(own) > _MOST_TAGS:
        raise InputError(f"tags: {len(tags) + len(own)} tags with the module's own, but Azure takes {_MOST_TAGS}")
    return tags


def merged_tags(current: Mapping[str, str] | None, wanted: Mapping[str, Any] | None, *, append: bool) -> dict[str, str]:
    """The tags that a resource is to have.

    :param current: those that it has; ``None`` where it does not exist.
    :param wanted: those of option ``tags``, where ``None`` leaves all as they are.
    :param append: keep those that ``wanted`` does not name.
    """
    kept = dict(current or {})
    if wanted is None:
        return kept
    texts = {key: str(value) for key, value in wanted.items()}
    return {**kept, **texts} if append else texts
