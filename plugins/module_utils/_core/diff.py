# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module changes, as ``--diff`` shows it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def diff_of(
    before: DataclassInstance | Mapping[str, Any] | None, after: DataclassInstance | Mapping[str, Any] | None
) -> dict[str, Any]:
    """The ``diff`` of a result: only the attributes that differ, so that ``--diff`` shows what changes.

    :param before: the attributes that a module manages, as they were; ``None`` where there was nothing.
    :param after: as they are, or would be in check mode; ``None`` where nothing is left.
    """
    old, new = attributes_of(before), attributes_of(after)
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    return {
        "before": {key: old[key] for key in keys if key in old},
        "after": {key: new[key] for key in keys if key in new},
    }


def attributes_of(record: DataclassInstance | Mapping[str, Any] | None) -> dict[str, Any]:
    """A record's fields by their names, as results hold them; nothing where there is no record."""
    if record is None:
        return {}
    return dict(record) if isinstance(record, Mapping) else dataclasses.asdict(record)


def differences(held: DataclassInstance, wanted: DataclassInstance) -> dict[str, str]:
    """What to say of each attribute that is not as wanted, by its name: ``family is 'old', not 'new'``.

    :param held: a record of the attributes as they are.
    :param wanted: the same record as it should be.
    """
    old = attributes_of(held)
    return {
        key: f"{key} is {old[key]!r}, not {value!r}"
        for key, value in attributes_of(wanted).items()
        if old[key] != value
    }
