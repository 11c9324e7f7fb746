# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags of Azure's resources, of which option ``append_tags`` says whether those of others stay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


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
