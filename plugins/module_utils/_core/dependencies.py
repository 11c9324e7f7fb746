# SPDX-FileCopyrightText: The alpine.cloud authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Importing a provider's SDK lazily, and saying which one is missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from ansible.module_utils.basic import missing_required_lib

from .errors import AlpineCloudError


class MissingLibraryError(AlpineCloudError):
    """A Python library that this module needs is not installed where the module runs."""


def require(module_name: str, distribution: str) -> ModuleType:
    """Import and return ``module_name``.

    Called where the SDK is first used, since importing one takes up to 1.7 s in every task.

    :param distribution: the name to install it by, such as ``azure-storage-blob``.
    :raises MissingLibraryError: when it cannot be imported; the cause is chained.
    """
    try:
        return importlib.import_module(module_name)
    except ImportError as error:
        raise MissingLibraryError(f"{missing_required_lib(distribution)} The import error was: {error}") from error
